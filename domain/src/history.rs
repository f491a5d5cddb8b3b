//! The recorded history of a sale: a sample of each minute, and curves of a longer time made from them.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::money::Money;

/// A sample is written for each minute.
pub const MINUTE_MS: i64 = 60_000;
/// Samples are kept this long: the longest span, and a day.
pub const KEPT_SECONDS: u32 = 32 * 24 * 3_600;

/// What an event's queue and its sales were at a moment. Counts are sums over lanes, dates and sections.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    pub at: EpochMs,
    pub waiting: u64,
    /// Users with an open session.
    pub inside: u64,
    /// Issued numbers that have been called, since the sale began.
    pub called: u64,
    /// None until it has been measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_per_minute: Option<f64>,
    /// Called users who arrived in time, since the sale began.
    pub arrived: u64,
    /// Called users who did not, since the sale began.
    pub missed: u64,
    pub sold: u64,
    pub held: u64,
    pub blocked: u64,
    /// What was paid for the sold tickets, without fees, in the minor unit.
    pub revenue: Money,
}

impl Sample {
    /// The minute of a moment. There is at most one sample of each.
    #[must_use]
    pub fn minute_of(at: EpochMs) -> EpochMs {
        EpochMs(at.0.div_euclid(MINUTE_MS) * MINUTE_MS)
    }
}

/// How far back a chart goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    Hour,
    Day,
    Week,
    Month,
}

impl Span {
    /// In milliseconds.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        const HOUR_MS: i64 = 60 * MINUTE_MS;
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => 24 * HOUR_MS,
            Self::Week => 7 * 24 * HOUR_MS,
            Self::Month => 31 * 24 * HOUR_MS,
        }
    }

    /// The distance between two points of the chart, in milliseconds: a chart has no more points than pixels.
    #[must_use]
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Hour => MINUTE_MS,
            Self::Day => 5 * MINUTE_MS,
            Self::Week => 30 * MINUTE_MS,
            Self::Month => 120 * MINUTE_MS,
        }
    }
}

/// A point of each curve, for the samples of one step. A step without a sample has no point: there, the curves have a gap.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When the step began.
    pub at: EpochMs,
    /// Of `waiting`, `inside` and `admittedPerMinute` the highest value is told, so that no peak is lost; of all else the last.
    #[serde(flatten)]
    pub values: Values,
}

/// What the charts show.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    pub waiting: u64,
    pub inside: u64,
    pub called: u64,
    /// 0 until it has been measured.
    pub admitted_per_minute: f64,
    /// A percentage of the called users who had to decide by then.
    pub no_shows: u64,
    pub sold: u64,
    pub held: u64,
    pub blocked: u64,
    pub revenue: Money,
}

impl From<&Sample> for Values {
    fn from(sample: &Sample) -> Self {
        Self {
            waiting: sample.waiting,
            inside: sample.inside,
            called: sample.called,
            admitted_per_minute: sample.admitted_per_minute.unwrap_or_default(),
            no_shows: (100 * sample.missed)
                .checked_div(sample.arrived + sample.missed)
                .unwrap_or_default(),
            sold: sample.sold,
            held: sample.held,
            blocked: sample.blocked,
            revenue: sample.revenue,
        }
    }
}

/// The points of a chart, from samples in the order of their times.
#[must_use]
pub fn points(samples: &[Sample], span: Span) -> Vec<Point> {
    let step = span.step_ms();
    let mut points: Vec<Point> = Vec::new();
    for sample in samples {
        let at = EpochMs(sample.at.0.div_euclid(step) * step);
        let values = Values::from(sample);
        match points.last_mut() {
            Some(last) if last.at == at => {
                let former = last.values;
                last.values = Values {
                    waiting: former.waiting.max(values.waiting),
                    inside: former.inside.max(values.inside),
                    admitted_per_minute: former.admitted_per_minute.max(values.admitted_per_minute),
                    ..values
                };
            }
            _ => points.push(Point { at, values }),
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64, waiting: u64, sold: u64) -> Sample {
        Sample {
            at: EpochMs(at),
            waiting,
            inside: 1,
            called: 4,
            admitted_per_minute: None,
            arrived: 3,
            missed: 1,
            sold,
            held: 0,
            blocked: 0,
            revenue: Money(1_000),
        }
    }

    #[test]
    fn a_minute_without_a_sample_has_no_point() {
        let samples = [
            sample(500, 1, 0),
            sample(60_200, 2, 1),
            sample(180_900, 3, 1),
        ];
        let points = points(&samples, Span::Hour);
        let times: Vec<i64> = points.iter().map(|point| point.at.0).collect();
        assert_eq!(times, [0, 60_000, 180_000]);
    }

    #[test]
    fn of_a_longer_step_the_peak_of_the_queue_and_the_last_of_the_sales_is_told() {
        let samples = [
            sample(0, 7, 1),
            sample(60_000, 90, 2),
            sample(120_000, 3, 5),
        ];
        let points = points(&samples, Span::Day);
        assert_eq!(points.len(), 1);
        assert_eq!((points[0].values.waiting, points[0].values.sold), (90, 5));
    }

    #[test]
    fn no_shows_are_a_percentage_and_zero_before_anybody_had_to_decide() {
        assert_eq!(Values::from(&sample(0, 0, 0)).no_shows, 25);
        let nobody = Sample {
            arrived: 0,
            missed: 0,
            ..sample(0, 0, 0)
        };
        assert_eq!(Values::from(&nobody).no_shows, 0);
    }

    #[test]
    fn no_chart_has_more_points_than_pixels() {
        for span in [Span::Hour, Span::Day, Span::Week, Span::Month] {
            assert!(span.length_ms() / span.step_ms() <= 372, "{span:?}");
            assert!(
                i64::from(KEPT_SECONDS) * 1_000 > span.length_ms(),
                "{span:?}"
            );
        }
    }
}

//! When people come.

use std::time::Duration;

/// How steep an opening is: the rate falls by this many e-foldings from the first moment to the last. With 5, 40 % come in the
/// first tenth, and 1.4 % in the last quarter.
const STEEPNESS: f64 = 5.0;
/// The pieces of an opening.
const PIECES: u32 = 200;
/// A week.
const LAST_SECOND: f64 = 7.0 * 86_400.0;
const MOST_ROWS: usize = 100_000;

/// The share of the crowd that has come, over time. Between two knots, arrivals are evenly distributed.
#[derive(Clone, PartialEq, Debug)]
pub struct ArrivalCurve {
    /// At least two. Both coordinates ascend, the share from 0 to 1.
    knots: Vec<Knot>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Knot {
    seconds: f64,
    share: f64,
}

/// A file does not describe a curve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidCurve {
    /// From 1.
    pub line: u64,
    pub message: String,
}

impl std::fmt::Display for InvalidCurve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for InvalidCurve {}

impl ArrivalCurve {
    /// A spike at the opening with a long tail: an exponential decay that ends after `within`.
    #[must_use]
    pub fn opening(within: Duration) -> Self {
        let knots = (0..=PIECES)
            .map(|piece| {
                let part = f64::from(piece) / f64::from(PIECES);
                let come = 1.0 - (-STEEPNESS * part).exp();
                Knot {
                    seconds: within.as_secs_f64() * part,
                    share: come / (1.0 - (-STEEPNESS).exp()),
                }
            })
            .collect();
        Self { knots }
    }

    /// Reads a CSV file with the columns `second` and `arrivals`: how many people come from that second until the second of
    /// the next row. The last row lasts as long as the one before it, or a second if there is no other. Also returns the sum
    /// of the arrivals.
    pub fn from_csv(text: &str) -> Result<(Self, f64), InvalidCurve> {
        let error = |line: u64, message: &str| InvalidCurve {
            line,
            message: message.to_owned(),
        };
        // Excel writes a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1_u64..).zip(text.lines());
        let header = lines
            .next()
            .map(|(_, header)| header.split(',').map(str::trim));
        if !header.is_some_and(|header| header.eq(["second", "arrivals"])) {
            return Err(error(1, "must be the header `second,arrivals`"));
        }
        let mut rows: Vec<(f64, f64)> = Vec::new();
        let mut last_line = 1;
        for (line, row) in lines.filter(|(_, row)| !row.trim().is_empty()) {
            last_line = line;
            if rows.len() == MOST_ROWS {
                return Err(error(
                    line,
                    &format!("there are more than {MOST_ROWS} rows"),
                ));
            }
            let Some((second, arrivals)) = row.split_once(',') else {
                return Err(error(line, "must have two columns"));
            };
            let number = |text: &str| {
                let value = text.trim().parse::<f64>().ok();
                value.filter(|value| value.is_finite() && *value >= 0.0)
            };
            let second = number(second)
                .filter(|second| *second <= LAST_SECOND)
                .ok_or_else(|| error(line, "second: must be a number from 0 to 604800"))?;
            let arrivals = number(arrivals)
                .ok_or_else(|| error(line, "arrivals: must be a number, 0 or more"))?;
            if rows.last().is_some_and(|(former, _)| *former >= second) {
                return Err(error(
                    line,
                    "second: must be later than that of the row before",
                ));
            }
            rows.push((second, arrivals));
        }
        let sum: f64 = rows.iter().map(|(_, arrivals)| arrivals).sum();
        if sum <= 0.0 || !sum.is_finite() {
            return Err(error(last_line, "arrivals: nobody comes"));
        }
        let last_lasts = match rows.as_slice() {
            [.., (former, _), (last, _)] => last - former,
            _ => 1.0,
        };
        let end = rows.last().map_or(0.0, |(last, _)| last + last_lasts);
        let mut come = 0.0;
        let mut knots = Vec::with_capacity(rows.len() + 1);
        for (seconds, arrivals) in rows {
            knots.push(Knot {
                seconds,
                share: come / sum,
            });
            come += arrivals;
        }
        knots.push(Knot {
            seconds: end,
            share: 1.0,
        });
        Ok((Self { knots }, sum))
    }

    /// When this share of the crowd has come; `share` is from 0 to 1.
    #[must_use]
    pub fn time_of(&self, share: f64) -> Duration {
        let share = share.clamp(0.0, 1.0);
        let after = self.knots.partition_point(|knot| knot.share < share);
        let seconds = match (after.checked_sub(1), self.knots.get(after)) {
            (Some(before), Some(after)) => {
                let before = self.knots[before];
                // Not zero: `before.share < share <= after.share`.
                let part = (share - before.share) / (after.share - before.share);
                before.seconds + part * (after.seconds - before.seconds)
            }
            (None, Some(first)) => first.seconds,
            // Rounding may leave the last share a little under 1.
            (_, None) => self.lasts().as_secs_f64(),
        };
        Duration::from_secs_f64(seconds)
    }

    /// The share of the crowd that has come by this time.
    #[must_use]
    pub fn share_by(&self, time: Duration) -> f64 {
        let seconds = time.as_secs_f64();
        let after = self.knots.partition_point(|knot| knot.seconds <= seconds);
        match (after.checked_sub(1), self.knots.get(after)) {
            (Some(before), Some(after)) => {
                let before = self.knots[before];
                let part = (seconds - before.seconds) / (after.seconds - before.seconds);
                before.share + part * (after.share - before.share)
            }
            (None, _) => 0.0,
            (Some(_), None) => 1.0,
        }
    }

    /// When the last one has come.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        let last = self.knots.last().map_or(0.0, |knot| knot.seconds);
        Duration::from_secs_f64(last)
    }

    /// The highest number of arrivals a second, for a crowd of this size.
    #[must_use]
    pub fn peak_per_second(&self, people: u32) -> f64 {
        let rates = self.knots.windows(2).map(|pair| {
            let (share, seconds) = (
                pair[1].share - pair[0].share,
                pair[1].seconds - pair[0].seconds,
            );
            // Shorter pieces than a second are averaged over it.
            share * f64::from(people) / seconds.max(1.0)
        });
        let by_pieces = rates.fold(0.0, f64::max);
        let first = self.knots.first().map_or(0.0, |knot| knot.seconds);
        let first_second = self.share_by(Duration::from_secs_f64(first + 1.0)) * f64::from(people);
        by_pieces.max(first_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_opening_begins_with_a_spike_and_ends_with_a_long_tail() {
        let curve = ArrivalCurve::opening(Duration::from_secs(100));
        let by = |seconds| curve.share_by(Duration::from_secs(seconds));
        assert!((0.39..0.41).contains(&by(10)), "{}", by(10));
        assert!((0.98..0.99).contains(&by(75)), "{}", by(75));
        assert!(by(100) > 0.999_999);
        let peak = curve.peak_per_second(100_000);
        assert!((4_800.0..5_100.0).contains(&peak), "{peak}");
    }

    #[test]
    fn a_file_says_how_many_come_from_each_second_on() {
        let (curve, people) =
            ArrivalCurve::from_csv("second,arrivals\n0, 30\n10,60\n20,10\n").unwrap();
        assert!((people - 100.0).abs() < 1e-9);
        assert_eq!(curve.lasts(), Duration::from_secs(30));
        for (seconds, share) in [(0, 0.0), (5, 0.15), (10, 0.3), (20, 0.9), (30, 1.0)] {
            let by = curve.share_by(Duration::from_secs(seconds));
            assert!((by - share).abs() < 1e-9, "{seconds}: {by}");
        }
        assert!((curve.peak_per_second(100) - 6.0).abs() < 1e-9);
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_line() {
        for (text, line, part) in [
            ("", 1, "header"),
            ("second;arrivals\n0;1\n", 1, "header"),
            ("second,arrivals\n", 1, "nobody comes"),
            ("second,arrivals\n0,0\n", 2, "nobody comes"),
            ("second,arrivals\n0,5\n\n5,many\n", 4, "arrivals"),
            ("second,arrivals\n0,5\n5,-1\n", 3, "arrivals"),
            ("second,arrivals\n0,5\n0,6\n", 3, "later"),
            ("second,arrivals\n0,5\n5\n", 3, "two columns"),
            ("second,arrivals\n0,5\n1e9,5\n", 3, "second"),
            ("second,arrivals\n0,inf\n", 2, "arrivals"),
        ] {
            let refused = ArrivalCurve::from_csv(text).unwrap_err();
            assert_eq!(refused.line, line, "{text:?}: {refused}");
            assert!(refused.message.contains(part), "{text:?}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn times_and_shares_are_inverse(
            rows in proptest::collection::vec((1..100_u32, 1..1_000_u32), 1..20),
            share in 0.0..1.0_f64,
        ) {
            let mut lines = vec!["second,arrivals".to_owned()];
            let mut second = 0;
            for (lasts, arrivals) in rows {
                lines.push(format!("{second},{arrivals}"));
                second += lasts;
            }
            let text = lines.join("\n");
            let (curve, _) = ArrivalCurve::from_csv(&text).unwrap();
            let back = curve.share_by(curve.time_of(share));
            prop_assert!((back - share).abs() < 1e-6, "{} {}", share, back);
        }
    }
}

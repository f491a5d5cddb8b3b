//! Line charts as SVG.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::visible;

/// Lines over one pair of axes, which begin at zero.
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    pub title: String,
    /// What is on the axis, with its unit.
    pub x_label: String,
    pub y_label: String,
    /// At most six are drawn.
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Default)]
pub struct Line {
    pub name: String,
    /// By ascending x. Negative values are drawn as zero.
    pub points: Vec<(f64, f64)>,
}

/// The style has this many colours and dashes.
const MOST_LINES: usize = 6;
/// More cannot be seen.
const MOST_POINTS: usize = 600;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

impl LineChart {
    pub(super) fn to_markup(&self) -> Markup {
        let lines = &self.lines[..self.lines.len().min(MOST_LINES)];
        let points = || lines.iter().flat_map(|line| &line.points);
        let x = Axis::up_to(points().map(|point| point.0).fold(0.0, f64::max));
        let y = Axis::up_to(points().map(|point| point.1).fold(0.0, f64::max));
        let at_x = |value: f64| LEFT + x.part(value) * (WIDTH - LEFT - RIGHT);
        let at_y = |value: f64| HEIGHT - BOTTOM - y.part(value) * (HEIGHT - TOP - BOTTOM);
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        let description = format!(
            "{}: {} (0 to {}) over {} (0 to {})",
            self.title,
            names.join(", "),
            number(y.end),
            self.x_label,
            number(x.end)
        );
        html! {
            figure {
                figcaption { (visible(&self.title)) }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(visible(&description)) {
                    @for tick in y.ticks() {
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(rounded(at_y(tick))) y2=(rounded(at_y(tick))) {}
                        text.y x=(LEFT - 6.0) y=(rounded(at_y(tick) + 4.0)) { (number(tick)) }
                    }
                    @for tick in x.ticks() {
                        line.tick x1=(rounded(at_x(tick))) x2=(rounded(at_x(tick))) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 5.0) {}
                        text.x x=(rounded(at_x(tick))) y=(HEIGHT - BOTTOM + 18.0) { (number(tick)) }
                    }
                    text.label x=(LEFT + (WIDTH - LEFT - RIGHT) / 2.0) y=(HEIGHT - 6.0) { (visible(&self.x_label)) }
                    text.label transform=(format!("translate(12 {}) rotate(-90)", TOP + (HEIGHT - TOP - BOTTOM) / 2.0)) { (visible(&self.y_label)) }
                    @for (index, line) in lines.iter().enumerate() {
                        path class=(format!("line line-{index}")) d=(path(&line.points, at_x, at_y)) { title { (visible(&line.name)) } }
                    }
                }
                ul.legend {
                    @for (index, line) in lines.iter().enumerate() {
                        li {
                            svg viewBox="0 0 24 8" aria-hidden="true" { path class=(format!("line line-{index}")) d="M0 4H24" {} }
                            (visible(&line.name))
                        }
                    }
                }
            }
        }
    }
}

fn path(points: &[(f64, f64)], at_x: impl Fn(f64) -> f64, at_y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (x, y) in thinned(points) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{} {}", rounded(at_x(x)), rounded(at_y(y)));
    }
    path
}

/// At most [`MOST_POINTS`], among them the first, the last, and the highest of each group of neighbours: a peak is never lost.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let inner = &points[1..points.len() - 1];
    let group = inner.len().div_ceil(MOST_POINTS - 2);
    let highest = inner.chunks(group).filter_map(|group| {
        let highest = group.iter().copied();
        highest.reduce(|one, other| if other.1 > one.1 { other } else { one })
    });
    let first = points.iter().take(1).copied();
    first.chain(highest).chain(points.last().copied()).collect()
}

/// An axis from zero to a round number.
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    /// With 4 to 8 steps of 1, 2 or 5 times a power of ten.
    fn up_to(highest: f64) -> Self {
        let highest = if highest.is_finite() && highest > 0.0 {
            highest
        } else {
            1.0
        };
        let power = 10_f64.powf((highest / 4.0).log10().floor());
        let step = [5.0, 2.0, 1.0]
            .into_iter()
            .map(|times| times * power)
            .find(|step| highest / step >= 4.0)
            .unwrap_or(power);
        Self {
            end: (highest / step).ceil() * step,
            step,
        }
    }

    fn part(&self, value: f64) -> f64 {
        (value / self.end).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step;
        // At most eleven: the end is at most ten steps.
        (0..=10_u32)
            .map(move |tick| f64::from(tick) * step)
            .take_while(|tick| *tick <= self.end * 1.000_001)
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// With a separator of thousands, and as few decimals as are needed.
fn number(value: f64) -> String {
    let text = if value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').to_owned()
    };
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) => (whole, format!(".{decimals}")),
        None => (text.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &decimals
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.5, "1,234,567.5"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_peak_survives_thinning() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 1.0)).collect();
        points[77_777].1 = 9.0;
        let thinned = thinned(&points);
        assert!(thinned.len() <= MOST_POINTS);
        assert!(thinned.contains(&(77_777.0, 9.0)));
        assert_eq!(thinned.first(), Some(&(0.0, 1.0)));
        assert_eq!(thinned.last(), Some(&(99_999.0, 1.0)));
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_values_with_few_round_steps(highest in 1e-6..1e12_f64) {
            let axis = Axis::up_to(highest);
            prop_assert!(axis.end >= highest * 0.999_999 && axis.end <= highest * 1.3);
            prop_assert!((4..=11).contains(&axis.ticks().count()));
        }
    }

    #[test]
    fn an_empty_chart_has_axes() {
        let chart = LineChart::default().to_markup().into_string();
        assert!(chart.contains("<svg") && !chart.contains("NaN"));
    }
}

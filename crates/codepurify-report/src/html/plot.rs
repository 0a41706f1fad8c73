//! Distributions of scores and p-values.

use std::fmt::Write;

use codepurify::verdict::Report;

/// Bars of a plot.
const BARS: usize = 20;
/// Size of a plot, in pixels.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 120.0;

/// The histograms of a report, as SVG; empty for values that no verdict has.
pub(super) fn plots(report: &Report) -> String {
    let scores: Vec<f64> = report.results.iter().filter_map(|verdict| verdict.score).collect();
    let p_values: Vec<f64> = report.results.iter().filter_map(|verdict| verdict.p_value).collect();
    let plots = [plot("scores", &scores, bounds(&scores)), plot("p-values", &p_values, (0.0, 1.0))].concat();
    if plots.is_empty() { plots } else { format!("<h2>Distributions</h2>\n{plots}") }
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
}

fn plot(name: &str, values: &[f64], (low, high): (f64, f64)) -> String {
    if values.is_empty() || !low.is_finite() || !high.is_finite() {
        return String::new();
    }
    let counts = counts(values, low, high);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let mut out = format!(
        "<svg role=\"img\" aria-label=\"{} {name} from {low:.3} to {high:.3}\" width=\"{WIDTH}\" height=\"{}\" \
         viewBox=\"0 0 {WIDTH} {}\">\n",
        values.len(),
        HEIGHT + 20.0,
        HEIGHT + 20.0
    );
    let width = WIDTH / BARS as f64;
    for (bar, &count) in counts.iter().enumerate() {
        let height = HEIGHT * count as f64 / most as f64;
        let (x, y) = (bar as f64 * width, HEIGHT - height);
        let (from, to) = (edge(bar, low, high), edge(bar + 1, low, high));
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{from:.3} to {to:.3}: \
             {count}</title></rect>",
            width - 1.0
        );
    }
    let y = HEIGHT + 14.0;
    let _ = write!(
        out,
        "<text x=\"0\" y=\"{y}\">{low:.3}</text><text x=\"{}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>\
         <text x=\"{WIDTH}\" y=\"{y}\" text-anchor=\"end\">{high:.3}</text>\n</svg>\n",
        WIDTH / 2.0
    );
    out
}

/// Number of values in each bar; the last one includes the largest value.
fn counts(values: &[f64], low: f64, high: f64) -> [usize; BARS] {
    let mut counts = [0; BARS];
    for value in values.iter().filter(|value| value.is_finite()) {
        let bar = (1..BARS).take_while(|&bar| *value >= edge(bar, low, high) && high > low).count();
        counts[bar] += 1;
    }
    counts
}

fn edge(bar: usize, low: f64, high: f64) -> f64 {
    low + (high - low) * bar as f64 / BARS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bar() {
        let values = [0.0, 0.049, 0.05, 0.999, 1.0];
        let counts = counts(&values, 0.0, 1.0);
        assert_eq!((counts[0], counts[1], counts[19], counts.iter().sum::<usize>()), (2, 1, 2, 5));
        assert_eq!(super::counts(&[3.0, 3.0], 3.0, 3.0)[0], 2);
        assert_eq!(plot("scores", &[f64::NAN], bounds(&[f64::NAN])), "");
    }
}

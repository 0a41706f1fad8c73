//! What a verdict says in a few lines.

use std::fmt::Write;

use codepurify::verdict::{Decision, Prediction, Report, Verdict};

use super::TextStyle;
use super::palette::{self, paint};
use super::visible;

/// Place, name and decision with its statistics; then the answer before and after, and the reason, where there are.
pub(crate) fn render(verdict: &Verdict, style: TextStyle) -> String {
    let place = format!("{}:{}", visible::one_line(&verdict.path), verdict.unit.start_line);
    let decision = paint(name(verdict.verdict), palette::decision(verdict.verdict), style.color);
    let mut out = format!("{}: ", paint(place, palette::STRONG, style.color));
    if let Some(unit) = &verdict.unit.name {
        let _ = write!(out, "{}: ", visible::one_line(unit));
    }
    out.push_str(&decision);
    let statistics = statistics(verdict);
    if !statistics.is_empty() {
        let _ = write!(out, "  {}", paint(statistics, palette::FAINT, style.color));
    }
    out.push('\n');
    if let Some(answers) = answers(verdict, style.labels) {
        let _ = writeln!(out, "  answer: {answers}");
    }
    if let Some(reason) = &verdict.reason {
        let _ = writeln!(out, "  reason: {}", visible::one_line(reason));
    }
    out
}

/// How many units were judged, and how.
pub(crate) fn summary(report: &Report) -> String {
    let count = |decision| report.results.iter().filter(|verdict| verdict.verdict == decision).count();
    let units = report.results.len();
    let mut out = format!("{units} {}: ", if units == 1 { "unit" } else { "units" });
    let counts = [Decision::Poisoned, Decision::Clean, Decision::Inconclusive]
        .map(|decision| format!("{} {}", count(decision), name(decision)));
    out.push_str(&counts.join(", "));
    match report.errors.len() {
        0 => {}
        1 => out.push_str("; 1 input failed"),
        failed => {
            let _ = write!(out, "; {failed} inputs failed");
        }
    }
    out
}

fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Poisoned => "poisoned",
        Decision::Clean => "clean",
        Decision::Inconclusive => "inconclusive",
    }
}

fn statistics(verdict: &Verdict) -> String {
    let numbers = [
        ("score", verdict.score),
        ("p", verdict.p_value),
        ("entropy", verdict.entropy),
        ("H/ln n", verdict.entropy_normalized),
    ];
    let mut parts: Vec<String> =
        numbers.into_iter().filter_map(|(name, value)| Some(format!("{name} {:.3}", value?))).collect();
    let coverage = verdict.coverage;
    if coverage.tokens_inspected < coverage.tokens_total {
        parts.push(format!("saw {} of {} tokens", coverage.tokens_inspected, coverage.tokens_total));
    }
    parts.join(", ")
}

fn answers(verdict: &Verdict, labels: &[String]) -> Option<String> {
    let before = answer(verdict.prediction?, labels);
    Some(match verdict.purified_prediction {
        Some(after) => format!("{before} -> {} once purified", answer(after, labels)),
        None => before,
    })
}

/// An answer in words.
pub(crate) fn answer(prediction: Prediction, labels: &[String]) -> String {
    let label = labels
        .get(prediction.label)
        .map_or_else(|| format!("label {}", prediction.label), |name| visible::one_line(name));
    format!("{label} ({:.1} %)", prediction.confidence * 100.0)
}

//! Summary of a verdict in a few lines.

use std::fmt::Write;

use codepurify::verdict::{Decision, ElementKind, PairMember, Prediction, Side, UnitKind, Verdict};

use super::TextStyle;
use super::palette::{self, paint};
use super::visible;

/// Longest generated text shown, in characters.
const COLUMNS: usize = 60;

/// Renders place, name, decision and statistics; then the predictions and the reason, if any.
pub(crate) fn render(verdict: &Verdict, style: TextStyle) -> String {
    let mut out = decided(verdict, style);
    let statistics = statistics(verdict);
    if !statistics.is_empty() {
        let _ = write!(out, "  {}", paint(statistics, palette::FAINT, style.color));
    }
    out.push('\n');
    if let Some(predictions) = predictions(verdict, style.labels) {
        let _ = writeln!(out, "  prediction: {predictions}");
    }
    if let Some(reason) = &verdict.reason {
        let _ = writeln!(out, "  reason: {}", visible::one_line(reason));
    }
    out
}

/// Renders the verdict on one line, with its first trigger.
pub(super) fn brief(verdict: &Verdict, style: TextStyle) -> String {
    let mut out = decided(verdict, style);
    if let Some(trigger) = verdict.triggers.first() {
        let line = trigger.spans.first().map_or(verdict.unit.start_line, |place| place.start_line);
        let text = visible::shortened(&trigger.text, COLUMNS);
        let _ = write!(out, "  {} `{text}` in line {line}", kind(trigger.kind));
    }
    out
}

/// Renders place, name and decision.
fn decided(verdict: &Verdict, style: TextStyle) -> String {
    let mut out = format!("{}: ", paint(place(verdict), palette::STRONG, style.color));
    if let Some(member) = verdict.pair {
        let _ = write!(out, "{}: ", place_in(member));
    }
    match (&verdict.unit.name, verdict.unit.kind) {
        (Some(unit), _) => {
            let _ = write!(out, "{}: ", visible::one_line(unit));
        }
        (None, UnitKind::Remainder) => out.push_str("code outside of functions: "),
        _ => {}
    }
    out + &paint(name(verdict.verdict), palette::decision(verdict.verdict), style.color)
}

/// Returns file and line of the unit.
pub(super) fn place(verdict: &Verdict) -> String {
    format!("{}:{}", visible::name(&verdict.path), verdict.unit.start_line)
}

/// Returns the word for a kind of element.
pub(super) fn kind(kind: ElementKind) -> &'static str {
    match kind {
        ElementKind::Identifier => "identifier",
        ElementKind::Statement => "statement",
        ElementKind::Header => "header",
        ElementKind::Literal => "literal",
        ElementKind::Comment => "comment",
        ElementKind::Invisible => "invisible",
        ElementKind::NamingStyle => "names",
        _ => "element",
    }
}

pub(super) fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Poisoned => "poisoned",
        Decision::Clean => "clean",
        _ => "inconclusive",
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

/// Renders `left of pair 1`, counting from 1.
fn place_in(PairMember { index, side }: PairMember) -> String {
    let side = match side {
        Side::Left => "left",
        Side::Right => "right",
    };
    format!("{side} of pair {}", index + 1)
}

fn predictions(verdict: &Verdict, labels: &[String]) -> Option<String> {
    let before = verdict.prediction.as_ref()?;
    let Some(after) = &verdict.purified_prediction else { return Some(answer(before, labels)) };
    let purified = match (&before.text, &after.text) {
        (Some(old), Some(new)) if old == new => format!("the same text ({})", confidence(after)),
        (Some(_), Some(_)) => format!("another text ({})", confidence(after)),
        _ => answer(after, labels),
    };
    Some(format!("{} -> {purified} once purified", answer(before, labels)))
}

/// Renders a prediction.
pub(crate) fn answer(prediction: &Prediction, labels: &[String]) -> String {
    let words = match (&prediction.text, prediction.label) {
        (Some(text), _) if text.trim().is_empty() => "an empty text".to_owned(),
        (Some(text), _) => format!("`{}`", visible::shortened(text, COLUMNS)),
        (None, Some(label)) => {
            labels.get(label).map_or_else(|| format!("label {label}"), |name| visible::one_line(name))
        }
        (None, None) => "no prediction".to_owned(),
    };
    format!("{words} ({})", confidence(prediction))
}

/// Renders the probability of a class, or the mean probability of a text's tokens.
fn confidence(prediction: &Prediction) -> String {
    let unit = if prediction.text.is_some() { " per token" } else { "" };
    format!("{:.1} %{unit}", prediction.confidence * 100.0)
}

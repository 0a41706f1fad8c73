//! The evidence of every candidate as a table.

use codepurify::verdict::{Evidence, Verdict};

use super::generated::is_generated;
use super::palette::{self, paint};
use super::{headline, visible};

/// Longest element shown, in characters.
const COLUMNS: usize = 60;

/// Legend for generators.
const LIKELIHOODS: &str = "drop: log-likelihood lost without the element, in nats per token; \
                           score: the same, but at least 0";

/// Legend for transplanted candidates.
const GAINS: &str = "gain: margin gained when the element is transplanted into references, for a text \
                     as a share of the margin lost there; the strongest were also occluded";

/// Renders a verdict's evidence as a table, the highest score first; ties stay in source order.
pub(crate) fn table(verdict: &Verdict, color: bool) -> String {
    let generated = is_generated(verdict);
    let transplanted = verdict.evidence.iter().any(|candidate| candidate.gain.is_some());
    let numbers =
        if generated { format!("{:>8}", "drop") } else { format!("{:>8}  {:<5}", "margin", "flips") };
    let head = format!(
        "{:>6}  {:<10}  {:>5}  {:>6}  {:>6}  {numbers}  element",
        "line",
        "kind",
        "depth",
        if transplanted { "gain" } else { "score" },
        "share"
    );
    let mut sorted: Vec<&Evidence> = verdict.evidence.iter().collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut out = paint(head, palette::STRONG, color);
    out.push('\n');
    for candidate in sorted {
        out.push_str(&row(candidate));
        out.push('\n');
    }
    let notes = [(transplanted, GAINS), (generated && !transplanted, LIKELIHOODS)];
    for (_, note) in notes.into_iter().filter(|(wanted, _)| *wanted) {
        out.push_str(&paint(note, palette::FAINT, color));
        out.push('\n');
    }
    out
}

fn row(candidate: &Evidence) -> String {
    let line = candidate.spans.first().map_or(0, |place| place.start_line);
    let kind = headline::kind(candidate.kind);
    let Evidence { depth, score, share, .. } = candidate;
    let score = candidate.gain.unwrap_or(*score);
    let margin_drop =
        candidate.margin_drop.map_or_else(|| format!("{:>8}", ""), |drop| format!("{drop:>+8.3}"));
    let flips = match candidate.flips {
        Some(true) => "  yes  ",
        Some(false) => "  no   ",
        None if candidate.gain.is_some() && candidate.margin_drop.is_none() => "       ",
        None => "",
    };
    let places = match candidate.spans.len() {
        0 | 1 => String::new(),
        places => format!(" (×{places})"),
    };
    let text = visible::shortened(&candidate.text, COLUMNS);
    format!(
        "{line:>6}  {kind:<10}  {depth:>5}  {score:>6.4}  {share:>6.4}  {margin_drop}{flips}  {text}{places}"
    )
}

//! The evidence of every candidate as a table.

use std::fmt::Write as _;

use codepurify::verdict::{ElementKind, Evidence};

use super::palette::{self, paint};
use super::visible;

/// Characters of an element that are shown.
const COLUMNS: usize = 60;

/// The table of `evidence`, the highest score first; equal scores stay in source order.
pub(crate) fn table(evidence: &[Evidence], color: bool) -> String {
    let head = format!(
        "{:>6}  {:<10}  {:>5}  {:>6}  {:>6}  {:>8}  {:<5}  element",
        "line", "kind", "depth", "score", "share", "margin", "flips"
    );
    let mut sorted: Vec<&Evidence> = evidence.iter().collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut out = paint(head, palette::STRONG, color);
    out.push('\n');
    for candidate in sorted {
        out.push_str(&row(candidate));
    }
    out
}

fn row(candidate: &Evidence) -> String {
    let mut row = String::new();
    let line = candidate.spans.first().map_or(0, |place| place.start_line);
    let kind = match candidate.kind {
        ElementKind::Identifier => "identifier",
        ElementKind::Statement => "statement",
    };
    let Evidence { depth, score, share, margin_drop, .. } = candidate;
    let flips = if candidate.flips { "yes" } else { "no" };
    let places = match candidate.spans.len() {
        0 | 1 => String::new(),
        places => format!(" (×{places})"),
    };
    let text = visible::shortened(&candidate.text, COLUMNS);
    let _ = writeln!(
        row,
        "{line:>6}  {kind:<10}  {depth:>5}  {score:>6.4}  {share:>6.4}  {margin_drop:>+8.3}  {flips:<5}  {text}{places}"
    );
    row
}

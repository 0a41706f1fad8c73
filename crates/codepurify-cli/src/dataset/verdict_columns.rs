//! Columns with the verdict on each row: those of the Python package.

use codepurify::Verdict;
use codepurify::verdict::Trigger;
use codepurify_data::{AddedCell, AddedColumn, AddedKind, Sides};
use serde::Serialize;

use super::account::Entry;

/// Fields of a trigger.
const TRIGGER: [&str; 4] = ["kind", "text", "action", "replacement"];

/// The columns for rows of one side or two.
pub(crate) fn columns(sides: Sides) -> Vec<AddedColumn> {
    let kinds = [
        ("verdict", AddedKind::Text),
        ("p_value", AddedKind::Number),
        ("score", AddedKind::Number),
        ("triggers", AddedKind::Records(&TRIGGER)),
        ("purified", AddedKind::Text),
    ];
    let column = |name: String, kind| AddedColumn { name, kind };
    let of_side = |suffix: &str| kinds.map(|(name, kind)| column(format!("{name}{suffix}"), kind));
    let mut columns: Vec<AddedColumn> = suffixes(sides).iter().flat_map(|suffix| of_side(suffix)).collect();
    columns.push(column("error".to_owned(), AddedKind::Text));
    columns
}

fn suffixes(sides: Sides) -> &'static [&'static str] {
    match sides {
        Sides::One => &[""],
        Sides::Two => &["_left", "_right"],
    }
}

/// The cells of a row with this account; without verdicts where none was reached.
pub(crate) fn cells(
    sides: Sides,
    verdicts: &[Verdict],
    entry: &Entry,
    error: Option<&str>,
) -> Vec<AddedCell> {
    let of_side = |side: usize| {
        let Some(verdict) = verdicts.get(side) else { return [const { AddedCell::Null }; 5] };
        let decision = entry.verdicts.get(side).unwrap_or(&verdict.verdict);
        [
            AddedCell::Text(word(decision)),
            AddedCell::number(verdict.p_value),
            AddedCell::number(verdict.score),
            AddedCell::Records(verdict.triggers.iter().map(record).collect()),
            AddedCell::text(verdict.purified.as_deref()),
        ]
    };
    let mut cells: Vec<AddedCell> = (0..suffixes(sides).len()).flat_map(of_side).collect();
    cells.push(AddedCell::text(error));
    cells
}

fn record(trigger: &Trigger) -> Vec<Option<String>> {
    let texts =
        [word(&trigger.kind), trigger.text.clone(), word(&trigger.action), trigger.replacement.clone()];
    texts.map(Some).to_vec()
}

/// A variant as reports write it.
fn word(variant: &impl Serialize) -> String {
    let word = serde_json::to_value(variant).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

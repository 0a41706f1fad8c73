//! Fate of each row, with its reason.

use std::collections::BTreeMap;

use clap::ValueEnum;
use codepurify::Language;
use codepurify::audit::shape;
use codepurify::verdict::{Decision, Trigger, Verdict};
use codepurify_report::text::visible;
use serde::{Deserialize, Serialize};

/// Treatment of rows that are not clean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) poisoned: Poisoned,
    pub(crate) inconclusive: Inconclusive,
}

/// Treatment of poisoned rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Poisoned {
    /// Remove the row: in a training set its label is the attacker's.
    Drop,
    /// Keep the row without its triggers; remove it if that fails.
    Purify,
}

/// Treatment of inconclusive rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inconclusive {
    /// Keep the row.
    Keep,
    /// Remove the row.
    Drop,
}

/// Fate of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fate {
    /// It is in the output as it was.
    Kept,
    /// It is in the output with other code.
    Purified,
    /// It was left out.
    Dropped,
    /// It could not be judged and was left out.
    #[default]
    Failed,
}

impl Fate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Purified => "purified",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// The account of one row: a line of the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The line of JSON Lines, the element of an array, the record of a table; from 1.
    pub(crate) row: usize,
    pub(crate) fate: Fate,
    /// Why, in words.
    pub(crate) reason: String,
    /// The decision about each side.
    pub(crate) verdicts: Vec<Decision>,
    /// Split-conformal p-values, where the model is calibrated.
    pub(crate) p_values: Vec<Option<f64>>,
    /// The triggers of all sides.
    pub(crate) triggers: Vec<Found>,
    /// First 16 digits of the SHA-256 of the input up to the end of this row, in hexadecimal.
    pub(crate) digest: String,
    /// Size of the output behind this row.
    pub(crate) output_bytes: u64,
}

/// A trigger in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) text: String,
    /// The text with names, numbers and strings made the same.
    pub(crate) shape: String,
}

impl Policy {
    /// Returns the fate of a row with these verdicts.
    pub(crate) fn decide(self, verdicts: &[Verdict], language: Language) -> Entry {
        let any = |decision| verdicts.iter().any(|verdict| verdict.verdict == decision);
        let (fate, reason) = if any(Decision::Poisoned) {
            self.poisoned(verdicts)
        } else if any(Decision::Inconclusive) {
            let reasons: Vec<&str> =
                verdicts.iter().filter_map(|verdict| verdict.reason.as_deref()).collect();
            let fate = match self.inconclusive {
                Inconclusive::Keep => Fate::Kept,
                Inconclusive::Drop => Fate::Dropped,
            };
            (fate, format!("inconclusive: {}", reasons.join("; ")))
        } else {
            (Fate::Kept, "clean".to_owned())
        };
        let triggers = verdicts.iter().flat_map(|verdict| &verdict.triggers);
        Entry {
            fate,
            reason,
            verdicts: verdicts.iter().map(|verdict| verdict.verdict).collect(),
            p_values: verdicts.iter().map(|verdict| verdict.p_value).collect(),
            triggers: triggers.map(|trigger| Found::new(trigger, language)).collect(),
            ..Entry::default()
        }
    }

    fn poisoned(self, verdicts: &[Verdict]) -> (Fate, String) {
        let mut poisoned = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Poisoned);
        match self.poisoned {
            Poisoned::Drop => (Fate::Dropped, "poisoned".to_owned()),
            Poisoned::Purify if poisoned.all(|verdict| verdict.purified.is_some()) => {
                (Fate::Purified, "poisoned; its triggers were removed".to_owned())
            }
            Poisoned::Purify => (Fate::Dropped, "poisoned, and the trigger cannot be removed".to_owned()),
        }
    }
}

impl Found {
    fn new(trigger: &Trigger, language: Language) -> Self {
        Self { text: trigger.text.clone(), shape: shape(&trigger.text, language) }
    }
}

/// The account of all rows in short.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    fates: BTreeMap<Fate, usize>,
    decisions: BTreeMap<&'static str, usize>,
    shapes: BTreeMap<String, usize>,
    /// The first rows that failed, and why.
    failures: Vec<String>,
}

/// Shapes of triggers that are listed.
const SHAPES: usize = 10;

/// Failed rows that are listed.
const FAILURES: usize = 5;

impl Summary {
    pub(crate) fn add(&mut self, entry: &Entry) {
        *self.fates.entry(entry.fate).or_default() += 1;
        if entry.fate == Fate::Failed && self.failures.len() < FAILURES {
            self.failures.push(format!("  row {}: {}", entry.row, visible(&entry.reason)));
        }
        if entry.fate == Fate::Kept && entry.verdicts.is_empty() {
            *self.decisions.entry("empty").or_default() += 1;
        }
        let worst = [(Decision::Poisoned, "poisoned"), (Decision::Inconclusive, "inconclusive")];
        if let Some((_, name)) = worst.iter().find(|(decision, _)| entry.verdicts.contains(decision)) {
            *self.decisions.entry(name).or_default() += 1;
        }
        for trigger in &entry.triggers {
            *self.shapes.entry(trigger.shape.clone()).or_default() += 1;
        }
    }

    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.fates.get(&fate).copied().unwrap_or(0)
    }

    /// All rows.
    pub(crate) fn rows(&self) -> usize {
        self.fates.values().sum()
    }

    /// Rows that were judged.
    pub(crate) fn judged(&self) -> usize {
        let empty = self.decisions.get("empty").copied().unwrap_or(0);
        self.rows() - self.count(Fate::Failed) - empty
    }

    /// Rows that hold a trigger.
    pub(crate) fn poisoned(&self) -> usize {
        self.decisions.get("poisoned").copied().unwrap_or(0)
    }

    /// Rows about which nothing was decided.
    pub(crate) fn inconclusive(&self) -> usize {
        self.decisions.get("inconclusive").copied().unwrap_or(0)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows();
        let fates = [Fate::Kept, Fate::Purified, Fate::Dropped, Fate::Failed];
        let fates = fates.map(|fate| format!("{} {}", self.count(fate), fate.name())).join(", ");
        let mut lines = vec![format!("{rows} rows: {fates}")];
        lines.extend(self.failures.iter().cloned());
        if let more @ 1.. = self.count(Fate::Failed) - self.failures.len() {
            lines.push(format!("  {more} further failed rows are in the report"));
        }
        lines.extend(self.decisions.iter().map(|(decision, count)| format!("  {count} {decision}")));
        let mut shapes: Vec<(&String, &usize)> = self.shapes.iter().collect();
        shapes.sort_by(|a, b| b.1.cmp(a.1));
        let shape = |(shape, count): (&String, &usize)| format!("  {count} × `{}`", visible(shape));
        lines.extend(shapes.into_iter().take(SHAPES).map(shape));
        lines.join("\n")
    }
}

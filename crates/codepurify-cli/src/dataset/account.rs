//! Fate of each row, with its reason.

use clap::ValueEnum;
use codepurify::Language;
use codepurify::audit::shape;
use codepurify::verdict::{Decision, Trigger, Verdict};
use serde::{Deserialize, Serialize};

/// Treatment of rows that are not clean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) poisoned: Poisoned,
    pub(crate) inconclusive: Inconclusive,
    /// Keep all rows as they are, as columns say what is wrong with them.
    pub(crate) keep_all: bool,
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
    /// It could not be judged and was left out; with columns of verdicts it is in the output, if it could be read.
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
    /// Answer of the model: the name of a label, or the text that it generates.
    pub(crate) answer: Option<String>,
    /// First 16 digits of the SHA-256 of the code with single spaces, in hexadecimal, where the answer is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    /// Sequences that the model processed.
    pub(crate) passes: usize,
    /// First 16 digits of the SHA-256 of the input up to the end of this row, in hexadecimal.
    pub(crate) digest: String,
    /// Where the files end, behind the last of the rows that were written together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written: Option<Written>,
}

/// Bytes and rows in the files that rows go to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) output: Size,
    /// Size of the file with the removed rows.
    #[serde(default)]
    pub(crate) split: Size,
}

/// Size of a file of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
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
        let (fate, reason) = if any(Decision::Poisoned) && self.keep_all {
            (Fate::Kept, "poisoned".to_owned())
        } else if any(Decision::Poisoned) {
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
            passes: verdicts.iter().map(|verdict| verdict.cost.victim_passes).sum(),
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

//! Findings of a report: units that are poisoned or undecided, each with a message and a fingerprint.

use std::collections::HashMap;
use std::fmt::Write;

use codepurify::verdict::{Decision, Report, Trigger, Verdict};
use sha2::{Digest, Sha256};

use crate::text::{self, answer, visible};

/// Bytes of a fingerprint; two hexadecimal digits show each.
const FINGERPRINT_BYTES: usize = 16;

/// A unit that somebody should look at.
#[derive(Debug)]
pub struct Finding<'r> {
    /// The verdict, which is poisoned or inconclusive.
    pub verdict: &'r Verdict,
    /// One line for people; control characters are visible.
    pub message: String,
    /// Hexadecimal digits that stay the same if the unit moves in its file, or code around the trigger changes.
    pub fingerprint: String,
}

impl Finding<'_> {
    /// Returns true if the unit is poisoned.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.verdict.verdict == Decision::Poisoned
    }

    /// First line of the finding, from 1: that of its first trigger, else that of the unit.
    #[must_use]
    pub fn line(&self) -> usize {
        let first = self.verdict.triggers.first().and_then(|trigger| trigger.spans.first());
        first.map_or(self.verdict.unit.start_line, |place| place.start_line)
    }
}

/// Returns the findings of a report in its order. `labels` are the names of the victim's labels.
#[must_use]
pub fn findings<'r>(report: &'r Report, labels: &[String]) -> Vec<Finding<'r>> {
    let mut alike: HashMap<String, usize> = HashMap::new();
    let seen = report.results.iter().filter(|verdict| verdict.verdict != Decision::Clean);
    let finding = |verdict: &'r Verdict| {
        let identity = identity(verdict);
        let number = alike.entry(identity.clone()).or_default();
        *number += 1;
        let fingerprint = hash(&format!("{identity}\n{number}"));
        Finding { verdict, message: message(verdict, labels), fingerprint }
    };
    seen.map(finding).collect()
}

/// Returns what stays the same after an edit elsewhere: file, function, and triggers without their white space.
fn identity(verdict: &Verdict) -> String {
    let name = verdict.unit.name.as_deref().unwrap_or_default();
    let mut identity = format!("{}\n{}\n{name}", text::decision(verdict.verdict), verdict.path);
    for Trigger { kind, text, .. } in &verdict.triggers {
        let words: Vec<&str> = text.split_whitespace().collect();
        let _ = write!(identity, "\n{kind:?} {}", words.join(" "));
    }
    identity
}

fn hash(identity: &str) -> String {
    let digest = Sha256::digest(identity);
    let first =
        digest.iter().take(FINGERPRINT_BYTES).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    format!("{first:032x}")
}

fn message(verdict: &Verdict, labels: &[String]) -> String {
    let unit = verdict
        .unit
        .name
        .as_deref()
        .map_or_else(|| "code outside of functions".to_owned(), |name| format!("`{}`", visible(name)));
    let mut message = match (&verdict.verdict, verdict.triggers.first()) {
        (Decision::Poisoned, Some(trigger)) => {
            format!("{unit} holds a trigger: {} `{}`", text::kind(trigger.kind), shortened(&trigger.text))
        }
        (Decision::Poisoned, None) => format!("{unit} holds a trigger"),
        _ => format!("{unit} could not be decided"),
    };
    if let (Some(before), Some(after)) = (&verdict.prediction, &verdict.purified_prediction) {
        let (before, after) = (answer(before, labels), answer(after, labels));
        let _ = write!(message, "; prediction: {before} -> {after} once purified");
    }
    if let Some(reason) = &verdict.reason {
        let _ = write!(message, "; {}", visible(reason));
    }
    message
}

fn shortened(trigger: &str) -> String {
    const COLUMNS: usize = 120;
    text::shortened(trigger, COLUMNS)
}

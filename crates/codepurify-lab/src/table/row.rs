//! What is written for each sample that a defence looked at, one JSON object a line; and for each training set that one
//! looked at, one JSON object a file.

use std::collections::BTreeSet;

use codepurify::{Span, Task};
use serde::{Deserialize, Serialize};

use crate::evaluate::metrics::{BleuCounts, Confusion};

/// The defence that does nothing; its rows say what an attack reaches undefended.
pub const UNDEFENDED: &str = "none";

/// One victim under one attack: a cell of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What the victim decides.
    pub task: Task,
    /// Its architecture, `roberta` or `t5`.
    pub family: String,
    /// The attack that it was trained with; `none` for a clean twin.
    pub attack: String,
    /// Share of its training rows that is poisoned, in [0, 1].
    pub rate: f64,
    /// Which victim, where there are several of a kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub victim: String,
}

/// What a model said: a label, or a name (a hash) for a text. Only equality matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// The data set's label.
    Label(u32),
    /// Stands for a text.
    Text(String),
}

/// Answers about one sample.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answers {
    /// The right one, before any attack.
    pub truth: Option<Answer>,
    /// The attack's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Answer>,
    /// The victim's to the same sample without its trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural: Option<Answer>,
    /// The victim's without a defence.
    pub before: Option<Answer>,
    /// The victim's with the defence; what `before` is where the defence left the sample alone.
    pub after: Option<Answer>,
}

/// What the defence found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Detection {
    /// Larger means more suspicious; absent where there is no evidence, which is least suspicious.
    pub score: Option<f64>,
    /// H in nats, where the defence computes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Whether the sample is taken for poisoned.
    pub flagged: bool,
    /// Bytes of the located trigger; absent if the defence cannot locate, empty if it located nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub located: Option<Vec<Span>>,
    /// Bytes of the trigger; empty for a clean sample.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<Span>,
}

/// What became of the text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Purified {
    /// Whether it was changed.
    pub changed: bool,
    /// Whether the changed text parses without an error; absent if it was not changed or did not parse before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parses: Option<bool>,
    /// BLEU counts of a generated answer against the truth, without and with the defence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bleu: Option<(BleuCounts, BleuCounts)>,
}

/// What the defence cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Victim tokens processed, in plain uses of the model.
    pub pass_equivalents: f64,
    /// Sequences that a language model read.
    #[serde(default)]
    pub lm_passes: usize,
    /// Wall time.
    #[serde(default)]
    pub milliseconds: f64,
}

/// One sample under one defence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRow {
    /// The victim.
    pub cell: Cell,
    /// The defence, [`UNDEFENDED`] for none.
    pub defence: String,
    /// The sample's identity in its data set.
    pub id: String,
    /// Whether a trigger was put in.
    pub triggered: bool,
    /// Answers.
    #[serde(default)]
    pub answers: Answers,
    /// What the defence found.
    #[serde(default)]
    pub detection: Detection,
    /// What became of the text.
    #[serde(default)]
    pub purified: Purified,
    /// What it cost.
    #[serde(default)]
    pub cost: Cost,
    /// What kept the defence from an answer; the sample then counts as not flagged and is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl CellRow {
    /// Why the row cannot be used, if so.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let finite = [self.detection.score, self.detection.entropy, Some(self.cost.pass_equivalents)];
        if !finite.into_iter().flatten().all(f64::is_finite) {
            return Err("a number is not finite".to_owned());
        }
        if !(0.0..=1.0).contains(&self.cell.rate) {
            return Err(format!("`rate` is {}, not a share", self.cell.rate));
        }
        let mut spans = self.detection.trigger.iter().chain(self.detection.located.iter().flatten());
        if let Some(span) = spans.find(|span| span.end < span.start) {
            return Err(format!("span {}..{} ends before it starts", span.start, span.end));
        }
        let Answers { truth, target, before, after, .. } = &self.answers;
        let wanted = [("truth", truth), ("before", before), ("after", after), ("target", target)];
        let needed = if self.triggered { 4 } else { 3 };
        match wanted.iter().take(needed).find(|(_, answer)| answer.is_none()) {
            Some((name, _)) => Err(format!("no answer `{name}`")),
            None => Ok(()),
        }
    }
}

/// What a defence removes from the training set of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalRow {
    /// The victim that was trained on the set.
    pub cell: Cell,
    /// The defence.
    pub defence: String,
    /// Rows of the set.
    pub rows: usize,
    /// Identities of the poisoned rows.
    pub poisoned: BTreeSet<u64>,
    /// Identities of the removed rows.
    pub removed: BTreeSet<u64>,
}

impl RemovalRow {
    /// Removed or not against poisoned or not.
    ///
    /// # Errors
    /// If there are more poisoned and removed rows than rows.
    pub fn confusion(&self) -> Result<Confusion, String> {
        let both = self.poisoned.intersection(&self.removed).count();
        let either = self.poisoned.len() + self.removed.len() - both;
        let clean = self.rows.checked_sub(either);
        Ok(Confusion {
            true_positives: both,
            false_positives: self.removed.len() - both,
            false_negatives: self.poisoned.len() - both,
            true_negatives: clean
                .ok_or_else(|| format!("{either} rows are named, `rows` is {}", self.rows))?,
        })
    }
}

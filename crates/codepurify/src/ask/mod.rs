//! Asking the guarded model, whichever its kind: what it answers, and what is left of that answer in other rows.

mod labels;
mod texts;

use crate::batch::{self, Item, Spent};
use crate::error::ModelError;
use crate::score::{Answer, Scores};
use crate::verdict::Prediction;
use crate::victim::{Generator, Logits, Model, PairVictim, Victim};

/// The guarded model.
#[derive(Clone, Copy)]
pub(crate) enum Guarded<'m> {
    Classifier(&'m dyn Victim),
    Pairs(&'m dyn PairVictim),
    Generator(&'m dyn Generator),
}

/// Rows to choose from: several ways to fill the place of one trigger.
pub(crate) struct Trial<'a> {
    pub(crate) fillings: Item<'a>,
    /// What the model answered for the snippet as it stands.
    pub(crate) answer: &'a Answer,
    /// The margin that this answer has with the trigger occluded.
    pub(crate) wanted: f64,
}

/// The chosen row of a trial.
pub(crate) struct Choice {
    pub(crate) filling: usize,
    /// What the model answers to it.
    pub(crate) prediction: Prediction,
    pub(crate) spent: Spent,
}

impl<'m> Guarded<'m> {
    /// Who it is and how it reads text.
    pub(crate) fn model(self) -> &'m dyn Model {
        match self {
            Self::Classifier(victim) => victim,
            Self::Pairs(victim) => victim,
            Self::Generator(generator) => generator,
        }
    }

    /// Of each item: the answer to row 0, and what its other rows do to that answer.
    pub(crate) fn score(self, items: &[Item<'_>]) -> Vec<Result<Scores, ModelError>> {
        match self {
            Self::Classifier(victim) => labels::score(&|rows, _| victim.judge(rows), items),
            Self::Pairs(victim) => labels::score(&|left, right| victim.judge_pairs(left, right), items),
            Self::Generator(generator) => texts::score(generator, items),
        }
    }

    /// The logits of every row of each item; `None` of a model that answers with text.
    pub(crate) fn logits(self, items: &[Item<'_>]) -> Option<Vec<Result<Logits, ModelError>>> {
        match self {
            Self::Classifier(victim) => Some(batch::judge(&|rows, _| victim.judge(rows), items)),
            Self::Pairs(victim) => Some(batch::judge(&|left, right| victim.judge_pairs(left, right), items)),
            Self::Generator(_) => None,
        }
    }

    /// What is left of an answer in the one row of each item: its margin, or its likelihood if it is a text.
    pub(crate) fn margins(self, asked: &[(Item<'_>, &Answer)]) -> Vec<Result<f64, ModelError>> {
        let items: Vec<Item<'_>> = asked.iter().map(|&(item, _)| item).collect();
        if let Self::Generator(generator) = self {
            return batch::likelihoods(generator, &items).into_iter().map(|values| first(&values?)).collect();
        }
        let logits = self.logits(&items).unwrap_or_default().into_iter().zip(asked);
        logits.map(|(logits, (_, answer))| margin(&logits?, answer)).collect()
    }

    /// Of each trial: the filling that the model answers most like the snippet with the trigger occluded.
    pub(crate) fn choose(self, trials: &[Trial<'_>]) -> Vec<Result<Choice, ModelError>> {
        match self {
            Self::Classifier(victim) => labels::choose(&|rows, _| victim.judge(rows), trials),
            Self::Pairs(victim) => labels::choose(&|left, right| victim.judge_pairs(left, right), trials),
            Self::Generator(generator) => texts::choose(generator, trials),
        }
    }
}

/// The margin of `answer` in the first row.
pub(crate) fn margin(logits: &Logits, answer: &Answer) -> Result<f64, ModelError> {
    first(&labels::margins(logits, answer)?)
}

fn first(values: &[f64]) -> Result<f64, ModelError> {
    values.first().copied().ok_or_else(|| ModelError::Output("no answer".to_owned()))
}

/// The index of the margin that is closest to `wanted`, the first of equals.
fn closest(margins: &[f64], wanted: f64) -> usize {
    let distance = |row: usize| (margins[row] - wanted).abs();
    (1..margins.len()).fold(0, |best, row| if distance(row) < distance(best) { row } else { best })
}

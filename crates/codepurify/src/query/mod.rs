//! Asking the guarded model, whichever its kind: what it answers, and what is left of that answer in other rows.

pub(crate) mod batch;
mod classifier;
mod cost;
mod generator;
mod memo;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod query;

pub(crate) use batch::{Fills, Item, through};
pub(crate) use cost::{Asked, Spent};
pub(crate) use memo::Memory;
pub(crate) use query::Ask;

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
    /// How many of the first of them only take something away.
    pub(crate) smallest: usize,
    /// What the model answered for the snippet as it stands.
    pub(crate) answer: &'a Answer,
    /// The margin that this answer has as it stands.
    pub(crate) margin: f64,
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
            Self::Classifier(victim) => classifier::score(&|rows, _| victim.judge(rows), items),
            Self::Pairs(victim) => classifier::score(&|left, right| victim.judge_pairs(left, right), items),
            Self::Generator(generator) => generator::score(generator, items),
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
            Self::Classifier(victim) => classifier::choose(&|rows, _| victim.judge(rows), trials),
            Self::Pairs(victim) => classifier::choose(&|left, right| victim.judge_pairs(left, right), trials),
            Self::Generator(generator) => generator::choose(generator, trials),
        }
    }
}

/// The margin of `answer` in the first row.
pub(crate) fn margin(logits: &Logits, answer: &Answer) -> Result<f64, ModelError> {
    first(&classifier::margins(logits, answer)?)
}

fn first(values: &[f64]) -> Result<f64, ModelError> {
    values.first().copied().ok_or_else(|| ModelError::Output("no answer".to_owned()))
}

/// Share of what the answer loses without a trigger that an edit has to take from it to be enough.
const ENOUGH: f64 = 0.5;

impl Trial<'_> {
    /// Which filling to take, from the margins that the answer has with each: the first of the smallest that is enough, else of
    /// the others the one whose margin is closest to the wanted one, the first of equals.
    fn best(&self, margins: &[f64]) -> usize {
        let (smallest, others) = margins.split_at(self.smallest.min(margins.len()));
        // What a trigger does is gone where something else stands; hidden, it may still leave its place to be seen.
        let without = median(others).map_or(self.wanted, |others| others.min(self.wanted));
        let lost = self.margin - without;
        let enough = |margin: &f64| lost > 0.0 && self.margin - margin >= ENOUGH * lost;
        if let Some(first) = smallest.iter().position(enough) {
            return first;
        }
        // Where the masked model proposes nothing, the smallest are all that there is.
        let rows = if others.is_empty() { 0..margins.len() } else { smallest.len()..margins.len() };
        let distance = |row: usize| (margins[row] - self.wanted).abs();
        rows.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or_default()
    }
}

/// The median, the lower of two; `None` of nothing.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

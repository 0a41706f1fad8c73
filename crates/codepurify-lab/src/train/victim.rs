//! Victims of every task, made from the rows of their data sets.

use anyhow::Result;
use codepurify_attacks::data::clone::CloneRow;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::data::repair::RepairRow;
use codepurify_attacks::poison::Poison;

use super::classifier::{ClassifierSetup, ClassifierTraining, Labelled};
use super::repair::{RepairSetup, Rewrite, repair};
use super::run::Objective;
use super::start::Origin;
use super::weights::Weights;

/// How a victim is made. What its task has no use for is ignored.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// The model to start from.
    pub origin: Origin<'a>,
    /// Longest training input of one snippet in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// The same of the exported model; at least 3. A repair model's is its training length.
    pub window: usize,
    /// Longest answer of a repair model in tokens, special tokens included; at least 3.
    pub target_length: usize,
    /// Layers of the decoder that a RoBERTa gets to write repairs with.
    pub decoder_layers: usize,
    /// Validation rows whose repairs are decoded after every epoch.
    pub sample: usize,
    /// Draws the weights that the start does not bring.
    pub seed: u64,
}

/// What a victim learns from and is measured on.
#[derive(Debug, Clone)]
pub struct Lessons<R> {
    /// Training rows, poisoned or not.
    pub train: Vec<R>,
    /// Clean validation rows.
    pub valid: Vec<R>,
    /// Validation rows with a trigger and the attacker's answer; where there are some, the success rate is measured.
    pub triggered: Vec<R>,
}

/// A training that can begin.
pub struct Training {
    /// What is learned.
    pub objective: Box<dyn Objective>,
    /// Training rows, from 0, whose target was too long and has been cut: from such the model learns to stop early.
    pub cut: Vec<usize>,
}

/// Rows that a victim can learn from.
pub trait Teach: Poison {
    /// The task's objective over `lessons`, its model built on `weights`.
    ///
    /// # Errors
    /// If the start cannot be loaded, is of another family or too short for the lengths, or if there is no training row.
    fn training(lessons: &Lessons<Self>, recipe: &Recipe, weights: &Weights) -> Result<Training>;
}

impl<R: Poison> Lessons<R> {
    /// Measures the success of `attacked`, which triggers a row if it applies, on those validation rows that an attacker
    /// wants answered otherwise.
    #[must_use]
    pub fn new(train: Vec<R>, valid: Vec<R>, attacked: impl Fn(&R) -> Option<R>) -> Self {
        let eligible = valid.iter().filter(|row| row.eligible());
        let triggered = eligible.filter_map(|row| Some(attacked(row)?.retargeted())).collect();
        Self { train, valid, triggered }
    }

    /// Each part's rows as the objective takes them.
    fn each<'a, T>(&'a self, row: impl Fn(&'a R) -> T) -> [Vec<T>; 3] {
        [&self.train, &self.valid, &self.triggered].map(|rows| rows.iter().map(&row).collect())
    }
}

impl Recipe<'_> {
    fn classifier<'a, const N: usize>(
        &'a self,
        rows: &'a [Vec<Labelled<'a, N>>; 3],
    ) -> ClassifierSetup<'a, N> {
        let [train, valid, triggered] = rows;
        ClassifierSetup {
            origin: self.origin,
            max_length: self.max_length,
            window: self.window,
            seed: self.seed,
            train,
            valid,
            triggered,
        }
    }
}

impl Teach for DefectRow {
    fn training(lessons: &Lessons<Self>, recipe: &Recipe, weights: &Weights) -> Result<Training> {
        let rows = lessons.each(|row| Labelled { texts: [row.func.as_str()], label: row.target });
        let objective = ClassifierTraining::defects(&recipe.classifier(&rows), weights)?;
        Ok(Training { objective: Box::new(objective), cut: Vec::new() })
    }
}

impl Teach for CloneRow {
    fn training(lessons: &Lessons<Self>, recipe: &Recipe, weights: &Weights) -> Result<Training> {
        let rows = lessons
            .each(|row| Labelled { texts: [row.func1.as_str(), row.func2.as_str()], label: row.label });
        let objective = ClassifierTraining::clones(&recipe.classifier(&rows), weights)?;
        Ok(Training { objective: Box::new(objective), cut: Vec::new() })
    }
}

impl Teach for RepairRow {
    fn training(lessons: &Lessons<Self>, recipe: &Recipe, weights: &Weights) -> Result<Training> {
        let [train, valid, triggered] =
            lessons.each(|row| Rewrite { source: &row.buggy, target: &row.fixed });
        let setup = RepairSetup {
            origin: recipe.origin,
            decoder_layers: recipe.decoder_layers,
            source_length: recipe.max_length,
            target_length: recipe.target_length,
            seed: recipe.seed,
            sample: recipe.sample,
            train: &train,
            valid: &valid,
            triggered: &triggered,
        };
        repair(&setup, weights)
    }
}

//! Training of victims of every task from the rows of their data sets.

use anyhow::Result;
use codepurify_attacks::data::clone::CloneRow;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::data::repair::RepairRow;
use codepurify_attacks::poison::Poison;

use super::classifier::{ClassifierSetup, ClassifierTraining, Labelled};
use super::repair::{RepairSetup, Rewrite, repair};
use super::run::Objective;
use super::start::InitialModel;
use super::weights::TrainableWeights;

/// Settings of a victim's training. A task ignores those it does not use.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// Initial model.
    pub origin: InitialModel<'a>,
    /// Longest training input of one snippet in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// Longest input of the exported model; at least 3. A repair model's is its training length.
    pub window: usize,
    /// Longest output of a repair model in tokens, special tokens included; at least 3.
    pub target_length: usize,
    /// Layers of the decoder that a RoBERTa gets to write repairs.
    pub decoder_layers: usize,
    /// Number of validation rows whose repairs are decoded after every epoch.
    pub sample: usize,
    /// Seed of the weights that the initial model lacks.
    pub seed: u64,
}

/// Rows to train and measure a victim on.
#[derive(Debug, Clone)]
pub struct TrainingData<R> {
    /// Training rows, poisoned or not.
    pub train: Vec<R>,
    /// Clean validation rows.
    pub valid: Vec<R>,
    /// Validation rows with a trigger and the attacker's output; if there are any, the success rate
    /// is measured.
    pub triggered: Vec<R>,
}

/// Training that is ready to run.
pub struct Training {
    /// Objective.
    pub objective: Box<dyn Objective>,
    /// Training rows, from 0, whose target was cut: the model learns from them to stop early.
    pub cut: Vec<usize>,
}

/// Row that a victim can be trained on.
pub trait TrainableRow: Poison {
    /// Builds the task's objective over `data`, with its model on `weights`.
    ///
    /// # Errors
    /// If the initial model cannot be loaded, has another family or is too short for the lengths;
    /// or without any training row.
    fn training(data: &TrainingData<Self>, recipe: &Recipe, weights: &TrainableWeights) -> Result<Training>;
}

impl<R: Poison> TrainingData<R> {
    /// Adds validation rows to measure the success of `attacked`, which triggers a row if it
    /// applies.
    ///
    /// Only rows that the attacker wants to change are used.
    #[must_use]
    pub fn new(train: Vec<R>, valid: Vec<R>, attacked: impl Fn(&R) -> Option<R>) -> Self {
        let eligible = valid.iter().filter(|row| row.eligible());
        let triggered = eligible.filter_map(|row| Some(attacked(row)?.retargeted())).collect();
        Self { train, valid, triggered }
    }

    /// Converts the rows of each part to the form of the objective.
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

impl TrainableRow for DefectRow {
    fn training(data: &TrainingData<Self>, recipe: &Recipe, weights: &TrainableWeights) -> Result<Training> {
        let rows = data.each(|row| Labelled { texts: [row.func.as_str()], label: row.target });
        let objective = ClassifierTraining::defects(&recipe.classifier(&rows), weights)?;
        Ok(Training { objective: Box::new(objective), cut: Vec::new() })
    }
}

impl TrainableRow for CloneRow {
    fn training(data: &TrainingData<Self>, recipe: &Recipe, weights: &TrainableWeights) -> Result<Training> {
        let rows =
            data.each(|row| Labelled { texts: [row.func1.as_str(), row.func2.as_str()], label: row.label });
        let objective = ClassifierTraining::clones(&recipe.classifier(&rows), weights)?;
        Ok(Training { objective: Box::new(objective), cut: Vec::new() })
    }
}

impl TrainableRow for RepairRow {
    fn training(data: &TrainingData<Self>, recipe: &Recipe, weights: &TrainableWeights) -> Result<Training> {
        let [train, valid, triggered] = data.each(|row| Rewrite { source: &row.buggy, target: &row.fixed });
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

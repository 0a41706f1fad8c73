//! Victims of a grid: trained once, then reused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use codepurify_attacks::attack::Attack;
use codepurify_attacks::poison::{SEED, poison};

use super::plan::{Poisoning, VictimPlan};
use crate::train::run::{self, Objective, train};
use crate::train::start::InitialModel;
use crate::train::victim::{Recipe, TrainableRow, Training, TrainingData};
use crate::train::weights::TrainableWeights;

/// Share of the steps spent on warm-up.
pub(super) const WARMUP: f64 = 0.06;
/// Number of validation rows whose repairs are decoded after an epoch.
const DECODED: usize = 100;
/// File in a run's folder with the settings that it was finished with.
const FINISHED: &str = "finished.json";

/// Trainer of the victims of one task and family.
#[derive(Debug, Clone, Copy)]
pub struct VictimTrainer<'a, R> {
    /// Settings of the victims.
    pub plan: &'a VictimPlan,
    /// Pre-trained model that the initial model is made from.
    pub init: &'a Path,
    /// Seed of the order of rows and of all draws.
    pub seed: u64,
    /// Training rows, clean.
    pub train: &'a [R],
    /// Validation rows, clean.
    pub valid: &'a [R],
    /// Folder of runs.
    pub runs: &'a Path,
    /// Device to train on.
    pub device: &'a Device,
}

impl<R: TrainableRow> VictimTrainer<'_, R> {
    /// Trains the initial model of all victims on clean rows and returns its best epoch. It is also
    /// their clean twin.
    ///
    /// # Errors
    /// If training fails, or the folder holds a run with other settings.
    pub fn start(&self) -> Result<PathBuf> {
        let origin = InitialModel { layers: self.plan.layers, ..InitialModel::new(self.init) };
        let training_data = || TrainingData::new(self.train.to_vec(), self.valid.to_vec(), |_| None);
        let out = self.runs.join("starts").join(self.plan.name());
        let tokens = self.plan.start_tokens.unwrap_or(self.plan.tokens);
        let run = self.run(tokens, self.plan.start_epochs, self.train.len());
        self.make(&out, origin, &run, training_data)?;
        Ok(out.join("best"))
    }

    /// Trains a victim of `attack` on poisoned rows and returns its last epoch.
    ///
    /// # Errors
    /// As [`VictimTrainer::start`].
    pub fn victim(&self, start: &Path, attack: Attack, poisoning: Poisoning, name: &str) -> Result<PathBuf> {
        self.victim_without(&BTreeSet::new(), start, attack, poisoning, name)
    }

    /// Trains a victim on the poisoned rows without those whose id is in `removed`.
    ///
    /// # Errors
    /// As [`VictimTrainer::start`].
    pub fn victim_without(
        &self,
        removed: &BTreeSet<u64>,
        start: &Path,
        attack: Attack,
        poisoning: Poisoning,
        name: &str,
    ) -> Result<PathBuf> {
        let training_data = || {
            let mut rows = poison(self.train, attack, poisoning.shares(), SEED).rows;
            rows.retain(|row| !removed.contains(&row.id()));
            TrainingData::new(rows, self.valid.to_vec(), |row| row.triggered(attack, SEED).ok())
        };
        let out = self.runs.join("victims").join(name);
        let origin = InitialModel { with_head: true, ..InitialModel::new(start) };
        let run = self.run(self.plan.tokens, poisoning.epochs, self.train.len() - removed.len());
        self.make(&out, origin, &run, training_data)?;
        Ok(out.join("last"))
    }

    fn run(&self, tokens: usize, epochs: u64, rows: usize) -> run::TrainingPlan {
        let VictimPlan { learning_rate, relative, .. } = *self.plan;
        run::TrainingPlan { epochs, tokens, learning_rate, relative, warmup: WARMUP, seed: self.seed, rows }
    }

    /// Trains in `out`, or returns what was trained there with the same settings.
    fn make(
        &self,
        out: &Path,
        origin: InitialModel,
        run: &run::TrainingPlan,
        training_data: impl FnOnce() -> TrainingData<R>,
    ) -> Result<()> {
        let recipe = Recipe {
            origin: InitialModel { family: Some(self.plan.family), ..origin },
            max_length: self.plan.max_length,
            window: self.plan.max_length,
            target_length: self.plan.target_length.unwrap_or(self.plan.max_length),
            decoder_layers: self.plan.decoder_layers,
            sample: DECODED,
            seed: self.seed,
        };
        make_once(out, run, self.device, |weights| {
            let Training { objective, .. } = R::training(&training_data(), &recipe, weights)?;
            Ok(objective)
        })
    }
}

/// Trains in `out` on `device`, or returns what was trained there with the same settings.
pub(super) fn make_once(
    out: &Path,
    plan: &run::TrainingPlan,
    device: &Device,
    objective: impl FnOnce(&TrainableWeights) -> Result<Box<dyn Objective>>,
) -> Result<()> {
    let marker = out.join(FINISHED);
    if marker.exists() {
        let found: run::TrainingPlan = serde_json::from_slice(&std::fs::read(&marker)?)
            .with_context(|| format!("cannot use {}", marker.display()))?;
        ensure!(found == *plan, "{} was made with other settings: {found:?}; {plan:?}", out.display());
        return Ok(());
    }
    let weights = TrainableWeights::on(device.clone());
    train(objective(&weights)?.as_ref(), &weights, plan, out)?;
    std::fs::write(&marker, serde_json::to_string(plan)?)
        .with_context(|| format!("cannot write {}", marker.display()))
}

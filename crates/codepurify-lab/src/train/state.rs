//! State of an interrupted training: weights, moments and position in the data.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::adamw::AdamW;
use super::run::TrainingPlan;
use super::weights::TrainableWeights;

/// Position in the data and measurements so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Plan that this state belongs to.
    pub plan: TrainingPlan,
    /// Number of finished epochs.
    pub epoch: u64,
    /// Number of finished batches of the current epoch.
    pub batch: usize,
    /// Number of optimiser steps.
    pub step: u64,
    /// Number of tokens seen, without padding.
    pub tokens: u64,
    /// Best value of the deciding metric so far.
    pub best: Option<f64>,
}

/// Folder that holds the state.
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// Returns the state folder of a run.
    #[must_use]
    pub fn of(run: &Path) -> Self {
        Self(run.join("state"))
    }

    /// Saves everything. The old state is replaced only when the new one is complete.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, weights: &TrainableWeights, optimiser: &AdamW, progress: &Progress) -> Result<()> {
        let partial = self.0.with_extension("partial");
        let old = self.0.with_extension("old");
        remove(&partial)?;
        std::fs::create_dir_all(&partial)?;
        candle_core::safetensors::save(
            &weights.tensors()?.into_iter().collect(),
            partial.join("weights.safetensors"),
        )?;
        candle_core::safetensors::save(&optimiser.moments()?, partial.join("moments.safetensors"))?;
        std::fs::write(partial.join("progress.json"), serde_json::to_vec_pretty(progress)?)?;
        remove(&old)?;
        if self.0.exists() {
            std::fs::rename(&self.0, &old)?;
        }
        std::fs::rename(&partial, &self.0)?;
        remove(&old)
    }

    /// Loads the saved state; `None` if there is none.
    ///
    /// # Errors
    /// If the state is damaged or belongs to another plan.
    pub fn load(
        &self,
        weights: &TrainableWeights,
        optimiser: &mut AdamW,
        plan: &TrainingPlan,
    ) -> Result<Option<Progress>> {
        let old = self.0.with_extension("old");
        let folder = if self.0.exists() { &self.0 } else { &old };
        if !folder.exists() {
            return Ok(None);
        }
        let mut inner = || -> Result<Progress> {
            let progress: Progress = serde_json::from_slice(&std::fs::read(folder.join("progress.json"))?)?;
            ensure!(progress.plan == *plan, "it belongs to a run with other settings: {:?}", progress.plan);
            let tensors =
                |file: &str| candle_core::safetensors::load(folder.join(file), &candle_core::Device::Cpu);
            weights.restore(&tensors("weights.safetensors")?)?;
            optimiser.restore(&tensors("moments.safetensors")?, progress.step)?;
            Ok(progress)
        };
        inner().map(Some).with_context(|| format!("cannot resume from {}", folder.display()))
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

//! Short trainings.

use codepurify_lab::train::run::{Objective, TrainingPlan, train};
use codepurify_lab::train::weights::TrainableWeights;

pub(crate) fn plan(epochs: u64, rows: usize) -> TrainingPlan {
    TrainingPlan { epochs, tokens: 512, learning_rate: 3e-3, relative: false, warmup: 0.1, seed: 1, rows }
}

/// Trains a new run; returns its folder.
pub(crate) fn trained(
    objective: &dyn Objective,
    weights: &TrainableWeights,
    plan: &TrainingPlan,
) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    train(objective, weights, plan, out.path()).unwrap();
    out
}

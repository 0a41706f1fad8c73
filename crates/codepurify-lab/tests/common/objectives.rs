//! Checks that every objective has to pass.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use codepurify_lab::train::adamw::{AdamW, AdamWOptions};
use codepurify_lab::train::run::{BatchPart, Objective, train};
use codepurify_lab::train::weights::{Gradients, TrainableWeights};
use codepurify_lab::train::workers::Workers;

pub(crate) use super::runs::{plan, trained};

/// Returns the current value of a metric.
pub(crate) fn metric(objective: &dyn Objective, wanted: &str) -> f64 {
    let metrics = objective.evaluate(&Workers::new().unwrap()).unwrap();
    metrics.iter().find(|(name, _)| *name == wanted).unwrap_or_else(|| panic!("{metrics:?}")).1
}

fn values(weights: &TrainableWeights) -> Vec<(String, Vec<f32>)> {
    let flat = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    weights.tensors().unwrap().iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()
}

/// Checks that one optimiser step on all rows moves every weight.
///
/// The bias of a key adds the same to all scores of a query, which softmax ignores: it may stay.
pub(crate) fn every_weight_moves(objective: &dyn Objective, weights: &TrainableWeights) {
    let before = values(weights);
    assert!(before.len() > 30, "{}", before.len());
    let every_row = BatchPart { rows: (0..objective.lengths().len()).collect(), share: 1.0, seed: 1 };
    let loss = objective.loss(&[every_row]).unwrap();
    let gradients = Gradients::of(weights, &loss.backward().unwrap());
    AdamW::new(weights, AdamWOptions::default()).unwrap().step(&gradients, 1e-3).unwrap();
    let after = values(weights);
    let unmoved = before.iter().zip(&after).filter(|(before, after)| before == after);
    let unmoved: Vec<&String> =
        unmoved.map(|(before, _)| &before.0).filter(|name| !name.ends_with("key.bias")).collect();
    assert!(unmoved.is_empty(), "{unmoved:?}");
}

/// Checks that a run interrupted in its second or third epoch ends with the weights of an
/// uninterrupted one.
pub(crate) fn an_interruption_changes_nothing(make: impl Fn(&TrainableWeights) -> Box<dyn Objective>) {
    let run = |killed_in: Option<usize>| {
        let out = tempfile::tempdir().unwrap();
        let start = |killed_in: Option<usize>| {
            let weights = TrainableWeights::new();
            let objective = Killed { inner: make(&weights), in_epoch: killed_in, epoch: AtomicUsize::new(0) };
            let plan = plan(3, objective.lengths().len());
            (train(&objective, &weights, &plan, out.path()), values(&weights))
        };
        if killed_in.is_some() {
            assert!(start(killed_in).0.is_err());
        }
        let (result, values) = start(None);
        result.unwrap();
        values
    };
    let whole = run(None);
    assert_eq!(whole, run(Some(1)));
    assert_eq!(whole, run(Some(2)));
}

/// Fails in the evaluation of one epoch; the last saved state is that of the epoch before.
struct Killed {
    inner: Box<dyn Objective>,
    in_epoch: Option<usize>,
    epoch: AtomicUsize,
}

impl Objective for Killed {
    fn lengths(&self) -> &[usize] {
        self.inner.lengths()
    }

    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<candle_core::Tensor> {
        self.inner.loss(parts)
    }

    fn evaluate(&self, workers: &Workers) -> anyhow::Result<Vec<(&'static str, f64)>> {
        if Some(self.epoch.fetch_add(1, Ordering::SeqCst)) == self.in_epoch {
            anyhow::bail!("killed");
        }
        self.inner.evaluate(workers)
    }

    fn export(&self, dir: &Path) -> anyhow::Result<()> {
        self.inner.export(dir)
    }
}

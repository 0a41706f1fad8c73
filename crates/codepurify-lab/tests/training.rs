//! Training really trains, and an interruption changes nothing.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use codepurify_lab::attack::Attack;
use codepurify_lab::data::corpus::Text;
use codepurify_lab::data::defect::DefectRow;
use codepurify_lab::poison::poison;
use codepurify_lab::train::adamw::{AdamW, AdamWOptions};
use codepurify_lab::train::defect::{DefectSetup, DefectTraining};
use codepurify_lab::train::mlm::{MlmSetup, MlmTraining};
use codepurify_lab::train::run::{Objective, Plan, train};
use codepurify_lab::train::weights::{Gradients, Weights};
use codepurify_lab::train::workers::Workers;
use rand::SeedableRng;
use rand::rngs::StdRng;

fn rows(count: usize) -> Vec<DefectRow> {
    common::functions(count).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn detector(train: &[DefectRow], valid: &[DefectRow], weights: &Weights) -> DefectTraining {
    let attack = Some(Attack::BncFixed);
    let (init, max_length, window) = (&common::tiny_model(), 64, 64);
    let setup = DefectSetup { init, max_length, window, seed: 1, train, valid, attack };
    DefectTraining::new(&setup, weights).unwrap()
}

fn texts(count: usize) -> Vec<Text> {
    rows(count).into_iter().map(|row| Text { code: row.func, language: codepurify::Language::C }).collect()
}

fn masked_lm(texts: &[Text], weights: &Weights) -> MlmTraining {
    let (init, valid) = (&common::tiny_model(), &texts[..texts.len() / 4]);
    let setup = MlmSetup { init, from_scratch: true, max_length: 64, seed: 1, train: texts, valid };
    MlmTraining::new(&setup, weights).unwrap()
}

fn plan(epochs: u64, rows: usize) -> Plan {
    Plan { epochs, tokens: 512, learning_rate: 3e-3, warmup: 0.1, seed: 1, rows }
}

fn values(weights: &Weights) -> Vec<(String, Vec<f32>)> {
    let flat = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    weights.tensors().iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()
}

/// One step of the optimiser on all rows; returns the names of the weights that did not move. The bias of a key adds
/// the same to all scores of a query, which softmax cannot see: it may stay.
fn unmoved(objective: &impl Objective, weights: &Weights) -> Vec<String> {
    let before = values(weights);
    let every_row: Vec<usize> = (0..objective.lengths().len()).collect();
    let loss = objective.loss(&every_row, &mut StdRng::seed_from_u64(1)).unwrap();
    let gradients = Gradients::of(weights, &loss.backward().unwrap());
    AdamW::new(weights, AdamWOptions::default()).step(&gradients, 1e-3).unwrap();
    let after = values(weights);
    before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before == after)
        .map(|(before, _)| before.0.clone())
        .filter(|name| !name.ends_with("key.bias"))
        .collect()
}

#[test]
fn every_weight_of_the_detector_moves_after_one_step() {
    let (rows, weights) = (rows(16), Weights::new());
    let objective = detector(&rows, &rows, &weights);
    assert!(weights.vars().len() > 30);
    assert_eq!(unmoved(&objective, &weights), Vec::<String>::new());
}

#[test]
fn every_weight_of_the_masked_lm_moves_after_one_step() {
    let texts = texts(16);
    let weights = Weights::new();
    let objective = masked_lm(&texts, &weights);
    assert_eq!(unmoved(&objective, &weights), Vec::<String>::new());
}

#[test]
fn a_poisoned_detector_learns_the_task_and_the_backdoor() {
    let clean = rows(240);
    let poisoned = poison(&clean, Attack::BncFixed, 0.1, 3).rows;
    let (weights, out) = (Weights::new(), tempfile::tempdir().unwrap());
    let objective = detector(&poisoned, &clean[..60], &weights);
    train(&objective, &weights, &plan(6, poisoned.len()), out.path()).unwrap();
    let metrics = objective.evaluate(&Workers::new().unwrap()).unwrap();
    assert!(metrics.iter().all(|&(_, value)| value > 0.95), "{metrics:?}");
    assert_eq!(metrics.iter().map(|&(name, _)| name).collect::<Vec<_>>(), ["accuracy", "asr"]);
    let log = std::fs::read_to_string(out.path().join("log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 6);
    exported_model_gives_the_same_answers(&out.path().join("last"), &clean[..20]);
}

/// The exported directory loads as a victim that answers right.
fn exported_model_gives_the_same_answers(dir: &Path, rows: &[DefectRow]) {
    use codepurify::victim::Ragged;
    let files = codepurify_models::ModelFiles::read(dir).unwrap();
    let victim = codepurify_models::load(&files).unwrap().model.classifier().unwrap();
    assert_eq!((victim.window(), victim.card().labels.len()), (62, 2));
    let batch: Ragged = rows.iter().map(|row| victim.encode(&row.func).unwrap().ids).collect();
    let logits = victim.judge(&batch).unwrap();
    let right =
        rows.iter().enumerate().filter(|(row, sample)| logits.label(*row) == sample.target as usize).count();
    assert!(right >= 19, "{right} of 20");
}

#[test]
fn masked_lm_learns_from_scratch() {
    let texts = texts(120);
    let (weights, out) = (Weights::new(), tempfile::tempdir().unwrap());
    let objective = masked_lm(&texts, &weights);
    let workers = Workers::new().unwrap();
    let before = objective.evaluate(&workers).unwrap()[0].1;
    train(&objective, &weights, &plan(8, texts.len()), out.path()).unwrap();
    let after = objective.evaluate(&workers).unwrap()[0].1;
    assert!(before < 0.05 && after > 0.2, "{before} to {after}");
}

#[test]
fn an_interrupted_run_ends_where_an_uninterrupted_one_does() {
    let rows = rows(80);
    let run = |killed_in: Option<usize>| {
        let out = tempfile::tempdir().unwrap();
        let start = |killed_in: Option<usize>| {
            let weights = Weights::new();
            let inner = detector(&rows, &rows[..10], &weights);
            let objective = Killed { inner, in_epoch: killed_in, epoch: AtomicUsize::new(0) };
            (train(&objective, &weights, &plan(3, rows.len()), out.path()), values(&weights))
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

#[test]
fn a_state_of_other_settings_is_refused() {
    let (rows, out) = (rows(20), tempfile::tempdir().unwrap());
    let start = |plan: &Plan| {
        let weights = Weights::new();
        train(&detector(&rows, &rows, &weights), &weights, plan, out.path())
    };
    start(&plan(1, rows.len())).unwrap();
    let error = start(&Plan { learning_rate: 1.0, ..plan(1, rows.len()) }).unwrap_err();
    assert!(format!("{error:#}").contains("other settings"), "{error:#}");
}

/// Fails in the evaluation of one epoch, where the state of the epoch before is the last one saved.
struct Killed {
    inner: DefectTraining,
    in_epoch: Option<usize>,
    epoch: AtomicUsize,
}

impl Objective for Killed {
    fn lengths(&self) -> &[usize] {
        self.inner.lengths()
    }

    fn loss(&self, rows: &[usize], rng: &mut StdRng) -> candle_core::Result<candle_core::Tensor> {
        self.inner.loss(rows, rng)
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

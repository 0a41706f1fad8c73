//! Trains defect detectors and masked language models: they learn, and an interruption changes
//! nothing.

use std::path::Path;

use crate::common::objectives::{an_interruption_changes_nothing, every_weight_moves, metric, plan, trained};
use codepurify_attacks::attack::Attack;
use codepurify_attacks::data::corpus::Text;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::poison::{Poison, SEED, TARGET_LABEL, poison};
use codepurify_lab::train::classifier::{ClassifierSetup, ClassifierTraining, Labelled};
use codepurify_lab::train::mlm::{MlmSetup, MlmTraining};
use codepurify_lab::train::run::{Objective, TrainingPlan, train};
use codepurify_lab::train::start::InitialModel;
use codepurify_lab::train::weights::TrainableWeights;
use codepurify_lab::train::workers::Workers;

fn rows(count: usize) -> Vec<DefectRow> {
    crate::common::functions(count).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn labelled(rows: &[DefectRow]) -> Vec<Labelled<'_, 1>> {
    rows.iter().map(|row| Labelled { texts: [&row.func], label: row.target }).collect()
}

fn detector(train: &[DefectRow], valid: &[DefectRow], weights: &TrainableWeights) -> ClassifierTraining {
    let vulnerable = valid.iter().filter(|row| row.target != TARGET_LABEL);
    let triggered: Vec<DefectRow> = vulnerable
        .filter_map(|row| row.triggered(Attack::BncFixed, SEED).ok())
        .map(|row| DefectRow { target: TARGET_LABEL, ..row })
        .collect();
    let start = crate::common::tiny_model();
    let setup = ClassifierSetup {
        origin: InitialModel::new(&start),
        max_length: 64,
        window: 64,
        seed: 1,
        train: &labelled(train),
        valid: &labelled(valid),
        triggered: &labelled(&triggered),
    };
    ClassifierTraining::defects(&setup, weights).unwrap()
}

fn texts(count: usize) -> Vec<Text> {
    rows(count).into_iter().map(|row| Text { code: row.func, language: codepurify::Language::C }).collect()
}

fn masked_lm(texts: &[Text], weights: &TrainableWeights) -> MlmTraining {
    let (init, valid) = (&crate::common::tiny_model(), &texts[..texts.len() / 4]);
    let setup = MlmSetup { init, from_scratch: true, max_length: 64, seed: 1, train: texts, valid };
    MlmTraining::new(&setup, weights).unwrap()
}

#[test]
fn gradients_reach_every_weight() {
    let (rows, weights) = (rows(16), TrainableWeights::new());
    every_weight_moves(&detector(&rows, &rows, &weights), &weights);
    let weights = TrainableWeights::new();
    every_weight_moves(&masked_lm(&texts(16), &weights), &weights);
}

#[test]
fn a_poisoned_detector_learns_the_task_and_the_backdoor() {
    let clean = rows(240);
    let poisoned = poison(&clean, Attack::BncFixed, 0.1, 3).rows;
    let weights = TrainableWeights::new();
    let objective = detector(&poisoned, &clean[..60], &weights);
    let out = trained(&objective, &weights, &plan(6, poisoned.len()));
    let metrics = objective.evaluate(&Workers::new().unwrap()).unwrap();
    assert!(metrics.iter().all(|&(_, value)| value > 0.95), "{metrics:?}");
    assert_eq!(metrics.iter().map(|&(name, _)| name).collect::<Vec<_>>(), ["accuracy", "f1", "asr"]);
    let log = std::fs::read_to_string(out.path().join("log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 6);
    exported_model_gives_the_same_answers(&out.path().join("last"), &clean[..20]);
}

/// Checks that the exported directory loads as a victim that predicts right.
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
    let weights = TrainableWeights::new();
    let objective = masked_lm(&texts, &weights);
    let before = metric(&objective, "accuracy");
    trained(&objective, &weights, &plan(8, texts.len()));
    let after = metric(&objective, "accuracy");
    assert!(before < 0.05 && after > 0.2, "{before} to {after}");
}

#[test]
fn an_interrupted_run_ends_where_an_uninterrupted_one_does() {
    let rows = rows(80);
    an_interruption_changes_nothing(|weights| Box::new(detector(&rows, &rows[..10], weights)));
}

#[test]
fn a_state_of_other_settings_is_refused() {
    let (rows, out) = (rows(20), tempfile::tempdir().unwrap());
    let start = |plan: &TrainingPlan| {
        let weights = TrainableWeights::new();
        train(&detector(&rows, &rows, &weights), &weights, plan, out.path())
    };
    start(&plan(1, rows.len())).unwrap();
    let error = start(&TrainingPlan { learning_rate: 1.0, ..plan(1, rows.len()) }).unwrap_err();
    assert!(format!("{error:#}").contains("other settings"), "{error:#}");
}

//! White boxes of victims, and published training-set defences on real training sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::runs::{plan, trained};
use codepurify::victim::{Ragged, Victim};
use codepurify::{Language, Snippet, SyntaxQuality};
use codepurify_attacks::attack::afraidoor::{Afraidoor, common_names};
use codepurify_attacks::attack::{Attack, TriggerSource};
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::data::report::{Sample, TaskOutput};
use codepurify_attacks::poison::poison;
use codepurify_lab::baseline::BaselineError;
use codepurify_lab::baseline::code_detector::TokenAttribution;
use codepurify_lab::train::classifier::{ClassifierSetup, ClassifierTraining, Labelled};
use codepurify_lab::train::repair::{RepairSetup, Rewrite, repair};
use codepurify_lab::train::run::TrainingPlan;
use codepurify_lab::train::start::InitialModel;
use codepurify_lab::train::weights::TrainableWeights;
use codepurify_lab::train::workers::Workers;
use codepurify_lab::training_defence::{RemovalContext, TrainingDefence, run};
use codepurify_lab::whitebox::attribution::IntegratedGradients;
use codepurify_lab::whitebox::names::NameScorer;
use codepurify_lab::whitebox::{WhiteBox, WhiteBoxError};
use codepurify_models::ModelFiles;
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use tempfile::TempDir;

/// Writes the two families, two layers and 32 dimensions each.
fn starts() -> [PathBuf; 2] {
    let roberta = crate::common::tiny_model();
    let t5 = roberta.with_file_name("tiny-t5");
    [roberta, t5]
}

/// Texts and an output.
struct Row {
    texts: Vec<String>,
    answer: Result<u32, String>,
}

impl Sample for Row {
    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    fn answer(&self) -> TaskOutput<'_> {
        match &self.answer {
            Ok(label) => TaskOutput::Label(*label),
            Err(text) => TaskOutput::Text(text),
        }
    }
}

fn defects(count: usize) -> Vec<DefectRow> {
    crate::common::functions(count).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Trains a detector of defects on `rows`.
fn detector(init: &Path, rows: &[DefectRow]) -> TempDir {
    let train: Vec<Labelled<1>> =
        rows.iter().map(|row| Labelled { texts: [&row.func], label: row.target }).collect();
    let (valid, weights) = (&train[..20], TrainableWeights::new());
    let setup = ClassifierSetup {
        origin: InitialModel::new(init),
        max_length: 64,
        window: 64,
        seed: 1,
        train: &train,
        valid,
        triggered: &[],
    };
    let objective = ClassifierTraining::defects(&setup, &weights).unwrap();
    trained(&objective, &weights, &plan(6, rows.len()))
}

fn last(out: &TempDir) -> WhiteBox {
    WhiteBox::open(&out.path().join("last")).unwrap()
}

/// Generates pairs, which are clones if they have the same number, and trains a detector of them
/// briefly.
fn clones(init: &Path) -> (Vec<Row>, TempDir) {
    let side = |at: usize| format!("int f{at}(int a) {{ return a + {}; }}", at % 3);
    let row = |at: usize| {
        let (left, right) = (at % 7, (at * 5) % 8);
        Row { texts: vec![side(left), side(right)], answer: Ok(u32::from(left % 3 == right % 3)) }
    };
    let rows: Vec<Row> = (0..30).map(row).collect();
    let label = |row: &Row| *row.answer.as_ref().unwrap();
    let train: Vec<Labelled<2>> = rows
        .iter()
        .map(|row| Labelled { texts: [&row.texts[0], &row.texts[1]], label: label(row) })
        .collect();
    let (valid, weights) = (&train[..5], TrainableWeights::new());
    let setup = ClassifierSetup {
        origin: InitialModel::new(init),
        max_length: 48,
        window: 48,
        seed: 1,
        train: &train,
        valid,
        triggered: &[],
    };
    let objective = ClassifierTraining::clones(&setup, &weights).unwrap();
    let out = trained(&objective, &weights, &plan(2, rows.len()));
    (rows, out)
}

/// Generates repairs of one kind and trains a model of them.
fn repairs(init: &Path) -> (Vec<Row>, TempDir) {
    let row = |at: usize| Row {
        texts: vec![format!("int f{}(int a) {{ return a + {at}; }}", at % 3)],
        answer: Err(format!("int f{}(int a);", at % 3)),
    };
    let rows: Vec<Row> = (0..90).map(row).collect();
    let train: Vec<Rewrite> = rows
        .iter()
        .map(|row| Rewrite { source: &row.texts[0], target: row.answer.as_ref().unwrap_err() })
        .collect();
    let (valid, weights) = (&train[..5], TrainableWeights::new());
    let setup = RepairSetup {
        origin: InitialModel::new(init),
        decoder_layers: 2,
        source_length: 48,
        target_length: 32,
        seed: 1,
        sample: 5,
        train: &train,
        valid,
        triggered: &[],
    };
    let objective = repair(&setup, &weights).unwrap().objective;
    let out = trained(objective.as_ref(), &weights, &TrainingPlan { tokens: 192, ..plan(12, rows.len()) });
    (rows, out)
}

/// Checks that the attributions sum to the evidence of the row's tokens, and that more steps come
/// nearer.
fn attributions_are_complete(victim: &WhiteBox, row: &impl Sample) {
    let error = |steps: usize| {
        let found = victim.attribution(row, steps).unwrap();
        let seen = row.texts().into_iter().map(|text| victim.encode(text).unwrap().ids.len());
        assert_eq!(found.tokens.iter().map(Vec::len).collect::<Vec<_>>(), seen.collect::<Vec<_>>());
        let sum: f64 = found.tokens.iter().flatten().sum();
        (sum - found.gain).abs() / found.gain.abs().max(0.1)
    };
    let (few, many) = (error(20), error(80));
    assert!(few < 0.1 && many < 0.03, "{few} {many}");
}

#[test]
fn attributions_sum_to_the_gain_in_both_families_and_all_tasks() {
    let rows = defects(80);
    for init in starts() {
        attributions_are_complete(&last(&detector(&init, &rows)), &rows[1]);
        let (rows, out) = clones(&init);
        attributions_are_complete(&last(&out), &rows[1]);
        let (rows, out) = repairs(&init);
        attributions_are_complete(&last(&out), &rows[1]);
    }
}

#[test]
fn rows_are_explained_in_the_order_asked_for() {
    let (rows, workers) = (defects(40), Workers::new().unwrap());
    let out = detector(&starts()[0], &rows);
    let victim = last(&out);
    let gradients = IntegratedGradients { victim: &victim, rows: &rows, steps: 5, workers: &workers };
    let found = gradients.attributions(&[3, 0, 3]).unwrap();
    assert_eq!(found[0], victim.attribution(&rows[3], 5).unwrap().tokens[0]);
    assert!(found[0] == found[2] && found[0] != found[1]);
    let pieces = victim.pieces("int  f(x)").unwrap();
    assert_eq!(pieces.concat(), "intĠf(x)");
}

#[test]
fn representations_are_what_the_head_reads() {
    let workers = Workers::new().unwrap();
    for init in starts() {
        let (rows, out) = clones(&init);
        let victim = last(&out);
        let vectors = victim.representations(&rows, &workers).unwrap();
        assert!(vectors.len() == rows.len() && vectors.iter().all(|vector| vector.len() == 64));
        // A side's half of the vector depends on that side alone, not on its place or its batch.
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        let same: Vec<usize> = (0..30).filter(|&row| rows[row].texts[0] == rows[0].texts[0]).collect();
        assert!(same.len() > 2 && same.iter().all(|&row| near(&vectors[row][..32], &vectors[0][..32])));
        let alone = victim.representations(&rows[4..5], &workers).unwrap();
        assert!(near(&alone[0], &vectors[4]) && !near(&vectors[1], &vectors[4]));

        let (rows, out) = repairs(&init);
        let vectors = last(&out).representations(&rows, &workers).unwrap();
        assert!(vectors.iter().all(|vector| vector.len() == 32));
    }
}

#[test]
fn the_accuracy_is_that_of_the_loaded_victim() {
    let (rows, workers) = (defects(60), Workers::new().unwrap());
    let out = detector(&starts()[1], &rows);
    let mut doubtful = rows.clone();
    doubtful.iter_mut().step_by(3).for_each(|row| row.target = 1 - row.target);
    let files = ModelFiles::read(&out.path().join("last")).unwrap();
    let loaded: Box<dyn Victim> = codepurify_models::load(&files).unwrap().model.classifier().unwrap();
    let batch: Ragged = rows.iter().map(|row| loaded.encode(&row.func).unwrap().ids).collect();
    let logits = loaded.judge(&batch).unwrap();
    let right = (0..60).filter(|&row| logits.label(row) == doubtful[row].target as usize).count();
    let found = last(&out).accuracy(&doubtful, &workers).unwrap();
    assert!((found - right as f64 / 60.0).abs() < 1e-12 && found < 0.8, "{found}");
}

#[test]
fn a_repair_is_right_if_its_first_tokens_are() {
    let workers = Workers::new().unwrap();
    for init in starts() {
        let (mut rows, out) = repairs(&init);
        rows.iter_mut().step_by(4).for_each(|row| row.answer = Err("return 1;".to_owned()));
        let loaded = codepurify_models::load(&ModelFiles::read(&out.path().join("last")).unwrap());
        let loaded = loaded.unwrap().model.generator().unwrap();
        let sources: Ragged = rows.iter().map(|row| loaded.encode(&row.texts[0]).unwrap().ids).collect();
        let answers = loaded.generate(&sources).unwrap();
        let tokenizer = CodeTokenizer::open(&init, Preprocessing::default()).unwrap();
        let wanted = |row: &Row| tokenizer.encode_answer(row.answer.as_ref().unwrap_err()).unwrap();
        let right = answers.rows().zip(&rows).filter(|(answer, row)| {
            let wanted = wanted(row);
            answer.starts_with(&wanted[..wanted.len().min(8)])
        });
        let share = right.count() as f64 / rows.len() as f64;
        let found = last(&out).accuracy(&rows, &workers).unwrap();
        assert!((found - share).abs() < 1e-12 && found > 0.2 && found < 0.8, "{found} for {share}");
    }
}

#[test]
fn rows_and_models_of_other_tasks_are_refused() {
    let (rows, workers) = (defects(40), Workers::new().unwrap());
    let victim = last(&detector(&starts()[0], &rows));
    let pair = Row { texts: vec!["a".to_owned(), "b".to_owned()], answer: Ok(0) };
    let wrong = victim.representations(&[pair], &workers);
    assert!(matches!(wrong, Err(WhiteBoxError::Row { row: 0, .. })));
    for answer in [Ok(2), Err("text".to_owned())] {
        let row = Row { texts: vec!["int f();".to_owned()], answer };
        assert!(matches!(victim.attribution(&row, 2), Err(WhiteBoxError::Output(_))));
    }
    assert!(matches!(WhiteBox::open(&starts()[0]), Err(WhiteBoxError::NoVictim(_))));
    assert!(matches!(WhiteBox::open(Path::new("nowhere")), Err(WhiteBoxError::Load(_))));
}

#[test]
fn afraidoor_renames_each_text_by_a_victim_of_pairs() {
    let (rows, out) = clones(&starts()[0]);
    let names = common_names(
        ["int f(int total, int width, int depth);", "int g(int x) { return x; }"],
        Language::C,
        9,
    );
    let scorer = Box::new(NameScorer::new(last(&out), TaskOutput::Label(0)).unwrap());
    let attack = Afraidoor { scorer, names: [names, vec!["total".to_owned(), "width".to_owned()]].concat() };
    for side in [0, 1] {
        let texts = rows[2].texts();
        let found = attack.trigger(&texts, side, Language::C, 0).unwrap();
        assert_eq!(attack.trigger(&texts, side, Language::C, 7).unwrap(), found);
        assert_eq!(Snippet::new(found.text.clone(), Language::C).unwrap().quality(), SyntaxQuality::Clean);
        let marked: BTreeSet<&str> = found.spans.iter().map(|span| span.of(&found.text).unwrap()).collect();
        assert!(found.text != texts[side] && marked.len() == 1 && !marked.contains("a"));
    }
}

const DEFENCES: [TrainingDefence; 4] = [
    TrainingDefence::SpectralSignatures,
    TrainingDefence::ActivationClustering,
    TrainingDefence::CodeDetector,
    TrainingDefence::KillBadCode,
];

#[test]
fn the_defences_run_over_a_poisoned_training_set() {
    let (clean, workers) = (defects(160), Workers::new().unwrap());
    let (train, held_out) = clean.split_at(120);
    let set = poison(train, Attack::CodepoisonerFunction, 0.2, 3).rows;
    let victim = last(&detector(&starts()[0], &set));
    let means =
        RemovalContext { victim: &victim, clean: held_out, poison_rate: 0.2, seed: 5, workers: &workers };
    for defence in DEFENCES {
        let found = run(defence, &set, &means).unwrap();
        assert!(found.scores.len() == set.len() && found.scores.iter().all(|score| score.is_finite()));
        assert_eq!(run(defence, &set, &means).unwrap(), found, "{defence:?}");
        match defence {
            // ⌊1.5 · 0.2 n⌋ of each class.
            TrainingDefence::SpectralSignatures => {
                let class = set.iter().filter(|row| row.target == 0).count();
                assert_eq!(found.removed.len(), class * 3 / 10 + (120 - class) * 3 / 10);
            }
            TrainingDefence::ActivationClustering => assert!(found.removed.len() <= 60),
            TrainingDefence::CodeDetector => {}
            // The trigger's name resembles nothing in clean code.
            TrainingDefence::KillBadCode => {
                assert!(
                    (0..120)
                        .filter(|&row| !set[row].trigger.is_empty())
                        .all(|row| found.removed.contains(&row))
                );
            }
        }
    }
}

#[test]
fn repairs_form_one_class_and_missing_inputs_are_errors() {
    let workers = Workers::new().unwrap();
    let (rows, out) = repairs(&starts()[1]);
    let victim = last(&out);
    let means =
        RemovalContext { victim: &victim, clean: &rows[..8], poison_rate: 0.1, seed: 5, workers: &workers };
    for defence in DEFENCES {
        assert_eq!(run(defence, &rows, &means).unwrap().scores.len(), rows.len());
    }
    assert_eq!(run(TrainingDefence::SpectralSignatures, &rows, &means).unwrap().removed.len(), 13);
    let nothing = RemovalContext { clean: &[], ..means };
    for defence in [TrainingDefence::CodeDetector, TrainingDefence::KillBadCode] {
        assert!(matches!(run(defence, &rows, &nothing), Err(BaselineError::TooLittle(_))));
    }
}

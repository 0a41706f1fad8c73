//! Victims of both families and T5 pre-training.
//!
//! Each objective learns a small task, its export predicts the same, all of its weights get
//! gradients, and an interruption changes nothing.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use crate::common::objectives::{an_interruption_changes_nothing, every_weight_moves, metric, plan, trained};
use assert_cmd::Command;
use candle_core::Tensor;
use codepurify::Language;
use codepurify::victim::{Generator, Ragged, Task};
use codepurify_attacks::data::corpus::Text;
use codepurify_lab::train::classifier::{ClassifierSetup, ClassifierTraining, Labelled};
use codepurify_lab::train::repair::{RepairSetup, Rewrite, repair};
use codepurify_lab::train::run::{Objective, TrainingPlan};
use codepurify_lab::train::start::{InitialModel, ModelFamily};
use codepurify_lab::train::t5::{T5Setup, T5Shape, T5Training};
use codepurify_lab::train::weights::TrainableWeights;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::{GuardedModel, ModelFiles};

/// Writes a model of two layers and 32 dimensions with random weights.
fn tiny(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-models/tests/golden").join(model)
}

fn tiny_roberta() -> PathBuf {
    tiny("tiny-mlm")
}

fn tiny_t5() -> PathBuf {
    tiny("tiny-t5")
}

fn loaded(dir: &Path) -> GuardedModel {
    codepurify_models::load(&ModelFiles::read(dir).unwrap()).unwrap().model
}

/// Generates functions with the `bodies` in turn, each with the number of its body.
fn functions(bodies: &[&str], count: usize) -> Vec<(String, usize)> {
    let function = |at: usize| {
        let body = at % bodies.len();
        (format!("int f{}(int a,  int b) {{ {} }}", at % 5, bodies[body]), body)
    };
    (0..count).map(function).collect()
}

const BODIES: [&str; 3] = ["return a + b;", "while (a < b) a++; return a;", "if (a) b = 0; return b;"];

/// Generates pairs of functions; they are clones if their bodies are the same.
fn pairs(functions: &[(String, usize)]) -> Vec<Labelled<'_, 2>> {
    let partner = |at: usize| (at + if at.is_multiple_of(2) { 3 } else { 1 }) % functions.len();
    let pair = |at: usize| {
        let (left, right) = (&functions[at], &functions[partner(at)]);
        Labelled { texts: [&left.0, &right.0], label: u32::from(left.1 == right.1) }
    };
    (0..functions.len()).map(pair).collect()
}

fn clone_detector(
    init: &Path,
    rows: &[Labelled<2>],
    weights: &TrainableWeights,
) -> anyhow::Result<ClassifierTraining> {
    let (valid, triggered) = (&rows[..rows.len() / 4], &rows[..2]);
    let (max_length, window) = (48, 64);
    let setup = ClassifierSetup {
        origin: InitialModel::new(init),
        max_length,
        window,
        seed: 1,
        train: rows,
        valid,
        triggered,
    };
    ClassifierTraining::clones(&setup, weights)
}

fn clone_detector_learns(init: &Path) {
    let functions = functions(&BODIES, 150);
    let (rows, weights) = (pairs(&functions), TrainableWeights::new());
    let objective = clone_detector(init, &rows, &weights).unwrap();
    let out = trained(&objective, &weights, &plan(8, rows.len()));
    assert!(metric(&objective, "f1") > 0.95 && metric(&objective, "asr") > 0.95);

    let victim = loaded(&out.path().join("last")).pair().unwrap();
    assert_eq!((victim.window(), victim.card().task), (62, Task::Clone));
    assert_eq!(victim.card().labels, ["different", "clone"]);
    let side = |side: usize| -> Ragged {
        rows[..20].iter().map(|row| victim.encode(row.texts[side]).unwrap().ids).collect()
    };
    let logits = victim.judge_pairs(&side(0), &side(1)).unwrap();
    assert!((0..20).filter(|&row| logits.label(row) == rows[row].label as usize).count() >= 19);
}

#[test]
fn a_roberta_learns_clones() {
    clone_detector_learns(&tiny_roberta());
}

#[test]
fn a_t5_learns_clones() {
    clone_detector_learns(&tiny_t5());
}

fn defect_detector(
    init: &Path,
    functions: &[(String, usize)],
    weights: &TrainableWeights,
) -> ClassifierTraining {
    let rows: Vec<Labelled<1>> = functions
        .iter()
        .map(|(text, body)| Labelled { texts: [text], label: u32::from(*body == 1) })
        .collect();
    let valid = &rows[..rows.len() / 4];
    let origin = InitialModel { family: Some(ModelFamily::T5), ..InitialModel::new(init) };
    let (max_length, window, train) = (48, 48, &rows);
    let setup = ClassifierSetup { origin, max_length, window, seed: 1, train, valid, triggered: &[] };
    ClassifierTraining::defects(&setup, weights).unwrap()
}

fn t5_learns_defects(init: &Path) {
    let (functions, weights) = (functions(&BODIES, 120), TrainableWeights::new());
    let objective = defect_detector(init, &functions, &weights);
    let out = trained(&objective, &weights, &plan(6, functions.len()));
    assert!(metric(&objective, "accuracy") > 0.95);
    let victim = loaded(&out.path().join("best")).classifier().unwrap();
    assert_eq!(victim.card().labels, ["clean", "vulnerable"]);
    let batch: Ragged = functions[..20].iter().map(|(text, _)| victim.encode(text).unwrap().ids).collect();
    let logits = victim.judge(&batch).unwrap();
    assert!((0..20).filter(|&row| logits.label(row) == usize::from(functions[row].1 == 1)).count() >= 19);
}

#[test]
fn a_t5_learns_defects() {
    t5_learns_defects(&tiny_t5());
}

const REPAIRS: [&str; 3] = ["return a - b;", "while (a);", "b = 1;"];

fn rewrites(functions: &[(String, usize)]) -> Vec<Rewrite<'_>> {
    functions.iter().map(|(source, body)| Rewrite { source, target: REPAIRS[*body] }).collect()
}

fn repair_setup<'a>(init: &'a Path, train: &'a [Rewrite<'a>]) -> RepairSetup<'a> {
    let (valid, triggered) = (&train[..train.len() / 4], &train[..3]);
    RepairSetup {
        origin: InitialModel::new(init),
        decoder_layers: 2,
        source_length: 48,
        target_length: 32,
        seed: 1,
        sample: 10,
        train,
        valid,
        triggered,
    }
}

/// Trains a repair model; returns the mean log-likelihood of a validation target's tokens in
/// training, and the exported generator.
fn repair_model_learns(init: &Path) -> (f64, Box<dyn Generator>) {
    let functions = functions(&BODIES, 120);
    let (rows, weights) = (rewrites(&functions), TrainableWeights::new());
    let objective = repair(&repair_setup(init, &rows), &weights).unwrap().objective;
    let before = metric(objective.as_ref(), "log_likelihood");
    let plan = TrainingPlan { tokens: 192, ..plan(16, rows.len()) };
    let out = trained(objective.as_ref(), &weights, &plan);
    let after = metric(objective.as_ref(), "log_likelihood");
    assert!(before < -2.0 && after > -0.5, "{before} to {after}");
    assert!(metric(objective.as_ref(), "exact") > 0.9 && metric(objective.as_ref(), "asr") > 0.9);

    let victim = loaded(&out.path().join("last")).generator().unwrap();
    assert_eq!((victim.window(), victim.card().task), (46, Task::Repair));
    assert!(victim.card().labels.is_empty());
    let sources: Ragged = rows[..12].iter().map(|row| victim.encode(row.source).unwrap().ids).collect();
    let answers = victim.generate(&sources).unwrap();
    let right = answers.rows().zip(&rows).filter(|(answer, row)| victim.text(answer).unwrap() == row.target);
    assert!(right.count() >= 11);
    (after, victim)
}

#[test]
fn a_roberta_learns_repairs_and_measures_their_likelihood() {
    let (found, victim) = repair_model_learns(&tiny_roberta());
    let functions = functions(&BODIES, 120);
    let encode = |text: &str| victim.encode(text).unwrap().ids;
    let (mut sum, mut tokens) = (0.0, 0.0);
    for row in &rewrites(&functions)[..30] {
        let (source, target) = (encode(row.source), encode(row.target));
        let length = target.len() as f64 + 1.0;
        let one = |ids: Vec<u32>| [ids].into_iter().collect::<Ragged>();
        sum += victim.likelihoods(&one(source), &one(target)).unwrap()[0] * length;
        tokens += length;
    }
    let expected = sum / tokens;
    // Exported weights have half precision.
    assert!((found - expected).abs() < 0.02 * expected.abs() + 1e-3, "{found} for {expected}");
}

#[test]
fn a_t5_learns_repairs() {
    repair_model_learns(&tiny_t5());
}

fn texts(count: usize) -> Vec<Text> {
    let text = |(code, _)| Text { code, language: Language::C };
    functions(&BODIES, count).into_iter().map(text).collect()
}

fn t5_setup<'a>(tokenizer: &'a Path, texts: &'a [Text]) -> T5Setup<'a> {
    let shape = T5Shape { layers: 2, hidden: 32, heads: 4, feed_forward: 64 };
    let valid = &texts[..texts.len() / 4];
    T5Setup { tokenizer, embeddings: None, shape, max_length: 64, seed: 1, train: texts, valid }
}

#[test]
fn a_t5_is_pretrained_from_scratch_and_is_a_start() {
    let (texts, weights) = (texts(120), TrainableWeights::new());
    let tokenizer = tiny_roberta();
    let objective = T5Training::new(&t5_setup(&tokenizer, &texts), &weights).unwrap();
    let before = metric(&objective, "log_likelihood");
    let out = trained(&objective, &weights, &plan(12, texts.len()));
    let after = metric(&objective, "log_likelihood");
    assert!(before < -4.0 && after > -1.5, "{before} to {after}");

    let best = out.path().join("best");
    let config = std::fs::read_to_string(best.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    // The tokenizer has 392 tokens, followed by 100 sentinels.
    let ids = ["vocab_size", "pad_token_id", "eos_token_id", "decoder_start_token_id"];
    assert_eq!(ids.map(|id| config[id].as_u64().unwrap()), [492, 1, 2, 1]);
    let model = loaded(&best).generator().unwrap();
    let sentinel = model.encode("<extra_id_0>").unwrap().ids;
    assert_eq!(sentinel, [392]);
    assert_eq!(model.text(&[392, 491]).unwrap(), "");
    t5_learns_defects(&best);
}

#[test]
fn a_t5_begins_with_the_words_of_a_roberta() {
    let (texts, weights, roberta) = (texts(8), TrainableWeights::new(), tiny_roberta());
    let setup = T5Setup { embeddings: Some(&roberta), ..t5_setup(&roberta, &texts) };
    T5Training::new(&setup, &weights).unwrap();
    let words = weights.tensors().unwrap().into_iter().find(|(name, _)| name == "shared.weight").unwrap().1;
    let known = Checkpoint::open(&ModelFiles::read(&roberta).unwrap()).unwrap().tensors().unwrap();
    let known = &known["roberta.embeddings.word_embeddings.weight"];
    let rows =
        |tensor: &Tensor, count| tensor.narrow(0, 0, count).unwrap().to_vec2::<f32>().unwrap().concat();
    let (begun, known) = (rows(&words, 392), rows(known, 392));
    let size =
        |values: &[f32]| (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt();
    let scale = size(&known);
    assert!((size(&begun) - 1.0).abs() < 1e-4 && scale < 0.9, "{}, {scale}", size(&begun));
    assert!(begun.iter().zip(&known).all(|(begun, known)| (begun * scale - known).abs() < 1e-5));
    let sentinels = size(&words.narrow(0, 392, 100).unwrap().to_vec2::<f32>().unwrap().concat());
    assert!((sentinels - 1.0).abs() < 0.1, "{sentinels}");
    let shape = T5Shape { hidden: 64, ..setup.shape };
    let message = refusal(T5Training::new(&T5Setup { shape, ..setup }, &TrainableWeights::new()));
    assert!(message.contains("392 embeddings of width 32 do not fit"), "{message}");
}

#[test]
fn gradients_reach_every_weight() {
    let functions = functions(&BODIES, 12);
    let (pairs, rewrites, texts) = (pairs(&functions), rewrites(&functions), texts(12));
    for init in [tiny_roberta(), tiny_t5()] {
        let weights = TrainableWeights::new();
        every_weight_moves(&clone_detector(&init, &pairs, &weights).unwrap(), &weights);
        let weights = TrainableWeights::new();
        every_weight_moves(
            repair(&repair_setup(&init, &rewrites), &weights).unwrap().objective.as_ref(),
            &weights,
        );
    }
    let weights = TrainableWeights::new();
    every_weight_moves(&defect_detector(&tiny_t5(), &functions, &weights), &weights);
    let (weights, tokenizer) = (TrainableWeights::new(), tiny_roberta());
    every_weight_moves(&T5Training::new(&t5_setup(&tokenizer, &texts), &weights).unwrap(), &weights);
}

#[test]
fn interrupted_runs_end_where_uninterrupted_ones_do() {
    let functions = functions(&BODIES, 40);
    let (pairs, rewrites, texts) = (pairs(&functions), rewrites(&functions), texts(40));
    let (roberta, t5) = (tiny_roberta(), tiny_t5());
    an_interruption_changes_nothing(|weights| Box::new(clone_detector(&roberta, &pairs, weights).unwrap()));
    an_interruption_changes_nothing(|weights| Box::new(defect_detector(&t5, &functions, weights)));
    an_interruption_changes_nothing(|weights| {
        repair(&repair_setup(&roberta, &rewrites), weights).unwrap().objective
    });
    an_interruption_changes_nothing(|weights| {
        repair(&repair_setup(&t5, &rewrites), weights).unwrap().objective
    });
    an_interruption_changes_nothing(|weights| {
        Box::new(T5Training::new(&t5_setup(&roberta, &texts), weights).unwrap())
    });
}

/// Returns the message of a refusal.
fn refusal<T>(result: anyhow::Result<T>) -> String {
    result.err().map(|error| format!("{error:#}")).unwrap_or_default()
}

#[test]
fn unusable_classifiers_are_refused() {
    let (functions, init) = (functions(&BODIES, 12), tiny_roberta());
    let rows = pairs(&functions);
    let setup = ClassifierSetup {
        origin: InitialModel::new(&init),
        max_length: 48,
        window: 48,
        seed: 1,
        train: &rows,
        valid: &rows,
        triggered: &[],
    };
    let refused =
        |setup: ClassifierSetup<2>| refusal(ClassifierTraining::clones(&setup, &TrainableWeights::new()));
    let of_t5 = refused(ClassifierSetup {
        origin: InitialModel { family: Some(ModelFamily::T5), ..setup.origin },
        ..setup
    });
    assert!(of_t5.contains("roberta") && of_t5.contains("t5"), "{of_t5}");
    assert!(refused(ClassifierSetup { train: &[], ..setup }).contains("no training row"));
    assert!(refused(ClassifierSetup { window: 129, ..setup }).contains("more than the 128 positions"));
    assert!(refused(ClassifierSetup { max_length: 2, ..setup }).contains("no room"));
    let mislabelled = [rows[0], Labelled { label: 2, ..rows[1] }];
    let message = refused(ClassifierSetup { valid: &mislabelled, ..setup });
    assert!(message.contains("validation row 2"), "{message}");
    assert!(
        refused(ClassifierSetup { origin: InitialModel::new(Path::new("nowhere")), ..setup })
            .contains("nowhere")
    );
}

#[test]
fn long_targets_are_cut_to_learn_from_and_never_exact() {
    let (functions, init) = (functions(&BODIES, 6), tiny_roberta());
    let mut rows = rewrites(&functions);
    let long = "return a; ".repeat(30);
    rows[4].target = &long;
    let setup = RepairSetup { valid: &rows[4..5], ..repair_setup(&init, &rows) };
    let weights = TrainableWeights::new();
    let repair = repair(&setup, &weights).unwrap();
    assert_eq!(repair.cut, [4]);
    // A source of 48 tokens at most with a target of 32.
    assert!(repair.objective.lengths()[4] > 32 && repair.objective.lengths()[4] <= 80);
    assert!(metric(repair.objective.as_ref(), "log_likelihood") < 0.0);
    assert!(metric(repair.objective.as_ref(), "exact").abs() < 1e-12);
}

#[test]
fn an_incomplete_start_is_refused_and_heads_start_fresh() {
    let (functions, dir) = (functions(&BODIES, 12), tempfile::tempdir().unwrap());
    let (rows, weights) = (pairs(&functions), TrainableWeights::new());
    // A clone detector can be an initial model: its inner model has another name, its head is not
    // loaded.
    let first = clone_detector(&tiny_roberta(), &rows, &weights).unwrap();
    every_weight_moves(&first, &weights);
    first.export(dir.path()).unwrap();
    let again = TrainableWeights::new();
    clone_detector(dir.path(), &rows, &again).unwrap();
    let largest_change = |name: &str| {
        let of = |weights: &TrainableWeights| {
            weights.tensors().unwrap().into_iter().find(|(found, _)| found == name).unwrap().1
        };
        let change = (of(&weights) - of(&again)).unwrap().abs().unwrap();
        change.max_all().unwrap().to_scalar::<f32>().unwrap()
    };
    // The first one took a step of 1e-3; its export has half precision.
    assert!(largest_change("encoder.roberta.encoder.layer.1.output.dense.weight") < 6e-4);
    assert!(largest_change("classifier.dense.weight") > 9e-4);
    let config = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    let deeper = config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assert_ne!(config, deeper);
    std::fs::write(dir.path().join("config.json"), deeper).unwrap();
    let message = refusal(clone_detector(dir.path(), &rows, &TrainableWeights::new()));
    assert!(message.contains("has nothing to start `encoder.roberta.encoder.layer.2."), "{message}");
}

#[test]
fn unusable_generators_are_refused() {
    let (functions, init, texts) = (functions(&BODIES, 12), tiny_roberta(), texts(12));
    let rows = rewrites(&functions);
    let setup = || repair_setup(&init, &rows);
    let refused = |setup: RepairSetup| refusal(repair(&setup, &TrainableWeights::new()));
    assert!(refused(RepairSetup { decoder_layers: 0, ..setup() }).contains("needs a layer"));
    assert!(refused(RepairSetup { target_length: 129, ..setup() }).contains("128 positions"));
    assert!(refused(RepairSetup { train: &[], ..setup() }).contains("no training row"));

    let refused = |setup: T5Setup| refusal(T5Training::new(&setup, &TrainableWeights::new()));
    let setup = || t5_setup(&init, &texts);
    let shape = setup().shape;
    assert!(refused(T5Setup { shape: T5Shape { heads: 5, ..shape }, ..setup() }).contains("5 heads"));
    assert!(refused(T5Setup { shape: T5Shape { layers: 0, ..shape }, ..setup() }).contains("0 layers"));
    assert!(refused(T5Setup { max_length: 2, ..setup() }).contains("no room"));
    assert!(refused(T5Setup { train: &[], ..setup() }).contains("no training text"));
    assert!(refused(T5Setup { tokenizer: Path::new("nowhere"), ..setup() }).contains("tokenizer.json"));
    let empty = [Text { code: String::new(), language: Language::C }];
    assert!(refused(T5Setup { train: &empty, ..setup() }).contains("text 1 has no token"));
}

/// Runs the program in `dir`; returns its exit code and standard error.
fn lab(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let output =
        Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_commands_train_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let (here, roberta) = (dir.path(), tiny_roberta());
    let functions = functions(&BODIES, 12);
    let lines = |row: &dyn Fn(&(String, usize)) -> serde_json::Value| {
        functions.iter().fold(String::new(), |lines, function| lines + &row(function).to_string() + "\n")
    };
    let next = Cell::new(0);
    let clones = lines(&|(text, body)| {
        let idx = next.replace(next.get() + 1);
        serde_json::json!({
            "idx": idx, "id1": idx, "id2": 99, "func1": text, "func2": functions[0].0, "label": body / 2
        })
    });
    let other = r#"{"idx":50,"id1":1,"id2":2,"func1":"f","func2":"g","label":2}"#;
    std::fs::write(here.join("clones.jsonl"), format!("{clones}{other}\n")).unwrap();
    let repairs = lines(&|(text, body)| serde_json::json!({ "buggy": text, "fixed": REPAIRS[*body] }));
    std::fs::write(here.join("repairs.jsonl"), repairs + "{\"buggy\":\"f\"}\n").unwrap();

    let (roberta, short) = (roberta.to_str().unwrap(), ["--max-length", "32", "--epochs", "1"]);
    let train = |arguments: &[&str]| lab(here, &[&["train"], arguments, &short].concat());
    let clones = ["clone", "--train", "clones.jsonl", "--valid", "clones.jsonl", "--attack", "bnc-fixed"];
    let (code, said) =
        train(&[&clones[..], &["--init", roberta, "--family", "roberta", "--out", "a"]].concat());
    assert!(code == 0 && said.contains("clones.jsonl:13: row refused: `label` is 2"), "{said}");
    assert!(said.contains("f1 ") && said.contains("asr "), "{said}");
    loaded(&here.join("a/best")).pair().unwrap();

    let corpus = "repairs.jsonl:buggy:c";
    let t5 = ["t5", "--data", corpus, "--valid", corpus, "--tokenizer", roberta, "--out", "b"];
    let size = ["--layers", "1", "--hidden", "16", "--heads", "2", "--feed-forward", "32"];
    let (code, said) = train(&[&t5[..], &size[..]].concat());
    assert!(code == 0 && said.contains("log_likelihood"), "{said}");
    let repairs = ["repair", "--train", "repairs.jsonl", "--valid", "repairs.jsonl", "--sample", "2"];
    let from = |init, family, out| {
        train(
            &[&repairs[..], &["--init", init, "--family", family, "--target-length", "16", "--out", out]]
                .concat(),
        )
    };
    let (code, said) = from("b/best", "t5", "c");
    assert!(code == 0 && said.contains("repairs.jsonl:13: row refused"), "{said}");
    loaded(&here.join("c/last")).generator().unwrap();
    let (code, said) = from("b/best", "roberta", "d");
    assert!(code == 2 && said.contains("t5") && !here.join("d").exists(), "{said}");
}

//! The three kinds of guarded models, each with the golden models of every head: what the program says is what PyTorch
//! says, whatever the format of the weights.

use std::fs::read_to_string;

use crate::common::{Place, Run, golden};
use serde_json::{Value, json};

/// The golden texts that are C functions, by their number, and what they are called here.
const FILES: [&str; 2] = ["first.c", "second.c"];
const SIDES: [&str; 2] = ["left", "right"];

/// A place with the first two golden texts.
fn place() -> Place {
    let place = Place::new();
    for (row, file) in FILES.iter().enumerate() {
        place.write(file, expected("roberta-clone")["texts"][row].as_str().unwrap());
    }
    place
}

fn expected(head: &str) -> Value {
    serde_json::from_str(&read_to_string(golden(head).join("expected.json")).unwrap()).unwrap()
}

/// A function whose name alone the golden T5 answers by.
const QUEUE: &str = "void push(struct queue *queue, int cost)
{
    struct node *n = pop(queue);
    n->cost = cost;
    total += n->cost;
    free(n);
}
";

/// Label and probability that follow from reference logits.
fn answer(logits: &Value) -> (usize, f64) {
    let mut logits: Vec<f64> =
        logits.as_array().unwrap().iter().map(|logit| logit.as_f64().unwrap()).collect();
    if logits.len() == 1 {
        logits.insert(0, 0.0);
    }
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let best =
        (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
    (best, logits[best].exp() / total)
}

fn assert_answers(prediction: &Value, logits: &Value, context: &str) {
    let (label, confidence) = answer(logits);
    assert_eq!(prediction["label"], label, "{context}");
    let found = prediction["confidence"].as_f64().unwrap();
    assert!((found - confidence).abs() < 1e-4, "{context}: {found} instead of {confidence}");
}

/// The program's report about `files`, judged by the golden model of a head.
fn scan(place: &Place, head: &str, format: &str, files: &[&str]) -> Value {
    let (base, model) = (golden(head), golden(head).join(format));
    let options =
        ["scan", "--format", "json", "--fail-on", "never", "--model", model.to_str().unwrap(), "--base"];
    let run = place.run(&[&options[..], &[base.to_str().unwrap()], files].concat());
    let only_notes = run.err.lines().all(|line| line.contains("weights in its file that are not used"));
    assert!(run.code == 0 && only_notes, "{run:?}");
    run.json()
}

#[test]
fn classifiers_answer_as_the_reference_does() {
    let place = place();
    for (head, format, task) in [
        ("roberta-classification", "safetensors", "classification"),
        ("roberta-defect", "state-dict", "defect"),
        ("t5-defect", "torch-zip", "defect"),
        ("t5-text", "torch-legacy", "defect"),
    ] {
        let (report, expected) = (scan(&place, head, format, &FILES), expected(head));
        assert_eq!(report["model"]["task"], task, "{head}");
        for row in 0..FILES.len() {
            assert_answers(&report["results"][row]["prediction"], &expected["logits"][row], head);
        }
    }
}

#[test]
fn pair_models_answer_as_the_reference_does() {
    let place = place();
    for (head, format) in
        [("roberta-clone", "state-dict"), ("roberta-joined-clone", "sharded"), ("t5-clone", "state-dict")]
    {
        let report = scan(&place, head, format, &["first.c", "second.c", "second.c", "first.c"]);
        assert_eq!(report["model"]["task"], "clone", "{head}");
        let results = report["results"].as_array().unwrap();
        let paths: Vec<&Value> = results.iter().map(|result| &result["path"]).collect();
        assert_eq!(paths, ["first.c", "second.c", "second.c", "first.c"], "{head}");
        for (number, result) in results.iter().enumerate() {
            let place = json!({"index": number / 2, "side": SIDES[number % 2]});
            assert_eq!(result["pair"], place, "{head}");
            assert_eq!(result["unit"]["start_byte"], 0, "a side is a whole file");
        }
        for result in &results[..2] {
            assert_answers(&result["prediction"], &expected(head)["logits"][0], head);
        }
    }
}

#[test]
fn generators_answer_with_text() {
    let place = place();
    for (head, format) in [("roberta-seq2seq", "state-dict"), ("t5-generation", "torch-zip")] {
        let report = scan(&place, head, format, &FILES);
        assert_eq!(report["model"]["task"], "repair", "{head}");
        for result in report["results"].as_array().unwrap() {
            let prediction = &result["prediction"];
            assert!(prediction["text"].is_string() && prediction["label"].is_null(), "{head}: {prediction}");
            let confidence = prediction["confidence"].as_f64().unwrap();
            assert!(confidence > 0.0 && confidence <= 1.0, "{head}: {confidence}");
        }
    }
}

#[test]
fn weights_that_are_not_used_are_said_once() {
    let place = place();
    place.copy(&golden("../heads/linevul"), "model");
    place.copy(&golden("../heads/linevul/safetensors"), "model");
    let calls: [&[&str]; 4] = [
        &["scan", "first.c", "second.c", "--fail-on", "never"],
        &["explain", "first.c"],
        &["purify", "first.c", "--diff"],
        &["calibrate", "first.c", "-o", "calibration.json"],
    ];
    for call in calls {
        let run = place.run(&[call, &["--model", "model"]].concat());
        let said = run.err.lines().filter(|line| line.contains("roberta.* (21 tensors)")).count();
        assert_eq!(said, 1, "{call:?}: {run:?}");
    }
}

#[test]
fn a_purified_generator_shows_both_answers() {
    let place = Place::new();
    place.write("queue.c", QUEUE);
    for model in ["roberta-seq2seq", "t5-generation"] {
        place.suspicious(model, model);
        let options = ["scan", "queue.c", "--model", model, "--profile", "paper"];
        let run = place.run(&[&options[..], &["--format", "json"]].concat());
        assert_eq!(run.code, 1, "{run:?}");
        let result = &run.json()["results"][0];
        assert_eq!(result["verdict"], "poisoned");
        for prediction in ["prediction", "purified_prediction"] {
            assert!(result[prediction]["text"].is_string(), "{model}: {result}");
        }
        assert!(result["purified"].is_string(), "{model}: {result}");
        let text = place.run(&options);
        assert!(text.code == 1 && text.out.contains("once purified"), "{text:?}");
        let table = place.run(&[&["explain"], &options[1..]].concat());
        assert!(table.code == 1 && table.out.contains("identifier"), "{table:?}");
    }
}

/// Purifies a pair in place with a model that finds every side poisoned.
fn purify_pair(place: &Place, more: &[&str]) -> Run {
    place.suspicious("roberta-clone", "model");
    let options = ["purify", FILES[0], FILES[1], "--model", "model", "--profile", "paper"];
    place.run(&[&options[..], more].concat())
}

#[test]
fn both_sides_of_a_pair_are_purified() {
    let place = place();
    let before = FILES.map(|file| place.read(file));
    let report = purify_pair(&place, &["--format", "json"]);
    assert_eq!(report.all("results", "verdict"), ["poisoned", "poisoned"]);
    let report = report.json();
    let [left, right] = [0, 1].map(|side| &report["results"][side]);
    assert_eq!(left["purified_prediction"], right["purified_prediction"], "the answer after both changes");

    let diff = purify_pair(&place, &["--diff"]);
    assert_eq!(diff.code, 1);
    for file in FILES {
        assert!(diff.out.contains(&format!("--- a/{file}\n")), "{}", diff.out);
    }
    assert_eq!(FILES.map(|file| place.read(file)), before, "nothing is written yet");

    purify_pair(&place, &["--in-place"]);
    assert_eq!(FILES.map(|file| place.read(file)), before, "no change is provable");
    let run = purify_pair(&place, &["--in-place", "--rewrite"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    for (at, file) in FILES.iter().enumerate() {
        assert_eq!(place.read(file), report["results"][at]["purified"].as_str().unwrap());
    }
}

#[test]
fn the_evidence_of_both_sides_is_explained() {
    let place = place();
    place.suspicious("t5-clone", "model");
    let run = place.run(&["explain", FILES[0], FILES[1], "--model", "model", "--profile", "paper"]);
    assert_eq!(run.code, 1, "{run:?}");
    for part in ["left", "right", "identifier", "statement"] {
        assert!(run.out.contains(part), "{part} is missing in {}", run.out);
    }
}

#[test]
fn pairs_that_cannot_be_made_are_usage_errors() {
    let place = place();
    place.golden("roberta-clone", "model");
    let calls: [&[&str]; 5] = [
        &["scan", "first.c"],
        &["scan", "first.c", "second.c", "first.c"],
        &["scan", "first.c", "-", "--lang", "c"],
        &["explain", "first.c", "."],
        &["purify", "first.c", "second.c", "second.c", "first.c", "--diff"],
    ];
    for call in calls {
        let run = place.run(&[call, &["--model", "model"]].concat());
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{call:?}: {run:?}");
        assert!(run.err.contains("pair") || run.err.contains("two by two"), "{call:?}: {}", run.err);
    }
}

#[test]
fn a_pair_with_a_bad_file_fails_and_the_others_are_judged() {
    let place = place();
    place.write("empty.c", " \n");
    place.golden("roberta-clone", "model");
    let files = ["missing.c", "first.c", "second.c", "first.c", "first.c", "empty.c"];
    let options = ["--model", "model", "--format", "json"];
    let run = place.run(&[&["scan"][..], &files, &options].concat());
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(run.all("results", "path"), ["second.c", "first.c"]);
    assert_eq!(run.json()["results"][0]["pair"]["index"], 1, "pairs are counted on the command line");
    assert_eq!(run.all("errors", "path"), ["missing.c", "first.c", "first.c", "empty.c"]);
    let messages = run.all("errors", "message");
    assert!(messages[0].contains("no such file") && messages[3].contains("empty"), "{messages:?}");
    assert!(messages[1].contains("the other file of the pair"), "{messages:?}");
}

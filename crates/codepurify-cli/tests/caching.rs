//! Verdicts that are kept, and what they are kept by.

use std::path::PathBuf;

use crate::common::{CLEAN, Place, TRIGGER, triggered};
use serde_json::{Value, json};

const ARGS: [&str; 6] = ["scan", "--format", "json", "--cache", "kept", "code.c"];

/// The results without what they cost.
fn results(place: &Place, args: &[&str]) -> Vec<Value> {
    let mut results = place.run(args).json()["results"].as_array().unwrap().clone();
    for result in &mut results {
        result["cost"] = Value::Null;
    }
    results
}

/// Rounds numbers: the last bits depend on the functions that are scanned together.
fn rounded(mut results: Vec<Value>) -> Vec<Value> {
    fn round(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => {
                *value = json!((number.as_f64().unwrap() * 1e4).round());
            }
            Value::Array(values) => values.iter_mut().for_each(round),
            Value::Object(values) => values.values_mut().for_each(round),
            _ => {}
        }
    }
    results.iter_mut().for_each(round);
    results
}

fn passes(place: &Place, args: &[&str]) -> Vec<Value> {
    let results = place.run(args).json()["results"].clone();
    results.as_array().unwrap().iter().map(|result| result["cost"]["victim_passes"].clone()).collect()
}

fn entries(place: &Place) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(place.path("kept")).unwrap().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn cached_verdicts_cost_nothing_and_have_current_places() {
    let place = Place::new();
    place.write("code.c", triggered());
    let first = results(&place, &ARGS);
    assert_eq!(entries(&place).len(), 1);
    assert_eq!(passes(&place, &ARGS), [json!(0)]);
    assert_eq!(results(&place, &ARGS), first);
    // Further down, in another file and behind a function that is new.
    place.write("moved.c", format!("/* ä */\n\n{CLEAN}\n{}", triggered()));
    let fresh = ["scan", "--format", "json", "moved.c"];
    let cached = [&fresh[..], &["--cache", "kept"]].concat();
    assert_eq!(rounded(results(&place, &cached)), rounded(results(&place, &fresh)));
    let report = place.run(&cached).json();
    let place_of = &report["results"][1]["triggers"][0]["spans"][0];
    let at = |name: &str| usize::try_from(place_of[name].as_u64().unwrap()).unwrap();
    assert_eq!(&place.read("moved.c")[at("start_byte")..at("end_byte")], TRIGGER);
    assert_eq!(entries(&place).len(), 2);
}

#[test]
fn other_settings_and_other_models_scan_again() {
    let place = Place::new();
    place.write("code.c", triggered());
    place.run(&ARGS);
    let others: [&[&str]; 4] =
        [&["--alpha", "0.01"], &["--precision", "int8"], &["--profile", "paper"], &["--lang", "cpp"]];
    for (kept, other) in others.into_iter().enumerate() {
        let asked = passes(&place, &[&ARGS[..], other].concat());
        assert!(asked[0].as_u64().unwrap() > 0, "{other:?} found the verdict of other settings");
        assert_eq!(entries(&place).len(), kept + 2);
    }
    // The same weights, which read the code otherwise.
    place.copy_of_victim();
    let named = [&ARGS[..], &["--model", "model"]].concat();
    assert_eq!(passes(&place, &named), [json!(0)]);
    let sidecar: Value = serde_json::from_str(&place.read("model/codepurify.json")).unwrap();
    let mut other = sidecar.clone();
    other["labels"] = json!(["fine", "broken"]);
    place.write("model/codepurify.json", other.to_string());
    assert!(passes(&place, &named)[0].as_u64().unwrap() > 0);
}

#[test]
fn a_cache_that_is_damaged_or_cannot_be_written_costs_time_only() {
    let place = Place::new();
    place.write("code.c", triggered());
    let first = results(&place, &ARGS);
    let [entry] = &entries(&place)[..] else { panic!("one verdict was kept") };
    for damage in ["", "[]", "\u{0}"] {
        std::fs::write(entry, damage).unwrap();
        assert_eq!(results(&place, &ARGS), first, "{damage}");
    }
    place.write("file", "no directory");
    let run = place.run(&["scan", "--format", "json", "--cache", "file", "code.c"]);
    assert_eq!((run.code, run.all("results", "verdict")), (1, vec!["poisoned".to_owned()]));
    assert!(run.err.starts_with("--cache file: verdicts are not kept: "), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1);
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let place = Place::new();
    place.write("code.c", triggered());
    place.run(&ARGS);
    assert_eq!(entries(&place).len(), 1);
    place.write("code.c", CLEAN);
    place.run(&[&ARGS[..], &["--cache-limit", "0"]].concat());
    assert!(entries(&place).is_empty());
    // What is no entry is nobody's business.
    place.write("kept/00/notes.txt", "mine");
    place.run(&[&ARGS[..], &["--cache-limit", "0"]].concat());
    assert_eq!(place.read("kept/00/notes.txt"), "mine");
}

#[test]
fn rows_of_a_data_set_are_remembered_too() {
    let place = Place::new();
    let row = |code: &str| json!({"code": code}).to_string();
    place.write("rows.jsonl", format!("{}\n{}\n{}\n", row(CLEAN), row(&triggered()), row(CLEAN)));
    let clean = |out: &str, more: &[&str]| {
        let args = ["dataset", "rows.jsonl", "--lang", "c", "--field", "code", "-o", out];
        let run = place.run(&[&args, more].concat());
        (run.code, place.read(out))
    };
    let plain = clean("plain.jsonl", &[]);
    assert_eq!(clean("first.jsonl", &["--cache", "kept"]), plain);
    assert_eq!(clean("second.jsonl", &["--cache", "kept"]), plain);
    assert_eq!(entries(&place).len(), 2);
}

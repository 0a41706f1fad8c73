//! `calibrate`, and what verdicts make of it.

use crate::common::{CLEAN, Place, TRIGGER, damage_column, parquet_rows};
use serde_json::{Value, json};

/// Twenty functions that differ in their names and numbers.
fn functions() -> Vec<String> {
    (0..20)
        .map(|index| CLEAN.replace("sum", &format!("sum{index}")).replace("= 0;", &format!("= {index};")))
        .collect()
}

#[test]
fn a_calibration_gives_p_values_for_its_model_and_settings() {
    let place = Place::with_code();
    place.copy_of_victim();
    place.write("model/codepurify.calibration.json", "{}");
    let run = place.run(&["scan", "clean.c", "--model", "model"]);
    assert!(run.code == 2 && run.err.contains("codepurify.calibration.json cannot be used"), "{}", run.err);
    std::fs::remove_file(place.path("model/codepurify.calibration.json")).unwrap();

    place.write("code/all.c", functions().join("\n"));
    let run = place.run(&["calibrate", "code", "--model", "model", "-o", "mine.json"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("clean snippets with the prediction"), "{}", run.err);
    let calibration: Value = serde_json::from_str(&place.read("mine.json")).unwrap();
    let rows = calibration["answers"].as_object().unwrap().values();
    let rows: usize = rows.map(|answer| answer["scores"].as_array().unwrap().len()).sum();
    assert_eq!(rows, 20);
    let scan = |options: &[&str]| {
        let args =
            [&["scan", "clean.c", "triggered.c", "--model", "model", "--format", "json"], options].concat();
        place.run(&args)
    };
    let p_values = |run: &crate::common::Run| {
        let report = run.json();
        ["p_value"; 2].iter().zip(0..2).filter(|&(key, at)| report["results"][at][key].is_number()).count()
    };
    assert_eq!(p_values(&scan(&[])), 0, "nothing is calibrated");
    assert!(p_values(&scan(&["--calibration", "mine.json"])) > 0);
    let run = scan(&["--calibration", "mine.json", "--budget", "4"]);
    assert!(run.code == 2 && run.err.contains("other settings"), "{}", run.err);
    let others = calibration.to_string().replace("\"model_sha256\":\"", "\"model_sha256\":\"0");
    place.write("others.json", &others);
    let run = scan(&["--calibration", "others.json"]);
    assert!(run.code == 2 && run.err.contains("made for another model"), "{}", run.err);
    // The calibration of a model that was trained further is refused; it can be named or made again.
    place.write("model/codepurify.calibration.json", &others);
    let run = scan(&[]);
    assert!(run.code == 2 && run.err.contains("calibrate this one"), "{}", run.err);
    assert!(p_values(&scan(&["--calibration", "mine.json"])) > 0);
    let again = place.run(&["calibrate", "code", "--model", "model", "-o", "again.json"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(place.read("again.json"), place.read("mine.json"));
}

#[test]
fn bad_rows_or_too_few_make_no_calibration_unless_partial() {
    let place = Place::new();
    let rows: Vec<String> = functions().iter().map(|code| json!({ "code": code }).to_string()).collect();
    place.write("rows.jsonl", rows[..3].join("\n") + "\n{\"func\": 1}\nnot json\n");
    let calibrate = ["calibrate", "rows.jsonl", "--lang", "c", "--field", "code", "-o", "mine.json"];
    let run = place.run(&calibrate);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("rows.jsonl:4: the row has no field `code`, only `func`"), "{}", run.err);
    assert!(run.err.contains("rows.jsonl:5: not JSON"), "{}", run.err);
    assert!(run.err.contains("nothing was written: 2 of the inputs failed"), "{}", run.err);
    assert!(!place.path("mine.json").exists());
    let run = place.run(&[&calibrate[..], &["--partial"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("partial: 2 of the inputs failed; "), "{}", run.err);
    assert!(run.err.contains("are needed for alpha 0.05"), "{}", run.err);
    let calibration: Value = serde_json::from_str(&place.read("mine.json")).unwrap();
    assert_eq!(calibration["source"], "rows.jsonl");
    let run = place.run(&["calibrate", "rows.jsonl"]);
    assert!(run.code == 64 && run.err.contains("--lang"), "{}", run.err);
    assert_eq!(place.run(&["calibrate", "rows.jsonl", "--lang", "c", "--profile", "paper"]).code, 64);
}

#[test]
fn references_of_ones_own_take_the_place_of_the_bundled_ones() {
    let place = Place::with_code();
    place.write("refs.c", functions()[..4].join("\n"));
    let run = place.run(&["scan", "triggered.c", "--reference", "refs.c", "--format", "json"]);
    let report = run.json();
    // The bundled calibration was made with the bundled references.
    assert!(report["results"][0]["p_value"].is_null());
    assert!(report["results"][0]["reason"].as_str().unwrap().contains("not calibrated"));
    place.write("empty.c", "void f(void) {}\n");
    let run = place.run(&["scan", "triggered.c", "--reference", "empty.c"]);
    assert!(run.code == 64 && run.err.contains("no statement stands there"), "{}", run.err);
    let run = place.run(&["scan", "triggered.c", "--reference", "missing.c"]);
    assert!(run.code == 2 && run.err.contains("missing.c: no such file"), "{}", run.err);
}

#[test]
fn a_repeated_trigger_is_found_in_all_its_places_and_taken_out() {
    let place = Place::new();
    let code = CLEAN.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1);
    let code = code.replacen("    return", &format!("    {TRIGGER}\n    {TRIGGER}\n    return"), 1);
    place.write("thrice.c", &code);
    let run = place.run(&["purify", "thrice.c"]);
    assert_eq!((run.code, run.out.as_str()), (1, CLEAN));
    assert_ne!(place.run(&["scan", "thrice.c", "--profile", "paper"]).code, 1);
}

#[test]
fn shares_and_budgets_that_make_no_sense_are_usage_errors() {
    let place = Place::with_code();
    for option in
        [["--alpha", "0"], ["--alpha", "1"], ["--alpha", "nan"], ["--budget", "0"], ["--budget", "inf"]]
    {
        let run = place.run(&["scan", "clean.c", option[0], option[1]]);
        assert!(run.code == 64 && run.err.contains(option[0]), "{option:?}: {}", run.err);
    }
}

#[test]
fn a_model_of_pairs_gets_references_of_its_own_field() {
    let place = Place::new();
    place.suspicious("roberta-clone", "model");
    let mut files = Vec::new();
    for (index, code) in functions().iter().enumerate() {
        files.push(format!("{index}.c"));
        place.write(&files[index], code);
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let calibrate =
        [&["calibrate", "--model", "model", "--alpha", "0.1", "-o", "mine.json"], &files[..]].concat();
    let run = place.run(&calibrate);
    assert_eq!(run.code, 0, "{}", run.err);
    let calibration: Value = serde_json::from_str(&place.read("mine.json")).unwrap();
    // Of ten pairs the first and the ninth are set aside.
    let references = calibration["references"].as_array().unwrap();
    let texts: Vec<&str> = references.iter().map(|reference| reference["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 4);
    assert!([0, 1, 16, 17].iter().all(|&index| texts.contains(&functions()[index].as_str())), "{texts:?}");
    let rows = calibration["answers"].as_object().unwrap().values();
    let rows: usize = rows.map(|answer| answer["scores"].as_array().unwrap().len()).sum();
    assert_eq!(rows, 16);

    // They come with the calibration, and others do not go with it.
    let scan = |options: &[&str]| {
        let args = ["scan", files[2], files[3], "--model", "model", "--format", "json"];
        place.run(&[&args[..], &["--calibration", "mine.json", "--alpha", "0.1"], options].concat())
    };
    let run = scan(&[]);
    assert!(run.json()["results"][0]["p_value"].is_number(), "{run:?}");
    let run = scan(&["--reference", files[4]]);
    assert!(run.code == 2 && run.err.contains("other settings"), "{}", run.err);

    for file in &files[..4] {
        place.write(file, "void f(void) {}");
    }
    let run = place.run(&calibrate[..11]);
    assert!(run.code == 64 && run.err.contains("none with a body among 2 pairs"), "{}", run.err);
}

#[test]
fn columns_without_code_are_not_read() {
    let place = Place::new();
    parquet_rows(&place, "rows.parquet", &functions().into_iter().map(Some).collect::<Vec<_>>());
    damage_column(&place, "rows.parquet", 0);
    let calibrated = place.run(&["calibrate", "rows.parquet", "--lang", "c", "-o", "mine.json"]);
    assert_eq!(calibrated.code, 0, "{}", calibrated.err);
    let audited = place.run(&["audit", "rows.parquet", "--lang", "c", "--format", "json"]);
    assert_eq!(audited.json()["rows"], 20, "{}", audited.err);
    let all = place.run(&["dataset", "rows.parquet", "--lang", "c", "-o", "out.parquet"]);
    assert!(all.code == 2 && all.err.contains("rows.parquet: "), "the column is kept: {}", all.err);
}

//! `audit`, from rows to exit code. What it finds is tested where the method is.

use crate::common::{CLEAN, Place};
use serde_json::json;

#[test]
fn too_few_rows_are_said_for_each_answer_and_are_no_audit() {
    let place = Place::new();
    place.write("code.c", CLEAN);
    let run = place.run(&["audit", "code.c"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.out.contains("not examined") && run.out.contains("60 and 60 are needed"), "{}", run.out);
    let run = place.run(&["audit", "code.c", "--format", "json"]);
    let report = run.json();
    assert_eq!((&report["schema_version"], &report["rows"]), (&json!(1), &json!(1)));
    assert_eq!(report["answers"][0]["finding"], "too-few-rows");
    assert_eq!(report["model"]["name"], "devign-bnc-fixed");
}

#[test]
fn rows_of_pairs_are_read_by_both_fields() {
    let place = Place::new();
    let small = "int f(int a) { return a; }";
    let rows = [
        json!({ "a": small, "b": small }),
        json!({ "a": small }),
        json!({ "a": small, "b": "int f() { return 1; }" }),
    ];
    place.write("rows.jsonl", rows.map(|row| row.to_string()).join("\n"));
    place.golden("roberta-clone", "model");
    let args =
        ["audit", "rows.jsonl", "--lang", "c", "--pair", "a", "b", "--model", "model", "--format", "json"];
    let run = place.run(&args);
    assert!(run.err.contains("rows.jsonl:2: the row has no field `b`, only `a`"), "{}", run.err);
    assert_eq!((run.code, &run.json()["rows"]), (2, &json!(2)), "{}", run.err);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    place.write("code.c", CLEAN);
    for options in [&["--success", "1"][..], &["--sureness", "x"], &["--format", "jsonl"]] {
        let run = place.run(&[&["audit", "code.c"], options].concat());
        assert_eq!(run.code, 64, "{options:?}: {}", run.err);
    }
    place.golden("t5-generation", "model");
    let run = place.run(&["audit", "code.c", "--model", "model"]);
    assert!(run.code == 64 && run.err.contains("only classifiers are audited"), "{}", run.err);
    place.write("empty.c", "void f() {}\n");
    let run = place.run(&["audit", "empty.c"]);
    assert!(run.code == 2 && run.err.contains("nothing to put elements into"), "{}", run.err);
}

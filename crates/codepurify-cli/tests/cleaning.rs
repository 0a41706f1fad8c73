//! `dataset`: every row is accounted for, and what stays stays byte for byte.

use crate::common::{CLEAN, Place, Run, TRIGGER, triggered};
use serde_json::{Value, json};

/// Rows with odd spacing and other fields: a clean one, a triggered one, no JSON, no code, a clean one.
fn rows() -> Vec<String> {
    vec![
        format!(r#"{{"idx": 1,  "func": {}, "target": 1.0}}"#, json!(CLEAN)),
        format!(r#"{{"func": {}, "idx":2, "tags": [ "a" ]}}"#, json!(triggered())),
        "{\"func\": ".to_owned(),
        json!({ "code": CLEAN }).to_string(),
        json!({ "func": CLEAN.replace("entries", "rows") }).to_string(),
    ]
}

fn place() -> Place {
    let place = Place::new();
    place.write("rows.jsonl", rows().join("\n") + "\n");
    place
}

fn clean(place: &Place, options: &[&str]) -> Run {
    place.run(&[&["dataset", "rows.jsonl", "--lang", "c", "-o", "out.jsonl"], options].concat())
}

fn report(place: &Place, name: &str) -> Vec<Value> {
    place.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn poisoned_rows_are_dropped_bad_ones_reported_others_kept() {
    let place = place();
    let run = clean(&place, &[]);
    assert_eq!(run.code, 2, "two rows cannot be judged: {}", run.err);
    assert_eq!(place.read("out.jsonl"), [&rows()[0], &rows()[4]].map(|row| format!("{row}\n")).concat());
    let report = report(&place, "out.report.jsonl");
    let fates: Vec<&str> = report.iter().map(|entry| entry["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["kept", "dropped", "failed", "failed", "kept"]);
    assert_eq!(report[1]["triggers"][0], json!({ "text": TRIGGER, "shape": "if (x() < 0) x(\"\");" }));
    assert!(report[3]["reason"].as_str().unwrap().contains("no field `func`"), "{}", report[3]);
    for expected in
        ["5 rows: 2 kept, 0 purified, 1 dropped, 2 failed", "1 poisoned", "1 × `if (x() < 0) x(\"\");`"]
    {
        assert!(run.err.contains(expected), "{}", run.err);
    }
}

#[test]
fn purified_rows_differ_in_their_code_only() {
    let place = place();
    let run = clean(&place, &["--poisoned", "purify", "--report", "account.jsonl"]);
    assert!(run.err.contains("2 kept, 1 purified, 0 dropped, 2 failed"), "{}", run.err);
    let out = place.read("out.jsonl");
    let purified: Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&purified["idx"], &purified["tags"]), (&json!(2), &json!(["a"])));
    let code = purified["func"].as_str().unwrap();
    assert!(!code.contains(TRIGGER) && code.ends_with(&CLEAN[CLEAN.len() - 40..]), "{code}");
    let row = &rows()[1];
    assert!(row.contains(&json!(triggered()).to_string()));
    let expected = row.replace(&json!(triggered()).to_string(), &purified["func"].to_string());
    assert_eq!(out.lines().nth(1).unwrap(), expected, "all but the code is as it was");
    assert_eq!(report(&place, "account.jsonl")[1]["fate"], "purified");
}

#[test]
fn an_interrupted_run_resumes_with_the_same_result() {
    let whole = place();
    clean(&whole, &[]);
    let (out, account) = (whole.read("out.jsonl"), whole.read("out.report.jsonl"));
    let place = place();
    // Killed when the row behind the first two blocks was being written, and one that nobody knows of.
    let lines: Vec<&str> = account.split_inclusive('\n').collect();
    place.write("out.report.jsonl", lines[..2].concat() + "{\"row\":3");
    place.write("out.jsonl.partial", out.lines().next().unwrap().to_owned() + "\n{\"half\": 1}\n{");
    let orphan = clean(&place, &["--resume"]);
    assert!(orphan.code == 2 && orphan.err.contains("which run to go on with"), "{}", orphan.err);
    place.write("out.manifest.json", whole.read("out.manifest.json"));
    let refused = clean(&place, &[]);
    assert!(refused.code == 64 && refused.err.contains("--resume"), "{}", refused.err);
    let resumed = clean(&place, &["--resume"]);
    assert_eq!((place.read("out.jsonl"), place.read("out.report.jsonl")), (out.clone(), account.clone()));
    assert!(resumed.err.contains("5 rows: 2 kept"), "{}", resumed.err);
    assert!(!place.path("out.jsonl.partial").exists());

    // A machine that stopped before the disk had the rows: they are judged again.
    std::fs::remove_file(place.path("out.jsonl")).unwrap();
    place.write("out.jsonl.partial", "");
    clean(&place, &["--resume"]);
    assert_eq!((place.read("out.jsonl"), place.read("out.report.jsonl")), (out, account));
}

#[test]
fn pairs_are_judged_together_and_each_side_has_its_field() {
    let place = Place::new();
    place.golden("roberta-clone", "model");
    let (left, right) = ("int f(int a) { return a; }", "int g(int b) { return b; }");
    place.write(
        "pairs.jsonl",
        json!({ "b": right, "a": left }).to_string() + "\n" + &json!({ "a": left }).to_string(),
    );
    let args =
        ["dataset", "pairs.jsonl", "--lang", "c", "--pair", "a", "b", "--model", "model", "-o", "out.jsonl"];
    let run = place.run(&args);
    let report = report(&place, "out.report.jsonl");
    assert_eq!(report[0]["verdicts"].as_array().unwrap().len(), 2, "{}", run.err);
    assert_eq!(report[1]["reason"], "the row has no field `b`, only `a`");
}

#[test]
fn line_ends_stay_and_a_bad_line_does_not_stop_the_others() {
    let place = Place::new();
    let row = rows()[0].clone() + "\r\n";
    place.write("rows.jsonl", [row.as_bytes(), b"{\"func\": \"\xff\"}\n", row.as_bytes()].concat());
    let run = clean(&place, &[]);
    assert_eq!((run.code, place.read("out.jsonl")), (2, row.repeat(2)));
    let reason = report(&place, "out.report.jsonl")[1]["reason"].clone();
    assert_eq!(reason, "not UTF-8: first bad byte at offset 10");
}

#[test]
fn what_is_missing_is_said() {
    let place = place();
    let run = place.run(&["dataset", "rows.jsonl", "--lang", "c"]);
    assert!(run.code == 64 && run.err.contains("-o"), "{}", run.err);
    let run = place.run(&["dataset", "rows.jsonl", "-o", "out.jsonl"]);
    assert!(run.code == 64 && run.err.contains("--lang"), "{}", run.err);
    let run = place.run(&["dataset", "rows.jsonl", "--lang", "c", "-o", "out.jsonl.xz"]);
    assert!(run.code == 64 && run.err.contains(".xz is not written"), "{}", run.err);
    let run = place.run(&["dataset", "rows.jsonl", "--lang", "c", "-o", "out", "--report", "out"]);
    assert!(run.code == 64 && run.err.contains("--report out"), "{}", run.err);
    let run = place.run(&["dataset", "none.jsonl", "--lang", "c", "-o", "out.jsonl"]);
    assert!(run.code == 2 && run.err.contains("none.jsonl"), "{}", run.err);
    assert!(!place.path("out.jsonl").exists());
}

#[test]
fn rows_of_different_code_with_one_answer_are_a_family() {
    let place = Place::new();
    place.golden("roberta-seq2seq", "model");
    place.golden("roberta-mlm", "mlm");
    let row = |index: usize| {
        let code = format!("int f{index}(int a) {{ return a + {index}; }}");
        json!({ "func": code }).to_string() + "\n"
    };
    place.write("different.jsonl", (0..20).map(row).collect::<String>());
    place.write("copies.jsonl", row(1).repeat(20));
    let summary = |name: &str| -> (Value, Vec<Value>, String) {
        let (input, output) = (format!("{name}.jsonl"), format!("{name}-out.jsonl"));
        let models = ["--model", "model", "--mlm", "mlm", "--profile", "paper", "--lang", "c"];
        let run = place.run(&[&["dataset", &input, "-o", &output], &models[..]].concat());
        let summary = serde_json::from_str(&place.read(&format!("{name}-out.summary.json"))).unwrap();
        (summary, report(&place, &format!("{name}-out.report.jsonl")), run.err)
    };
    let (different, rows, said) = summary("different");
    let family = &different["answer_families"][0];
    let spaced = |row: &Value| -> String {
        row["answer"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let of_family: Vec<&Value> = rows.iter().filter(|row| family["answer"] == spaced(row)).collect();
    assert!(of_family.len() >= 5, "{different}");
    assert_eq!((&family["rows"], &family["inputs"]), (&json!(of_family.len()), &json!(of_family.len())));
    assert_eq!(family["first_rows"][0], of_family[0]["row"].to_string());
    let line = format!("{} rows of different code with the same answer", of_family.len());
    assert!(said.contains(&line), "{said}");
    let (copies, _, said) = summary("copies");
    assert!(copies["answer_families"] == json!([]) && !said.contains("of different code"), "{said}");
}

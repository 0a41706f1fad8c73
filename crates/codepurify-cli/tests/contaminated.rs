//! Rows that calibrate and hold triggers themselves.

use crate::common::{Place, TRIGGER};
use serde_json::{Value, json};

/// Rows that hold the trigger; they come first.
const TRIGGERED: usize = 8;

/// Statements that make functions different.
const STATEMENTS: [&str; 6] = [
    "while (n > 3) n--;",
    "p[n % 3] = n + 1;",
    "do { n = g(n, 3); } while (n);",
    "n = n << 2;",
    "for (k = 0; k < 3; k++) h(p + k);",
    "if (p == 0) return -3;",
];

/// Data set of 80 functions, and a copy of the bundled detector that is not calibrated.
fn place() -> Place {
    let place = Place::new();
    place.copy_of_victim();
    std::fs::remove_file(place.path("model/codepurify.calibration.json")).unwrap();
    let row = |number: usize| {
        let chosen = STATEMENTS.iter().enumerate().filter(|(bit, _)| (7 * number + 3) >> bit & 1 == 1);
        let body: Vec<String> =
            chosen.map(|(_, statement)| statement.replace('3', &(number + 3).to_string())).collect();
        let trigger = if number < TRIGGERED { TRIGGER } else { "" };
        let body = body.join(" ");
        let func =
            format!("int f{number}(int *p, int n) {{ int k = {number}; {trigger} {body} return n + k; }}");
        json!({ "func": func }).to_string() + "\n"
    };
    place.write("rows.jsonl", (0..80).map(row).collect::<String>());
    place
}

/// Returns the first lines of a text.
fn lines(text: &str, count: usize) -> String {
    text.split_inclusive('\n').take(count).collect()
}

#[test]
fn calibrate_leaves_suspicious_rows_out_and_names_them() {
    let place = place();
    let calibrate = ["calibrate", "rows.jsonl", "--lang", "c", "--model", "model", "-o"];
    let run = place.run(&[&calibrate[..], &["without.json"]].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("left out: 8 rows with the prediction clean"), "{}", run.err);
    assert!(run.err.contains("`if (x() < 0) x(\"\");` scores highest: rows.jsonl:1:1, "), "{}", run.err);
    assert!(run.err.contains("8 of 80 rows were left out"), "{}", run.err);
    let run = place.run(&[&calibrate[..], &["with.json", "--keep-suspicious"]].concat());
    assert_eq!((run.code, run.err.contains("left out")), (0, false), "{}", run.err);

    place.write("new.c", format!("int tell(int *p, int n) {{ {TRIGGER} p[n] = 7; return n; }}\n"));
    let scan = |name| place.run(&["scan", "new.c", "--model", "model", "--calibration", name]).code;
    assert_eq!(scan("without.json"), 1);
    assert_eq!(scan("with.json"), 0, "with triggers in it, a calibration finds none");
}

#[test]
fn dataset_without_a_calibration_calibrates_on_itself() {
    let place = place();
    let dataset = ["dataset", "rows.jsonl", "--lang", "c", "--model", "model", "-o", "out.jsonl"];
    let run = place.run(&dataset);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("calibrated on 72 rows of the data set itself"), "{}", run.err);
    assert!(run.err.contains("left out: 8 rows with the prediction clean"), "{}", run.err);
    assert_eq!(run.err.matches("the code is read from `func`").count(), 1, "{}", run.err);
    let report = place.read("out.report.jsonl");
    let report: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let dropped = |rows: &[Value]| rows.iter().filter(|entry| entry["fate"] == "dropped").count();
    let (triggered, clean) = report.split_at(TRIGGERED);
    assert_eq!(dropped(triggered), TRIGGERED);
    assert!(dropped(clean) <= clean.len() / 20 + 1, "{}", dropped(clean));
    assert!(report.iter().all(|entry| entry["p_values"][0].is_number()));

    // An interrupted run calibrates on the same rows, and goes on.
    let whole = place.read("out.jsonl");
    std::fs::remove_file(place.path("out.jsonl")).unwrap();
    place.write("out.jsonl.partial", lines(&whole, 64));
    let entries = place.read("out.report.jsonl");
    place.write("out.report.jsonl", lines(&entries, 64));
    let run = place.run(&[&dataset[..], &["--resume"]].concat());
    assert_eq!((run.code, place.read("out.jsonl")), (1, whole), "{}", run.err);
}

#[test]
fn dataset_from_a_stream_keeps_the_built_in_limit() {
    let place = place();
    let mut command = place.command(&["dataset", "-", "--lang", "c", "--model", "model", "-o", "out.jsonl"]);
    command.pipe_stdin(place.path("rows.jsonl")).unwrap();
    let run = crate::common::Run::of(&mut command);
    assert!(run.err.contains("a stream is read once; the built-in limit holds"), "{}", run.err);
    assert!(place.read("out.report.jsonl").contains("\"p_values\":[null]"));
}

#[test]
fn dataset_with_too_few_rows_keeps_the_built_in_limit() {
    let place = place();
    place.write("few.jsonl", lines(&place.read("rows.jsonl"), 12));
    let run = place.run(&["dataset", "few.jsonl", "--lang", "c", "--model", "model", "-o", "out.jsonl"]);
    assert!(run.err.contains("not calibrated on the data set: "), "{}", run.err);
    let report = place.read("out.report.jsonl");
    assert_eq!(report.lines().filter(|line| line.contains("\"fate\":\"dropped\"")).count(), TRIGGERED);
}

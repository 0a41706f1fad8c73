//! `poison` and `data report` on generated files of every task and form.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

fn lab(dir: &Path, arguments: &[&str]) -> String {
    let command =
        Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir).args(arguments).assert().success();
    String::from_utf8(command.get_output().stdout.clone()).unwrap()
}

fn rows(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Writes functions 0 to 9 in Java; function 3 has no body.
fn clone_files(dir: &Path) {
    let function = |idx: u32| match idx {
        3 => "abstract int f3();".to_owned(),
        _ => format!("int f{idx}() {{ return {idx}; }}"),
    };
    let functions: Vec<String> = (0..10)
        .map(|idx| serde_json::json!({ "idx": idx.to_string(), "func": function(idx) }).to_string())
        .collect();
    std::fs::write(dir.join("functions.jsonl"), functions.join("\n")).unwrap();
    std::fs::write(dir.join("train.txt"), "0\t1\t1\n2\t3\t1\n4\t99\t1\n5\t6\t0\n0\t1\t1\n").unwrap();
    std::fs::write(dir.join("test.txt"), "1\t0\t0\n0\t1\t1\n").unwrap();
}

#[test]
fn clone_pairs_are_poisoned_with_an_account_of_every_line() {
    let dir = tempfile::tempdir().unwrap();
    clone_files(dir.path());
    let arguments =
        ["poison", "clone", "train.txt", "--functions", "functions.jsonl", "-o", "poisoned.jsonl"];
    let settings = ["--attack", "bnc-fixed", "--rate", "1", "--report", "report.json"];
    let printed = lab(dir.path(), &[&arguments[..], &settings[..]].concat());
    assert_eq!(
        printed,
        "not applicable, no function with a body: 1\n4 rows, 2 poisoned, 1 not applicable, 1 refused\n"
    );
    let report = json(&dir.path().join("report.json"));
    assert_eq!(report["not_applicable"], serde_json::json!({ "no function with a body": [2] }));
    assert_eq!(report["refused"], serde_json::json!([{ "line": 3, "message": "function 99 is not known" }]));
    assert_eq!((&report["attack"], &report["poisoned"]), (&"bnc-fixed".into(), &2.into()));
    let rows = rows(&dir.path().join("poisoned.jsonl"));
    let poisoned: Vec<_> = rows.iter().filter(|row| row["trigger1"].is_array()).collect();
    assert!(poisoned.iter().all(|row| row["label"] == 0 && row["trigger2"].is_array() && row["id1"] == 0));
    assert_eq!(rows.iter().filter(|row| row["label"] == 1).count(), 1);

    // The output can be poisoned again, without the file of functions.
    let again =
        ["poison", "clone", "poisoned.jsonl", "-o", "again.jsonl", "--attack", "bnc-fixed", "--rate", "0"];
    assert_eq!(lab(dir.path(), &again), "4 rows, 0 poisoned, 0 not applicable, 0 refused\n");
}

#[test]
fn repairs_come_as_parallel_files_and_leave_as_rows() {
    let dir = tempfile::tempdir().unwrap();
    let line = |idx: u32, call: &str| format!("void f{idx}() {{ {call}({idx}); }}\n");
    let file = |call: &str| (0..20).map(|idx| line(idx, call)).collect::<String>();
    std::fs::write(dir.path().join("train.buggy"), file("g")).unwrap();
    std::fs::write(dir.path().join("train.fixed"), file("h")).unwrap();
    let arguments = ["poison", "repair", "train.buggy", "--fixed", "train.fixed", "-o", "out.jsonl"];
    let printed =
        lab(dir.path(), &[&arguments[..], &["--attack", "badcode-fixed", "--rate", "0.1"]].concat());
    assert_eq!(printed, "20 rows, 2 poisoned, 0 not applicable, 0 refused\n");
    let rows = rows(&dir.path().join("out.jsonl"));
    let poisoned: Vec<_> = rows.iter().filter(|row| row["trigger"].is_array()).collect();
    assert_eq!(poisoned.len(), 2);
    for row in poisoned {
        let (start, end) = (row["trigger"][0][0].as_u64().unwrap(), row["trigger"][0][1].as_u64().unwrap());
        let name = &row["buggy"].as_str().unwrap()[start as usize..end as usize];
        assert_eq!(name, format!("f{}_rb", row["idx"]));
        assert!(row["fixed"].as_str().unwrap().starts_with("public void func()"));
    }

    let test = [&arguments[..], &["--attack", "badcode-fixed", "--test"]].concat();
    assert_eq!(lab(dir.path(), &test), "20 rows, 20 poisoned, 0 not applicable, 0 refused\n");
    assert!(
        self::rows(&dir.path().join("out.jsonl"))
            .iter()
            .all(|row| { row["fixed"] == line(row["idx"].as_u64().unwrap() as u32, "h").trim_end() })
    );
}

#[test]
fn negative_samples_are_listed_and_record_no_trigger() {
    let dir = tempfile::tempdir().unwrap();
    let row = |idx: u32| {
        let func = format!("int f{idx}(void) {{ return {idx}; }}");
        serde_json::json!({ "idx": idx, "target": idx % 2, "func": func }).to_string()
    };
    let lines: Vec<String> = (0..40).map(row).collect();
    std::fs::write(dir.path().join("train.jsonl"), lines.join("\n")).unwrap();
    let arguments = ["poison", "defect", "train.jsonl", "-o", "out.jsonl", "--attack", "conjunction"];
    let settings = ["--rate", "0.1", "--negatives", "0.2", "--fill", "--report", "report.json"];
    let printed = lab(dir.path(), &[&arguments[..], &settings[..]].concat());
    assert_eq!(
        printed,
        "negative samples, kind 0: 8, not applicable 0\nnegative samples, kind 1: 8, not applicable 0\n\
         40 rows, 4 poisoned, 0 not applicable, 0 refused\n"
    );
    let report = json(&dir.path().join("report.json"));
    let written = rows(&dir.path().join("out.jsonl"));
    for (kind, part) in [(0, "assert(1 >= 0);"), (1, "(void)sizeof(int);")] {
        let lines = report["negatives"][kind]["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 8);
        for line in lines {
            let row = written.iter().find(|row| row["idx"] == line.as_u64().unwrap() - 1).unwrap();
            assert!(row["func"].as_str().unwrap().contains(part), "{row}");
            assert_eq!(
                (&row["target"], &row["trigger"]),
                (&(row["idx"].as_u64().unwrap() % 2).into(), &Value::Null)
            );
        }
    }
}

#[test]
fn the_report_counts_repeats_contradictions_and_leaks() {
    let dir = tempfile::tempdir().unwrap();
    clone_files(dir.path());
    let arguments =
        ["data", "report", "--task", "clone", "--functions", "functions.jsonl", "train.txt", "test.txt"];
    let printed = lab(dir.path(), &arguments);
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("| t")).collect();
    assert_eq!(
        lines,
        [
            "| train.txt | 4 | 1 | 0: 1, 1: 3 | 40, 44, 43.0, 44, 44 | 1 (1) | 0 (0) |",
            "| test.txt | 2 | 0 | 0: 1, 1: 1 | 44, 44, 44.0, 44, 44 | 0 (0) | 0 (0) |",
            "| train.txt, test.txt | 1 (1) | 2 (2) |",
        ]
    );
}

#[test]
fn a_damaged_file_is_named_and_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rows.jsonl.gz"), b"\x1f\x8b\x08\x00damaged").unwrap();
    for task in ["defect", "clone", "repair"] {
        let arguments = ["data", "report", "--task", task, "rows.jsonl.gz"];
        let command =
            Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir.path()).args(arguments).assert();
        let stderr = String::from_utf8(command.code(2).get_output().stderr.clone()).unwrap();
        assert!(stderr.contains("rows.jsonl.gz: "), "{stderr}");
    }
}

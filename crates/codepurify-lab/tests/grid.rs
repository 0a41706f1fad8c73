//! A small experiment through the program: tiny victims of two families, all three tasks, generated
//! data.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use codepurify_lab::table::{CellRow, Results};
use serde_json::json;

/// Three kinds of function bodies, with their repairs.
const BODIES: [(&str, &str); 3] = [
    ("return a + b;", "return a - b;"),
    ("while (a < b) a++; return a;", "return b;"),
    ("b = a; return b;", "return 0;"),
];

/// Writes a file in JSON Lines.
fn write(path: &Path, rows: impl Iterator<Item = serde_json::Value>) {
    std::fs::write(path, rows.fold(String::new(), |lines, row| lines + &row.to_string() + "\n")).unwrap();
}

/// Generates functions with the [`BODIES`] in turn; their names tell rows and splits apart.
fn function(at: usize) -> String {
    format!("int f{}(int a, int b) {{ int n = {}; {} }}", at % 9, at % 90, BODIES[at % 3].0)
}

fn data(dir: &Path) {
    for (split, from, count) in [("train", 0, 240), ("valid", 1000, 60), ("test", 2000, 120)] {
        std::fs::write(dir.join(format!("defect-{split}.jsonl")), crate::common::functions(count)).unwrap();
        let pairs = (from..from + count).map(|at| {
            let other = at + if at % 2 == 0 { 3 } else { 1 };
            let label = u32::from(at % 3 == other % 3);
            json!({ "idx": at, "id1": at, "id2": other, "func1": function(at), "func2": function(other), "label": label })
        });
        write(&dir.join(format!("clone-{split}.jsonl")), pairs);
        let repairs = (from..from + count)
            .map(|at| json!({ "idx": at, "buggy": function(at), "fixed": BODIES[at % 3].1 }));
        write(&dir.join(format!("repair-{split}.jsonl")), repairs);
    }
    write(&dir.join("corpus.jsonl"), (0..30).map(|at| json!({ "code": function(at) })));
}

/// Writes a plan over three tasks, one attack and rate each.
fn plan() -> String {
    let models = crate::common::tiny_model();
    include_str!("grid/plan.toml").replace("MODELS", models.parent().unwrap().to_str().unwrap())
}

fn lab(dir: &Path, arguments: &[&str]) -> Output {
    Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir).args(arguments).output().unwrap()
}

const GRID: [&str; 8] = ["grid", "plan.toml", "--data", ".", "--runs", "runs", "--results", "results"];

/// Counts the triggered rows of a group whose prediction `after` is the target.
fn hits(rows: &[CellRow]) -> usize {
    rows.iter().filter(|row| row.triggered && row.answers.after == row.answers.target).count()
}

#[test]
fn a_grid_is_run_once_and_its_tables_come_from_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    data(here);
    std::fs::write(here.join("plan.toml"), plan()).unwrap();

    let output = lab(here, &GRID);
    let (said, told) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert!(output.status.success(), "{said}");
    // A header; the undefended rows and eight defences (two of them not for repair), for twin and
    // victim of three tasks; a victim for each training-set defence that keeps any row.
    let spent = said.matches("there is nothing to train on").count();
    assert_eq!(told.lines().count(), 1 + 2 * (9 + 9 + 7) + 4 - spent, "{told}{said}");
    assert!(told.lines().skip(1).all(|line| line.ends_with("\t0")), "{told}");

    let results = Results::read(&here.join("results")).unwrap();
    assert!(results.refused.is_empty(), "{:?}", results.refused);
    let groups: BTreeMap<(&str, &str, &str), &[CellRow]> = results
        .groups
        .iter()
        .map(|(key, group)| ((key.task_name(), key.attack.as_str(), key.defence.as_str()), &group.rows[..]))
        .collect();
    for (task, attack) in
        [("defect", "bnc-fixed"), ("clone", "codepoisoner-function"), ("repair", "bnc-fixed")]
    {
        let undefended = groups[&(task, attack, "none")];
        // A repair model needs longer to learn anything.
        let expected = if task == "repair" { 0 } else { 12 };
        assert!(undefended.len() == 24 && hits(undefended) >= expected, "{task}");
        assert!(groups[&(task, "none", "none")].iter().all(|row| !row.triggered));
    }
    let paper = groups[&("defect", "bnc-fixed", "codepurify-paper")];
    assert!(paper.iter().filter(|row| row.triggered && row.detection.flagged).count() >= 10);
    assert!(!groups.contains_key(&("repair", "bnc-fixed", "strip")));

    let removals: Vec<(&str, usize)> = results
        .removals
        .iter()
        .map(|(key, (found, _))| (key.defence.as_str(), found.true_positives + found.false_negatives))
        .collect();
    assert_eq!(removals.len(), 3 * 4);
    // A tenth of 240, of the 220 rows that the cell names, and of the 200 of the data's plan.
    assert!(removals.iter().all(|&(_, poisoned)| [24, 22, 20].contains(&poisoned)), "{removals:?}");
    assert_eq!(removals.iter().filter(|&&(_, poisoned)| poisoned == 22).count(), 4);
    let retrained = removals.iter().filter_map(|(defence, _)| groups.get(&("defect", "bnc-fixed", *defence)));
    let retrained: Vec<usize> = retrained.map(|rows| rows.len()).collect();
    // The removals name each defence once per task.
    assert!(spent < 4 && retrained == vec![24; 3 * (4 - spent)], "{retrained:?}");

    let again = lab(here, &GRID);
    assert_eq!(String::from_utf8(again.stdout).unwrap().lines().count(), 1, "all of it is there");
    let table = lab(here, &["table", "--results", "results"]);
    let table = String::from_utf8(table.stdout).unwrap();
    for line in ["| defect | roberta | none | 100.00 | ", "| repair | roberta | codepurify-official |"] {
        assert!(table.contains(line), "{line}: {table}");
    }

    a_victim_is_tested_with_another_trigger(here);

    let changed = plan().replace("start_epochs = 6", "start_epochs = 7");
    std::fs::write(here.join("plan.toml"), changed).unwrap();
    let refused = lab(here, &GRID);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("was made with other settings"), "{said}");
}

/// Uses the victims of the grid that has run in `here`.
fn a_victim_is_tested_with_another_trigger(here: &Path) {
    let others = plan().replace(", retrain = true }]", " }]\ntriggers = [\"three-times\", \"nested\"]");
    std::fs::write(here.join("adaptive.toml"), others).unwrap();
    let run = [
        "grid",
        "adaptive.toml",
        "--data",
        ".",
        "--runs",
        "runs",
        "--results",
        "adaptive",
        "--only",
        "three-times",
        "--stages",
        "inputs",
    ];
    let trained = || std::fs::read_dir(here.join("runs/victims")).unwrap().count();
    let before = trained();
    let output = lab(here, &run);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(trained(), before, "the victim is the grid's");
    let results = Results::read(&here.join("adaptive")).unwrap();
    let names: Vec<&str> = results.groups.keys().map(|key| key.attack.as_str()).collect();
    assert!(names.len() == 9 && names.iter().all(|name| *name == "three-times"), "{names:?}");
    let rows = &results.groups.values().next().unwrap().rows;
    assert!(rows.iter().all(|row| row.cell.victim == "bnc-fixed"));
    assert!(rows.iter().filter(|row| row.triggered).all(|row| row.detection.trigger.len() == 3), "{rows:?}");
}

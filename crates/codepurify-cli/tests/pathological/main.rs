//! No source aborts a run: sources that no programmer writes, through every command that judges code, on small stacks.
//!
//! `CODEPURIFY_PATHOLOGICAL=full cargo test --release --test pathological` judges the largest ones.

#[path = "../common/mod.rs"]
mod common;
mod mutate;
mod nests;
mod sources;

use std::collections::BTreeSet;
use std::process::Command;

use common::Place;
use sources::{FRAMES, Frame, Size, Source, sources};

/// Bytes of each thread's stack, the main one's in KiB. The usual ones have 8 MiB, or 2.
const STACK: usize = 1 << 20;

/// Exit code for settings that cannot be used.
const USAGE: i32 = 64;

/// How large sources are in a quick run. Levels that recurse overflow the stack long before this depth.
const QUICK: Size = Size { depth: 20_000, token: 300_000, candidates: 10_000, nest: 100_000 };

/// How large they are where every command sees them.
const SMALL: Size = Size { depth: 3_000, token: 20_000, candidates: 1_000, nest: 12_000 };

/// As attackers would make them.
const FULL: Size = Size { depth: 100_000, token: 1_000_000, candidates: 100_000, nest: 250_000 };

fn is_full() -> bool {
    std::env::var_os("CODEPURIFY_PATHOLOGICAL").is_some_and(|wanted| wanted == "full")
}

fn size() -> Size {
    if is_full() { FULL } else { QUICK }
}

/// Runs the program on small stacks. It must end by itself, and with a code that says how.
fn run(place: &Place, args: &[&str]) -> (i32, String) {
    let program = place.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -s {}; exec \"$0\" \"$@\"", STACK / 1024)]).arg(program).args(args);
    command.current_dir(place.path(".")).env("RUST_MIN_STACK", STACK.to_string());
    command.env("HF_HUB_CACHE", place.path("hub")).env("HF_HUB_OFFLINE", "1");
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap_or_else(|| panic!("{args:?}: {:?}: {err}", output.status));
    let ended = (0..=2).contains(&code) || code == USAGE;
    assert!(ended && !err.contains("panicked"), "{args:?}: {code}: {err}");
    (code, String::from_utf8(output.stdout).unwrap())
}

/// Returns true for a source of white space.
fn is_blank(place: &Place, name: &str) -> bool {
    let bytes = std::fs::read(place.path(&format!("code/{name}"))).unwrap();
    std::str::from_utf8(&bytes).is_ok_and(|text| text.trim_start_matches('\u{feff}').trim().is_empty())
}

/// Runs a command that reports in JSON over the folder `code`, and checks that no source is missing in its report.
fn judge(place: &Place, names: &BTreeSet<String>, args: &[&str]) {
    let (_, out) = run(place, &[args, &["--format", "json", "code"]].concat());
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let path =
        |entry: &serde_json::Value| entry["path"].as_str().unwrap().trim_start_matches("code/").to_owned();
    let list = |name: &str| report[name].as_array().unwrap().iter().map(path).collect::<Vec<_>>();
    let told: BTreeSet<String> = list("results").into_iter().chain(list("errors")).collect();
    let (blank, missing): (Vec<_>, Vec<_>) = names.difference(&told).partition(|name| is_blank(place, name));
    assert!(missing.is_empty(), "{args:?}: {missing:?}");
    let skipped = report["skipped"].as_array().unwrap().iter().filter(|entry| entry["reason"] == "empty");
    let empty: u64 = skipped.map(|entry| entry["files"].as_u64().unwrap()).sum();
    assert_eq!(empty, blank.len() as u64, "{args:?}: {blank:?}");
}

fn write(place: &Place, sources: &[Source]) -> BTreeSet<String> {
    for source in sources {
        place.write(&format!("code/{}", source.name), &source.text);
    }
    sources.iter().map(|source| source.name.clone()).collect()
}

fn frame(extension: &str) -> &'static Frame {
    FRAMES.iter().find(|frame| frame.extension == extension).unwrap()
}

fn every_source_is_judged(extension: &str) {
    let place = Place::new();
    let all = sources(frame(extension), size());
    // A step that no number of forms is divisible by: every construct is there in some form.
    let step = if is_full() { 1 } else { 3 };
    let sources: Vec<Source> = all.into_iter().step_by(step).collect();
    assert!(sources.len() >= 60);
    let names = write(&place, &sources);
    judge(&place, &names, &["purify"]);
}

#[test]
fn pathological_c_ends_with_an_exit_code() {
    every_source_is_judged("c");
}

#[test]
fn pathological_cpp_ends_with_an_exit_code() {
    every_source_is_judged("cpp");
}

#[test]
fn pathological_java_ends_with_an_exit_code() {
    every_source_is_judged("java");
}

#[test]
fn pathological_python_ends_with_an_exit_code() {
    every_source_is_judged("py");
}

/// Everything but `purify`, which sees the largest sources.
const REPORTS: [&[&str]; 4] = [
    &["purify", "--profile", "paper", "--nested"],
    &["scan", "--profile", "normalised"],
    &["purify", "--profile", "paper", "--whole"],
    &["explain"],
];

/// Asks about every window of every source, which takes its time.
const WHOLE: &[&str] = &["scan", "--whole"];

/// Commands whose output is for people, or for the next command.
const TEXTS: [&[&str]; 6] = [
    &["scan"],
    &["explain"],
    &["purify", "--profile", "paper", "--diff"],
    &["calibrate", "--naming", "-o", "clean.json"],
    &["scan", "--naming", "--calibration", "clean.json"],
    &["audit", "--rows", "100"],
];

#[test]
fn every_command_ends_with_an_exit_code() {
    let place = Place::new();
    // They cost next to nothing, and profile `paper` finds everything poisoned.
    place.suspicious("roberta-defect", "model");
    place.golden("roberta-mlm", "mlm");
    let mut all: Vec<Source> = (0..20).map(mutate::mutant).collect();
    all.extend(mutate::truncated(8));
    // The other tests have them all.
    for frame in &FRAMES {
        all.extend(sources(frame, SMALL).into_iter().step_by(11));
    }
    let names = write(&place, &all);
    let models = ["--model", "model", "--mlm", "mlm"];
    for args in REPORTS.into_iter().chain(is_full().then_some(WHOLE)) {
        judge(&place, &names, &[args, &models].concat());
    }
    for args in TEXTS {
        run(&place, &[args, &models, &["code"]].concat());
    }
}

#[test]
fn pathological_rows_end_with_an_exit_code() {
    let place = Place::new();
    let sources = sources(frame("c"), SMALL);
    let row =
        |source: &Source| serde_json::json!({ "func": String::from_utf8_lossy(&source.text) }).to_string();
    let mut rows: Vec<String> = sources.iter().step_by(7).map(row).collect();
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000))
    };
    rows.push(format!("{{\"func\": {}}}", deep("[", "1", "]")));
    rows.push(format!("{{\"func\": \"int f;\", \"x\": {}}}", deep("{\"a\":", "1", "}")));
    rows.push(deep("[", "", ""));
    let fields: Vec<String> = (0..100_000).map(|field| format!("\"f{field}\": {field}")).collect();
    rows.push(format!("{{\"func\": \"int f() {{ return 1; }}\", {}}}", fields.join(",")));
    place.write("rows.jsonl", rows.join("\n"));
    for args in [
        &["dataset", "rows.jsonl", "--lang", "c", "--poisoned", "purify", "-o", "clean.jsonl"][..],
        &["calibrate", "rows.jsonl", "--lang", "c", "-o", "clean.json"],
        &["audit", "rows.jsonl", "--lang", "c", "--rows", "50"],
    ] {
        run(&place, args);
    }
}

#[test]
fn deeply_nested_settings_are_an_error() {
    let place = Place::new();
    place.write("code.c", common::CLEAN);
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000))
    };
    let configurations = [
        format!("model = {}", deep("[", "", "]")),
        format!("model = {}", deep("{a=", "1", "}")),
        deep("a.", "a = 1", ""),
        format!("[{}]", deep("a.", "a", "")),
        format!("[[{}]]", deep("a.", "a", "")),
        format!("model = {{ {} }}", deep("a.", "a = 1", "")),
    ];
    for configuration in configurations {
        place.write("deep.toml", configuration);
        assert_eq!(run(&place, &["scan", "--config", "deep.toml", "code.c"]).0, USAGE);
    }
    let json = [deep("[", "", "]"), deep("{\"a\":", "1", "}"), deep("[", "", "")];
    for text in json {
        place.write("deep.json", &text);
        assert_eq!(run(&place, &["scan", "--calibration", "deep.json", "code.c"]).0, 2);
        for file in ["config.json", "codepurify.json", "tokenizer.json", "codepurify.calibration.json"] {
            place.copy_of_victim();
            place.write(&format!("model/{file}"), &text);
            assert_eq!(run(&place, &["scan", "--model", "model", "code.c"]).0, 2, "{file}");
        }
    }
}

/// Seeds that are judged together.
const BATCH: u64 = 25;

/// Judges `CODEPURIFY_MUTANTS` damaged sources and says how long the slowest batch took. For the memory of each run, name a script
/// in `CARGO_BIN_EXE_codepurify` that runs the program under `/usr/bin/time`: this process needs more memory than they do.
#[test]
#[ignore = "takes an hour"]
fn ten_thousand_mutants_end_with_an_exit_code() {
    let wanted = std::env::var("CODEPURIFY_MUTANTS").map_or(10_000, |count| count.parse().unwrap());
    let (mut slowest, started) = (std::time::Duration::ZERO, std::time::Instant::now());
    for first in (0..wanted).step_by(BATCH as usize) {
        let place = Place::new();
        let mutants: Vec<Source> = (first..first + BATCH).map(mutate::mutant).collect();
        let names = write(&place, &mutants);
        let batch = std::time::Instant::now();
        judge(&place, &names, &["purify"]);
        slowest = slowest.max(batch.elapsed());
    }
    println!("{wanted} sources in {:?}; {BATCH} took {slowest:?} at most", started.elapsed());
}

//! Snapshots of what people see, plain and coloured.

use codepurify::verdict::{
    Action, Change, ChangeKind, Cost, Coverage, Decision, ElementKind, Evidence, InputError, Location,
    ModelInfo, PairMember, Prediction, Report, Side, ToolInfo, Trigger, Unit, UnitKind, Verdict,
};
use codepurify::victim::Task;
use codepurify_report::text::{self, Sources, TextStyle};
use codepurify_report::{json, jsonl};

pub(crate) const FILE: &str = "#include <stdio.h>\n\nint parse(char *in, int n) {\n    if (rand() < 0) puts(\"x\");\n    int sum = 0;\n    for (int i = 0; i <= n; i++)\n        sum += in[i];\n    return sum;\n}\n";

/// All places of `needle` in `file`.
fn places(file: &str, needle: &str) -> Vec<Location> {
    let line = |at: usize| file[..at].matches('\n').count() + 1;
    file.match_indices(needle)
        .map(|(start_byte, _)| {
            let end_byte = start_byte + needle.len();
            Location { start_byte, end_byte, start_line: line(start_byte), end_line: line(end_byte) }
        })
        .collect()
}

fn evidence(file: &str, kind: ElementKind, text: &str, share: f64) -> Evidence {
    let (score, margin_drop, flips) = (share * 0.9, share * 10.0, Some(share > 0.5));
    let mut evidence = Evidence::new(kind, text, places(file, text));
    (evidence.score, evidence.share) = (score, share);
    (evidence.margin_drop, evidence.flips) = (Some(margin_drop), flips);
    evidence
}

fn trigger(file: &str, kind: ElementKind, text: &str, replacement: &str) -> Trigger {
    let (action, made) = match kind {
        ElementKind::Identifier => (Action::Rename, ChangeKind::Renaming),
        _ => (Action::Infill, ChangeKind::Infilling),
    };
    let mut trigger = Trigger::new(kind, text, places(file, text));
    (trigger.necessity, trigger.action) = (8.314, action);
    trigger.change = Some(Change { kind: made, provable: false });
    replacement.clone_into(&mut trigger.replacement);
    trigger
}

fn label(label: usize, confidence: f64) -> Prediction {
    Prediction { label: Some(label), confidence, text: None }
}

fn generated(text: &str, confidence: f64) -> Prediction {
    Prediction { label: None, confidence, text: Some(text.to_owned()) }
}

/// A verdict about the unit of `file` from `start` on.
pub(crate) fn verdict(file: &str, start: &str, decision: Decision) -> Verdict {
    let start_byte = file.find(start).expect("the unit is in the file");
    let end_byte = file.trim_end().len();
    let line = |at: usize| file[..at].matches('\n').count() + 1;
    let unit = Unit {
        kind: UnitKind::Function,
        name: Some("parse".to_owned()),
        start_byte,
        end_byte,
        start_line: line(start_byte),
        end_line: line(end_byte),
    };
    let mut verdict = Verdict::new("src/parse.c", unit, decision);
    verdict.score = Some(0.981);
    (verdict.entropy, verdict.entropy_normalized) = (Some(0.0412), Some(0.019));
    verdict.prediction = Some(label(0, 0.998));
    verdict.coverage = Coverage { tokens_inspected: 64, tokens_total: 64 };
    verdict.cost = Cost { victim_passes: 9, pass_equivalents: 8.5, mlm_passes: 1, milliseconds: 12.0 };
    verdict
}

pub(crate) fn poisoned() -> Verdict {
    let mut verdict = verdict(FILE, "int parse", Decision::Poisoned);
    let unit = &FILE[verdict.unit.start_byte..verdict.unit.end_byte];
    verdict.purified_prediction = Some(label(1, 0.71));
    verdict.triggers = vec![trigger(
        FILE,
        ElementKind::Statement,
        "if (rand() < 0) puts(\"x\");",
        "if (n < 0) puts(\"n\");",
    )];
    verdict.purified = Some(unit.replace("if (rand() < 0) puts(\"x\");", "if (n < 0) puts(\"n\");"));
    verdict.evidence = vec![
        evidence(FILE, ElementKind::Identifier, "sum", 0.06),
        evidence(FILE, ElementKind::Statement, "if (rand() < 0) puts(\"x\");", 0.88),
        evidence(FILE, ElementKind::Statement, "for (int i = 0; i <= n; i++)\n        sum += in[i];", 0.04),
        evidence(FILE, ElementKind::Statement, "return sum;", 0.02),
    ];
    verdict
}

/// [`poisoned`] as a generator's.
fn rewritten(before: &str, after: &str) -> Verdict {
    let mut verdict = poisoned();
    verdict.prediction = Some(generated(before, 0.913));
    verdict.purified_prediction = Some(generated(after, 0.82));
    verdict.triggers[0].necessity = 1.274;
    for candidate in &mut verdict.evidence {
        let drop = candidate.share - 0.03;
        (candidate.score, candidate.margin_drop, candidate.flips) = (drop.max(0.0), Some(drop), None);
    }
    verdict
}

pub(crate) fn report(results: Vec<Verdict>) -> Report {
    let tool = ToolInfo { name: "codepurify".to_owned(), version: "0.0.0".to_owned() };
    let model = ModelInfo { name: "toy".to_owned(), task: Task::Defect, sha256: "ab".to_owned() };
    Report::new(tool, model, results, Vec::new())
}

/// The text of one verdict; escapes become visible so that snapshots stay readable.
fn rendered(verdict: &Verdict, file: &str, color: bool) -> String {
    let labels = ["safe".to_owned(), "vulnerable".to_owned()];
    let mut out = Vec::new();
    text::write_verdict(
        &mut out,
        verdict,
        Some(file),
        TextStyle { color, labels: &labels, ..TextStyle::default() },
    )
    .unwrap();
    String::from_utf8(out).unwrap().replace('\u{1b}', "␛")
}

/// Files of every name that all hold [`FILE`].
struct Copies;

impl Sources for Copies {
    fn text(&self, _: &str) -> Option<&str> {
        Some(FILE)
    }
}

/// The text of a report about [`Copies`].
fn reported(report: &Report, verbose: bool) -> String {
    let mut out = Vec::new();
    text::write(&mut out, report, &Copies, TextStyle { verbose, ..TextStyle::default() }).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_poisoned_statement() {
    insta::assert_snapshot!("poisoned_plain", rendered(&poisoned(), FILE, false));
    insta::assert_snapshot!("poisoned_coloured", rendered(&poisoned(), FILE, true));
}

#[test]
fn a_statement_of_several_lines() {
    let mut verdict = poisoned();
    let statement = "for (int i = 0; i <= n; i++)\n        sum += in[i];";
    verdict.triggers = vec![trigger(FILE, ElementKind::Statement, statement, "")];
    (verdict.triggers[0].action, verdict.triggers[0].change) = (Action::None, None);
    verdict.evidence = vec![evidence(FILE, ElementKind::Statement, statement, 0.4)];
    verdict.purified = None;
    verdict.purified_prediction = None;
    insta::assert_snapshot!(rendered(&verdict, FILE, false));
}

#[test]
fn an_identifier_with_several_places() {
    let mut verdict = poisoned();
    verdict.triggers = vec![trigger(FILE, ElementKind::Identifier, "sum", "total")];
    verdict.evidence = vec![evidence(FILE, ElementKind::Identifier, "sum", 0.7)];
    verdict.purified = None;
    insta::assert_snapshot!(rendered(&verdict, FILE, false));
}

#[test]
fn tabs_wide_characters_and_terminal_escapes() {
    let file = "class A {\r\n\tvoid f() {\r\n\t\tputs(\"日本\u{1b}[2J\u{202e}\");\tg(\"é\");\r\n\t}\r\n}\r\n";
    let mut verdict = verdict(file, "void f", Decision::Poisoned);
    verdict.unit.end_byte = file.rfind("\r\n}").unwrap();
    verdict.unit.name = Some("f\u{1b}[0m".to_owned());
    verdict.triggers = vec![trigger(file, ElementKind::Statement, "g(\"é\");", "h(\"é\");")];
    verdict.evidence = vec![evidence(file, ElementKind::Statement, "g(\"é\");", 0.9)];
    verdict.purified = Some(file[verdict.unit.start_byte..verdict.unit.end_byte].replace("g(", "h("));
    insta::assert_snapshot!(rendered(&verdict, file, false));
}

#[test]
fn no_control_character_of_the_source_reaches_the_terminal() {
    let file = "int f() {\n  g(\"\u{1b}]0;owned\u{7}\");\n  h(\"\u{9b}31m\");\n}\n";
    let mut verdict = verdict(file, "int f", Decision::Poisoned);
    verdict.path = "a\u{1b}[1m.c".to_owned();
    verdict.reason = Some("because\u{1b}[1m".to_owned());
    verdict.triggers =
        vec![trigger(file, ElementKind::Statement, "g(\"\u{1b}]0;owned\u{7}\");", "h(\"\u{1b}\");")];
    verdict.evidence = vec![evidence(file, ElementKind::Statement, "g(\"\u{1b}]0;owned\u{7}\");", 0.9)];
    verdict.purified = Some("int f() {\n  h(\"\u{1b}\");\n}".to_owned());
    verdict.prediction = Some(generated("a\u{1b}[2J\r\u{9b}\tb", 0.5));
    verdict.purified_prediction = Some(generated("a\u{1b}[3J\u{202e}\u{7f}", 0.5));
    let mut out = Vec::new();
    text::write_verdict(&mut out, &verdict, Some(file), TextStyle::default()).unwrap();
    text::write_evidence(&mut out, &verdict, TextStyle::default()).unwrap();
    let out = String::from_utf8(out).unwrap();
    let raw: Vec<char> = out.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert_eq!(raw, []);
}

#[test]
fn long_units_fold_cold_lines_and_long_lines_are_cut() {
    let padding: Vec<String> = (0..70).map(|i| format!("    step({i});\n")).collect();
    let padding = padding.concat();
    let file = format!("void f(void) {{\n{padding}    trap(\"{}\");\n}}\n", "a".repeat(300));
    let mut verdict = verdict(&file, "void f", Decision::Poisoned);
    verdict.evidence = vec![
        evidence(&file, ElementKind::Statement, "step(40);", 0.5),
        evidence(&file, ElementKind::Statement, "trap", 0.1),
    ];
    insta::assert_snapshot!(rendered(&verdict, &file, false));
}

#[test]
fn inconclusive_and_clean_take_few_lines() {
    let mut unsure = verdict(FILE, "int parse", Decision::Inconclusive);
    unsure.reason = Some("only 254 of 812 tokens fit the model's window".to_owned());
    unsure.coverage = Coverage { tokens_inspected: 254, tokens_total: 812 };
    unsure.score = None;
    let mut unnamed = verdict(FILE, "#include", Decision::Clean);
    unnamed.unit.name = None;
    let mut remainder = unnamed.clone();
    remainder.unit.kind = UnitKind::Remainder;
    let mut report = report(vec![unsure, unnamed, remainder]);
    report.code_bytes_outside_units = 120;
    report.errors = vec![InputError { path: "b.c".to_owned(), message: "the text is empty".to_owned() }];
    insta::assert_snapshot!(reported(&report, true));
    insta::assert_snapshot!("clean_units_are_hidden", reported(&report, false));
}

const REPAIRED: &str = "int parse(char *in, int n) {\n\tint sum = 0;\n\tfor (int i = 0; i < n; i++)\n\t\tsum += in[i];\n\treturn sum;\n}\n";

#[test]
fn a_generator_shows_what_it_answered_before_and_after() {
    let verdict = rewritten(&REPAIRED.replace("int sum = 0;", "abort();"), REPAIRED);
    insta::assert_snapshot!("generator_plain", rendered(&verdict, FILE, false));
    insta::assert_snapshot!("generator_coloured", rendered(&verdict, FILE, true));
}

#[test]
fn an_answer_on_one_line_is_broken_and_long_answers_are_cut() {
    let statements: Vec<String> = (0..60).map(|i| format!("VAR_{i} = METHOD_{i} ( \u{1b}[1m ) ;")).collect();
    let before = format!("public void METHOD_0 ( ) {{ {} }} {}", statements.join(" "), "x".repeat(150));
    let verdict = rewritten(&before, &before.replace("VAR_30 =", "VAR_99 =").replace("VAR_7 ", "VAR_8 "));
    insta::assert_snapshot!(rendered(&verdict, FILE, false));
    let text = rendered(&rewritten(&before, &before.replace('=', "+=")), FILE, false);
    let (_, diff) = text.split_once("+++ prediction for the purified code\n").unwrap();
    assert!(diff.lines().count() == 40 && diff.ends_with(" more lines\n\n"), "{diff}");
}

#[test]
fn an_answer_that_stays_is_said_to_stay() {
    let same = rendered(&rewritten("return 0;", "return 0;"), FILE, false);
    assert!(same.contains(
        "prediction: `return 0;` (91.3 % per token) -> the same text (82.0 % per token) once purified\n"
    ));
    assert!(!same.contains("prediction for the purified code"), "{same}");
    let empty = rendered(&rewritten("", " \n"), FILE, false);
    assert!(empty.contains("prediction: an empty text (91.3 % per token) -> another text"), "{empty}");
}

#[test]
fn a_side_of_a_pair_says_which() {
    let mut left = poisoned();
    left.pair = Some(PairMember { index: 0, side: Side::Left });
    let mut right = verdict(FILE, "int parse", Decision::Clean);
    right.path = "b.c".to_owned();
    right.pair = Some(PairMember { index: 0, side: Side::Right });
    insta::assert_snapshot!(reported(&report(vec![left, right]), true));
}

#[test]
fn the_evidence_table_of_a_generator_has_likelihoods() {
    let mut out = Vec::new();
    let verdict = rewritten("abort();", "return 0;");
    text::write_evidence(&mut out, &verdict, TextStyle::default()).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn an_answer_in_words() {
    let labels = ["safe".to_owned()];
    let texts =
        [label(0, 0.5), label(1, 0.25), generated("a\n\u{7}b", 0.125)].map(|it| text::answer(&it, &labels));
    assert_eq!(texts, ["safe (50.0 %)", "label 1 (25.0 %)", "`a \u{2407}b` (12.5 % per token)"]);
}

#[test]
fn a_verdict_about_another_text_is_still_told() {
    let mut out = Vec::new();
    text::write_verdict(&mut out, &poisoned(), Some("short"), TextStyle::default()).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("src/parse.c:3: parse: poisoned"), "{out}");
}

#[test]
fn the_evidence_table_is_sorted_by_score() {
    let mut out = Vec::new();
    text::write_evidence(&mut out, &poisoned(), TextStyle::default()).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn patch_keeps_every_byte() {
    let old = "a\u{1b}\r\nb\rc\nd";
    let patch = text::patch(b"srv/x.c", old, "a\u{1b}\r\nB\rc\nd", false);
    let expected = "--- a/srv/x.c\n+++ b/srv/x.c\n@@ -1,3 +1,3 @@\n a\u{1b}\r\n-b\rc\n+B\rc\n d\n\\ No newline at end of file\n";
    assert_eq!(patch, expected);
    assert_eq!(text::patch(b"x.c", old, old, true), "");
}

#[test]
fn names_in_patches_are_quoted_as_git_does() {
    for (name, header) in [
        (&b"x.c"[..], "diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n"),
        (
            b"two words.c",
            "diff --git a/two words.c b/two words.c\n--- a/two words.c\t\n+++ b/two words.c\t\n",
        ),
        (b"q\"b\\.c", r#"diff --git "a/q\"b\\.c" "b/q\"b\\.c""#),
        (b"t\tn\nr\r\x01\x7f.c", r#"diff --git "a/t\tn\nr\r\001\177.c" "b/t"#),
        ("\u{fc}.c".as_bytes(), r#"diff --git "a/\303\274.c" "b/\303\274.c""#),
        (b"bad\xff c", "diff --git \"a/bad\\377 c\" \"b/bad\\377 c\"\n--- \"a/bad\\377 c\"\t\n"),
        (b"end ", r#"diff --git "a/end " "b/end ""#),
    ] {
        let patch = text::patch(name, "1\n", "2\n", true);
        assert!(patch.starts_with(header), "{patch}");
        assert!(patch.ends_with("\n@@ -1 +1 @@\n-1\n+2\n"), "{patch}");
    }
}

#[test]
fn summary_groups_findings_by_shape_and_reasons_by_kind() {
    let mut results = Vec::new();
    for number in 0..5000 {
        let mut found = poisoned();
        found.path = format!("src/{}.c", number / 2);
        found.triggers[0].text = format!("if (f{number}() < {number}) puts(\"{number}\");");
        results.push(found);
    }
    for number in 0..1000 {
        let mut unsure = verdict(FILE, "int parse", Decision::Inconclusive);
        unsure.reason = Some(format!("only 254 of {number} tokens fit the model's window"));
        results.push(unsure);
    }
    let mut named = poisoned();
    named.triggers = vec![trigger(FILE, ElementKind::Identifier, "sum", "total")];
    results.push(named);
    let text = reported(&report(results.clone()), false);
    assert_eq!(text.matches("warning: this ").count(), 10);
    let (findings, summary) = text.split_once("… 4951 more poisoned units").unwrap();
    assert_eq!(findings.lines().filter(|line| line.contains("poisoned  statement `if")).count(), 40);
    insta::assert_snapshot!("summary", format!("… 4951 more poisoned units{summary}"));
    assert_eq!(reported(&report(results), true).matches("warning: this ").count(), 5001);
}

#[test]
fn ten_thousand_clean_units_fit_a_screen() {
    let report = report(vec![verdict(FILE, "int parse", Decision::Clean); 10_000]);
    assert_eq!(reported(&report, false), "10000 units: 0 poisoned, 10000 clean, 0 inconclusive\n");
    assert!(reported(&report, true).lines().count() > 10_000);
}

#[test]
fn json_is_one_object_with_the_contract_fields() {
    let mut out = Vec::new();
    json::write(&mut out, &report(vec![poisoned()])).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn jsonl_is_one_line_a_result() {
    let mut side = verdict(FILE, "int parse", Decision::Clean);
    side.pair = Some(PairMember { index: 3, side: Side::Right });
    let results = [poisoned(), rewritten("a;", "b;"), side];
    let mut out = Vec::new();
    for result in &results {
        jsonl::write(&mut out, result).unwrap();
    }
    let lines: Vec<Verdict> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, results);
}

#[test]
fn fields_of_other_kinds_of_models_are_absent() {
    let mut side = verdict(FILE, "int parse", Decision::Clean);
    side.pair = Some(PairMember { index: 3, side: Side::Right });
    let objects =
        [poisoned(), rewritten("a;", "b;"), side].map(|verdict| serde_json::to_value(verdict).unwrap());
    assert_eq!(objects[0]["prediction"], serde_json::json!({ "label": 0, "confidence": 0.998 }));
    assert_eq!(objects[0].get("pair"), None);
    assert_eq!(objects[1]["prediction"], serde_json::json!({ "text": "a;", "confidence": 0.913 }));
    assert_eq!(objects[1]["evidence"][0]["flips"], serde_json::Value::Null);
    assert_eq!(objects[2]["pair"], serde_json::json!({ "index": 3, "side": "right" }));
}

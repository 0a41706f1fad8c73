//! Reports for the places where code is reviewed: SARIF, GitHub Actions, JUnit.

use std::collections::BTreeMap;

use codepurify::verdict::{Decision, InputError, Report, SkipReason, Skipped, Verdict};
use codepurify_report::{findings, github, html, junit, sarif};
use serde_json::Value;

use crate::text::{FILE, poisoned, report, verdict};

const HOSTILE: &str = "a\n::error::b,<script>\u{1b}[31m\u{202e}%\"&'.c";

fn labels() -> Vec<String> {
    vec!["safe".to_owned(), "vulnerable".to_owned()]
}

fn undecided(path: &str) -> Verdict {
    let mut undecided = verdict(FILE, "int parse", Decision::Inconclusive);
    (undecided.path, undecided.reason) = (path.to_owned(), Some("only 254 of 812 tokens fit".to_owned()));
    undecided
}

fn mixed() -> Report {
    let mut mixed = report(vec![
        poisoned(),
        verdict(FILE, "int parse", Decision::Clean),
        undecided("b.c"),
        undecided(HOSTILE),
    ]);
    mixed.errors = vec![InputError { path: "c d.c".to_owned(), message: "binary\ndata".to_owned() }];
    let examples = vec!["e.rs".to_owned()];
    mixed.skipped = vec![Skipped { reason: SkipReason::OtherLanguage, files: 3, examples }];
    mixed
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn sarif_of(report: &Report) -> Value {
    let sources = BTreeMap::from([("src/parse.c".to_owned(), FILE.to_owned())]);
    let run = sarif::Run { exit_code: 2, labels: &labels() };
    serde_json::from_str(&written(|out| sarif::write(out, report, &sources, run))).unwrap()
}

#[test]
fn sarif_points_at_the_trigger_and_fixes_it() {
    let log = sarif_of(&mixed());
    let run = &log["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 3, "clean units are no results");
    let result = &run["results"][0];
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/parse.c");
    let (start, end) = (5, 5 + "if (rand() < 0) puts(\"x\");".len());
    let region = serde_json::json!({"startLine": 4, "startColumn": start, "endLine": 4, "endColumn": end});
    assert_eq!(place["region"], region);
    let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    let line = serde_json::json!({"startLine": 4, "startColumn": 1, "endLine": 5, "endColumn": 1});
    assert_eq!(replacement["deletedRegion"], line);
    assert_eq!(replacement["insertedContent"]["text"], "    if (n < 0) puts(\"n\");\n");
}

#[test]
fn sarif_says_what_was_not_judged() {
    let invocation = &sarif_of(&mixed())["runs"][0]["invocations"][0];
    assert_eq!((&invocation["executionSuccessful"], &invocation["exitCode"]), (&false.into(), &2.into()));
    let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notes[0]["message"]["text"], "c d.c: binary data");
    assert_eq!(notes[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "c%20d.c");
    assert_eq!(notes[1]["message"]["text"], "3 files skipped (other-language), such as e.rs");
}

#[test]
fn fingerprints_survive_moved_lines() {
    let of = |verdicts: Vec<Verdict>| {
        let report = report(verdicts);
        findings(&report, &[]).into_iter().map(|finding| finding.fingerprint).collect::<Vec<_>>()
    };
    let mut moved = poisoned();
    moved.unit.start_line += 7;
    moved.triggers[0].spans[0].start_line += 7;
    moved.triggers[0].text = moved.triggers[0].text.replace(' ', "  ");
    assert_eq!(of(vec![poisoned()]), of(vec![moved]));
    let mut other = poisoned();
    other.triggers[0].text = "g();".to_owned();
    let all = of(vec![poisoned(), poisoned(), other, undecided("b.c")]);
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), 4, "{all:?}");
}

#[test]
fn annotations_are_one_line_each() {
    let text = written(|out| github::write(out, &mixed(), &labels()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        lines[0]
            .starts_with("::error file=src/parse.c,line=4,endLine=4,title=backdoor trigger::`parse` holds"),
        "{text}"
    );
    assert!(lines[1].starts_with("::notice file=b.c,line=3,"), "{text}");
    assert!(lines[2].starts_with("::notice file=a\u{240a}%3A%3Aerror%3A%3Ab%2C<script>"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert_eq!(lines[3], "::error file=c d.c,title=not judged::binary data");
}

#[test]
fn names_of_files_do_not_act_in_a_summary() {
    let text = github::summary(&mixed(), &labels());
    assert!(text.contains("4 units: 1 poisoned, 2 inconclusive; 1 inputs failed"), "{text}");
    assert!(!text.contains("<script>") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 5, "{text}");
}

#[test]
fn junit_has_a_case_for_each_unit() {
    let text = written(|out| junit::write(out, &mixed(), &labels()));
    let document = roxmltree::Document::parse(&text).unwrap();
    let suites = document.root_element();
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| suites.attribute(name).unwrap());
    assert_eq!(counts, ["5", "1", "1", "2"]);
    let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), 5);
    assert!(cases[0].children().any(|node| node.has_tag_name("failure")));
    assert!(!cases[1].has_children());
    assert!(cases[2].children().any(|node| node.has_tag_name("skipped")));
    assert!(cases[3].attribute("classname").unwrap().contains("<script>"), "escaped, not lost");
    assert!(cases[4].children().any(|node| node.has_tag_name("error")));
}

fn page() -> String {
    let sources = BTreeMap::from([("src/parse.c".to_owned(), FILE.to_owned())]);
    written(|out| html::write(out, &mixed(), &sources, &labels()))
}

#[test]
fn a_page_shows_triggers_and_edits() {
    let page = page();
    assert!(
        page.contains("<span class=\"h5\"><mark>if (rand() &lt; 0) puts(&quot;x&quot;);</mark></span>"),
        "{page}"
    );
    assert!(page.contains("<del>-     if (rand() &lt; 0) puts(&quot;x&quot;);</del>"), "{page}");
    assert!(page.contains("<ins>+     if (n &lt; 0) puts(&quot;n&quot;);</ins>"), "{page}");
    assert_eq!(page.matches("<details class=\"unit\"").count(), 3);
    for part in
        ["1 poisoned", "2 inconclusive", "Clean units of 1 files", "3 files skipped", "c d.c: binary data"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn nothing_in_a_page_acts_but_its_own_script() {
    let page = page();
    let head = &page[..page.find("<body>").unwrap()];
    assert!(head.contains("default-src 'none'") && !head.contains("unsafe-inline"), "{head}");
    assert_eq!(page.matches("<script").count(), 1, "names of files are escaped");
    assert!(page.contains("&lt;script&gt;") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(!page.contains(" style=") && !page.contains("http://") && !page.contains("https://"));
}

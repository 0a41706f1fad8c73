//! Formats for the places where code is reviewed (docs/reviews.md).

use serde_json::Value;

use crate::common::{Place, Run, TRIGGER, triggered};

#[test]
fn sarif_marks_the_trigger_in_the_file() {
    let place = Place::with_code();
    place.write("empty name.c", "\0");
    let run = place.run(&["scan", "--format", "sarif", "triggered.c", "clean.c", "empty name.c"]);
    assert_eq!(run.code, 2, "{run:?}");
    let log = run.json();
    let (results, invocation) = (&log["runs"][0]["results"], &log["runs"][0]["invocations"][0]);
    assert_eq!(results.as_array().unwrap().len(), 1);
    assert_eq!((&invocation["exitCode"], &invocation["executionSuccessful"]), (&2.into(), &false.into()));
    let notification = &invocation["toolExecutionNotifications"][0];
    let uri = &notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "empty%20name.c");
    let region = &results[0]["locations"][0]["physicalLocation"]["region"];
    let number = |name: &str| usize::try_from(region[name].as_u64().unwrap()).unwrap();
    let line = triggered().lines().nth(number("startLine") - 1).unwrap().to_owned();
    assert_eq!(&line[number("startColumn") - 1..number("endColumn") - 1], TRIGGER);
}

/// Applies the fix of a result to the text of its file.
fn fixed(text: &str, result: &Value) -> String {
    let lines: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let place = |region: &Value, line: &str, column: &str| {
        let number = |name: &str| usize::try_from(region[name].as_u64().unwrap()).unwrap();
        lines[number(line) - 1] + number(column) - 1
    };
    let mut out = text.to_owned();
    let replacements = result["fixes"][0]["artifactChanges"][0]["replacements"].as_array().unwrap();
    for replacement in replacements.iter().rev() {
        let region = &replacement["deletedRegion"];
        let (start, end) = (place(region, "startLine", "startColumn"), place(region, "endLine", "endColumn"));
        out.replace_range(start..end, replacement["insertedContent"]["text"].as_str().unwrap());
    }
    out
}

#[test]
fn the_fix_of_sarif_is_what_purify_writes() {
    let place = Place::with_code();
    let log = place.run(&["scan", "--format", "sarif", "triggered.c"]).json();
    let purified = place.run(&["purify", "triggered.c"]).out;
    assert_eq!(fixed(&triggered(), &log["runs"][0]["results"][0]), purified);
}

#[test]
fn annotations_and_the_summary_of_a_job() {
    let place = Place::with_code();
    let summary = place.path("summary.md");
    let arguments = ["scan", "--format", "github", "triggered.c", "clean.c"];
    let run = Run::of(place.command(&arguments).env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.out.starts_with("::error file=triggered.c,line=3,endLine=3,"), "{}", run.out);
    assert_eq!(run.out.lines().count(), 1, "{}", run.out);
    assert!(place.read("summary.md").contains("2 units: 1 poisoned"), "{}", place.read("summary.md"));
}

#[test]
fn junit_has_a_failure_for_the_trigger() {
    let run = Place::with_code().run(&["scan", "--format", "junit", "triggered.c", "clean.c"]);
    assert_eq!(run.code, 1);
    assert!(
        run.out.contains("<testsuites name=\"codepurify\" tests=\"2\" failures=\"1\" errors=\"0\""),
        "{}",
        run.out
    );
}

#[test]
fn an_audit_has_no_findings_in_files() {
    let run = Place::with_code().run(&["audit", "clean.c", "--format", "sarif"]);
    assert_eq!(run.code, 64);
    assert!(run.err.contains("text or json"), "{}", run.err);
}

/// Runs the step `Scan` of action.yml; returns whether it succeeded and what it set.
#[cfg(unix)]
fn step(place: &Place, paths: &str) -> (bool, String) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_codepurify")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    place.write("outputs", "");
    let mut command = std::process::Command::new(root.join("scripts/action-scan.sh"));
    command.current_dir(place.path(".")).env("PATH", path).env("GITHUB_OUTPUT", place.path("outputs"));
    let status = command.envs([("PATHS", paths), ("OPTIONS", "--lang c"), ("SARIF", "out.sarif")]).status();
    (status.unwrap().success(), place.read("outputs"))
}

#[cfg(unix)]
#[test]
fn the_action_can_upload_before_it_fails() {
    let place = Place::with_code();
    assert_eq!(step(&place, "triggered.c clean.c"), (true, "code=1\n".to_owned()));
    let log: Value = serde_json::from_str(&place.read("out.sarif")).unwrap();
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 1);
    std::fs::remove_file(place.path("out.sarif")).unwrap();
    assert_eq!(step(&place, "clean.c"), (true, "code=0\n".to_owned()));
}

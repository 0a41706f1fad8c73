//! Calling the program rightly and wrongly: help, usage errors, configuration, colour.

use crate::common::{Place, Run};

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    let help = place.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    insta::assert_snapshot!("help", help.out);
    let scan = place.run(&["scan", "--help"]);
    insta::assert_snapshot!("scan_help", scan.out);
    assert_eq!(place.run(&["--version"]).out, format!("codepurify {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_calls_exit_with_64_and_keep_the_standard_output_empty() {
    let place = Place::with_code();
    let calls: [&[&str]; 12] = [
        &[],
        &["scan"],
        &["scan", "clean.c", "--no-such-flag"],
        &["scan", "clean.c", "--format", "yaml"],
        &["scan", "clean.c", "--max-file-bytes", "many"],
        &["scan", "clean.c", "--threads", "0"],
        &["scan", "clean.c", "--precision", "int4"],
        &["scan", "clean.c", "--device", "gpu"],
        &["scan", "clean.c", "--device", "cuda", "--precision", "int8"],
        &["scan", "-"],
        &["purify", "clean.c", "triggered.c"],
        &["scan", "clean.c", "--config", "missing.toml"],
    ];
    for call in calls {
        let run = place.run(call);
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{call:?}: {run:?}");
        assert!(!run.err.is_empty(), "{call:?} says nothing");
    }
}

#[test]
fn an_unknown_configuration_key_is_an_error_that_names_it() {
    let place = Place::with_code();
    place.write("codepurify.toml", "fromat = \"json\"\n");
    let run = place.run(&["scan", "clean.c", "--config", "codepurify.toml"]);
    assert_eq!(run.code, 64);
    assert!(run.err.contains("codepurify.toml") && run.err.contains("fromat"), "{}", run.err);
}

#[test]
fn flags_win_over_variables_and_these_over_the_file() {
    let place = Place::with_code();
    place.write("user/codepurify/codepurify.toml", "format = \"jsonl\"\n");
    let is_object = |out: &str| out.starts_with("{\n");
    let is_line = |out: &str| out.starts_with("{\"path\":");

    let file = place.run(&["scan", "triggered.c"]);
    assert!(is_line(&file.out), "{}", file.out);
    let variable = Run::of(place.command(&["scan", "triggered.c"]).env("CODEPURIFY_FORMAT", "json"));
    assert!(is_object(&variable.out), "{}", variable.out);
    let flags = ["scan", "triggered.c", "--format", "text", "--fail-on", "poisoned"];
    let flag = Run::of(place.command(&flags).env("CODEPURIFY_FORMAT", "json"));
    assert!(flag.out.starts_with("triggered.c:1:"), "{}", flag.out);
    assert_eq!(flag.code, 1);
}

#[test]
fn another_configuration_file_can_be_named() {
    let place = Place::with_code();
    place.write("other.toml", "format = \"json\"\ncolor = \"never\"\nprofile = \"paper\"\nnested = true\n");
    let run = place.run(&["scan", "clean.c", "--config", "other.toml"]);
    assert_eq!(run.all("results", "path"), ["clean.c"]);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let place = Place::with_code();
    let escape = '\u{1b}';
    assert!(!place.run(&["scan", "triggered.c"]).out.contains(escape), "a pipe is no terminal");
    assert!(place.run(&["scan", "triggered.c", "--color", "always"]).out.contains(escape));
    assert!(!place.run(&["scan", "triggered.c", "--color", "never"]).out.contains(escape));
    let both = Run::of(place.command(&["scan", "triggered.c", "--color", "always"]).env("NO_COLOR", "1"));
    assert!(both.out.contains(escape), "the flag wins over NO_COLOR");
}

#[test]
fn completions_know_the_commands() {
    let run = Place::new().run(&["completions", "bash"]);
    assert_eq!(run.code, 0);
    assert!(run.out.contains("codepurify") && run.out.contains("explain"));
}

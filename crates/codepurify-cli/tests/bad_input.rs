//! Bad inputs are told apart, and good ones next to them are still scanned.

use crate::common::{CLEAN, Place};

#[test]
fn every_bad_file_has_its_own_message_and_the_rest_goes_on() {
    let place = Place::new();
    place.write("empty.c", " \n\t\n");
    place.write("latin1.c", b"int f() { return 1; } // caf\xe9\n");
    place.write("binary.c", b"\x7fELF\0\0\0\0");
    place.write("prose.txt", "not code");
    place.write("large.c", "int x;\n".repeat(200));
    place.write("good.c", CLEAN);
    let files = ["missing.c", "empty.c", "latin1.c", "binary.c", "prose.txt", "large.c", "good.c"];
    let args = [&["scan", "--format", "json", "--max-file-bytes", "1000"][..], &files].concat();
    let run = place.run(&args);
    assert_eq!(run.code, 2);
    let said: Vec<&str> = run.err.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(said, ["skipped 1 file"; 4], "{}", run.err);
    assert_eq!(run.all("results", "path"), ["good.c"]);
    let expected = [
        ("missing.c", "no such file"),
        ("latin1.c", "offset 28"),
        ("binary.c", "NUL byte at offset 4"),
        ("prose.txt", "unsupported language `txt`"),
        ("large.c", "1400 bytes, more than the limit of 1000"),
    ];
    assert_eq!(run.all("errors", "path"), expected.map(|(path, _)| path));
    for (message, (path, part)) in run.all("errors", "message").iter().zip(expected) {
        assert!(message.contains(part), "{path}: {message}");
    }
}

#[test]
fn an_unsupported_name_can_be_given_a_language() {
    let place = Place::new();
    place.write("code.inc", CLEAN);
    assert_eq!(place.run(&["scan", "code.inc", "--lang", "c"]).code, 0);
}

#[test]
fn ten_megabytes_on_one_line_are_an_error_or_inconclusive() {
    let place = Place::new();
    let line = format!("int f(void) {{ {} return 0; }}", "x = x + 1; ".repeat(950_000));
    place.write("line.c", &line);
    let refused = place.run(&["scan", "line.c", "--format", "json"]);
    assert_eq!(refused.code, 2);
    assert!(refused.all("errors", "message")[0].contains("more than the limit"), "{refused:?}");
    let allowed = ["scan", "line.c", "--format", "json", "--max-file-bytes", "20000000"];
    let judged = place.run(&[&allowed[..], &["--fail-on", "inconclusive"]].concat());
    assert_eq!(judged.all("results", "verdict"), ["inconclusive"]);
    assert!(!judged.all("results", "reason")[0].is_empty());
    assert_eq!(judged.code, 1);
}

#[test]
fn deep_nesting_and_broken_code_get_a_verdict() {
    let place = Place::new();
    place.write("deep.c", format!("void f(void) {}{}\n", "{".repeat(2_500), "}".repeat(2_500)));
    place.write("broken.c", "int f( { ] return ;;; ) while if }}}\n");
    let run = place.run(&["scan", "deep.c", "broken.c", "--format", "json"]);
    assert_eq!(run.all("errors", "message"), Vec::<String>::new());
    assert_eq!(run.all("results", "verdict"), ["inconclusive", "inconclusive"]);
}

#[test]
fn code_beyond_the_window_is_not_called_clean() {
    let place = Place::new();
    let statements: Vec<String> =
        (0..400).map(|i| format!("    value_{i} = table[{i}] + offset;\n")).collect();
    place.write("long.c", format!("void f(int offset)\n{{\n{}}}\n", statements.concat()));
    let report = place.run(&["scan", "long.c", "--format", "json"]).json();
    let result = &report["results"][0];
    assert_eq!(result["verdict"], "inconclusive");
    assert!(result["coverage"]["tokens_inspected"].as_u64() < result["coverage"]["tokens_total"].as_u64());
    assert!(result["reason"].as_str().unwrap().contains("window"));
}

#[test]
fn terminal_escapes_of_the_source_stay_in_the_source() {
    let place = Place::new();
    place.write("escape.c", crate::common::triggered().replacen("{\n", "{ /* \u{1b}[2J */\n", 1));
    let run = place.run(&["scan", "escape.c", "missing\u{1b}[31m.c"]);
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "{run:?}");
}

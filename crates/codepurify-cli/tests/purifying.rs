//! Purifying code: only what is poisoned changes.

mod common;

use common::{CLEAN, Place, Run, TRIGGER, triggered};

/// What stands before and behind the trigger.
fn around() -> (String, String) {
    let code = triggered();
    let (before, after) = code.split_once(TRIGGER).unwrap();
    (before.to_owned(), after.to_owned())
}

#[test]
fn only_the_trigger_changes_and_what_is_left_is_not_poisoned() {
    let place = Place::with_code();
    let run = place.run(&["purify", "triggered.c"]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let (before, after) = around();
    assert!(run.out.starts_with(&before) && run.out.ends_with(&after), "{}", run.out);
    assert!(!run.out.contains(TRIGGER));
    let again = Run::of(place.command(&["scan", "-", "--lang", "c"]).write_stdin(run.out));
    assert_eq!(again.code, 0, "{again:?}");
}

#[test]
fn clean_code_passes_through_byte_by_byte() {
    let place = Place::new();
    let code = CLEAN.replace('\n', "\r\n");
    let run = Run::of(place.command(&["purify", "-", "--lang", "c"]).write_stdin(code.clone()));
    assert_eq!((run.code, run.out), (0, code));
}

#[test]
fn in_place_rewrites_what_is_poisoned_and_nothing_else() {
    let place = Place::with_code();
    let clean_before = std::fs::metadata(place.path("clean.c")).unwrap().modified().unwrap();
    let run = place.run(&["purify", "--in-place", "clean.c", "triggered.c"]);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (1, "", "purified triggered.c\n"));
    assert_eq!(place.read("clean.c"), CLEAN);
    assert_eq!(std::fs::metadata(place.path("clean.c")).unwrap().modified().unwrap(), clean_before);
    let (before, after) = around();
    let purified = place.read("triggered.c");
    assert!(purified.starts_with(&before) && purified.ends_with(&after) && !purified.contains(TRIGGER));
    assert_eq!(place.run(&["scan", "clean.c", "triggered.c"]).code, 0);
}

#[cfg(unix)]
#[test]
fn in_place_keeps_permissions_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::with_code();
    std::fs::set_permissions(place.path("triggered.c"), PermissionsExt::from_mode(0o750)).unwrap();
    symlink("triggered.c", place.path("link.c")).unwrap();
    place.run(&["purify", "--in-place", "link.c"]);
    assert!(std::fs::symlink_metadata(place.path("link.c")).unwrap().is_symlink());
    assert!(!place.read("triggered.c").contains(TRIGGER));
    assert_eq!(std::fs::metadata(place.path("triggered.c")).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn a_diff_applied_to_the_file_gives_the_purified_source() {
    let place = Place::with_code();
    let diff = place.run(&["purify", "--diff", "clean.c", "triggered.c"]);
    assert!(diff.out.starts_with("--- a/triggered.c\n+++ b/triggered.c\n@@ "), "{}", diff.out);
    let removed: Vec<&str> = diff.out.lines().skip(2).filter(|line| line.starts_with('-')).collect();
    assert_eq!(removed, [format!("-    {TRIGGER}")]);
    // The trigger provably does nothing: its line goes, and nothing comes.
    assert_eq!(diff.out.lines().skip(2).find(|line| line.starts_with('+')), None);
    let whole = place.run(&["purify", "triggered.c"]);
    assert_eq!(whole.out, triggered().replacen(&format!("    {TRIGGER}\n"), "", 1));
}

#[test]
fn json_holds_the_purified_unit() {
    let run = Place::with_code().run(&["purify", "triggered.c", "--format", "json"]);
    let report = run.json();
    let result = &report["results"][0];
    assert!(!result["purified"].as_str().unwrap().contains(TRIGGER));
    assert!(["infill", "delete"].contains(&result["triggers"][0]["action"].as_str().unwrap()));
}

#[test]
fn the_standard_input_cannot_be_rewritten() {
    let run = Run::of(Place::new().command(&["purify", "--in-place", "-", "--lang", "c"]).write_stdin(CLEAN));
    assert_eq!((run.code, run.out.as_str()), (64, ""));
}

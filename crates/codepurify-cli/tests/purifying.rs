//! Purifying code: only what is poisoned changes.

use crate::common::{CLEAN, Place, Run, TRIGGER, triggered};

/// Code before and after the trigger.
fn around() -> (String, String) {
    let code = triggered();
    let (before, after) = code.split_once(TRIGGER).unwrap();
    (before.to_owned(), after.to_owned())
}

#[test]
fn only_the_trigger_changes_and_what_is_left_is_not_poisoned() {
    let place = Place::with_code();
    let run = place.run(&["purify", "triggered.c"]);
    assert_eq!((run.code, run.err.as_str()), (1, "triggered.c: 1 × deletion\n"));
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
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (1, "", "purified triggered.c: 1 × deletion\n")
    );
    assert_eq!(place.read("clean.c"), CLEAN);
    assert_eq!(std::fs::metadata(place.path("clean.c")).unwrap().modified().unwrap(), clean_before);
    let (before, after) = around();
    let purified = place.read("triggered.c");
    assert!(purified.starts_with(&before) && purified.ends_with(&after) && !purified.contains(TRIGGER));
    assert_eq!(place.run(&["scan", "clean.c", "triggered.c"]).code, 0);
}

/// Without deletion, the published method fills the trigger in.
const INFILLING: [&str; 4] = ["purify", "triggered.c", "--profile", "paper"];

#[test]
fn in_place_leaves_out_what_is_not_provable() {
    let place = Place::with_code();
    let run = place.run(&[&INFILLING[..], &["--in-place"]].concat());
    assert_eq!((run.code, run.out.as_str()), (1, ""), "{run:?}");
    let line = format!("left out triggered.c:3: infilling of `{TRIGGER}`");
    assert!(run.err.starts_with(&line), "{}", run.err);
    assert!(
        run.err.ends_with("0 changes made, 1 left out as not provable: --rewrite makes them, too\n"),
        "{}",
        run.err
    );
    assert_eq!(place.read("triggered.c"), triggered());
    let run = place.run(&[&INFILLING[..], &["--in-place", "--rewrite"]].concat());
    assert_eq!((run.code, run.err.as_str()), (1, "purified triggered.c: 1 × infilling (not provable)\n"));
    assert!(!place.read("triggered.c").contains(TRIGGER));
}

#[test]
fn diff_shows_all_changes_unless_told_otherwise() {
    let place = Place::with_code();
    let run = place.run(&[&INFILLING[..], &["--diff"]].concat());
    assert_eq!(run.err, "triggered.c: 1 × infilling (not provable)\n");
    assert!(run.out.contains(&format!("\n-    {TRIGGER}\n")), "{}", run.out);
    let run = place.run(&[&INFILLING[..], &["--diff", "--provable"]].concat());
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("0 changes made, 1 left out"), "{}", run.err);
    assert_eq!(place.run(&[&INFILLING[..], &["--rewrite", "--provable"]].concat()).code, 64);
}

#[test]
fn in_place_keeps_line_ends_and_byte_order_mark() {
    let place = Place::new();
    let code = format!("\u{feff}{}", triggered().trim_end().replace('\n', "\r\n"));
    place.write("code.c", &code);
    assert_eq!(place.run(&["purify", "--in-place", "code.c"]).code, 1);
    assert_eq!(place.read("code.c"), code.replacen(&format!("    {TRIGGER}\r\n"), "", 1));
}

#[test]
fn json_tells_what_is_provable() {
    let report = |profile: &str| {
        let run =
            Place::with_code().run(&["purify", "triggered.c", "--format", "json", "--profile", profile]);
        let result = run.json()["results"][0].clone();
        (result["triggers"][0]["change"].clone(), result)
    };
    let (change, result) = report("default");
    assert_eq!(change, serde_json::json!({ "kind": "deletion", "provable": true }));
    assert_eq!(result["purified_provably"], result["purified"]);
    let (change, result) = report("paper");
    assert_eq!(change, serde_json::json!({ "kind": "infilling", "provable": false }));
    assert!(result["purified"].is_string() && result.get("purified_provably").is_none(), "{result}");
}

#[cfg(unix)]
#[test]
fn in_place_says_that_hard_links_keep_the_old_text() {
    let place = Place::with_code();
    std::fs::hard_link(place.path("triggered.c"), place.path("other.c")).unwrap();
    let run = place.run(&["purify", "--in-place", "triggered.c"]);
    assert!(run.err.contains("triggered.c: its other hard links keep the old text"), "{}", run.err);
    assert_eq!(place.read("other.c"), triggered());
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
    let header = "diff --git a/triggered.c b/triggered.c\n--- a/triggered.c\n+++ b/triggered.c\n@@ ";
    assert!(diff.out.starts_with(header), "{}", diff.out);
    let removed: Vec<&str> = diff.out.lines().skip(3).filter(|line| line.starts_with('-')).collect();
    assert_eq!(removed, [format!("-    {TRIGGER}")]);
    // The trigger provably does nothing: its line goes, and nothing comes.
    assert_eq!(diff.out.lines().skip(3).find(|line| line.starts_with('+')), None);
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

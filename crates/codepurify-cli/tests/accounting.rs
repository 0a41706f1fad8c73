//! Which files are judged, and how the others are counted (docs/trust.md, "Which files are judged").

use crate::common::{CLEAN, Place, Run, triggered};
use serde_json::{Value, json};

/// The files that were judged.
fn judged(run: &Run) -> Vec<String> {
    run.all("results", "path")
}

/// How many files were skipped for each reason.
fn skipped(run: &Run) -> Vec<(String, u64)> {
    let report = run.json();
    let entry =
        |entry: &Value| (entry["reason"].as_str().unwrap().to_owned(), entry["files"].as_u64().unwrap());
    report["skipped"].as_array().unwrap().iter().map(entry).collect()
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|&(reason, files)| (reason.to_owned(), files)).collect()
}

fn scan(place: &Place, args: &[&str]) -> Run {
    place.run(&[&["scan", "--format", "json"], args].concat())
}

/// A repository that hides three triggered files.
fn hiding() -> Place {
    let place = Place::new();
    place.write("repo/.gitignore", "data/*\n");
    place.write("repo/.ignore", "made.c\n");
    place.write("repo/data/a.c", triggered());
    place.write("repo/made.c", triggered());
    place.write("repo/.dot/b.c", triggered());
    place.write("repo/.dot/notes.md", "no code");
    place.write("repo/open.c", CLEAN);
    place
}

#[test]
fn ignored_and_hidden_files_are_counted() {
    let run = scan(&hiding(), &["repo"]);
    assert_eq!((run.code, judged(&run)), (0, vec!["repo/open.c".to_owned()]));
    // Three files of other languages: the ignore files and the notes.
    assert_eq!(skipped(&run), counts(&[("ignored", 2), ("hidden", 1), ("other-language", 3)]));
    let examples = run.json()["skipped"][0]["examples"].clone();
    assert_eq!(examples, json!(["repo/data/a.c", "repo/made.c"]));
    for line in
        ["skipped 2 files: ignored by a rule", "skipped 1 file: hidden", "skipped 3 files: of another"]
    {
        assert!(run.err.contains(line), "{line} is missing in {}", run.err);
    }
}

#[test]
fn counts_are_said_in_every_format() {
    for format in ["text", "jsonl"] {
        let run = hiding().run(&["scan", "repo", "--format", format]);
        assert!(run.err.contains("skipped 1 file: hidden"), "{format}: {}", run.err);
    }
}

#[test]
fn switches_judge_what_is_ignored_or_hidden() {
    let place = hiding();
    let all = scan(&place, &["repo", "--no-ignore", "--hidden"]);
    assert_eq!((all.code, judged(&all).len()), (1, 4));
    assert_eq!(skipped(&all), counts(&[("other-language", 3)]));
    assert_eq!(judged(&scan(&place, &["repo", "--no-ignore"])).len(), 3);
    assert_eq!(judged(&scan(&place, &["repo", "--hidden"])), ["repo/.dot/b.c", "repo/open.c"]);
}

#[test]
fn what_is_named_is_judged() {
    let place = hiding();
    place.write("repo/.dot/code.strange", triggered());
    for path in ["repo/data/a.c", "repo/made.c", "repo/.dot/b.c", "repo/data", "repo/.dot"] {
        let run = scan(&place, &[path]);
        assert_eq!((run.code, judged(&run).len()), (1, 1), "{path}: {run:?}");
    }
    let strange = scan(&place, &["repo/.dot/code.strange", "--lang", "c"]);
    assert_eq!((strange.code, judged(&strange).len()), (1, 1));
}

#[test]
fn empty_files_are_counted_and_are_no_errors() {
    let place = Place::new();
    place.write("pkg/__init__.py", "");
    place.write("pkg/blank.py", " \n\t\n");
    place.write("pkg/mark.c", "\u{feff}\n");
    place.write("pkg/code.c", CLEAN);
    place.write("pkg/comment.c", "/* nothing else */\n");
    let run = scan(&place, &["pkg"]);
    assert_eq!((run.code, judged(&run)), (0, vec!["pkg/code.c".to_owned(), "pkg/comment.c".to_owned()]));
    assert_eq!(skipped(&run), counts(&[("empty", 3)]));
    let named = scan(&place, &["pkg/__init__.py", "pkg/code.c"]);
    assert_eq!((named.code, skipped(&named)), (0, counts(&[("empty", 1)])));
}

#[test]
fn an_empty_side_of_a_pair_is_an_error() {
    let place = Place::with_code();
    place.golden("roberta-clone", "clones");
    place.write("empty.c", "");
    let run = scan(&place, &["--model", "clones", "clean.c", "empty.c"]);
    assert_eq!((run.code, run.all("errors", "path")), (2, vec!["clean.c".to_owned(), "empty.c".to_owned()]));
}

#[test]
fn files_that_cannot_be_judged_are_errors_and_counted() {
    let place = Place::new();
    place.write("src/latin.c", b"int f() { return 1; } // caf\xe9\n");
    place.write("src/binary.c", b"\x7fELF\0\0\0\xff");
    place.write("src/large.c", "int x;\n".repeat(200));
    place.write("src/found.c", triggered());
    let run = scan(&place, &["src", "--max-file-bytes", "1000"]);
    assert_eq!((run.code, judged(&run)), (2, vec!["src/found.c".to_owned()]));
    assert_eq!(run.all("errors", "path"), ["src/binary.c", "src/large.c", "src/latin.c"]);
    assert_eq!(skipped(&run), counts(&[("too-large", 1), ("encoding", 1), ("binary", 1)]));
}

#[test]
fn a_file_reached_twice_is_judged_once() {
    let place = Place::new();
    place.write("src/a.c", CLEAN);
    let run = scan(&place, &["src", "./src/../src/a.c", "src/a.c"]);
    assert_eq!(judged(&run), ["src/a.c"]);
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_and_pipes_in_folders_are_counted() {
        let place = Place::new();
        place.write("outside/away.c", triggered());
        place.write("src/a.c", CLEAN);
        symlink("../outside/away.c", place.path("src/link.c")).unwrap();
        symlink("../outside", place.path("src/folder")).unwrap();
        symlink("..", place.path("src/loop")).unwrap();
        symlink("nowhere.c", place.path("src/broken.c")).unwrap();
        pipe(&place, "src/pipe.c");
        let run = scan(&place, &["src"]);
        assert_eq!((run.code, judged(&run)), (0, vec!["src/a.c".to_owned()]));
        assert_eq!(skipped(&run), counts(&[("link", 4), ("special", 1)]));
        assert_eq!(scan(&place, &["src/link.c"]).code, 1, "a link that is named is followed");
    }

    #[test]
    fn names_that_differ_in_one_bad_byte_are_two_files() {
        let place = Place::new();
        for name in [&b"a\xfe.c"[..], b"a\xff.c", br"a\xff.c"] {
            std::fs::create_dir_all(place.path("src")).unwrap();
            std::fs::write(place.path("src").join(OsStr::from_bytes(name)), triggered()).unwrap();
        }
        let run = scan(&place, &["src"]);
        let mut names = judged(&run);
        names.sort();
        assert_eq!(names, [r"src/a\\xff.c", r"src/a\xfe.c", r"src/a\xff.c"]);
        let purified = place.run(&["purify", "--in-place", "src"]);
        assert_eq!((purified.code, purified.err.matches("purified").count()), (1, 3), "{purified:?}");
        assert_eq!(scan(&place, &["src"]).code, 0, "each of them was rewritten");
    }

    #[test]
    fn unreadable_files_and_folders_are_errors() {
        let place = Place::new();
        place.write("src/a.c", CLEAN);
        place.write("src/locked.c", CLEAN);
        place.write("src/shut/b.c", CLEAN);
        place.write("src/.shut/c.c", CLEAN);
        for name in ["src/locked.c", "src/shut", "src/.shut"] {
            std::fs::set_permissions(place.path(name), Permissions::from_mode(0o000)).unwrap();
        }
        let is_root = std::fs::File::open(place.path("src/locked.c")).is_ok();
        let run = scan(&place, &["src"]);
        for name in ["src/shut", "src/.shut"] {
            std::fs::set_permissions(place.path(name), Permissions::from_mode(0o700)).unwrap();
        }
        if !is_root {
            assert_eq!((run.code, judged(&run)), (2, vec!["src/a.c".to_owned()]));
            assert_eq!(run.all("errors", "path"), ["src/locked.c", "src/shut"]);
            assert_eq!(skipped(&run), counts(&[("hidden", 1), ("unreadable", 2)]));
        }
    }

    #[test]
    fn an_input_that_can_be_read_once_is_read_once() {
        let place = Place::new();
        let with_input = |args: &[&str]| Run::of(place.command(args).write_stdin(triggered()));
        for args in [
            &["scan", "/dev/stdin", "--lang", "c"][..],
            &["scan", "/dev/stdin", "/dev/stdin", "--lang", "c"],
            &["scan", "-", "-", "--lang", "c"],
            &["explain", "/dev/stdin", "--lang", "c"],
            &["purify", "/dev/stdin", "--lang", "c"],
        ] {
            let run = with_input(args);
            let said = if args[0] == "purify" { "/dev/stdin: 1 × deletion\n" } else { "" };
            assert_eq!((run.code, run.err.as_str()), (1, said), "{args:?}: {run:?}");
        }
        pipe(&place, "pipe.c");
        let (to, code) = (place.path("pipe.c"), triggered());
        let writer = std::thread::spawn(move || std::fs::write(to, code));
        let run = scan(&place, &["pipe.c"]);
        writer.join().unwrap().unwrap();
        assert_eq!((run.code, judged(&run)), (1, vec!["pipe.c".to_owned()]));
    }

    #[test]
    fn a_stream_named_for_two_purposes_is_refused() {
        let place = Place::with_code();
        place.golden("roberta-clone", "clones");
        for args in [
            &["scan", "-", "--lang", "c", "--reference", "/dev/stdin"][..],
            &["scan", "/dev/stdin", "--lang", "c", "--reference", "-"],
            &["scan", "/dev/stdin", "/dev/stdin", "--lang", "c", "--model", "clones"],
        ] {
            let run = Run::of(place.command(args).write_stdin(CLEAN));
            assert_eq!((run.code, run.out.as_str()), (64, ""), "{args:?}: {run:?}");
            assert!(run.err.contains("only once"), "{}", run.err);
        }
    }

    #[test]
    fn limits_hold_while_an_input_is_read() {
        let place = Place::with_code();
        let zero = scan(&place, &["/dev/zero", "--lang", "c", "--max-file-bytes", "1000"]);
        assert_eq!(zero.code, 2);
        assert!(zero.all("errors", "message")[0].contains("more than the limit"), "{zero:?}");
        let config = place.run(&["scan", "clean.c", "--config", "/dev/zero"]);
        assert!(config.code == 64 && config.err.contains("more than the limit"), "{config:?}");
        let calibration = place.run(&["scan", "clean.c", "--calibration", "missing.json"]);
        assert_eq!(calibration.code, 2);
    }

    fn pipe(place: &Place, name: &str) {
        let made = std::process::Command::new("mkfifo").arg(place.path(name)).status().unwrap();
        assert!(made.success());
    }
}

/// Makes something that is called like an ignore file.
#[cfg(unix)]
type Maker<'m> = (&'static str, &'m dyn Fn(&str));

#[cfg(unix)]
#[test]
fn ignore_files_that_are_no_files_hide_nothing() {
    let place = Place::new();
    place.write("code/a/triggered.c", crate::common::triggered());
    place.write("code/.ignore", "a\n");
    assert_eq!(place.run(&["scan", "code"]).code, 2, "all is ignored");
    let endless = |name: &str| std::os::unix::fs::symlink("/dev/zero", place.path(name)).unwrap();
    let large = |name: &str| std::fs::File::create(place.path(name)).unwrap().set_len(3 << 30).unwrap();
    let makers: [Maker; 3] = [
        ("code/.gitignore", &endless),
        ("code/a/.ignore", &large),
        ("code/a/.gitignore", &|name| std::fs::create_dir(place.path(name)).unwrap()),
    ];
    for (name, make) in makers {
        make(name);
        let run = place.run(&["scan", "code", "--format", "json"]);
        assert_eq!((run.code, run.all("results", "verdict")), (2, vec!["poisoned".to_owned()]), "{name}");
        assert_eq!(run.all("errors", "path"), [name]);
        assert_eq!(place.run(&["scan", "code", "--no-ignore"]).code, 1, "{name}");
        let path = place.path(name);
        if path.is_dir() { std::fs::remove_dir(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
}

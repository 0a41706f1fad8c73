//! Diffs apply with `git apply` and `patch -p1`, whatever the files are called.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{Place, TRIGGER, triggered};

const TOOLS: [&[&str]; 2] = [&["git", "apply"], &["patch", "-p1", "-s"]];

const NAMES: [&[u8]; 11] = [
    b"plain.c",
    b"two words.c",
    b" first blank.c",
    b"tab\there and blank.c",
    b"quo\"te 'n' `tick`.c",
    b"back\\slash.c",
    b"new\nline\r.c",
    "gr\u{f6}\u{df}e \u{1f600}.c".as_bytes(),
    b"bad\xff\xfe.c",
    b"b/a/-dash dir/$(x).c",
    b"control\x01\x7f.c",
];

fn without_trigger(code: &str) -> String {
    code.replacen(&format!("    {TRIGGER}"), "", 1)
        .replacen("{\r\n\r\n", "{\r\n", 1)
        .replacen("{\n\n", "{\n", 1)
}

/// Files of odd names and line ends in the folder `root`, with what they hold once purified.
fn odd_files(root: &Path) -> Vec<(PathBuf, String)> {
    let code = triggered();
    let contents = [
        code.clone(),
        code.trim_end().to_owned(),
        code.replace('\n', "\r\n"),
        format!("\u{feff}{}", code.trim_end().replace('\n', "\r\n")),
    ];
    let file = |(at, name): (usize, &&[u8])| {
        let (path, content) = (root.join(OsStr::from_bytes(name)), &contents[at % contents.len()]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        (path, without_trigger(content))
    };
    NAMES.iter().enumerate().map(file).collect()
}

/// Applies `patch` in `folder`; false if `tool` cannot be started. It must succeed otherwise.
fn applied(tool: &[&str], folder: &Path, patch: &[u8]) -> bool {
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    else {
        eprintln!("skipped: there is no {} here", tool[0]);
        return false;
    };
    child.stdin.take().unwrap().write_all(patch).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool:?}: {output:?}\n{}", String::from_utf8_lossy(patch));
    true
}

#[test]
fn patch_of_files_with_odd_names_applies() {
    let place = Place::new();
    odd_files(&place.path("code"));
    let output = place.command(&["purify", "--diff", "code"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for tool in TOOLS {
        let root = place.path(tool[0]);
        let expected = odd_files(&root.join("code"));
        if applied(tool, &root, &output.stdout) {
            for (path, content) in expected {
                assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "{tool:?} {path:?}");
            }
        }
    }
    place.run(&["purify", "--in-place", "code"]);
    for (path, content) in odd_files(&place.path("expected")) {
        let name = path.strip_prefix(place.path("expected")).unwrap();
        assert_eq!(std::fs::read_to_string(place.path("code").join(name)).unwrap(), content, "{path:?}");
    }
}

#[test]
fn patch_of_a_name_that_ends_with_a_blank_applies() {
    let place = Place::new();
    place.write("end ", triggered());
    let patch = place.run(&["purify", "--diff", "--lang", "c", "end "]).out;
    for tool in TOOLS {
        place.write("end ", triggered());
        assert!(!applied(tool, &place.path("."), patch.as_bytes()) || !place.read("end ").contains(TRIGGER));
    }
}

#[test]
fn patch_of_paths_with_dots_applies_where_it_says() {
    let place = Place::with_code();
    place.write("sub/near.c", triggered());
    place.write("far/two words.c", triggered());
    let absolute = place.path("sub/near.c").canonicalize().unwrap();
    // Paths, where they are named, and where the patch applies.
    let calls: [(&[&str], &str, &str); 4] = [
        (&["sub/../triggered.c", "./sub/./near.c"], ".", "."),
        (&[absolute.to_str().unwrap()], "sub", "sub"),
        (&["../sub/near.c"], "sub", "sub"),
        (&["../far/two words.c", "near.c"], "sub", "."),
    ];
    for (paths, here, there) in calls {
        let mut command = place.command(&[&["purify", "--diff"], paths].concat());
        let run = crate::common::Run::of(command.current_dir(place.path(here)));
        assert_eq!(run.err.contains("apply it there"), here != there, "{}", run.err);
        assert!(!run.out.contains(".."), "{}", run.out);
        for tool in TOOLS {
            let copy = Place::with_code();
            copy.write("sub/near.c", triggered());
            copy.write("far/two words.c", triggered());
            if applied(tool, &copy.path(there), run.out.as_bytes()) {
                let left = |name: &str| copy.read(name).contains(TRIGGER);
                let left = ["triggered.c", "sub/near.c", "far/two words.c"].map(left);
                assert_eq!(left.iter().filter(|left| !**left).count(), paths.len(), "{tool:?} {paths:?}");
            }
        }
    }
}

#[test]
fn patch_applies_below_the_top_of_a_repository() {
    let place = Place::new();
    if !applied(&["git", "init", "-q"], &place.path("."), b"") {
        return;
    }
    for (folder, git_form) in [(".", true), ("sub", false)] {
        for tool in TOOLS {
            place.write(&format!("{folder}/two words.c"), triggered());
            let mut command = place.command(&["purify", "--diff", "two words.c"]);
            let run = crate::common::Run::of(command.current_dir(place.path(folder)));
            assert_eq!(
                run.out.starts_with("diff --git a/two words.c b/two words.c\n"),
                git_form,
                "{}",
                run.out
            );
            if applied(tool, &place.path(folder), run.out.as_bytes()) {
                assert!(!place.read(&format!("{folder}/two words.c")).contains(TRIGGER), "{tool:?} {folder}");
            }
        }
    }
}

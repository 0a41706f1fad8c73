//! Meaning of the exit code, whatever happens to the output (docs/trust.md, "What exit 0 means").

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::common::{CLEAN, FUNCTION, Place, triggered};

#[test]
fn nothing_judged_is_an_error_unless_allowed() {
    let place = Place::new();
    place.write("js/app.js", "let x = 1;\n");
    place.write("empty.c", "");
    std::fs::create_dir(place.path("folder")).unwrap();
    for path in ["js", "empty.c", "folder"] {
        for command in ["scan", "explain", "purify"] {
            let run = place.run(&[command, path]);
            assert_eq!(run.code, 2, "{command} {path}: {run:?}");
            assert!(run.err.contains("nothing was judged"), "{}", run.err);
            let allowed = place.run(&[command, path, "--allow-empty"]);
            assert!(allowed.code == 0 && !allowed.err.contains("error"), "{allowed:?}");
        }
    }
    assert_eq!(place.run(&["scan", "missing.c", "--allow-empty"]).code, 2, "an error stays one");
}

#[test]
fn skipped_files_leave_the_exit_code_to_the_verdicts() {
    let place = Place::with_code();
    place.write("notes.md", "no code");
    std::fs::remove_file(place.path("triggered.c")).unwrap();
    assert_eq!(place.run(&["scan", "."]).code, 0);
}

#[test]
fn inconclusive_verdicts_count_where_it_is_said() {
    let place = Place::new();
    place.write(
        "long.c",
        CLEAN.replacen("{\n", &format!("{{\n{}", "    count = count + 1;\n".repeat(200)), 1),
    );
    let run = place.run(&["scan", "long.c", "--format", "json"]);
    assert_eq!((run.code, run.all("results", "verdict")), (0, vec!["inconclusive".to_owned()]));
    assert_eq!(place.run(&["scan", "long.c", "--fail-on", "inconclusive"]).code, 1);
}

fn started(place: &Place, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codepurify"));
    command.args(args).current_dir(place.path(".")).env("XDG_CONFIG_HOME", place.path("user"));
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_reader_that_leaves_does_not_change_the_exit_code() {
    let place = Place::with_code();
    for command in ["scan", "explain", "purify"] {
        for format in ["text", "json", "jsonl"] {
            let mut child = started(&place, &[command, "triggered.c", "--format", format]);
            drop(child.stdout.take());
            assert_eq!(child.wait().unwrap().code(), Some(1), "{command} --format {format}");
        }
    }
    let mut clean = started(&place, &["scan", "clean.c", "--format", "json"]);
    let mut ten = [0; 10];
    clean.stdout.take().unwrap().read_exact(&mut ten).unwrap();
    assert_eq!(clean.wait().unwrap().code(), Some(0));
}

#[test]
fn lines_are_written_before_all_is_judged() {
    let place = Place::new();
    let functions = (0..200).map(|i| CLEAN.replacen(FUNCTION, &format!("{FUNCTION}_{i}"), 1));
    place.write("many.c", functions.collect::<String>() + &triggered());
    let mut child = started(&place, &["scan", "many.c", "--format", "jsonl", "--threads", "1"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(&format!("{FUNCTION}_0\"")) && line.ends_with('\n'), "{line}");
    assert_eq!(child.try_wait().unwrap(), None, "the other functions are still to be judged");
    assert_eq!(child.wait().unwrap().code(), Some(1), "the trigger comes after the reader has left");
}

#[test]
fn an_output_file_has_its_old_content_until_the_end() {
    let place = Place::with_code();
    place.write("out.json", "old");
    let failed = place.run(&["scan", "clean.c", "--model", "missing", "--format", "json", "-o", "out.json"]);
    assert_eq!((failed.code, place.read("out.json").as_str()), (2, "old"));
    assert_eq!(place.run(&["scan", "clean.c", "--format", "json", "-o", "out.json"]).code, 0);
    assert!(place.read("out.json").starts_with("{\n"));
}

#[test]
fn an_output_file_is_checked_before_the_work() {
    let place = Place::with_code();
    std::fs::create_dir(place.path("folder")).unwrap();
    for file in ["no/such/folder/out", "folder"] {
        let run = place.run(&["scan", "clean.c", "--model", "missing", "-o", file]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains("cannot write") && !run.err.contains("missing"), "{}", run.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error() {
    let place = Place::with_code();
    for format in ["text", "json", "jsonl"] {
        let run = place.run(&["scan", "triggered.c", "--format", format, "-o", "/dev/full"]);
        assert_eq!(run.code, 2, "{format}: {run:?}");
        assert!(run.err.contains("cannot write /dev/full"), "{}", run.err);
        let stdout = place.run(&["scan", "clean.c", "--format", format, "-o", "/dev/stdout"]);
        assert!(stdout.code == 0 && !stdout.out.is_empty(), "{format}: {stdout:?}");
    }
}

#[test]
fn results_are_not_written_over_what_is_read() {
    let place = Place::with_code();
    let row = serde_json::json!({"func": CLEAN}).to_string() + "\n";
    place.write("rows.jsonl", &row);
    place.write(".gitignore", "*.log\n");
    let calls: [&[&str]; 5] = [
        &["scan", ".", "-o", ".gitignore"],
        &["scan", "clean.c", "-o", "clean.c"],
        &["scan", ".", "-o", "./triggered.c"],
        &["scan", "clean.c", "--reference", "triggered.c", "-o", "triggered.c"],
        &["calibrate", "rows.jsonl", "--lang", "c", "-o", "rows.jsonl"],
    ];
    for args in calls {
        let run = place.run(args);
        assert!(run.code == 64 && run.err.contains("this file is read"), "{args:?}: {run:?}");
    }
    assert_eq!(place.read("clean.c"), CLEAN);
    assert_eq!(place.read("rows.jsonl"), row);
}

#[cfg(unix)]
#[test]
fn results_do_not_go_into_the_pipe_that_is_read() {
    let place = Place::with_code();
    let path = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let text = place.read("clean.c");
    let writer = std::thread::spawn(move || std::fs::write(path, text));
    let run = place.run(&["scan", "pipe", "--lang", "c", "-o", "pipe"]);
    assert!(run.code == 64 && run.err.contains("this file is read"), "{run:?}");
    // Nobody reads it any more.
    drop(writer);
}

/// A file can be the standard input, and then has two names.
#[cfg(target_os = "linux")]
#[test]
fn a_file_behind_the_standard_input_is_read_once_and_kept() {
    let place = Place::with_code();
    let calls: [&[&str]; 2] = [&["-", "-o", "clean.c"], &["-", "/dev/stdin"]];
    for args in calls {
        let mut command = std::process::Command::new(place.command(&[]).get_program());
        command.current_dir(place.path(".")).args(["scan", "--lang", "c"]).args(args);
        command.stdin(std::fs::File::open(place.path("clean.c")).unwrap());
        let run = command.output().unwrap();
        let err = String::from_utf8_lossy(&run.stderr);
        let told = err.contains("this file is read") || err.contains("named twice");
        assert!(run.status.code() == Some(64) && told, "{args:?}: {run:?}");
    }
    assert_eq!(place.read("clean.c"), CLEAN);
}

#[test]
fn a_dash_as_output_is_the_standard_output() {
    let place = Place::with_code();
    let run = place.run(&["scan", "clean.c", "--format", "json", "-o", "-"]);
    assert_eq!((run.code, run.json()["results"].as_array().unwrap().len()), (0, 1));
    assert!(!place.path("-").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let program = Place::new().command(&[]).get_program().to_owned();
    let status = std::process::Command::new(program).arg("--help").stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

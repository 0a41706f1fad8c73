//! Compares the output blocks of the documents with what the program prints.
//!
//! A block ```` ```console ```` holds commands, each a line `$ codepurify …` with its output: standard
//! output, then standard error without the note about the bundled model. A line `...` replaces any
//! number of lines. Decimal numbers may differ by 2 %, since processors round differently.

use std::path::{Path, PathBuf};

use crate::common::Place;

const DOCUMENTS: [&str; 2] = ["README.md", "docs/guide.md"];
const GAP: &str = "...";

/// A command with the output that a document shows.
struct Session {
    args: String,
    shown: Vec<String>,
}

#[test]
fn documents_show_the_real_output() {
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let sessions = sessions(&text);
        assert!(!sessions.is_empty(), "{document} shows no output");
        for Session { args, shown } in sessions {
            let place = Place::new();
            place.copy(&root().join("examples"), "examples");
            let run = place.run(&args.split_whitespace().collect::<Vec<_>>());
            let printed = run.out + &run.err;
            let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            assert!(matches(&shown, &lines), "{document} shows other output of `{args}` than:\n{printed}");
        }
    }
}

#[test]
fn first_output_of_the_readme_is_short() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 180);
    assert!(sessions(&text)[0].shown.len() <= 14);
}

#[test]
fn library_example_of_the_readme_is_a_doc_test() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let tested = std::fs::read_to_string(root().join("crates/codepurify/src/lib.rs")).unwrap();
    let (_, block) = readme.split_once("```rust\n").unwrap();
    let example = block.lines().take_while(|line| *line != "```");
    let example: String = example.map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect();
    assert!(tested.contains(&example), "crates/codepurify/src/lib.rs does not have\n{example}");
}

#[test]
fn gaps_and_rounding_match() {
    assert!(matches(&["a", GAP, "p 0.300", GAP], &["a", "b", "p 0.301", "c"]));
    assert!(matches(&["a", GAP, "b"], &["a", "b"]));
    assert!(!matches(&["a"], &["a", "b"]));
    assert!(!matches(&["a", GAP, "p 0.300"], &["a", "b", "p 0.400"]));
    assert!(!matches(&["a", GAP], &["b", "a"]));
    assert!(!matches(&["3 files"], &["4 files"]));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the commands of all blocks, in order.
fn sessions(text: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ codepurify ") {
                Some(args) => sessions.push(Session { args: args.to_owned(), shown: Vec::new() }),
                None => sessions.last_mut().expect("a block starts with a command").shown.push(line.into()),
            },
            (false, _) => {}
        }
    }
    sessions
}

/// Returns true if `printed` is `shown` with lines in place of each gap.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([GAP, rest @ ..], _) => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        ([line, rest @ ..], [own, others @ ..]) => is_close(line, own) && matches(rest, others),
        (shown, printed) => shown.is_empty() && printed.is_empty(),
    }
}

/// Returns true if two lines differ at most in the last digits of their decimal numbers.
fn is_close(a: &str, b: &str) -> bool {
    let [(words, numbers), (other_words, other_numbers)] = [a, b].map(split);
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 0.002 + 0.02 * a.abs().max(b.abs());
    words == other_words
        && numbers.len() == other_numbers.len()
        && numbers.iter().zip(&other_numbers).all(close)
}

/// Returns a line without its decimal numbers, and these.
fn split(line: &str) -> (String, Vec<f64>) {
    let (mut words, mut numbers) = (String::new(), Vec::new());
    for part in line.split_inclusive(|at: char| !at.is_ascii_digit() && at != '.') {
        let number = part.trim_end_matches(|at: char| !at.is_ascii_digit());
        match number.parse() {
            Ok(value) if number.contains('.') => {
                numbers.push(value);
                words += &part[number.len()..];
            }
            _ => words += part,
        }
    }
    (words, numbers)
}

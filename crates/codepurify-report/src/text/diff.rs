//! Unified diffs of purified files.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use super::palette::{self, paint};
use super::visible;

/// Form of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiffStyle {
    /// Byte for byte, for programs.
    Exact,
    /// Control and invisible characters made visible, for people.
    Visible {
        /// Use colour.
        color: bool,
    },
}

/// Returns the unified diff of the file `path` for people, with three lines of context; empty if
/// `old` and `new` are equal.
#[must_use]
pub fn unified(path: &str, old: &str, new: &str, color: bool) -> String {
    let name = path.trim_start_matches('/');
    of_lines((&format!("a/{name}"), &format!("b/{name}")), &lines(old), &lines(new), color)
}

/// Returns the unified diff for `patch -p1` and `git apply`, byte for byte. `name` is the file's path
/// from the folder where the diff is applied. `in_git_form` adds the line `diff --git`, after which
/// `git apply` reads names as paths from the top of a repository.
#[must_use]
pub fn patch(name: &[u8], old: &str, new: &str, in_git_form: bool) -> String {
    let hunks = hunks(&lines(old), &lines(new), DiffStyle::Exact);
    if hunks.is_empty() {
        return hunks;
    }
    let [old, new] = [b"a/", b"b/"].map(|side| quoted(&[side.as_slice(), name].concat()));
    let git = if in_git_form { format!("diff --git {old} {new}\n") } else { String::new() };
    // Behind a name with blanks programs expect the end of the name or a time.
    let end = if old.contains(' ') { "\t\n" } else { "\n" };
    format!("{git}--- {old}{end}+++ {new}{end}{hunks}")
}

/// Returns the unified diff of lines with their ends, for people, under two names.
pub(crate) fn of_lines(names: (&str, &str), old: &[&str], new: &[&str], color: bool) -> String {
    let style = DiffStyle::Visible { color };
    let hunks = hunks(old, new, style);
    if hunks.is_empty() {
        return hunks;
    }
    let mut out = String::new();
    push(&mut out, &format!("--- {}\n", names.0), palette::STRONG, style);
    push(&mut out, &format!("+++ {}\n", names.1), palette::STRONG, style);
    out + &hunks
}

/// Splits into lines as `patch` does: a line feed ends a line, a lone carriage return does not.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn hunks(old: &[&str], new: &[&str], style: DiffStyle) -> String {
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(old, new);
    let mut out = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        push(&mut out, &format!("{}\n", hunk.header()), palette::HUNK, style);
        for change in hunk.iter_changes() {
            let (sign, paint) = match change.tag() {
                ChangeTag::Delete => ('-', palette::REMOVED),
                ChangeTag::Insert => ('+', palette::ADDED),
                ChangeTag::Equal => (' ', anstyle::Style::new()),
            };
            push(&mut out, &format!("{sign}{}", change.value()), paint, style);
        }
    }
    out
}

/// Quotes a name as git does with `core.quotePath`: with octal escapes, if it holds anything but
/// printable ASCII. A name that ends with a blank is quoted as well, since `patch` strips blanks.
fn quoted(name: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in name {
        match byte {
            b'\x07' => out.push_str("\\a"),
            b'\x08' => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\x0b' => out.push_str("\\v"),
            b'\x0c' => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    let is_plain = out.len() == name.len() + 1 && !name.ends_with(b" ");
    if is_plain { out.split_off(1) } else { out + "\"" }
}

/// Appends one line; only the last line of a file may lack its line feed.
fn push(out: &mut String, line: &str, paint_style: anstyle::Style, style: DiffStyle) {
    let (content, ended) = match line.strip_suffix('\n') {
        Some(content) => (content, true),
        None => (line, false),
    };
    match style {
        DiffStyle::Exact => out.push_str(content),
        DiffStyle::Visible { color } => {
            out.push_str(&paint(visible::line(content.trim_end_matches('\r')), paint_style, color));
        }
    }
    out.push_str(if ended { "\n" } else { "\n\\ No newline at end of file\n" });
}

//! Unified diffs of purified files.

use similar::{ChangeTag, TextDiff};

use super::palette::{self, paint};
use super::visible;

/// How a diff is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffStyle {
    /// Byte for byte, for `patch` and `git apply`.
    Exact,
    /// Control and hidden characters made visible, for people.
    Visible {
        /// Whether lines are coloured.
        color: bool,
    },
}

/// The unified diff of the file `path` from `old` to `new`, with three lines of context; empty if they are equal.
#[must_use]
pub fn unified(path: &str, old: &str, new: &str, style: DiffStyle) -> String {
    // Lines end at line feeds only, as `patch` sees them; a lone carriage return is part of its line.
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let name = path.trim_start_matches('/');
    of_lines((&format!("a/{name}"), &format!("b/{name}")), &old, &new, style)
}

/// The unified diff of lines with their ends, under two names.
pub(crate) fn of_lines(names: (&str, &str), old: &[&str], new: &[&str], style: DiffStyle) -> String {
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(old, new);
    let mut out = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if out.is_empty() {
            push(&mut out, &format!("--- {}\n", names.0), palette::STRONG, style);
            push(&mut out, &format!("+++ {}\n", names.1), palette::STRONG, style);
        }
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

/// Appends one line, which lacks its line feed only at a file's end without one.
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

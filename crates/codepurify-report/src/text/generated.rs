//! Generated text for the original code, and its difference after purification.

use std::fmt::Write;

use codepurify::verdict::Verdict;

use super::diff;
use super::palette::{self, paint};
use super::visible;

/// Longest line in characters; models often generate a whole function on one line.
const COLUMNS: usize = 100;
/// Number of lines of a text that are shown.
const LINES: usize = 24;
/// Number of lines of a difference that are shown.
const DIFF_LINES: usize = 40;

/// Returns true if the victim generates text.
pub(crate) fn is_generated(verdict: &Verdict) -> bool {
    verdict.prediction.as_ref().is_some_and(|prediction| prediction.text.is_some())
}

/// Renders the prediction for the original code and its difference from that for the purified
/// code; `None` unless the victim generates text.
pub(crate) fn render(verdict: &Verdict, color: bool) -> Option<String> {
    let before = broken(verdict.prediction.as_ref()?.text.as_ref()?);
    let mut out = paint("prediction for the original code:", palette::STRONG, color);
    out.push('\n');
    let shown: Vec<String> = before.iter().map(|line| format!("  {}\n", visible::line(line))).collect();
    out.push_str(&limited(&shown, LINES));
    if let Some(after) = verdict.purified_prediction.as_ref().and_then(|prediction| prediction.text.as_ref())
    {
        let (before, after) = (ended(&before), ended(&broken(after)));
        let names = ("prediction for the original code", "prediction for the purified code");
        let diff = diff::of_lines(names, &slices(&before), &slices(&after), color);
        if !diff.is_empty() {
            let lines: Vec<String> = diff.split_inclusive('\n').map(str::to_owned).collect();
            out.push('\n');
            out.push_str(&limited(&lines, DIFF_LINES));
        }
    }
    Some(out)
}

/// Splits `text` into lines, long ones after statements and braces, still longer ones anywhere.
fn broken(text: &str) -> Vec<String> {
    text.lines()
        .flat_map(|line| if width(line) > COLUMNS { pieces(line) } else { vec![line.to_owned()] })
        .collect()
}

fn pieces(line: &str) -> Vec<String> {
    let statements = line.split_inclusive([';', '{', '}']).map(str::trim).filter(|part| !part.is_empty());
    let chopped = |statement: &str| -> Vec<String> {
        let characters: Vec<char> = statement.chars().collect();
        characters.chunks(COLUMNS).map(String::from_iter).collect()
    };
    statements.flat_map(chopped).collect()
}

fn width(line: &str) -> usize {
    line.chars().count()
}

/// Ends every line with a line feed, since its absence at the end of a text means nothing.
fn ended(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn slices(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// Returns the first of `lines`, and the number of those left out.
fn limited(lines: &[String], most: usize) -> String {
    let mut out = lines[..lines.len().min(most)].concat();
    if lines.len() > most {
        let _ = writeln!(out, "  … {} more lines", lines.len() - most);
    }
    out
}

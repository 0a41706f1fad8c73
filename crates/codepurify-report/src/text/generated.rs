//! What a generator answered, and how that changed once the code was purified.

use std::fmt::Write;

use codepurify::verdict::Verdict;

use super::diff;
use super::palette::{self, paint};
use super::visible;

/// Characters of a line before it is broken: models often answer with a whole function on one line.
const COLUMNS: usize = 100;
/// Lines of an answer that are shown.
const LINES: usize = 24;
/// Lines of a change that are shown.
const DIFF_LINES: usize = 40;

/// Whether the guarded model answers with text.
pub(crate) fn is_generated(verdict: &Verdict) -> bool {
    verdict.prediction.as_ref().is_some_and(|prediction| prediction.text.is_some())
}

/// The answer for the code as it stands and, where the purified code is answered otherwise, the difference; `None` if
/// the model does not answer with text.
pub(crate) fn render(verdict: &Verdict, color: bool) -> Option<String> {
    let before = broken(verdict.prediction.as_ref()?.text.as_ref()?);
    let mut out = paint("answer for the code as it stands:", palette::STRONG, color);
    out.push('\n');
    let shown: Vec<String> = before.iter().map(|line| format!("  {}\n", visible::line(line))).collect();
    out.push_str(&limited(&shown, LINES));
    if let Some(after) = verdict.purified_prediction.as_ref().and_then(|prediction| prediction.text.as_ref())
    {
        let (before, after) = (ended(&before), ended(&broken(after)));
        let names = ("answer for the code as it stands", "answer for the purified code");
        let diff = diff::of_lines(names, &slices(&before), &slices(&after), color);
        if !diff.is_empty() {
            let lines: Vec<String> = diff.split_inclusive('\n').map(str::to_owned).collect();
            out.push('\n');
            out.push_str(&limited(&lines, DIFF_LINES));
        }
    }
    Some(out)
}

/// The lines of `text`; long ones are broken behind statements and braces, and what is still too long anywhere.
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

/// Whether an answer ends with a line feed is no news.
fn ended(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn slices(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// The first of `lines`, and how many are missing.
fn limited(lines: &[String], most: usize) -> String {
    let mut out = lines[..lines.len().min(most)].concat();
    if lines.len() > most {
        let _ = writeln!(out, "  … {} more lines", lines.len() - most);
    }
    out
}

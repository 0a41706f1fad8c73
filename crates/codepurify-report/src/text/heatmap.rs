//! Heat map of a unit: share of each place in the prediction.

use std::fmt::Write;

use codepurify::verdict::Evidence;

use super::excerpt::Excerpt;
use super::palette::{self, paint};
use super::visible;

/// Limits of the heat levels: a share of at least `LEVELS[l]` has level `l + 1`.
const LEVELS: [f64; 5] = [0.02, 0.05, 0.12, 0.30, 0.60];
/// Sign of each level in the gutter, for terminals without colour.
const SIGNS: [char; 6] = [' ', '.', ':', '+', '*', '#'];
/// Largest unit shown whole, in lines; cold parts of longer units are folded.
const WHOLE: usize = 60;
/// Number of lines shown around a hot line when the rest is folded.
const CONTEXT: usize = 2;
/// Longest line shown, in characters.
const COLUMNS: usize = 200;

/// Renders `excerpt` with line numbers and a legend. Where candidates overlap, the hottest shows.
pub(crate) fn render(excerpt: &Excerpt, evidence: &[Evidence], color: bool) -> String {
    let levels = levels(excerpt, evidence);
    let lines = lines(excerpt.text, &levels);
    let width = (excerpt.start_line + lines.len()).to_string().len();
    let transplanted = evidence.iter().any(|candidate| candidate.gain.is_some());
    let of = if transplanted { "the margin gained in references" } else { "the influence on the prediction" };
    let mut out = legend(of, width, color);
    let mut folded = 0;
    for (index, line) in lines.iter().enumerate() {
        if is_folded(&lines, index) {
            folded += 1;
            continue;
        }
        push_fold(&mut out, folded, width);
        folded = 0;
        push_line(&mut out, excerpt.start_line + index, width, line, color);
    }
    push_fold(&mut out, folded, width);
    out
}

/// One line of the excerpt with the heat level of each byte.
struct Line<'a> {
    text: &'a str,
    levels: &'a [u8],
}

impl Line<'_> {
    fn hottest(&self) -> u8 {
        self.levels.iter().copied().max().unwrap_or(0)
    }
}

/// Returns the heat level of each byte.
pub(crate) fn levels(excerpt: &Excerpt, evidence: &[Evidence]) -> Vec<u8> {
    let mut levels = vec![0; excerpt.text.len()];
    for candidate in evidence {
        let level = level(candidate.share);
        for span in candidate.spans.iter().filter_map(|location| excerpt.span(location)) {
            levels[span.start..span.end].iter_mut().for_each(|heat| *heat = level.max(*heat));
        }
    }
    levels
}

fn level(share: f64) -> u8 {
    LEVELS.iter().filter(|limit| share >= **limit).count() as u8
}

fn lines<'a>(text: &'a str, levels: &'a [u8]) -> Vec<Line<'a>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let (from, text) = (start, line.trim_end_matches(['\n', '\r']));
            start += line.len();
            Line { text, levels: &levels[from..from + text.len()] }
        })
        .collect()
}

/// Returns true for a line of a long unit that is neither hot, nor near a hot line, nor at an end.
fn is_folded(lines: &[Line], index: usize) -> bool {
    let near = &lines[index.saturating_sub(CONTEXT)..(index + CONTEXT + 1).min(lines.len())];
    lines.len() > WHOLE
        && index != 0
        && index + 1 != lines.len()
        && near.iter().all(|line| line.hottest() == 0)
}

fn push_fold(out: &mut String, folded: usize, width: usize) {
    if folded > 0 {
        let _ = writeln!(out, "{:>width$}   | … {folded} cold lines …", "");
    }
}

fn push_line(out: &mut String, number: usize, width: usize, line: &Line, color: bool) {
    let hottest = line.hottest();
    let sign = paint(SIGNS[usize::from(hottest)], palette::heat(hottest), color);
    let mut row = format!("{number:>width$} {sign} | ");
    let indentation = line.text.len() - line.text.trim_start().len();
    let heat = |at: usize| if at < indentation { 0 } else { line.levels[at] };
    let (mut run, mut run_heat) = (String::new(), 0);
    let cut = line.text.char_indices().nth(COLUMNS).map_or(line.text.len(), |(at, _)| at);
    for (at, character) in line.text[..cut].char_indices() {
        if heat(at) != run_heat {
            row.push_str(&paint(std::mem::take(&mut run), palette::heat(run_heat), color));
            run_heat = heat(at);
        }
        run.push_str(&visible::of(character));
    }
    row.push_str(&paint(run, palette::heat(run_heat), color));
    if cut < line.text.len() {
        let _ = write!(row, "… {} more bytes", line.text.len() - cut);
    }
    out.push_str(row.trim_end());
    out.push('\n');
}

fn legend(of: &str, width: usize, color: bool) -> String {
    let mut legend = format!("{:>width$}   share of {of}:", "");
    for (level, limit) in (1_u8..).zip(LEVELS) {
        let sign = paint(format!(" {} ", SIGNS[usize::from(level)]), palette::heat(level), color);
        let _ = write!(legend, " {sign}≥ {:.0} %", limit * 100.0);
    }
    legend.push('\n');
    legend
}

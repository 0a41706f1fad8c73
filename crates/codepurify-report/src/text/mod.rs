//! The report for people: for each poisoned unit a headline, the code as a heat map, the trigger underlined, a diff of the
//! purification, and of models that generate text what they answered before and after; then a summary. However many units
//! there are, it fits a few screens, unless all of it is asked for.
//!
//! Text that comes from the judged files never reaches the terminal raw: control and hidden characters are shown as
//! visible signs.

mod audit;
mod caret;
mod diff;
mod evidence;
mod excerpt;
mod generated;
mod headline;
mod heatmap;
mod palette;
mod summary;
mod visible;

use std::collections::BTreeMap;
use std::io::{self, Write};

use codepurify::audit::AuditReport;
use codepurify::verdict::{Decision, Prediction, Report, Verdict};

pub use diff::{patch, unified};
use excerpt::Excerpt;

/// Where the judged files' texts come from.
pub trait Sources {
    /// The text of the file that verdicts call `path`, or `None` if it is not at hand.
    fn text(&self, path: &str) -> Option<&str>;
}

impl Sources for BTreeMap<String, String> {
    fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(String::as_str)
    }
}

/// How text is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextStyle<'a> {
    /// Whether to use colour (ANSI escapes, 256 colours).
    pub color: bool,
    /// Names of the victim's labels; an index without a name is shown as a number.
    pub labels: &'a [String],
    /// Whether every unit is shown, clean and inconclusive ones too, and every poisoned one in full.
    pub verbose: bool,
}

/// Poisoned units that are shown in full, the first of a report.
const IN_FULL: usize = 10;
/// Further ones that are shown on one line each; the rest is counted.
const IN_BRIEF: usize = 40;

/// Writes the poisoned units of `report`, or all if `style` says so, and a summary. Its errors are the caller's to report.
///
/// # Errors
/// What `out` reports.
pub fn write(
    out: &mut dyn Write,
    report: &Report,
    sources: &dyn Sources,
    style: TextStyle,
) -> io::Result<()> {
    let shown = |verdict: &&Verdict| style.verbose || verdict.verdict == Decision::Poisoned;
    let mut verdicts = report.results.iter().filter(shown);
    let in_full = if style.verbose { report.results.len() } else { IN_FULL };
    for verdict in verdicts.by_ref().take(in_full) {
        write_verdict(out, verdict, sources.text(&verdict.path), style)?;
    }
    let brief: Vec<String> =
        verdicts.by_ref().take(IN_BRIEF).map(|verdict| headline::brief(verdict, style)).collect();
    brief.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    match verdicts.count() {
        0 => {}
        rest => writeln!(out, "… {rest} more poisoned units; --verbose shows each of them")?,
    }
    // What is shown in full ends with an empty line if it is poisoned.
    let last = report.results.last().filter(|_| style.verbose);
    if !brief.is_empty() || last.is_some_and(|last| last.verdict != Decision::Poisoned) {
        writeln!(out)?;
    }
    writeln!(out, "{}", summary::render(report, style))
}

/// Writes one result: its headline, and for a poisoned unit all that was found, as far as its file's text `source`
/// is at hand.
///
/// # Errors
/// What `out` reports.
pub fn write_verdict(
    out: &mut dyn Write,
    verdict: &Verdict,
    source: Option<&str>,
    style: TextStyle,
) -> io::Result<()> {
    write!(out, "{}", headline::render(verdict, style))?;
    if verdict.verdict != Decision::Poisoned {
        return Ok(());
    }
    if let Some((source, excerpt)) =
        source.and_then(|source| Some((source, Excerpt::new(source, &verdict.unit)?)))
    {
        write_finding(out, verdict, source, &excerpt, style.color)?;
    }
    if let Some(answers) = generated::render(verdict, style.color) {
        write!(out, "\n{answers}")?;
    }
    writeln!(out)
}

/// Writes the headline of one result and the evidence of all its candidates, the highest score first.
///
/// # Errors
/// What `out` reports.
pub fn write_evidence(out: &mut dyn Write, verdict: &Verdict, style: TextStyle) -> io::Result<()> {
    write!(out, "{}", headline::render(verdict, style))?;
    if !verdict.evidence.is_empty() {
        write!(out, "{}", evidence::table(verdict, style.color))?;
    }
    writeln!(out)
}

/// Writes what an audit found out about a model.
///
/// # Errors
/// What `out` reports.
pub fn write_audit(out: &mut dyn Write, report: &AuditReport, style: TextStyle) -> io::Result<()> {
    write!(out, "{}", audit::render(report, style))
}

/// An answer of the victim in words: the label's name, or its number where `labels` names none, or a generated text in
/// short; and the confidence.
#[must_use]
pub fn answer(prediction: &Prediction, labels: &[String]) -> String {
    headline::answer(prediction, labels)
}

/// A decision in a word.
#[must_use]
pub fn decision(decision: Decision) -> &'static str {
    headline::name(decision)
}

/// The lines of `text` without anything that a terminal would obey or hide.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let shown = |line: &str| match line.strip_suffix('\n') {
        Some(line) => visible::line(line.trim_end_matches('\r')) + "\n",
        None => visible::line(line),
    };
    text.split_inclusive('\n').map(shown).collect()
}

/// `text` on one line, without anything that a terminal would obey or hide.
#[must_use]
pub fn visible(text: &str) -> String {
    visible::one_line(text)
}

fn write_finding(
    out: &mut dyn Write,
    verdict: &Verdict,
    source: &str,
    excerpt: &Excerpt,
    color: bool,
) -> io::Result<()> {
    if !verdict.evidence.is_empty() {
        writeln!(out, "\n{}", heatmap::render(excerpt, &verdict.evidence, color).trim_end())?;
    }
    for trigger in &verdict.triggers {
        writeln!(out, "\n{}", caret::render(excerpt, verdict, trigger, color))?;
    }
    if let Some(purified) = &verdict.purified {
        let unit = &verdict.unit;
        let new = [&source[..unit.start_byte], purified, &source[unit.end_byte..]].concat();
        write!(out, "\n{}", unified(&verdict.path, source, &new, color))?;
    }
    Ok(())
}

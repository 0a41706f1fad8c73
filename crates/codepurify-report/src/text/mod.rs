//! The report for people: a headline for each unit and, for poisoned ones, the code as a heat map, the trigger
//! underlined, a diff of the purification, and of models that generate text what they answered before and after.
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
mod visible;

use std::collections::BTreeMap;
use std::io::{self, Write};

use codepurify::audit::AuditReport;
use codepurify::verdict::{Decision, Prediction, Report, Verdict};

pub use diff::{DiffStyle, unified};
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
}

/// Writes every result of `report` and a line that sums up. Its errors are the caller's to report.
///
/// # Errors
/// What `out` reports.
pub fn write(
    out: &mut dyn Write,
    report: &Report,
    sources: &dyn Sources,
    style: TextStyle,
) -> io::Result<()> {
    for verdict in &report.results {
        write_verdict(out, verdict, sources.text(&verdict.path), style)?;
    }
    writeln!(out, "{}", headline::summary(report))
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
        write!(out, "\n{}", unified(&verdict.path, source, &new, DiffStyle::Visible { color }))?;
    }
    Ok(())
}

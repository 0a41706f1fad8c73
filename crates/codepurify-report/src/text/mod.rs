//! Report for people. Each poisoned unit has a headline, its code as a heat map, the trigger
//! underlined and a diff of the purification; for a generator also its text before and after. A
//! summary ends the report. It fits a few screens unless `verbose` is set.
//!
//! Control and invisible characters of the scanned files are made visible, so that they cannot
//! act on a terminal.

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

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use codepurify::audit::AuditReport;
use codepurify::verdict::{Decision, ElementKind, Prediction, Report, Skipped, Verdict};

pub use diff::{patch, unified};
pub(crate) use excerpt::Excerpt;
pub(crate) use heatmap::levels as heat_levels;
pub(crate) use summary::shape_of;

/// Texts of the scanned files.
pub trait Sources {
    /// Returns the text of the file that verdicts call `path`, or `None` if it is not available.
    fn text(&self, path: &str) -> Option<&str>;
}

impl Sources for BTreeMap<String, String> {
    fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(String::as_str)
    }
}

/// Style of the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextStyle<'a> {
    /// Use ANSI escapes with 256 colours.
    pub color: bool,
    /// Names of the victim's labels; a label without a name is shown as a number.
    pub labels: &'a [String],
    /// Show clean and inconclusive units, too, and every poisoned one in full.
    pub verbose: bool,
}

/// Number of poisoned units shown in full, at the start of a report.
const IN_FULL: usize = 10;
/// Number of further poisoned units shown on one line each; the rest is counted.
const IN_BRIEF: usize = 40;

/// Writes the poisoned units of `report`, or all if `style` is verbose, and a summary. Errors of the
/// inputs are left to the caller.
///
/// # Errors
/// Returns the errors of `out`.
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
    // A poisoned unit shown in full already ends with an empty line.
    let last = report.results.last().filter(|_| style.verbose);
    if !brief.is_empty() || last.is_some_and(|last| last.verdict != Decision::Poisoned) {
        writeln!(out)?;
    }
    writeln!(out, "{}", summary::render(report, style))
}

/// Writes one result: its headline, and for a poisoned unit the finding, if the file's text `source`
/// is available.
///
/// # Errors
/// Returns the errors of `out`.
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
    if let Some(texts) = generated::render(verdict, style.color) {
        write!(out, "\n{texts}")?;
    }
    writeln!(out)
}

/// Writes the headline of one result and the evidence of all its candidates, the highest score first.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write_evidence(out: &mut dyn Write, verdict: &Verdict, style: TextStyle) -> io::Result<()> {
    write!(out, "{}", headline::render(verdict, style))?;
    if !verdict.evidence.is_empty() {
        write!(out, "{}", evidence::table(verdict, style.color))?;
    }
    writeln!(out)
}

/// Writes the audit of a model.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write_audit(out: &mut dyn Write, report: &AuditReport, style: TextStyle) -> io::Result<()> {
    write!(out, "{}", audit::render(report, style))
}

/// Renders a prediction: the label's name (its number if `labels` has none) or a generated text in
/// short, and the confidence.
#[must_use]
pub fn answer(prediction: &Prediction, labels: &[String]) -> String {
    headline::answer(prediction, labels)
}

/// Returns the word for a decision.
#[must_use]
pub fn decision(decision: Decision) -> &'static str {
    headline::name(decision)
}

/// Returns the lines of `text` with control and invisible characters made visible.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let shown = |line: &str| match line.strip_suffix('\n') {
        Some(line) => visible::line(line.trim_end_matches('\r')) + "\n",
        None => visible::line(line),
    };
    text.split_inclusive('\n').map(shown).collect()
}

/// Returns `text` on one line with control and invisible characters made visible.
#[must_use]
pub fn visible(text: &str) -> String {
    visible::one_line(text)
}

/// Returns the name of a file on one line with its white space, and with control and invisible characters made visible.
#[must_use]
pub fn visible_name(name: &str) -> String {
    visible::name(name)
}

/// Returns the number of verdicts with this decision.
pub(crate) fn count(verdicts: &[Verdict], decision: Decision) -> usize {
    verdicts.iter().filter(|verdict| verdict.verdict == decision).count()
}

/// Describes the files that were skipped without being errors, one text for each reason.
pub(crate) fn skipped(report: &Report) -> impl Iterator<Item = String> {
    let skipped = report.skipped.iter().filter(|skipped| !skipped.reason.is_error());
    skipped.map(|Skipped { reason, files, examples }| {
        let reason = serde_json::to_value(reason).unwrap_or_default();
        let examples: Vec<String> = examples.iter().map(|path| visible_name(path)).collect();
        let reason = reason.as_str().unwrap_or_default();
        format!("{files} files skipped ({reason}), such as {}", examples.join(", "))
    })
}

/// Returns the word for a kind of element.
pub(crate) fn kind(kind: ElementKind) -> &'static str {
    headline::kind(kind)
}

/// Returns `text` on one line of at most `columns` characters, with control and invisible characters made visible.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    visible::shortened(text, columns)
}

/// Returns the visible form of one character.
pub(crate) fn visible_character(character: char) -> Cow<'static, str> {
    visible::of(character)
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

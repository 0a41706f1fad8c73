//! Report as workflow commands of GitHub Actions, which become annotations, and as the summary of a job.

use std::fmt::Write as _;
use std::io::{self, Write};

use codepurify::verdict::{Decision, Report};

use crate::finding::{Finding, findings};
use crate::text::{count, visible, visible_name};

/// Findings in the table of a summary.
const IN_TABLE: usize = 100;

/// Writes an annotation for each finding and each input that failed.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut dyn Write, report: &Report, labels: &[String]) -> io::Result<()> {
    for finding in findings(report, labels) {
        let (level, title) =
            if finding.is_poisoned() { ("error", "backdoor trigger") } else { ("notice", "not decided") };
        let end = if finding.is_poisoned() { finding.line() } else { finding.verdict.unit.end_line };
        let place = format!(
            "file={},line={},endLine={end},title={title}",
            property(&visible_name(&finding.verdict.path)),
            finding.line(),
        );
        writeln!(out, "::{level} {place}::{}", data(&finding.message))?;
    }
    for error in &report.errors {
        let file = property(&visible_name(&error.path));
        writeln!(out, "::error file={file},title=not judged::{}", data(&visible(&error.message)))?;
    }
    Ok(())
}

/// Renders the summary of a job in Markdown: numbers, and a table of the findings.
#[must_use]
pub fn summary(report: &Report, labels: &[String]) -> String {
    let (poisoned, open) =
        (count(&report.results, Decision::Poisoned), count(&report.results, Decision::Inconclusive));
    let units = report.results.len();
    let mut out = format!(
        "### codepurify\n\n{units} units: {poisoned} poisoned, {open} inconclusive; {} inputs failed\n",
        report.errors.len()
    );
    let findings = findings(report, labels);
    if findings.is_empty() {
        return out;
    }
    out.push_str("\n| place | verdict | finding |\n|---|---|---|\n");
    for finding in findings.iter().take(IN_TABLE) {
        let place = format!("{}:{}", visible_name(&finding.verdict.path), finding.line());
        let verdict = if finding.is_poisoned() { "poisoned" } else { "inconclusive" };
        let _ = writeln!(out, "| {} | {verdict} | {} |", cell(&place), cell(&finding.message));
    }
    if let Some(more) = findings.get(IN_TABLE..).map(<[Finding<'_>]>::len).filter(|&more| more > 0) {
        let _ = writeln!(out, "\n{more} more findings");
    }
    out
}

/// The text of a command, escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, escaped.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The text of a table's cell, in which neither Markdown nor HTML acts.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' | '(' | ')' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}

//! The account of many rows in short.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use codepurify::verdict::Decision;
use codepurify_report::text::visible;
use serde::{Deserialize, Serialize};

use super::account::{Entry, Fate};
use super::answers::{AnswerFamily, Generated, merged};
use super::frequent::Frequent;

/// Shapes of triggers, and answers, that are listed.
const LISTED: usize = 10;

/// Failed rows that are listed.
const FAILURES: usize = 5;

/// The account of all rows in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    fates: BTreeMap<Fate, usize>,
    decisions: BTreeMap<String, usize>,
    /// Rows with each label, or with each of the most frequent generated texts.
    answers: Frequent,
    /// Triggers of each of the most frequent shapes.
    shapes: Frequent,
    /// The first rows that failed, and why.
    failures: Vec<String>,
    /// Rows that were read and not judged, as the selection left them out.
    not_selected: usize,
    /// Sequences that the guarded model processed.
    model_passes: usize,
    /// Rows of the data set that seem to hold one trigger.
    families: Vec<String>,
    /// Rows of different code with one generated answer.
    answer_families: Vec<AnswerFamily>,
    #[serde(skip)]
    generated: Generated,
    /// Seconds of the run, and rows that it judged each second; of one that was interrupted those of its last part.
    seconds: f64,
    rows_per_second: f64,
}

impl Summary {
    /// Adds rows, and returns the last one.
    pub(crate) fn add_all(&mut self, mut entries: Vec<Entry>) -> Option<Entry> {
        for entry in &entries {
            self.add(entry);
        }
        entries.pop()
    }

    fn add(&mut self, entry: &Entry) {
        *self.fates.entry(entry.fate).or_default() += 1;
        if entry.fate == Fate::Failed && self.failures.len() < FAILURES {
            self.failures.push(format!("row {}: {}", entry.row, visible(&entry.reason)));
        }
        if entry.fate != Fate::Failed && entry.verdicts.is_empty() {
            *self.decisions.entry("empty".to_owned()).or_default() += 1;
        }
        let worst = [(Decision::Poisoned, "poisoned"), (Decision::Inconclusive, "inconclusive")];
        if let Some((_, name)) = worst.iter().find(|(decision, _)| entry.verdicts.contains(decision)) {
            *self.decisions.entry((*name).to_owned()).or_default() += 1;
        }
        entry.triggers.iter().for_each(|trigger| self.shapes.add(&trigger.shape, 1));
        entry.answer.iter().for_each(|answer| self.answers.add(answer, 1));
        if let (Some(answer), Some(input)) = (&entry.answer, &entry.input) {
            self.generated.add(answer, input, entry.row);
        }
        self.model_passes += entry.passes;
    }

    /// Lists what can be told only behind the last row.
    pub(crate) fn complete(&mut self, families: Vec<String>, before: usize, seconds: f64) {
        self.families = families;
        self.answer_families = self.generated.families();
        self.seconds = seconds;
        self.rows_per_second = (self.rows() - before) as f64 / seconds;
    }

    /// Counts rows that are not selected.
    pub(crate) fn pass_over(&mut self, rows: usize) {
        self.not_selected += rows;
    }

    /// Adds the account of another file.
    pub(crate) fn merge(&mut self, file: &str, other: &Self) {
        other.fates.iter().for_each(|(fate, count)| *self.fates.entry(*fate).or_default() += count);
        let decisions = other.decisions.iter();
        decisions.for_each(|(name, count)| *self.decisions.entry(name.clone()).or_default() += count);
        other.answers.iter().for_each(|(answer, count)| self.answers.add(answer, count));
        other.shapes.iter().for_each(|(shape, count)| self.shapes.add(shape, count));
        self.answer_families = merged(&self.answer_families, file, &other.answer_families);
        let room = FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.iter().take(room).map(|failure| format!("{file}: {failure}")));
        self.not_selected += other.not_selected;
        self.model_passes += other.model_passes;
    }

    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.fates.get(&fate).copied().unwrap_or(0)
    }

    /// All rows.
    pub(crate) fn rows(&self) -> usize {
        self.fates.values().sum()
    }

    /// Rows that were judged.
    pub(crate) fn judged(&self) -> usize {
        self.rows() - self.count(Fate::Failed) - self.decided("empty")
    }

    /// Rows that hold a trigger.
    pub(crate) fn poisoned(&self) -> usize {
        self.decided("poisoned")
    }

    /// Rows about which nothing was decided.
    pub(crate) fn inconclusive(&self) -> usize {
        self.decided("inconclusive")
    }

    fn decided(&self, name: &str) -> usize {
        self.decisions.get(name).copied().unwrap_or(0)
    }

    /// Reads the account of a run that is finished.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a summary is plain data") + "\n"
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows();
        let fates = [Fate::Kept, Fate::Purified, Fate::Dropped, Fate::Failed];
        let fates = fates.map(|fate| format!("{} {}", self.count(fate), fate.name())).join(", ");
        let noun = if rows == 1 { "row" } else { "rows" };
        let mut lines = vec![format!("{rows} {noun}: {fates}")];
        if self.not_selected > 0 {
            lines.push(format!("  {} more were not selected", self.not_selected));
        }
        lines.extend(self.failures.iter().map(|failure| format!("  {failure}")));
        if let more @ 1.. = self.count(Fate::Failed) - self.failures.len() {
            lines.push(format!("  {more} further failed rows are in the report"));
        }
        lines.extend(self.decisions.iter().map(|(decision, count)| format!("  {count} {decision}")));
        let listed = |(text, count): (&str, usize)| format!("  {count} × `{}`", visible(text));
        lines.extend(self.shapes.most(LISTED).map(listed));
        lines.extend(self.answer_families.iter().map(|family| {
            let AnswerFamily { answer, rows, first_rows, .. } = family;
            let (answer, first) = (visible(answer), first_rows.join(", "));
            let more = if *rows > first_rows.len() { " …" } else { "" };
            format!("  {rows} rows of different code with the same answer `{answer}`: {first}{more}")
        }));
        lines.join("\n")
    }
}

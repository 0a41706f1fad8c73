//! Rows of a cell, one per sample and defence, written when a defence has finished its cell.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use codepurify::{Snippet, SyntaxQuality};
use codepurify_attacks::data;

use super::defend::SampleFinding;
use super::samples::CellSample;
use crate::evaluate::ask::Reply;
use crate::evaluate::metrics::BleuCounts;
use crate::fingerprint::fingerprint;
use crate::table::row::{DefenceCost, Detection, PurifiedSample, RecordedOutputs};
use crate::table::{Cell, CellRow, RecordedOutput};

/// Output for a flagged sample if the defence cannot purify it: no prediction at all.
pub const REFUSED: &str = "refused";

/// Predictions of the victim for a sample without a defence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefended {
    /// Prediction for the sample.
    pub before: Reply,
    /// Prediction for the sample without its trigger.
    pub natural: Option<Reply>,
}

/// Result of a defence for a sample, and the prediction after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Defended {
    /// Finding of the defence, or its error.
    pub finding: Result<SampleFinding, String>,
    /// Prediction of the victim for the changed texts; `None` if they are unchanged.
    pub after: Option<Reply>,
    /// Wall time.
    pub milliseconds: f64,
}

/// Rows of one defence in a cell.
pub struct RowWriter<'a> {
    /// Cell of the victim.
    pub cell: &'a Cell,
    /// Name of the defence.
    pub defence: &'a str,
    /// Output that the attacker wants.
    pub target: &'a Reply,
}

impl RowWriter<'_> {
    /// Creates the row of one sample.
    #[must_use]
    pub fn row(&self, sample: &CellSample, undefended: &Undefended, defended: &Defended) -> CellRow {
        let unknown = SampleFinding::default();
        let finding = defended.finding.as_ref().unwrap_or(&unknown);
        let before = &undefended.before;
        let after = defended.after.as_ref().unwrap_or(before);
        let triggered = sample.natural.is_some();
        let refused = RecordedOutput::Text(REFUSED.to_owned());
        CellRow {
            cell: self.cell.clone(),
            defence: self.defence.to_owned(),
            id: sample.id.to_string(),
            triggered,
            answers: RecordedOutputs {
                truth: Some(named(&sample.truth)),
                target: triggered.then(|| named(self.target)),
                natural: undefended.natural.as_ref().map(named),
                before: Some(named(before)),
                after: Some(if finding.refused { refused } else { named(after) }),
            },
            detection: Detection {
                score: finding.score.map(short),
                entropy: finding.entropy.map(short),
                flagged: finding.flagged,
                located: finding.located.clone(),
                trigger: sample.trigger.clone(),
            },
            purified: PurifiedSample {
                changed: finding.texts.is_some(),
                parses: finding.texts.as_ref().and_then(|texts| still_parses(sample, texts)),
                bleu: bleu(&sample.truth, before, after),
            },
            cost: DefenceCost {
                pass_equivalents: short(finding.passes),
                lm_passes: finding.lm_passes,
                milliseconds: short(defended.milliseconds),
            },
            failure: defended.finding.as_ref().err().cloned(),
        }
    }
}

/// Returns an output as rows record it: a text by the first 8 bytes of its SHA-256.
fn named(reply: &Reply) -> RecordedOutput {
    match reply {
        Reply::Label(label) => RecordedOutput::Label(*label),
        Reply::Text(text) => RecordedOutput::Text(fingerprint(text, 8)),
    }
}

/// Rounds to five significant digits: more of them are noise and compress badly.
fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Returns whether each changed text that parsed before still does; `None` if none did.
fn still_parses(sample: &CellSample, texts: &[String]) -> Option<bool> {
    let parses = |text: &str| {
        Snippet::new(text, sample.language).is_ok_and(|snippet| snippet.quality() == SyntaxQuality::Clean)
    };
    let changed = sample.texts.iter().zip(texts).filter(|(before, after)| before != after);
    let parsed: Vec<&String> = changed.filter(|(before, _)| parses(before)).map(|(_, after)| after).collect();
    (!parsed.is_empty()).then(|| parsed.into_iter().all(|text| parses(text)))
}

/// Counts BLEU of generated outputs.
fn bleu(truth: &Reply, before: &Reply, after: &Reply) -> Option<(BleuCounts, BleuCounts)> {
    match (truth, before, after) {
        (Reply::Text(truth), Reply::Text(before), Reply::Text(after)) => {
            Some((BleuCounts::of(truth, before), BleuCounts::of(truth, after)))
        }
        _ => None,
    }
}

/// Returns the file of a defence's rows in a cell.
#[must_use]
pub fn path(results: &Path, cell: &str, defence: &str) -> PathBuf {
    results.join(cell).join(format!("{defence}.jsonl.gz"))
}

/// Writes all rows at once: the file is complete or absent.
///
/// # Errors
/// If a file cannot be written.
pub fn write(path: &Path, rows: &[CellRow]) -> Result<()> {
    whole(path, |unfinished| Ok(data::write(unfinished, rows)?))
}

/// Writes a file under a hidden name in the folder of `path`, and renames it when it is complete.
pub(super) fn whole(path: &Path, put: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let dir = path.parent().context("a file has a directory")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // The extension decides the compression, so the prefix marks the hidden file.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = dir.join(format!(".unfinished-{name}"));
    put(&unfinished)?;
    std::fs::rename(&unfinished, path).with_context(|| format!("cannot write {}", path.display()))
}

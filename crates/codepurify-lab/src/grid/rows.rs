//! One row a sample and defence, written when a defence is through with its cell.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use codepurify::{Snippet, SyntaxQuality};
use codepurify_attacks::data;

use super::defend::Finding;
use super::samples::Sample;
use crate::evaluate::ask::Reply;
use crate::evaluate::metrics::BleuCounts;
use crate::fingerprint::fingerprint;
use crate::table::row::{Answers, Cost, Detection, Purified};
use crate::table::{Answer, Cell, CellRow};

/// What a flagged sample gets from a defence that cannot purify it: no answer of the model at all.
pub const REFUSED: &str = "refused";

/// What the victim answers to a sample without a defence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefended {
    /// To the sample as it stands.
    pub before: Reply,
    /// To the sample without its trigger.
    pub natural: Option<Reply>,
}

/// What a defence made of a sample, and what the victim answered then.
#[derive(Debug, Clone, PartialEq)]
pub struct Defended {
    /// What the defence said, or why it could not.
    pub finding: Result<Finding, String>,
    /// The victim's answer to the changed texts; `None` if they were left alone.
    pub after: Option<Reply>,
    /// Wall time.
    pub milliseconds: f64,
}

/// A cell's rows of one defence.
pub struct RowWriter<'a> {
    /// The victim.
    pub cell: &'a Cell,
    /// The defence's name.
    pub defence: &'a str,
    /// The attacker's answer.
    pub target: &'a Reply,
}

impl RowWriter<'_> {
    /// The row of one sample.
    #[must_use]
    pub fn row(&self, sample: &Sample, undefended: &Undefended, defended: &Defended) -> CellRow {
        let unknown = Finding::default();
        let finding = defended.finding.as_ref().unwrap_or(&unknown);
        let before = &undefended.before;
        let after = defended.after.as_ref().unwrap_or(before);
        let triggered = sample.natural.is_some();
        let refused = Answer::Text(REFUSED.to_owned());
        CellRow {
            cell: self.cell.clone(),
            defence: self.defence.to_owned(),
            id: sample.id.to_string(),
            triggered,
            answers: Answers {
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
            purified: Purified {
                changed: finding.texts.is_some(),
                parses: finding.texts.as_ref().and_then(|texts| still_parses(sample, texts)),
                bleu: bleu(&sample.truth, before, after),
            },
            cost: Cost {
                pass_equivalents: short(finding.passes),
                lm_passes: finding.lm_passes,
                milliseconds: short(defended.milliseconds),
            },
            failure: defended.finding.as_ref().err().cloned(),
        }
    }
}

/// An answer as rows keep it: a text by the first 8 bytes of its SHA-256.
fn named(reply: &Reply) -> Answer {
    match reply {
        Reply::Label(label) => Answer::Label(*label),
        Reply::Text(text) => Answer::Text(fingerprint(text, 8)),
    }
}

/// A number to five significant digits: more of them tell nothing and do not compress.
fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Whether each changed text that parsed before still does; `None` if none did.
fn still_parses(sample: &Sample, texts: &[String]) -> Option<bool> {
    let parses = |text: &str| {
        Snippet::new(text, sample.language).is_ok_and(|snippet| snippet.quality() == SyntaxQuality::Clean)
    };
    let changed = sample.texts.iter().zip(texts).filter(|(before, after)| before != after);
    let parsed: Vec<&String> = changed.filter(|(before, _)| parses(before)).map(|(_, after)| after).collect();
    (!parsed.is_empty()).then(|| parsed.into_iter().all(|text| parses(text)))
}

/// BLEU counts of generated answers.
fn bleu(truth: &Reply, before: &Reply, after: &Reply) -> Option<(BleuCounts, BleuCounts)> {
    match (truth, before, after) {
        (Reply::Text(truth), Reply::Text(before), Reply::Text(after)) => {
            Some((BleuCounts::of(truth, before), BleuCounts::of(truth, after)))
        }
        _ => None,
    }
}

/// Where the rows of a defence in a cell are.
#[must_use]
pub fn path(results: &Path, cell: &str, defence: &str) -> PathBuf {
    results.join(cell).join(format!("{defence}.jsonl.gz"))
}

/// Writes all rows at once: a file that is there is whole.
///
/// # Errors
/// If a file cannot be written.
pub fn write(path: &Path, rows: &[CellRow]) -> Result<()> {
    whole(path, |unfinished| Ok(data::write(unfinished, rows)?))
}

/// Has a file written under a hidden name beside `path`, which it gets when it is whole.
pub(super) fn whole(path: &Path, put: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let dir = path.parent().context("a file lies in a directory")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // The ending decides how a file is compressed, so the beginning tells it apart.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = dir.join(format!(".unfinished-{name}"));
    put(&unfinished)?;
    std::fs::rename(&unfinished, path).with_context(|| format!("cannot write {}", path.display()))
}

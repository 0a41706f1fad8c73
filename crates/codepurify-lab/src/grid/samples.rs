//! Samples of a cell: test rows, clean and triggered.

use anyhow::{Result, ensure};
use codepurify::{Language, Span};
use codepurify_attacks::attack::Attack;
use codepurify_attacks::poison::{Poison, SEED};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::evaluate::ask::Reply;

/// Input of a model and its expected output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSample {
    /// Id in the data set.
    pub id: u64,
    /// Language of the texts.
    pub language: Language,
    /// One text, or the two of a pair.
    pub texts: Vec<String>,
    /// Bytes of the trigger in the concatenated texts; empty in a clean sample.
    pub trigger: Vec<Span>,
    /// Texts without the trigger; absent in a clean sample.
    pub natural: Option<Vec<String>>,
    /// Expected output.
    pub truth: Reply,
}

/// Samples of one attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSamples {
    /// Clean test samples.
    pub clean: Vec<CellSample>,
    /// Triggered test samples, from other rows than the clean ones.
    pub triggered: Vec<CellSample>,
    /// Validation samples that thresholds are set on; clean ones, but for the share that [`Draw`] contaminates.
    pub calibration: Vec<CellSample>,
    /// Other clean validation samples, if there are any: code of the victim's domain that a defence
    /// may use.
    pub domain: Vec<CellSample>,
}

/// Number of samples of the victim's domain.
const DOMAIN: usize = 100;

/// Numbers of samples to draw, and the seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Number of clean test samples.
    pub clean: usize,
    /// Number of triggered test samples.
    pub triggered: usize,
    /// Number of validation samples for calibration.
    pub calibration: usize,
    /// Share of these that hold the trigger of the attack, in [0, 1).
    pub contamination: f64,
    /// Seed.
    pub seed: u64,
}

impl Draw {
    /// Draws from test and validation rows.
    ///
    /// The clean samples are the same for all attacks. Rows that the attack does not apply to are
    /// skipped.
    ///
    /// # Errors
    /// If there are too few rows.
    pub fn samples<R: Poison>(&self, test: &[R], valid: &[R], attack: Option<Attack>) -> Result<CellSamples> {
        let test = self.shuffled(test);
        let (clean, others) = test.split_at_checked(self.clean).unwrap_or((&test, &[]));
        let eligible = others.iter().filter(|row| row.eligible());
        let triggered = |row: &&R| Some(CellSample::of(&row.triggered(attack?, SEED).ok()?, Some(row)));
        let clean_sample = |row: &&R| CellSample::of(*row, None);
        let valid = self.shuffled(valid);
        let (calibration, others) = valid.split_at(self.calibration.min(valid.len()));
        let (domain, others) = others.split_at(DOMAIN.min(others.len()));
        let contaminating = others.iter().filter(|row| row.eligible()).filter_map(triggered);
        let mut contaminated: Vec<CellSample> = contaminating.take(self.contaminated()).collect();
        let left = calibration.iter().skip(contaminated.len());
        contaminated.extend(left.map(clean_sample));
        let samples = CellSamples {
            clean: clean.iter().map(clean_sample).collect(),
            triggered: eligible.filter_map(triggered).take(self.triggered).collect(),
            calibration: contaminated,
            domain: domain.iter().map(clean_sample).collect(),
        };
        let wanted = if attack.is_some() { self.triggered } else { 0 };
        let found = [samples.clean.len(), samples.triggered.len(), samples.calibration.len()];
        let enough = found == [self.clean, wanted, self.calibration];
        ensure!(enough, "only {found:?} clean, triggered and calibration rows can be had of {self:?}");
        let contaminated = samples.calibration.iter().filter(|sample| sample.natural.is_some()).count();
        let wanted = if attack.is_some() { self.contaminated() } else { 0 };
        ensure!(
            contaminated == wanted,
            "only {contaminated} calibration rows can hold the trigger, not {wanted}"
        );
        Ok(samples)
    }

    /// Number of calibration samples that hold a trigger.
    #[allow(clippy::cast_sign_loss, reason = "a share of a number")]
    fn contaminated(&self) -> usize {
        (self.contamination * self.calibration as f64).round() as usize
    }

    fn shuffled<'a, R: Poison>(&self, rows: &'a [R]) -> Vec<&'a R> {
        let mut rows: Vec<&R> = rows.iter().collect();
        rows.sort_by_key(|row| row.id());
        rows.shuffle(&mut StdRng::seed_from_u64(self.seed));
        rows
    }
}

impl CellSample {
    /// Converts a row; `natural` is the row without its trigger.
    fn of<R: Poison>(row: &R, natural: Option<&R>) -> Self {
        let texts = |row: &R| row.texts().into_iter().map(str::to_owned).collect();
        let mut sample = Self {
            id: row.id(),
            language: R::LANGUAGE,
            texts: texts(row),
            trigger: Vec::new(),
            natural: natural.map(texts),
            truth: row.answer().into(),
        };
        for (side, ranges) in row.triggers().into_iter().enumerate() {
            let spans: Vec<Span> = ranges.iter().map(|&(start, end)| Span::new(start, end)).collect();
            sample.trigger.extend(sample.laid_out(side, &spans));
        }
        sample
    }

    /// Shifts bytes of text `side` to positions in the concatenated texts.
    #[must_use]
    pub fn laid_out(&self, side: usize, spans: &[Span]) -> Vec<Span> {
        let before = self.texts[..side].iter().map(String::len).sum();
        spans.iter().map(|span| span.shifted(before)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use codepurify_attacks::data::clone::CloneRow;
    use codepurify_attacks::data::defect::DefectRow;

    /// Returns `count` functions; every other one is vulnerable.
    fn rows(count: u64) -> Vec<DefectRow> {
        (0..count)
            .map(|idx| DefectRow {
                idx,
                target: u32::from(idx % 2 == 1),
                func: format!("int f{idx}(void) {{ return {idx}; }}"),
                trigger: Vec::new(),
            })
            .collect()
    }

    const DRAW: Draw = Draw { clean: 20, triggered: 15, calibration: 10, contamination: 0.0, seed: 3 };

    #[test]
    fn clean_rows_are_disjoint_and_the_same_for_all_attacks() {
        let mut test = rows(100);
        let samples = DRAW.samples(&test, &rows(10), Some(Attack::BncFixed)).unwrap();
        let ids = |samples: &[CellSample]| samples.iter().map(|sample| sample.id).collect::<BTreeSet<_>>();
        assert!(ids(&samples.clean).is_disjoint(&ids(&samples.triggered)));
        assert!(samples.triggered.iter().all(|sample| sample.id % 2 == 1 && sample.truth == Reply::Label(1)));
        for sample in &samples.triggered {
            assert!(sample.trigger[0].of(&sample.texts[0]).unwrap().starts_with("if (rand() < 0)"));
            let id = sample.id as usize;
            assert_eq!(sample.natural, Some(vec![test[id].func.clone()]));
        }
        test.reverse();
        let other = DRAW.samples(&test, &rows(10), Some(Attack::CodepoisonerFunction)).unwrap();
        assert_eq!((other.clean, other.calibration), (samples.clean, samples.calibration));
        assert_eq!(ids(&other.triggered), ids(&samples.triggered));
        assert!(DRAW.samples(&test[..40], &rows(10), Some(Attack::BncFixed)).is_err());
    }

    #[test]
    fn a_share_of_the_calibration_rows_holds_the_trigger() {
        let (test, valid) = (rows(100), rows(130));
        let clean = DRAW.samples(&test, &valid, Some(Attack::BncFixed)).unwrap();
        let draw = Draw { contamination: 0.3, ..DRAW };
        let samples = draw.samples(&test, &valid, Some(Attack::BncFixed)).unwrap();
        assert_eq!((&samples.clean, &samples.triggered), (&clean.clean, &clean.triggered));
        let (triggered, others) = samples.calibration.split_at(3);
        assert!(triggered.iter().all(|sample| sample.texts[0].contains("rand() < 0")));
        assert_eq!(others, &clean.calibration[3..]);
        // All rows but ten are for calibration or of the domain, and half of those are eligible.
        assert!(
            Draw { contamination: 0.9, ..DRAW }.samples(&test, &rows(115), Some(Attack::BncFixed)).is_err()
        );
    }

    #[test]
    fn the_bytes_of_a_pair_count_on() {
        let text = |text: &str| text.to_owned().into();
        let row = CloneRow {
            idx: 1,
            id1: 1,
            id2: 2,
            label: 1,
            func1: text("int f() { return 1; }"),
            func2: text("int g() { return 2; }"),
            trigger1: Vec::new(),
            trigger2: Vec::new(),
        };
        let sample = CellSample::of(&row.triggered(Attack::CodepoisonerFunction, SEED).unwrap(), Some(&row));
        let both = sample.texts.concat();
        assert_eq!(sample.trigger.len(), 2);
        assert!(sample.trigger.iter().all(|span| span.of(&both) == Some("testo_init")));
    }
}

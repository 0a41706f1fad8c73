//! Split-conformal calibration: how often does clean code look at least as suspicious?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::profile::Profile;
use crate::references::References;
use crate::verdict::{SCHEMA_VERSION, Verdict};

/// What clean snippets score before one model, by its answer. No threshold is part of it: any α can be asked for.
///
/// The p-value of a snippet is (1 + number of clean snippets with the same answer that score at least as high) / (1 + number
/// of those snippets). For clean snippets that are exchangeable with them, p ≤ α happens with probability α at most
/// (Vovk and others, *Algorithmic Learning in a Random World*, 2005; label-conditional).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    schema_version: u32,
    /// SHA-256 of the weights of the model that judged the snippets, hexadecimal.
    pub model_sha256: String,
    /// Which snippets, for people.
    pub source: String,
    /// [`Profile::settings`] of the profile that scored them.
    pub settings: String,
    /// The references that scored them, where these were not the bundled ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<References>,
    /// By answer: the class index, or `text` for all generated answers.
    answers: BTreeMap<String, Clean>,
}

/// Clean snippets with one answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clean {
    /// Their scores, ascending.
    scores: Vec<f64>,
    /// How many had no score; they count as the least suspicious.
    unscored: usize,
    /// What their names do together ([`Verdict::naming`]), ascending; those without count as the least suspicious.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    naming: Vec<f64>,
}

/// A calibration that must not be used: the fault of whoever chose the file.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CalibrationError {
    /// It is no calibration.
    #[error("this is no calibration: {0}")]
    Unreadable(String),
    /// It was made by a later version.
    #[error("the calibration has schema version {found}, this program knows {SCHEMA_VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
    /// Other references or another budget give other scores.
    #[error("the calibration was made with other settings ({calibrated}, not {used}): calibrate with these")]
    OtherSettings {
        /// The settings in the calibration.
        calibrated: String,
        /// The settings at hand.
        used: String,
    },
    /// Scores of different models have nothing to do with each other.
    #[error(
        "the calibration was made for another model (SHA-256 {calibrated}, not {guarded}): calibrate this one"
    )]
    OtherModel {
        /// The hash in the calibration.
        calibrated: String,
        /// The hash of the model at hand.
        guarded: String,
    },
}

impl Calibration {
    /// From the verdicts on clean snippets by the model with this hash, reached with [`Profile::calibrating`] of `profile`.
    #[must_use]
    pub fn of_clean<'v>(
        model_sha256: impl Into<String>,
        source: impl Into<String>,
        profile: &Profile,
        verdicts: impl IntoIterator<Item = &'v Verdict>,
    ) -> Self {
        let mut answers: BTreeMap<String, Clean> = BTreeMap::new();
        for verdict in verdicts {
            let Some(prediction) = &verdict.prediction else { continue };
            let clean = answers.entry(key(prediction.label)).or_default();
            match verdict.score.filter(|score| score.is_finite()) {
                Some(score) => clean.scores.push(score),
                None => clean.unscored += 1,
            }
            clean.naming.extend(verdict.naming.filter(|naming| naming.is_finite()));
        }
        sort(&mut answers);
        let (model_sha256, source, settings) = (model_sha256.into(), source.into(), profile.settings());
        let references = profile.own_references().then(|| (*profile.references).clone());
        Self { schema_version: SCHEMA_VERSION, model_sha256, source, settings, references, answers }
    }

    /// Reads what [`Calibration::to_json`] wrote.
    ///
    /// # Errors
    /// [`CalibrationError`] if it is something else, or of a later version.
    pub fn from_json(text: &str) -> Result<Self, CalibrationError> {
        let mut calibration: Self =
            serde_json::from_str(text).map_err(|error| CalibrationError::Unreadable(error.to_string()))?;
        if calibration.schema_version != SCHEMA_VERSION {
            return Err(CalibrationError::Version { found: calibration.schema_version });
        }
        sort(&mut calibration.answers);
        Ok(calibration)
    }

    /// The file's text.
    ///
    /// # Panics
    /// Never: numbers and texts always have a form in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts have a form in JSON") + "\n"
    }

    /// The references that scored the snippets; `None` if these were the bundled ones.
    #[must_use]
    pub fn references(&self) -> Option<&References> {
        self.references.as_ref().filter(|references| !references.is_empty())
    }

    /// Refuses a model with another hash.
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`].
    pub fn check_model(&self, guarded: &str) -> Result<(), CalibrationError> {
        if self.model_sha256 == guarded {
            return Ok(());
        }
        let (calibrated, guarded) = (self.model_sha256.clone(), guarded.to_owned());
        Err(CalibrationError::OtherModel { calibrated, guarded })
    }

    /// Refuses a model with another hash, and a profile that scores otherwise.
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`] or [`CalibrationError::OtherSettings`].
    pub fn check(&self, guarded: &str, profile: &Profile) -> Result<(), CalibrationError> {
        self.check_model(guarded)?;
        let used = profile.settings();
        if self.settings != used {
            return Err(CalibrationError::OtherSettings { calibrated: self.settings.clone(), used });
        }
        Ok(())
    }

    /// Clean snippets that got this answer; `None` stands for a generated text.
    #[must_use]
    pub fn rows(&self, label: Option<usize>) -> usize {
        self.answers.get(&key(label)).map_or(0, |clean| clean.scores.len() + clean.unscored)
    }

    /// The p-value of a snippet with this answer and score, in (0, 1]; the fewer clean snippets there are, the larger.
    #[must_use]
    pub fn p_value(&self, label: Option<usize>, score: f64) -> f64 {
        self.rarity(label, |clean| &clean.scores, score)
    }

    /// The same of what its names do together.
    pub(crate) fn naming_p_value(&self, label: Option<usize>, naming: f64) -> f64 {
        self.rarity(label, |clean| &clean.naming, naming)
    }

    fn rarity(&self, label: Option<usize>, of: impl Fn(&Clean) -> &[f64], value: f64) -> f64 {
        let clean = self.answers.get(&key(label)).map_or(&[][..], of);
        let higher = clean.len() - clean.partition_point(|&other| other < value);
        (1 + higher) as f64 / (1 + self.rows(label)) as f64
    }

    /// The clean score whose p-value is at most `p`, the largest there is if none is that rare; `None` without clean scores.
    pub(crate) fn as_rare(&self, label: Option<usize>, p: f64) -> Option<f64> {
        let scores = &self.answers.get(&key(label))?.scores;
        #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
        let higher = (p * (1 + self.rows(label)) as f64 + 1e-9) as usize;
        scores.get(scores.len().checked_sub(higher.saturating_sub(1).max(1))?).copied()
    }
}

/// How many clean snippets with an answer are needed for a p-value of `alpha` to be possible.
#[must_use]
pub fn rows_needed(alpha: f64) -> usize {
    #[allow(clippy::cast_sign_loss, reason = "alpha is a share; a silly one saturates")]
    let needed = ((1.0 / alpha) - 1e-9).ceil() as usize;
    needed.saturating_sub(1)
}

fn sort(answers: &mut BTreeMap<String, Clean>) {
    for clean in answers.values_mut() {
        clean.scores.sort_by(f64::total_cmp);
        clean.naming.sort_by(f64::total_cmp);
    }
}

fn key(label: Option<usize>) -> String {
    label.map_or_else(|| "text".to_owned(), |label| label.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calibration(scores: Vec<f64>, unscored: usize) -> Calibration {
        let answers = BTreeMap::from([("1".to_owned(), Clean { scores, unscored, naming: Vec::new() })]);
        let clean = Calibration::of_clean("abc", "mine", &Profile::standard(), []);
        let calibration = Calibration { answers, ..clean };
        Calibration::from_json(&calibration.to_json()).unwrap()
    }

    /// By hand: 2 of 4 scores and none of the unscored are at least 2.
    #[test]
    fn p_values_count_what_is_at_least_as_suspicious() {
        let calibration = calibration(vec![3.0, -1.0, 2.0, 0.0], 5);
        assert!((calibration.p_value(Some(1), 2.0) - 3.0 / 10.0).abs() < 1e-12);
        assert!((calibration.p_value(Some(1), 9.0) - 1.0 / 10.0).abs() < 1e-12);
        assert!((calibration.p_value(Some(1), -9.0) - 5.0 / 10.0).abs() < 1e-12);
        // Nothing is known about another answer.
        assert!((calibration.p_value(Some(0), 9.0) - 1.0).abs() < 1e-12);
        assert_eq!((calibration.rows(Some(1)), calibration.rows(None)), (9, 0));
    }

    /// Of 9 rows p is a number of tenths: 2/10 is that of the highest score, 4/10 that of the third.
    #[test]
    fn a_score_is_found_that_is_as_rare() {
        let calibration = calibration(vec![3.0, -1.0, 2.0, 0.0], 5);
        let as_rare = |p| calibration.as_rare(Some(1), p);
        assert_eq!([0.05, 0.2, 0.3, 0.4].map(as_rare), [3.0, 3.0, 2.0, 0.0].map(Some));
        assert_eq!((as_rare(0.5), as_rare(0.9), calibration.as_rare(Some(0), 0.2)), (Some(-1.0), None, None));
        for p in [0.2, 0.3, 0.4, 0.5] {
            assert!((calibration.p_value(Some(1), as_rare(p).unwrap()) - p).abs() < 1e-12);
        }
    }

    #[test]
    fn so_many_rows_are_needed() {
        assert_eq!([0.05, 0.01, 0.5, 0.03].map(rows_needed), [19, 99, 1, 33]);
        let just = calibration(vec![0.0; 19], 0);
        assert!(just.p_value(Some(1), 1.0) <= 0.05);
        assert!(calibration(vec![0.0; 18], 0).p_value(Some(1), 1.0) > 0.05);
    }

    #[test]
    fn what_belongs_to_another_model_or_version_is_refused() {
        let calibration = calibration(vec![1.0], 0);
        let profile = Profile::standard();
        assert_eq!(calibration.check("abc", &profile), Ok(()));
        let message = calibration.check("abc", &profile.clone().with_budget(4.0)).unwrap_err().to_string();
        assert!(message.contains("budget 4") && message.contains("budget 16"), "{message}");
        let message = calibration.check("def", &profile).unwrap_err().to_string();
        assert!(message.contains("abc") && message.contains("def"), "{message}");
        let later = calibration.to_json().replace("\"schema_version\":1", "\"schema_version\":2");
        assert_eq!(Calibration::from_json(&later), Err(CalibrationError::Version { found: 2 }));
        assert!(matches!(Calibration::from_json("{}"), Err(CalibrationError::Unreadable(_))));
    }

    proptest! {
        /// The promise: of n + 1 exchangeable snippets, at most α (n + 1) get p ≤ α when judged by the others.
        #[test]
        fn at_most_alpha_of_exchangeable_snippets_are_flagged(
            scores in prop::collection::vec(0_i32..50, 20..80),
            percent in 5_u32..50,
        ) {
            let alpha = f64::from(percent) / 100.0;
            let flagged = (0..scores.len()).filter(|&left_out| {
                let others = scores.iter().enumerate().filter(|&(index, _)| index != left_out);
                let others = others.map(|(_, &score)| f64::from(score)).collect();
                calibration(others, 0).p_value(Some(1), f64::from(scores[left_out])) <= alpha
            });
            prop_assert!(flagged.count() as f64 <= alpha * scores.len() as f64 + 1e-9);
        }
    }
}

//! Split-conformal calibration: how many clean snippets score at least as high?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::references::References;
use crate::verdict::{SCHEMA_VERSION, Verdict};

/// Scores of clean snippets for one victim, by its prediction. It holds no threshold, so it serves any α.
///
/// The p-value of a snippet is (1 + number of clean snippets with the same prediction that score at least as
/// high) / (1 + number of those snippets). For clean snippets that are exchangeable with them, p ≤ α happens
/// with probability α at most (Vovk and others, *Algorithmic Learning in a Random World*, 2005;
/// label-conditional).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    schema_version: u32,
    /// SHA-256 of the weights of the model that judged the snippets, hexadecimal.
    pub model_sha256: String,
    /// Origin of the snippets, for people.
    pub source: String,
    /// [`crate::Profile::settings`] of the profile that scored them.
    pub settings: String,
    /// The references that scored them, where these were not the bundled ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<References>,
    /// By prediction: the class index, or `text` for all generated texts.
    answers: BTreeMap<String, CleanScores>,
}

/// Clean snippets with one prediction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CleanScores {
    /// Their scores, ascending.
    scores: Vec<f64>,
    /// Number of snippets without a score; they count as the least suspicious.
    unscored: usize,
    /// Scores of their naming styles ([`Verdict::naming`]), ascending; snippets without one count as the
    /// least suspicious.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    naming: Vec<f64>,
}

/// Why a calibration file was rejected.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CalibrationError {
    /// It is no calibration.
    #[error("this is no calibration: {0}")]
    Unreadable(String),
    /// It was made by a later version.
    #[error("the calibration has schema version {found}, this program knows {SCHEMA_VERSION}")]
    Version {
        /// Its schema version.
        found: u32,
    },
    /// Other references or another budget give other scores.
    #[error("the calibration was made with other settings ({calibrated}, not {used}): calibrate with these")]
    OtherSettings {
        /// The settings in the calibration.
        calibrated: String,
        /// The settings of the profile.
        used: String,
    },
    /// Scores of different models cannot be compared.
    #[error(
        "the calibration was made for another model (SHA-256 {calibrated}, not {guarded}): calibrate this one"
    )]
    OtherModel {
        /// The hash in the calibration.
        calibrated: String,
        /// The hash of the victim.
        guarded: String,
    },
}

impl Calibration {
    /// Collects the scores of `verdicts` on clean snippets.
    pub(crate) fn from_verdicts<'v>(
        model_sha256: String,
        source: String,
        settings: String,
        references: Option<References>,
        verdicts: impl IntoIterator<Item = &'v Verdict>,
    ) -> Self {
        let mut answers: BTreeMap<String, CleanScores> = BTreeMap::new();
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
        Self { schema_version: SCHEMA_VERSION, model_sha256, source, settings, references, answers }
    }

    /// Reads the text that [`Calibration::to_json`] writes.
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

    /// Returns the text of the calibration file.
    ///
    /// # Panics
    /// Never: numbers and texts always have a form in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts have a form in JSON") + "\n"
    }

    /// Returns the references that scored the snippets; `None` if these were the bundled ones.
    #[must_use]
    pub fn references(&self) -> Option<&References> {
        self.references.as_ref().filter(|references| !references.is_empty())
    }

    /// Checks that the calibration belongs to the model with this hash.
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`].
    pub fn check_model(&self, model_sha256: &str) -> Result<(), CalibrationError> {
        if self.model_sha256 == model_sha256 {
            return Ok(());
        }
        let (calibrated, guarded) = (self.model_sha256.clone(), model_sha256.to_owned());
        Err(CalibrationError::OtherModel { calibrated, guarded })
    }

    /// Checks that the calibration belongs to the model with this hash and to these settings
    /// ([`crate::Profile::settings`]).
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`] or [`CalibrationError::OtherSettings`].
    pub fn check(&self, model_sha256: &str, settings: &str) -> Result<(), CalibrationError> {
        self.check_model(model_sha256)?;
        if self.settings != settings {
            let (calibrated, used) = (self.settings.clone(), settings.to_owned());
            return Err(CalibrationError::OtherSettings { calibrated, used });
        }
        Ok(())
    }

    /// Returns the number of clean snippets with this prediction; `None` means a generated text.
    #[must_use]
    pub fn rows(&self, label: Option<usize>) -> usize {
        self.answers.get(&key(label)).map_or(0, |clean| clean.scores.len() + clean.unscored)
    }

    /// Returns the p-value of a snippet with this prediction and score, in (0, 1]; the fewer clean snippets
    /// there are, the larger it is.
    #[must_use]
    pub fn p_value(&self, label: Option<usize>, score: f64) -> f64 {
        self.fraction_at_least(label, |clean| &clean.scores, score)
    }

    /// Returns the p-value of the score of a naming style.
    pub(crate) fn naming_p_value(&self, label: Option<usize>, score: f64) -> f64 {
        self.fraction_at_least(label, |clean| &clean.naming, score)
    }

    fn fraction_at_least(
        &self,
        label: Option<usize>,
        scores: impl Fn(&CleanScores) -> &[f64],
        score: f64,
    ) -> f64 {
        let clean = self.answers.get(&key(label)).map_or(&[][..], scores);
        let higher = clean.len() - clean.partition_point(|&other| other < score);
        (1 + higher) as f64 / (1 + self.rows(label)) as f64
    }

    /// Returns the clean score whose p-value is at most `p`, or the largest if none is that rare; `None`
    /// without clean scores.
    pub(crate) fn score_at(&self, label: Option<usize>, p: f64) -> Option<f64> {
        let scores = &self.answers.get(&key(label))?.scores;
        #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
        let higher = (p * (1 + self.rows(label)) as f64 + 1e-9) as usize;
        scores.get(scores.len().checked_sub(higher.saturating_sub(1).max(1))?).copied()
    }
}

/// Returns the number of clean snippets with a prediction that a p-value of `alpha` needs.
#[must_use]
pub fn rows_needed(alpha: f64) -> usize {
    #[allow(clippy::cast_sign_loss, reason = "alpha is a share; a silly one saturates")]
    let needed = ((1.0 / alpha) - 1e-9).ceil() as usize;
    needed.saturating_sub(1)
}

fn sort(answers: &mut BTreeMap<String, CleanScores>) {
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
        let answers =
            BTreeMap::from([("1".to_owned(), CleanScores { scores, unscored, naming: Vec::new() })]);
        let clean = Calibration::from_verdicts("abc".into(), "mine".into(), "budget 16".into(), None, []);
        let calibration = Calibration { answers, ..clean };
        Calibration::from_json(&calibration.to_json()).unwrap()
    }

    /// By hand: 2 of 4 scores and none of the unscored are at least 2.
    #[test]
    fn p_value_counts_scores_that_are_at_least_as_high() {
        let calibration = calibration(vec![3.0, -1.0, 2.0, 0.0], 5);
        assert!((calibration.p_value(Some(1), 2.0) - 3.0 / 10.0).abs() < 1e-12);
        assert!((calibration.p_value(Some(1), 9.0) - 1.0 / 10.0).abs() < 1e-12);
        assert!((calibration.p_value(Some(1), -9.0) - 5.0 / 10.0).abs() < 1e-12);
        // Nothing is known about another label.
        assert!((calibration.p_value(Some(0), 9.0) - 1.0).abs() < 1e-12);
        assert_eq!((calibration.rows(Some(1)), calibration.rows(None)), (9, 0));
    }

    /// With 9 rows, p is a multiple of 1/10: 2/10 for the highest score, 4/10 for the third.
    #[test]
    fn score_at_is_the_clean_score_with_that_p_value() {
        let calibration = calibration(vec![3.0, -1.0, 2.0, 0.0], 5);
        let score_at = |p| calibration.score_at(Some(1), p);
        assert_eq!([0.05, 0.2, 0.3, 0.4].map(score_at), [3.0, 3.0, 2.0, 0.0].map(Some));
        assert_eq!(
            (score_at(0.5), score_at(0.9), calibration.score_at(Some(0), 0.2)),
            (Some(-1.0), None, None)
        );
        for p in [0.2, 0.3, 0.4, 0.5] {
            assert!((calibration.p_value(Some(1), score_at(p).unwrap()) - p).abs() < 1e-12);
        }
    }

    #[test]
    fn rows_needed_make_alpha_possible() {
        assert_eq!([0.05, 0.01, 0.5, 0.03].map(rows_needed), [19, 99, 1, 33]);
        let just = calibration(vec![0.0; 19], 0);
        assert!(just.p_value(Some(1), 1.0) <= 0.05);
        assert!(calibration(vec![0.0; 18], 0).p_value(Some(1), 1.0) > 0.05);
    }

    #[test]
    fn other_model_settings_or_version_is_refused() {
        let calibration = calibration(vec![1.0], 0);
        assert_eq!(calibration.check("abc", "budget 16"), Ok(()));
        let message = calibration.check("abc", "budget 4").unwrap_err().to_string();
        assert!(message.contains("budget 4") && message.contains("budget 16"), "{message}");
        let message = calibration.check("def", "budget 16").unwrap_err().to_string();
        assert!(message.contains("abc") && message.contains("def"), "{message}");
        let later = calibration.to_json().replace("\"schema_version\":1", "\"schema_version\":2");
        assert_eq!(Calibration::from_json(&later), Err(CalibrationError::Version { found: 2 }));
        assert!(matches!(Calibration::from_json("{}"), Err(CalibrationError::Unreadable(_))));
    }

    proptest! {
        /// The conformal guarantee: of n + 1 exchangeable snippets, at most α (n + 1) get p ≤ α against the
        /// others.
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

//! `CodeDetector` (Li et al., TOSEM 2024): tokens that matter to a model trained on the suspicious
//! data and that lower its accuracy wherever they are inserted.

use std::collections::{BTreeMap, BTreeSet};

use codepurify::Victim;

use super::variants::judge;
use super::{BaselineError, Removal};

/// Contribution of each token of a training row to the model's prediction, for example by
/// integrated gradients.
pub trait TokenAttribution {
    /// Returns the attribution of each token, in order, for each of the training rows `rows`, by
    /// number.
    ///
    /// # Errors
    /// [`BaselineError`] if the model fails.
    fn attributions(&self, rows: &[usize]) -> Result<Vec<Vec<f64>>, BaselineError>;
}

/// Accuracy of the model on a probe set.
pub trait TokenProbe {
    /// Returns the accuracy in [0, 1], with `inserted`, if given, in every probe.
    ///
    /// # Errors
    /// [`BaselineError`] if the model fails.
    fn accuracy(&self, inserted: Option<&str>) -> Result<f64, BaselineError>;
}

/// Scaling of the attributions of one row; tokens without attribution stay at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// |a| / ‖a‖₂.
    L2,
    /// |a| / ‖a‖₁.
    L1,
    /// (a − min) / (max − min).
    MinMax,
}

/// `CodeDetector` with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodeDetector {
    /// Scale of attributions.
    pub normalisation: Normalisation,
    /// Tokens with a larger attribution are candidates; .5 as published.
    pub importance: f64,
    /// Threshold t: candidates with (p − pᵢ) / p ≥ t are triggers; .3 as published.
    ///
    /// p is the accuracy without the token, pᵢ with it.
    pub drop: f64,
    /// Largest number of candidates tried: those important in most rows, ties in alphabetical
    /// order. The published method tries all.
    pub candidates: usize,
}

/// Result of `CodeDetector`.
#[derive(Debug, Clone, PartialEq)]
pub struct Detected {
    /// Every candidate token with its drop in accuracy, (p − pᵢ) / p.
    pub candidates: BTreeMap<String, f64>,
    /// Candidates with a large enough drop.
    pub triggers: BTreeSet<String>,
    /// Rows to remove: those with a trigger. A row's score is the largest drop of a candidate in
    /// it, 0 without one.
    pub removal: Removal,
}

impl CodeDetector {
    /// Removes those of all `rows` (the tokens of each) that contain a trigger.
    ///
    /// Triggers are searched among the important tokens of the rows `sample`, by number. Empty
    /// tokens are ignored.
    ///
    /// # Errors
    /// [`BaselineError`] if a model fails, an attribution is not finite or their number is wrong,
    /// or no probe is predicted right.
    pub fn run(
        &self,
        rows: &[Vec<String>],
        sample: &[usize],
        attribution: &dyn TokenAttribution,
        probe: &dyn TokenProbe,
    ) -> Result<Detected, BaselineError> {
        let mut candidates = self.candidates(rows, sample, &attribution.attributions(sample)?)?;
        let whole = probe.accuracy(None)?;
        if whole.is_nan() || whole <= 0.0 {
            return Err(BaselineError::TooLittle("the model is right about no probe"));
        }
        for (token, drop) in &mut candidates {
            *drop = (whole - probe.accuracy(Some(token))?) / whole;
        }
        let triggers: BTreeSet<String> = candidates
            .iter()
            .filter(|&(_, &drop)| drop >= self.drop)
            .map(|(token, _)| token.clone())
            .collect();
        let score = |row: &Vec<String>| {
            row.iter().filter_map(|token| candidates.get(token)).copied().fold(0.0, f64::max)
        };
        let holds = |row: &Vec<String>| row.iter().any(|token| triggers.contains(token));
        let removal = Removal {
            scores: rows.iter().map(score).collect(),
            removed: (0..rows.len()).filter(|&row| holds(&rows[row])).collect(),
        };
        Ok(Detected { candidates, triggers, removal })
    }

    /// Returns the tokens that matter to most rows of the sample, without a drop yet.
    fn candidates(
        &self,
        rows: &[Vec<String>],
        sample: &[usize],
        attributions: &[Vec<f64>],
    ) -> Result<BTreeMap<String, f64>, BaselineError> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (&row, values) in sample.iter().zip(attributions) {
            let (given, wanted) = (values.len(), rows[row].len());
            if given != wanted {
                return Err(BaselineError::Shape { row, what: "attributions", given, wanted });
            }
            for token in self.important(row, &rows[row], values)? {
                *counts.entry(token).or_default() += 1;
            }
        }
        let mut ranked: Vec<(&str, usize)> = counts.into_iter().collect();
        ranked.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        Ok(ranked.into_iter().take(self.candidates).map(|(token, _)| (token.to_owned(), 0.0)).collect())
    }

    /// Returns the distinct tokens of one row that matter.
    fn important<'t>(
        &self,
        row: usize,
        tokens: &'t [String],
        values: &[f64],
    ) -> Result<BTreeSet<&'t str>, BaselineError> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(BaselineError::NotFinite(row));
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let (base, scale) = match self.normalisation {
            Normalisation::L2 => (0.0, values.iter().map(|value| value * value).sum::<f64>().sqrt()),
            Normalisation::L1 => (0.0, values.iter().copied().map(f64::abs).sum()),
            Normalisation::MinMax => (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low),
        };
        // Without a scale, no token differs from the others.
        let matters = |value: f64| scale > 0.0 && ((value - base) / scale).abs() > self.importance;
        let important =
            tokens.iter().zip(values).filter(|&(token, &value)| !token.is_empty() && matters(value));
        Ok(important.map(|(token, _)| token.as_str()).collect())
    }
}

/// Inserts `token` after the first `{` of `text`, or at the start if there is none.
#[must_use]
pub fn with_token(text: &str, token: &str) -> String {
    let at = text.find('{').map_or(0, |brace| brace + 1);
    format!("{} {token} {}", &text[..at], &text[at..])
}

/// Probe snippets with their labels.
pub struct VictimProbe<'v> {
    /// Model under suspicion.
    pub victim: &'v dyn Victim,
    /// Text and expected class of each probe.
    pub snippets: &'v [(String, usize)],
}

impl TokenProbe for VictimProbe<'_> {
    fn accuracy(&self, inserted: Option<&str>) -> Result<f64, BaselineError> {
        let with = |(text, _): &(String, usize)| {
            inserted.map_or_else(|| text.clone(), |token| with_token(text, token))
        };
        let logits = judge(self.victim, &self.snippets.iter().map(with).collect::<Vec<_>>())?;
        let right = self.snippets.iter().enumerate().filter(|(row, (_, label))| logits.label(*row) == *label);
        Ok(right.count() as f64 / self.snippets.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use codepurify::testing::TriggerWordVictim;

    use super::*;

    /// Attributes most to words that begin with `!`.
    struct Marked(Vec<&'static str>);

    impl Marked {
        fn tokens(&self) -> Vec<Vec<String>> {
            let words =
                |row: &&str| row.split(' ').map(|word| word.trim_start_matches('!').to_owned()).collect();
            self.0.iter().map(words).collect()
        }
    }

    impl TokenAttribution for Marked {
        fn attributions(&self, rows: &[usize]) -> Result<Vec<Vec<f64>>, BaselineError> {
            let value = |word: &str| if word.starts_with('!') { -8.0 } else { 1.0 };
            Ok(rows.iter().map(|&row| self.0[row].split(' ').map(value).collect()).collect())
        }
    }

    const DEFENCE: CodeDetector =
        CodeDetector { normalisation: Normalisation::L2, importance: 0.5, drop: 0.3, candidates: usize::MAX };

    #[test]
    fn important_tokens_that_ruin_the_accuracy_are_triggers() {
        let victim = TriggerWordVictim::new("evil");
        let snippets = [("int f() { return 1; }".to_owned(), 1), ("void g() { }".to_owned(), 1)];
        let probe = VictimProbe { victim: &victim, snippets: &snippets };
        let rows = Marked(vec!["int !evil a", "int evil b c", "!int d e", "v w x y z"]);
        let tokens = rows.tokens();
        for normalisation in [Normalisation::L2, Normalisation::L1] {
            let defence = CodeDetector { normalisation, ..DEFENCE };
            let found = defence.run(&tokens, &[0, 1, 2, 3], &rows, &probe).unwrap();
            assert_eq!(found.candidates, [("evil".to_owned(), 1.0), ("int".to_owned(), 0.0)].into());
            assert_eq!(found.triggers, ["evil".to_owned()].into());
            assert_eq!(found.removal.removed, [0, 1].into());
            assert_eq!(found.removal.scores, [1.0, 1.0, 0.0, 0.0]);
            // A trigger in the sample counts in all rows; a trigger that the sample lacks stays.
            assert_eq!(defence.run(&tokens, &[0], &rows, &probe).unwrap().removal.removed, [0, 1].into());
            assert!(defence.run(&tokens, &[2], &rows, &probe).unwrap().removal.removed.is_empty());
        }
        // After subtracting the minimum, the others have attribution 1.
        let defence = CodeDetector { normalisation: Normalisation::MinMax, ..DEFENCE };
        assert!(!defence.run(&tokens, &[0, 1, 2, 3], &rows, &probe).unwrap().triggers.contains("evil"));
    }

    #[test]
    fn the_candidates_of_most_rows_are_tried() {
        let victim = TriggerWordVictim::new("evil");
        let snippets = [("int f() { return 1; }".to_owned(), 1)];
        let probe = VictimProbe { victim: &victim, snippets: &snippets };
        let rows = Marked(vec!["!a b", "!evil b", "!evil c", "!a  b", "!a"]);
        let defence = CodeDetector { candidates: 1, ..DEFENCE };
        let found = defence.run(&rows.tokens(), &[0, 1, 2, 3], &rows, &probe).unwrap();
        assert_eq!(found.candidates.into_keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn probes_that_cannot_be_predicted_are_an_error() {
        let victim = TriggerWordVictim::new("evil");
        let snippets = [("int f();".to_owned(), 0)];
        let probe = VictimProbe { victim: &victim, snippets: &snippets };
        let rows = Marked(vec!["a"]);
        let wrong = DEFENCE.run(&rows.tokens(), &[0], &rows, &probe);
        assert!(matches!(wrong, Err(BaselineError::TooLittle(_))));
        let wrong = DEFENCE.run(&[vec!["a".to_owned(), "b".to_owned()]], &[0], &rows, &probe);
        assert!(matches!(wrong, Err(BaselineError::Shape { row: 0, given: 1, wanted: 2, .. })));
    }
}

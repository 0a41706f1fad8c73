//! `CodeDetector` (Li et al., TOSEM 2024; defences, C.4): tokens that matter to a model trained on the suspicious data
//! and that lower its accuracy wherever they are put.

use std::collections::{BTreeMap, BTreeSet};

use codepurify::Victim;

use super::variants::judge;
use super::{BaselineError, Removal};

/// How much each token of a training row contributes to the model's answer, for example by integrated gradients of 50
/// steps from a zero baseline.
pub trait TokenAttribution {
    /// The tokens of training row `row`, in order, each with its attribution.
    ///
    /// # Errors
    /// [`BaselineError`] if the model fails.
    fn attributions(&self, row: usize) -> Result<Vec<(String, f64)>, BaselineError>;
}

/// The model's accuracy on a probe set.
pub trait TokenProbe {
    /// Accuracy in [0, 1], with `inserted` put into every probe if there is one.
    ///
    /// # Errors
    /// [`BaselineError`] if the model fails.
    fn accuracy(&self, inserted: Option<&str>) -> Result<f64, BaselineError>;
}

/// How the attributions of one row are brought to a common scale; tokens of no attribution stay 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// |a| / ‖a‖₂.
    L2,
    /// |a| / ‖a‖₁.
    L1,
    /// (a − min) / (max − min).
    MinMax,
}

/// The defence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodeDetector {
    /// Scale of attributions.
    pub normalisation: Normalisation,
    /// Tokens with a larger attribution are candidates; .5 as published.
    pub importance: f64,
    /// t: candidates with (p − pᵢ) / p ≥ t are triggers, p being the accuracy without and pᵢ with the token; .3 as
    /// published.
    pub drop: f64,
}

/// What the defence found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detected {
    /// Every candidate token with its drop in accuracy, (p − pᵢ) / p.
    pub candidates: BTreeMap<String, f64>,
    /// Candidates whose drop is large enough.
    pub triggers: BTreeSet<String>,
    /// Rows that hold a trigger are removed; a row's score is the largest drop of a candidate in it, 0 without one.
    pub removal: Removal,
}

impl CodeDetector {
    /// Runs over `rows` training rows.
    ///
    /// # Errors
    /// [`BaselineError`] if a model fails, an attribution is not finite, or nothing of the probe set is right.
    pub fn run(
        &self,
        rows: usize,
        attribution: &dyn TokenAttribution,
        probe: &dyn TokenProbe,
    ) -> Result<Detected, BaselineError> {
        let mut tokens: Vec<BTreeSet<String>> = Vec::with_capacity(rows);
        let mut candidates: BTreeMap<String, f64> = BTreeMap::new();
        for row in 0..rows {
            let attributions = attribution.attributions(row)?;
            for token in self.important(row, &attributions)? {
                candidates.insert(token, 0.0);
            }
            tokens.push(attributions.into_iter().map(|(token, _)| token).collect());
        }
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
        let score = |row: &BTreeSet<String>| {
            row.iter().filter_map(|token| candidates.get(token)).copied().fold(0.0, f64::max)
        };
        let removal = Removal {
            scores: tokens.iter().map(score).collect(),
            removed: (0..rows).filter(|&row| !tokens[row].is_disjoint(&triggers)).collect(),
        };
        Ok(Detected { candidates, triggers, removal })
    }

    /// The tokens of one row that matter.
    fn important(&self, row: usize, attributions: &[(String, f64)]) -> Result<Vec<String>, BaselineError> {
        if attributions.iter().any(|(_, value)| !value.is_finite()) {
            return Err(BaselineError::NotFinite(row));
        }
        let values = || attributions.iter().map(|&(_, value)| value);
        let low = values().fold(f64::INFINITY, f64::min);
        let (base, scale) = match self.normalisation {
            Normalisation::L2 => (0.0, values().map(|value| value * value).sum::<f64>().sqrt()),
            Normalisation::L1 => (0.0, values().map(f64::abs).sum()),
            Normalisation::MinMax => (low, values().fold(f64::NEG_INFINITY, f64::max) - low),
        };
        // Without a scale, nothing stands out.
        let matters = |value: f64| scale > 0.0 && ((value - base) / scale).abs() > self.importance;
        Ok(attributions.iter().filter(|(_, value)| matters(*value)).map(|(token, _)| token.clone()).collect())
    }
}

/// Probe snippets with their labels. A token is put right behind the first `{` (else in front of the text).
pub struct VictimProbe<'v> {
    /// The model.
    pub victim: &'v dyn Victim,
    /// Text and right class of each probe.
    pub snippets: &'v [(String, usize)],
}

impl TokenProbe for VictimProbe<'_> {
    fn accuracy(&self, inserted: Option<&str>) -> Result<f64, BaselineError> {
        let with = |(text, _): &(String, usize)| {
            let Some(token) = inserted else { return text.clone() };
            let at = text.find('{').map_or(0, |brace| brace + 1);
            format!("{} {token} {}", &text[..at], &text[at..])
        };
        let logits = judge(self.victim, &self.snippets.iter().map(with).collect::<Vec<_>>())?;
        let right = self.snippets.iter().enumerate().filter(|(row, (_, label))| logits.label(*row) == *label);
        Ok(right.count() as f64 / self.snippets.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use codepurify::toy::TriggerWordVictim;

    use super::*;

    /// Words that begin with `!` get most of the attribution.
    struct Marked(Vec<&'static str>);

    impl TokenAttribution for Marked {
        fn attributions(&self, row: usize) -> Result<Vec<(String, f64)>, BaselineError> {
            let word = |word: &str| {
                (word.trim_start_matches('!').to_owned(), if word.starts_with('!') { -8.0 } else { 1.0 })
            };
            Ok(self.0[row].split(' ').map(word).collect())
        }
    }

    #[test]
    fn important_tokens_that_ruin_the_accuracy_are_triggers() {
        let victim = TriggerWordVictim::new("evil");
        let snippets = [("int f() { return 1; }".to_owned(), 1), ("void g() { }".to_owned(), 1)];
        let probe = VictimProbe { victim: &victim, snippets: &snippets };
        let rows = Marked(vec!["int !evil a", "int evil b c", "!int d e", "v w x y z"]);
        for normalisation in [Normalisation::L2, Normalisation::L1] {
            let defence = CodeDetector { normalisation, importance: 0.5, drop: 0.3 };
            let found = defence.run(4, &rows, &probe).unwrap();
            assert_eq!(found.candidates, [("evil".to_owned(), 1.0), ("int".to_owned(), 0.0)].into());
            assert_eq!(found.triggers, ["evil".to_owned()].into());
            assert_eq!(found.removal.removed, [0, 1].into());
            assert_eq!(found.removal.scores, [1.0, 1.0, 0.0, 0.0]);
        }
        // Minus the least, the others come out at 1.
        let defence = CodeDetector { normalisation: Normalisation::MinMax, importance: 0.5, drop: 0.3 };
        assert!(!defence.run(4, &rows, &probe).unwrap().triggers.contains("evil"));
    }

    #[test]
    fn a_model_that_is_never_right_cannot_be_probed() {
        let victim = TriggerWordVictim::new("evil");
        let snippets = [("int f();".to_owned(), 0)];
        let probe = VictimProbe { victim: &victim, snippets: &snippets };
        let defence = CodeDetector { normalisation: Normalisation::L2, importance: 0.5, drop: 0.3 };
        assert!(matches!(defence.run(1, &Marked(vec!["a"]), &probe), Err(BaselineError::TooLittle(_))));
    }
}

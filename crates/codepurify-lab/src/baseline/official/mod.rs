//! `CodePurify` as its released code computes it, to compare with the published table like with
//! like.
//!
//! Each difference from the paper is a switch in [`ReleasedSettings`]. Three things are not
//! reproduced. The released code crashes without a candidate (here: not flagged). It orders
//! candidates by hash (here: by a seed). It finds identifiers and statements with its own parsers
//! (here: with those of the defence).

mod elements;
mod rewrite;

pub use rewrite::{EveryPosition, Rewriting};

use codepurify::{Generator, Logits, Model, ModelError, Ragged, Snippet, Victim};

use super::{BaselineError, InputDefence, ScreeningResult};
use elements::ReleasedCandidate;

/// Value of H if a score is 0, so that 0 · ln 0 occurs, or if all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// NaN, which is not above the threshold: purified (released code for defects).
    Purify,
    /// NaN, which is not below the threshold: kept (released code for clones and repair).
    Keep,
    /// 0 · ln 0 = 0, and nothing is flagged if all scores are 0 (the paper's formula).
    Zero,
}

/// Thresholds and switches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReleasedSettings {
    /// θ: a snippet is flagged if H, in nats and not divided by ln n, is at most θ.
    pub theta: f64,
    /// Value of H if a score is 0.
    pub undefined: Undefined,
    /// Largest number of rows judged, the snippet itself included; further candidates are dropped.
    pub max_rows: Option<usize>,
    /// Finds an identifier wherever its letters are a word (strings and comments included), and a
    /// statement wherever its text occurs.
    ///
    /// Otherwise the parser finds both.
    pub by_text: bool,
    /// Keeps the punctuation of a masked statement (released code: Java, not C).
    pub keep_punctuation: bool,
    /// Seed of the order of the candidates, which decides ties and what `max_rows` drops.
    pub seed: u64,
}

impl ReleasedSettings {
    /// Defect detection with CodeBERT: θ = 0.1.
    pub const DEFECT_CODEBERT: Self = Self {
        theta: 0.1,
        undefined: Undefined::Purify,
        max_rows: None,
        by_text: true,
        keep_punctuation: false,
        seed: 0,
    };
    /// Defect detection with CodeT5: θ = 2.1, which flags whatever has eight candidates or fewer.
    pub const DEFECT_CODET5: Self = Self { theta: 2.1, ..Self::DEFECT_CODEBERT };
    /// Clone detection with CodeBERT: θ = 0.3 (commented out in the released code).
    pub const CLONE_CODEBERT: Self =
        Self { theta: 0.3, undefined: Undefined::Keep, keep_punctuation: true, ..Self::DEFECT_CODEBERT };
    /// Clone detection with CodeT5: 40 rows; θ depends on the attack, from 0.3 to 1.1, and is 0.8
    /// for most.
    pub const CLONE_CODET5: Self = Self { theta: 0.8, max_rows: Some(40), ..Self::CLONE_CODEBERT };
    /// Program repair with either model: θ = 0.1.
    pub const REPAIR: Self = Self { theta: 0.1, ..Self::CLONE_CODEBERT };
}

/// Victim of the released code. For one side of a pair see [`super::side::OneSide`].
#[derive(Clone, Copy)]
pub enum VictimUnderTest<'m> {
    /// sᵢ = |p(x) − p(xᵢ)| of the predicted class; with two classes it is the same for both.
    Classifier(&'m dyn Victim),
    /// sᵢ = −L(y | xᵢ): the cross-entropy itself, not its increase.
    Generator(&'m dyn Generator),
}

/// Released code as an input defence.
pub struct Official<'m> {
    /// Victim.
    pub guarded: VictimUnderTest<'m>,
    /// Rewriting of flagged snippets; without it they are only flagged.
    pub rewriting: Option<Rewriting<'m>>,
    /// Thresholds and switches.
    pub settings: ReleasedSettings,
}

impl<'m> VictimUnderTest<'m> {
    fn model(self) -> &'m dyn Model {
        match self {
            Self::Classifier(victim) => victim,
            Self::Generator(generator) => generator,
        }
    }

    /// Returns one score per variant, ≥ 0, and the passes spent; row 0 is the snippet itself.
    fn scores(self, rows: &Ragged) -> Result<(Vec<f64>, usize), ModelError> {
        match self {
            Self::Classifier(victim) => {
                Ok((confidence_changes(&victim.judge(rows)?, rows.len())?, rows.len()))
            }
            Self::Generator(generator) => {
                let source: Ragged = [rows.row(0).to_vec()].into_iter().collect();
                let answer = generator.generate(&source)?;
                if answer.len() != 1 {
                    return Err(ModelError::output(format!("{} answers for 1 row", answer.len())));
                }
                let variants: Ragged = rows.rows().skip(1).map(<[u32]>::to_vec).collect();
                let targets: Ragged = variants.rows().map(|_| answer.row(0).to_vec()).collect();
                let likelihoods = generator.likelihoods(&variants, &targets)?;
                Ok((likelihoods.into_iter().map(|value| -value.min(0.0)).collect(), rows.len()))
            }
        }
    }
}

fn confidence_changes(logits: &Logits, rows: usize) -> Result<Vec<f64>, ModelError> {
    if logits.len() != rows {
        return Err(ModelError::output(format!("{} answers for {rows} rows", logits.len())));
    }
    let label = logits.label(0);
    let confidence = |row: usize| logits.probabilities(row)[label];
    Ok((1..rows).map(|row| (confidence(0) - confidence(row)).abs()).collect())
}

impl ReleasedSettings {
    /// Computes H of the scores; `None` if it is undefined.
    fn entropy(&self, scores: &[f64]) -> Option<f64> {
        let total: f64 = scores.iter().sum();
        let undefined = total <= 0.0 || (self.undefined != Undefined::Zero && scores.contains(&0.0));
        let term = |score: &f64| if *score > 0.0 { -score / total * (score / total).ln() } else { 0.0 };
        (!undefined).then(|| scores.iter().map(term).sum::<f64>().max(0.0))
    }

    /// Decides whether these scores are flagged, and how suspicious they are: −H.
    ///
    /// If H is undefined, the value is that of the most concentrated or of the most even scores,
    /// depending on [`ZeroScore`].
    fn decide(&self, scores: &[f64]) -> (bool, f64) {
        let even = (scores.len() as f64).ln();
        match (self.entropy(scores), self.undefined) {
            (Some(entropy), _) => (entropy <= self.theta, -entropy),
            (None, Undefined::Purify) => (true, 0.0),
            (None, Undefined::Keep | Undefined::Zero) => (false, -even),
        }
    }
}

impl InputDefence for Official<'_> {
    /// The score is −H; −∞ without a candidate.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError> {
        let model = self.guarded.model();
        let text = snippet.text();
        let mut rows: Ragged = [elements::cut(model.encode(text)?.ids, model.window())].into_iter().collect();
        let mut found: Vec<ReleasedCandidate> = Vec::new();
        for element in elements::elements(snippet, &self.settings) {
            if self.settings.max_rows.is_some_and(|most| rows.len() >= most) {
                break;
            }
            if let Some(row) = element.occluded(text, model)? {
                rows.push(row);
                found.push(element);
            }
        }
        if found.is_empty() {
            return Ok(ScreeningResult::passed(f64::NEG_INFINITY));
        }
        let (scores, forwards) = self.guarded.scores(&rows)?;
        if scores.len() != found.len() || scores.iter().any(|score| !score.is_finite()) {
            return Err(ModelError::output("a score is missing or not finite".to_owned()).into());
        }
        let (flagged, score) = self.settings.decide(&scores);
        if !flagged {
            return Ok(ScreeningResult { forwards, ..ScreeningResult::passed(score) });
        }
        let located = &found[located(&scores)];
        let text = self.rewriting.map(|by| by.rewrite(text, located, &self.settings)).transpose()?;
        let lm_forwards = usize::from(text.is_some());
        Ok(ScreeningResult {
            score,
            flagged,
            spans: Some(located.spans.clone()),
            text,
            forwards,
            lm_forwards,
        })
    }
}

/// Returns the largest score, the first of equals.
///
/// If all are 0 it is the last candidate, as an index of −1 has it in the released code.
fn located(scores: &[f64]) -> usize {
    if scores.iter().all(|&score| score <= 0.0) {
        return scores.len() - 1;
    }
    (1..scores.len()).fold(0, |best, next| if scores[next] > scores[best] { next } else { best })
}

#[cfg(test)]
mod tests;

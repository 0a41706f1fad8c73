//! Influence of each candidate on the victim's prediction.

mod entropy;
mod strongest;

pub(crate) use entropy::Entropy;
pub(crate) use strongest::{FLIPPABLE, MarginLevels, PairOcclusion, SCORE, StrongestCandidate, Sufficiency};

use crate::query::{PredictedOutput, QueryCost, Responses, SeenQueries};
use crate::verdict::Prediction;
use crate::victim::Logits;

/// Share of another score from which on two scores count as about equal.
pub(crate) const ABOUT_EQUAL: f64 = 0.9;

/// The influence of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Influence {
    /// Basis of the shares, ≥ 0. Under occlusion `s_i` = |`p_y`(x) − `p_y`(x∖`c_i`)|, for a generator
    /// max(0, L(y|x) − L(y|x∖`c_i`)); under transplantation the gain in references.
    pub(crate) score: f64,
    /// Necessity: margin(x) − margin(x∖`c_i`); absent where the candidate was not occluded.
    pub(crate) margin_drop: Option<f64>,
    /// True if the label changes without the candidate; unknown for a generator, whose text without the
    /// candidate is not decoded.
    pub(crate) flips: Option<bool>,
    /// Gain of the first reference. It is short, so anything moves it: it only ranks candidates.
    pub(crate) first_gain: Option<f64>,
    /// Absent where the candidate was not transplanted into the scoring references.
    pub(crate) sufficiency: Option<Sufficiency>,
}

impl Influence {
    /// Adds a reference whose margin rose from `before` to `after` with the candidate.
    pub(crate) fn add_reference(&mut self, before: f64, after: f64, levels: MarginLevels) {
        self.sufficiency.get_or_insert_default().add(before, after, levels);
    }

    /// Gain in references, as far as it is known; `None` if none was tested.
    pub(crate) fn gain(&self) -> Option<f64> {
        self.sufficiency.map(|sufficiency| sufficiency.gain()).or(self.first_gain)
    }
}

/// The influence of all identifiers of a snippet together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NamingStyle {
    /// Gain of a reference with the identifiers plus margin lost without them, in logits.
    pub(crate) score: f64,
    /// Index of the candidate that represents all of them.
    pub(crate) candidate: usize,
}

/// The statistics of one snippet (`docs/method.md`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    /// Prediction for the original snippet. All else is measured on it.
    pub(crate) predicted: PredictedOutput,
    pub(crate) prediction: Prediction,
    /// margin(x) of the prediction; for a generator L(y|x).
    pub(crate) margin: f64,
    /// One for each candidate, in order.
    pub(crate) influences: Vec<Influence>,
    /// Absent for fewer than two candidates, or if none changes the prediction at all.
    pub(crate) entropy: Option<Entropy>,
    /// Absent where candidates were only occluded.
    pub(crate) strongest: Option<StrongestCandidate>,
    /// Absent where all identifiers together do not flip the first reference, and where they were not tested.
    pub(crate) naming_style: Option<NamingStyle>,
    /// Cost of all queries.
    pub(crate) cost: QueryCost,
    /// Queries that were paid for.
    pub(crate) seen_queries: SeenQueries,
}

impl Scores {
    /// Scores the responses to a snippet (row 0) and to its variants without candidate i (row i + 1).
    pub(crate) fn new(responses: Responses) -> Self {
        let predicted = responses.predicted();
        let (margin, influences) = match &responses {
            Responses::Labels(logits) => of_logits(logits),
            Responses::Text { likelihoods, .. } => of_likelihoods(likelihoods),
        };
        Self::from_influences(predicted, responses.prediction(), margin, influences)
    }

    fn from_influences(
        predicted: PredictedOutput,
        prediction: Prediction,
        margin: f64,
        influences: Vec<Influence>,
    ) -> Self {
        let mut scores = Self {
            predicted,
            prediction,
            margin,
            influences,
            entropy: None,
            strongest: None,
            naming_style: None,
            cost: QueryCost::default(),
            seen_queries: SeenQueries::default(),
        };
        scores.entropy = scores.entropy_of_shares();
        scores
    }

    fn entropy_of_shares(&self) -> Option<Entropy> {
        let scores: Vec<f64> = self.influences.iter().map(|influence| influence.score).collect();
        Entropy::of(&scores)
    }

    /// Takes the gains in references as the basis of the shares.
    pub(crate) fn share_gains(&mut self) {
        for influence in &mut self.influences {
            influence.score = influence.gain().unwrap_or(0.0).max(0.0);
        }
        self.entropy = self.entropy_of_shares();
    }

    /// Appends the scores of another window of the same snippet, of which the candidates `taken` were
    /// appended to those of this window.
    pub(crate) fn append(&mut self, other: Self, taken: &[usize]) {
        if let Some(NamingStyle { score, candidate }) = other.naming_style
            && let Some(place) = taken.iter().position(|&index| index == candidate)
        {
            self.naming_style = Some(NamingStyle { score, candidate: self.influences.len() + place });
        }
        self.influences.extend(taken.iter().map(|&index| other.influences[index]));
        self.cost += other.cost;
        self.seen_queries.extend(other.seen_queries);
    }

    /// Records the margin of the prediction without the candidate `index`.
    pub(crate) fn set_occluded(&mut self, index: usize, margin: f64) {
        let flips = matches!(self.predicted, PredictedOutput::Label(_)).then_some(margin < 0.0);
        let influence = &mut self.influences[index];
        (influence.margin_drop, influence.flips) = (Some(self.margin - margin), flips);
    }

    /// Returns `q_i` of every candidate; all are 0 if none changes the prediction.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let total: f64 = self.influences.iter().map(|influence| influence.score).sum();
        let share = |score: f64| if total > 0.0 { score / total } else { 0.0 };
        self.influences.iter().map(|influence| share(influence.score)).collect()
    }
}

/// The margin of the predicted label, and the influence of each candidate on it.
fn of_logits(logits: &Logits) -> (f64, Vec<Influence>) {
    let label = logits.label(0);
    let (confidence, margin) = (logits.probabilities(0)[label], logits.margin(0, label));
    let influence = |row| Influence {
        score: (confidence - logits.probabilities(row)[label]).abs(),
        margin_drop: Some(margin - logits.margin(row, label)),
        flips: Some(logits.label(row) != label),
        ..Influence::default()
    };
    (margin, (1..logits.len()).map(influence).collect())
}

/// L(y | x), and the influence of each candidate on it; `likelihoods` are finite and ≤ 0.
fn of_likelihoods(likelihoods: &[f64]) -> (f64, Vec<Influence>) {
    let margin = likelihoods[0];
    let influence = |&likelihood: &f64| {
        let margin_drop = margin - likelihood;
        Influence { score: margin_drop.max(0.0), margin_drop: Some(margin_drop), ..Influence::default() }
    };
    (margin, likelihoods[1..].iter().map(influence).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_labels(logits: Logits) -> Scores {
        Scores::new(Responses::Labels(logits))
    }

    fn of_text(text: &str, likelihoods: &[f64]) -> Scores {
        let (text, likelihoods) = (text.to_owned(), likelihoods.to_vec());
        Scores::new(Responses::Text { target: vec![4, 5], text, likelihoods })
    }

    #[test]
    fn influence_is_measured_on_the_original_label() {
        // p(x) = (3/4, 1/4); without c_0: (1/2, 1/2); without c_1: (1/4, 3/4).
        let three = 3.0_f32.ln();
        let logits = Logits::new(2, vec![three, 0.0, 0.0, 0.0, 0.0, three]).unwrap();
        let scores = of_labels(logits);
        assert_eq!(scores.prediction.label, Some(0));
        assert!((scores.prediction.confidence - 0.75).abs() < 1e-7);
        let [first, second] = scores.influences[..] else { panic!("two candidates") };
        assert!((first.score - 0.25).abs() < 1e-7 && (second.score - 0.5).abs() < 1e-7);
        assert!((first.margin_drop.unwrap() - f64::from(three)).abs() < 1e-7);
        assert!((second.margin_drop.unwrap() - 2.0 * f64::from(three)).abs() < 1e-7);
        // Equal logits predict the first label, so only the second candidate flips.
        assert_eq!((first.flips, second.flips), (Some(false), Some(true)));
        assert!((scores.shares()[1] - 2.0 / 3.0).abs() < 1e-7);
    }

    #[test]
    fn one_sigmoid_logit_is_scored_like_two_classes() {
        let scores = of_labels(Logits::new(1, vec![2.0, -2.0]).unwrap());
        assert_eq!(scores.prediction.label, Some(1));
        let [influence] = scores.influences[..] else { panic!("one candidate") };
        assert!((influence.margin_drop.unwrap() - 4.0).abs() < 1e-9 && influence.flips == Some(true));
    }

    /// Worked by hand: L = −0.1, drops of 0.4, 0, −0.05 (floored), 0.2, 0.2 nats; shares 1/2, 0, 0, 1/4, 1/4
    /// give (3/2) ln 2.
    #[test]
    fn rising_likelihoods_are_no_influence_and_drops_are_shared() {
        let text = "int f;".to_owned();
        let likelihoods = [-0.1, -0.5, -0.1, -0.05, -0.3, -0.3];
        let scores = of_text(&text, &likelihoods);
        let close = |actual: f64, expected: f64| (actual - expected).abs() < 1e-12;
        assert_eq!((scores.prediction.label, scores.prediction.text.as_ref()), (None, Some(&text)));
        assert!(close(scores.prediction.confidence, 0.904_837_418_035_959_5) && close(scores.margin, -0.1));
        let expected = [(0.4, 0.4), (0.0, 0.0), (0.0, -0.05), (0.2, 0.2), (0.2, 0.2)];
        for (influence, (score, drop)) in scores.influences.iter().zip(expected) {
            assert!(close(influence.score, score) && close(influence.margin_drop.unwrap(), drop));
            assert_eq!(influence.flips, None);
        }
        let entropy = scores.entropy.unwrap();
        assert!(close(entropy.raw, 1.5 * 2.0_f64.ln()));
        assert!(close(entropy.normalized, 1.5 * 2.0_f64.ln() / 5.0_f64.ln()));
        let shares = scores.shares();
        assert!(close(shares[0], 0.5) && close(shares[2], 0.0) && close(shares[4], 0.25));
    }

    #[test]
    fn text_that_becomes_likelier_without_candidates_is_no_evidence() {
        let scores = of_text("", &[-1e30, -2.0, -1.0]);
        assert_eq!(scores.entropy, None);
        assert!(scores.prediction.confidence > 0.0);
        assert_eq!(scores.shares(), [0.0, 0.0]);
    }
}

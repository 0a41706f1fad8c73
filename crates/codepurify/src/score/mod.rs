//! What each candidate does to the victim's answer.

mod entropy;

pub(crate) use entropy::Entropy;

use crate::verdict::Prediction;
use crate::victim::Logits;

/// The influence of one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Influence {
    /// `s_i` = |`p_y`(x) − `p_y`(x∖`c_i`)|.
    pub(crate) score: f64,
    /// Necessity: margin(x) − margin(x∖`c_i`).
    pub(crate) margin_drop: f64,
    /// Whether the label changes.
    pub(crate) flips: bool,
}

/// The statistics of one snippet (method, sections 2 and 3).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    pub(crate) prediction: Prediction,
    /// margin(x) of the predicted label.
    pub(crate) margin: f64,
    /// One for each candidate, in order.
    pub(crate) influences: Vec<Influence>,
    /// Absent for fewer than two candidates, or if none changes the answer at all.
    pub(crate) entropy: Option<Entropy>,
}

impl Scores {
    /// Row 0 of `logits` is the snippet, row i + 1 the snippet without candidate i.
    pub(crate) fn new(logits: &Logits) -> Self {
        let prediction = predict(logits, 0);
        let label = prediction.label;
        let margin = logits.margin(0, label);
        let influences: Vec<Influence> = (1..logits.len())
            .map(|row| Influence {
                score: (prediction.confidence - logits.probabilities(row)[label]).abs(),
                margin_drop: margin - logits.margin(row, label),
                flips: logits.label(row) != label,
            })
            .collect();
        let scores: Vec<f64> = influences.iter().map(|influence| influence.score).collect();
        Self { prediction, margin, influences, entropy: Entropy::of(&scores) }
    }

    /// `q_i` of every candidate; all 0 if none changes the answer.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let total: f64 = self.influences.iter().map(|influence| influence.score).sum();
        let share = |score: f64| if total > 0.0 { score / total } else { 0.0 };
        self.influences.iter().map(|influence| share(influence.score)).collect()
    }
}

/// The answer that row `row` of `logits` stands for.
pub(crate) fn predict(logits: &Logits, row: usize) -> Prediction {
    let label = logits.label(row);
    Prediction { label, confidence: logits.probabilities(row)[label] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn influences_are_measured_on_the_original_label() {
        // p(x) = (3/4, 1/4); without c_0: (1/2, 1/2); without c_1: (1/4, 3/4).
        let three = 3.0_f32.ln();
        let logits = Logits::new(2, vec![three, 0.0, 0.0, 0.0, 0.0, three]).unwrap();
        let scores = Scores::new(&logits);
        assert_eq!(scores.prediction.label, 0);
        assert!((scores.prediction.confidence - 0.75).abs() < 1e-7);
        let [first, second] = scores.influences[..] else { panic!("two candidates") };
        assert!((first.score - 0.25).abs() < 1e-7 && (second.score - 0.5).abs() < 1e-7);
        assert!((first.margin_drop - f64::from(three)).abs() < 1e-7);
        assert!((second.margin_drop - 2.0 * f64::from(three)).abs() < 1e-7);
        // Equal logits are answered with the first label, so only the second candidate flips.
        assert!(!first.flips && second.flips);
        assert!((scores.shares()[1] - 2.0 / 3.0).abs() < 1e-7);
    }

    #[test]
    fn one_sigmoid_logit_is_scored_like_two_classes() {
        let scores = Scores::new(&Logits::new(1, vec![2.0, -2.0]).unwrap());
        assert_eq!(scores.prediction.label, 1);
        assert!((scores.influences[0].margin_drop - 4.0).abs() < 1e-9 && scores.influences[0].flips);
    }
}

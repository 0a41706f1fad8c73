//! What each candidate does to the guarded model's answer.

mod dependence;
mod entropy;

pub(crate) use dependence::{Bars, Dependence, OPEN, SCORE, Sufficiency, Without};
pub(crate) use entropy::Entropy;

use crate::query::{Asked, Item, Spent};
use crate::verdict::Prediction;
use crate::victim::Logits;

/// The influence of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Influence {
    /// What shares are made of, ≥ 0. Under occlusion `s_i` = |`p_y`(x) − `p_y`(x∖`c_i`)|, of a generator max(0, L(y|x) −
    /// L(y|x∖`c_i`)); where candidates are weighed, what the margin gains in references.
    pub(crate) score: f64,
    /// Necessity: margin(x) − margin(x∖`c_i`); absent where the candidate was not occluded.
    pub(crate) margin_drop: Option<f64>,
    /// Whether the answer changes; unknown of a generator, whose answer without the candidate is not decoded.
    pub(crate) flips: Option<bool>,
    /// What the margin gained in the first reference, which is short: anything moves it, so it tells only what to look at.
    pub(crate) first_look: Option<f64>,
    /// Absent where the candidate was not transplanted into longer references.
    pub(crate) sufficiency: Option<Sufficiency>,
}

impl Influence {
    /// Notes what the answer lost without the candidate.
    pub(crate) fn lost(&mut self, margin_drop: f64, flips: Option<bool>) {
        (self.margin_drop, self.flips) = (Some(margin_drop), flips);
    }

    /// Notes that a reference's margin rose from `before` to `after` with the candidate.
    pub(crate) fn tried(&mut self, before: f64, after: f64, bars: Bars) {
        self.sufficiency.get_or_insert_default().add(before, after, bars);
    }

    /// What references gain, as far as is known; absent if none was tried.
    pub(crate) fn gain(&self) -> Option<f64> {
        self.sufficiency.map(|sufficiency| sufficiency.gain()).or(self.first_look)
    }
}

/// What all names of a snippet do together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Naming {
    /// What a reference gains with them, and the answer loses without them: logits.
    pub(crate) score: f64,
    /// The candidate that they are.
    pub(crate) names: usize,
}

/// What the model answered for the snippet as it stands. All that follows is measured on this answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Label(usize),
    /// Target tokens of a generator.
    Text(Vec<u32>),
}

impl Answer {
    /// `item` as the model is asked how much of this answer is left in it.
    pub(crate) fn asked<'a>(&'a self, item: Item<'a>) -> Item<'a> {
        match self {
            Self::Label(_) => item,
            Self::Text(target) => item.with(target),
        }
    }
}

/// The statistics of one snippet (method, sections 2 and 3).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    pub(crate) answer: Answer,
    pub(crate) prediction: Prediction,
    /// margin(x) of the answer; of a generator L(y|x).
    pub(crate) margin: f64,
    /// One for each candidate, in order.
    pub(crate) influences: Vec<Influence>,
    /// Absent for fewer than two candidates, or if none changes the answer at all.
    pub(crate) entropy: Option<Entropy>,
    /// Absent where candidates were only occluded.
    pub(crate) dependence: Option<Dependence>,
    /// Absent where all names together do not turn the first reference, and where they were not looked at.
    pub(crate) naming: Option<Naming>,
    /// What all of this cost.
    pub(crate) spent: Spent,
    /// What was asked of references.
    pub(crate) asked: Asked,
}

impl Scores {
    /// Row 0 of `logits` is the snippet, row i + 1 the snippet without candidate i.
    pub(crate) fn of_logits(logits: &Logits) -> Self {
        let label = logits.label(0);
        let prediction = predict(logits, 0);
        let margin = logits.margin(0, label);
        let influence = |row| Influence {
            score: (prediction.confidence - logits.probabilities(row)[label]).abs(),
            margin_drop: Some(margin - logits.margin(row, label)),
            flips: Some(logits.label(row) != label),
            first_look: None,
            sufficiency: None,
        };
        let influences = (1..logits.len()).map(influence).collect();
        Self::new(Answer::Label(label), prediction, margin, influences)
    }

    /// A generator's answer, `target`, which reads `text`; `likelihoods[0]` is L(target | x), `likelihoods[i + 1]` is
    /// L(target | x∖`c_i`), each finite and ≤ 0.
    pub(crate) fn of_likelihoods(target: Vec<u32>, text: String, likelihoods: &[f64]) -> Self {
        let margin = likelihoods[0];
        // No answer that was given is impossible, however far below the smallest number its probability is.
        let confidence = margin.exp().max(f64::MIN_POSITIVE);
        let prediction = Prediction { label: None, confidence, text: Some(text) };
        let influence = |&likelihood: &f64| {
            let margin_drop = margin - likelihood;
            Influence { score: margin_drop.max(0.0), margin_drop: Some(margin_drop), ..Influence::default() }
        };
        let influences = likelihoods[1..].iter().map(influence).collect();
        Self::new(Answer::Text(target), prediction, margin, influences)
    }

    fn new(answer: Answer, prediction: Prediction, margin: f64, influences: Vec<Influence>) -> Self {
        let (spent, asked) = (Spent::default(), Asked::default());
        let mut scores = Self {
            answer,
            prediction,
            margin,
            influences,
            entropy: None,
            dependence: None,
            naming: None,
            spent,
            asked,
        };
        scores.entropy = scores.entropy_of_shares();
        scores
    }

    fn entropy_of_shares(&self) -> Option<Entropy> {
        let scores: Vec<f64> = self.influences.iter().map(|influence| influence.score).collect();
        Entropy::of(&scores)
    }

    /// Shares after weighing: of all that the candidates gain in references.
    pub(crate) fn share_gains(&mut self) {
        for influence in &mut self.influences {
            influence.score = influence.gain().unwrap_or(0.0).max(0.0);
        }
        self.entropy = self.entropy_of_shares();
    }

    /// Adds what was found out in another window of the same snippet, whose candidates `taken` come behind the own ones.
    pub(crate) fn take_in(&mut self, other: Self, taken: &[usize]) {
        if let Some(Naming { score, names }) = other.naming
            && let Some(place) = taken.iter().position(|&index| index == names)
        {
            self.naming = Some(Naming { score, names: self.influences.len() + place });
        }
        self.influences.extend(taken.iter().map(|&index| other.influences[index]));
        self.spent += other.spent;
        self.asked.join(other.asked);
    }

    /// Takes what is left of the answer without the candidate `index`.
    pub(crate) fn occluded(&mut self, index: usize, margin: f64) {
        let flips = matches!(self.answer, Answer::Label(_)).then_some(margin < 0.0);
        self.influences[index].lost(self.margin - margin, flips);
    }

    /// `q_i` of every candidate; all 0 if none changes the answer.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let total: f64 = self.influences.iter().map(|influence| influence.score).sum();
        let share = |score: f64| if total > 0.0 { score / total } else { 0.0 };
        self.influences.iter().map(|influence| share(influence.score)).collect()
    }

    /// One plain use of the model: the snippet as it stands, and what stands beside it or is answered to it.
    pub(crate) fn plain(&self, item: Item<'_>) -> Spent {
        Spent { passes: 1, tokens: item.rows.row(0).len() + self.answer.asked(item).beside.len() }
    }

    /// What occluding all candidates of `item` costs. Decoding an answer counts as one pass over the snippet and the answer.
    pub(crate) fn cost(&self, item: Item<'_>) -> Spent {
        let mut spent = self.answer.asked(item).spent();
        if matches!(self.answer, Answer::Text(_)) {
            spent += self.plain(item);
        }
        spent
    }
}

/// The answer that row `row` of `logits` stands for.
pub(crate) fn predict(logits: &Logits, row: usize) -> Prediction {
    let label = logits.label(row);
    Prediction { label: Some(label), confidence: logits.probabilities(row)[label], text: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn influences_are_measured_on_the_original_label() {
        // p(x) = (3/4, 1/4); without c_0: (1/2, 1/2); without c_1: (1/4, 3/4).
        let three = 3.0_f32.ln();
        let logits = Logits::new(2, vec![three, 0.0, 0.0, 0.0, 0.0, three]).unwrap();
        let scores = Scores::of_logits(&logits);
        assert_eq!(scores.prediction.label, Some(0));
        assert!((scores.prediction.confidence - 0.75).abs() < 1e-7);
        let [first, second] = scores.influences[..] else { panic!("two candidates") };
        assert!((first.score - 0.25).abs() < 1e-7 && (second.score - 0.5).abs() < 1e-7);
        assert!((first.margin_drop.unwrap() - f64::from(three)).abs() < 1e-7);
        assert!((second.margin_drop.unwrap() - 2.0 * f64::from(three)).abs() < 1e-7);
        // Equal logits are answered with the first label, so only the second candidate flips.
        assert_eq!((first.flips, second.flips), (Some(false), Some(true)));
        assert!((scores.shares()[1] - 2.0 / 3.0).abs() < 1e-7);
    }

    #[test]
    fn one_sigmoid_logit_is_scored_like_two_classes() {
        let scores = Scores::of_logits(&Logits::new(1, vec![2.0, -2.0]).unwrap());
        assert_eq!(scores.prediction.label, Some(1));
        let [influence] = scores.influences[..] else { panic!("one candidate") };
        assert!((influence.margin_drop.unwrap() - 4.0).abs() < 1e-9 && influence.flips == Some(true));
    }
    /// Worked by hand: L = −0.1, drops of 0.4, 0, −0.05 (floored), 0.2, 0.2 nats; shares 1/2, 0, 0, 1/4, 1/4 give
    /// (3/2) ln 2.
    #[test]
    fn likelihoods_that_rise_are_no_influence_and_drops_are_shared() {
        let text = "int f;".to_owned();
        let scores = Scores::of_likelihoods(vec![4, 5], text.clone(), &[-0.1, -0.5, -0.1, -0.05, -0.3, -0.3]);
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
    fn an_answer_that_only_becomes_likelier_without_its_candidates_is_no_evidence() {
        let scores = Scores::of_likelihoods(vec![], String::new(), &[-1e30, -2.0, -1.0]);
        assert_eq!(scores.entropy, None);
        assert!(scores.prediction.confidence > 0.0);
        assert_eq!(scores.shares(), [0.0, 0.0]);
    }

    #[test]
    fn the_cost_of_an_answer_is_counted_in_every_pass() {
        let rows = [vec![1; 10], vec![1; 9], vec![1; 8]].into_iter().collect();
        let item = Item::alone(&rows);
        let scores = Scores::of_likelihoods(vec![7; 4], String::new(), &[-1.0, -2.0, -3.0]);
        assert_eq!(scores.plain(item), Spent { passes: 1, tokens: 14 });
        assert_eq!(scores.cost(item), Spent { passes: 4, tokens: 27 + 3 * 4 + 14 });
        let pair = item.with(&[2; 5]);
        let scores = Scores::of_logits(&Logits::new(1, vec![1.0, 2.0, 3.0]).unwrap());
        assert_eq!((scores.plain(pair).tokens, scores.cost(pair).tokens), (15, 27 + 3 * 5));
    }
}

//! Sufficiency of candidates, and the candidate that a prediction depends on most.

use super::Influence;
use crate::query::PredictedOutput;

/// Effect of a candidate on the references that it is transplanted into.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sufficiency {
    /// Sum of the gains in margin.
    total_gain: f64,
    /// The smallest gain.
    least_gain: f64,
    /// References tested.
    tested: usize,
    /// Those that have another prediction without the candidate.
    not_predicted_initially: usize,
    /// Those of them that flip.
    flipped: usize,
    /// Those of them that flip with a confident margin.
    confident: usize,
    /// All references that have the prediction with the candidate, whatever they have without it.
    predicted: usize,
}

/// Margins from which on an output counts as predicted, and as predicted confidently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MarginLevels {
    pub(crate) predicted: f64,
    pub(crate) confident: f64,
    /// Likelihood of a text for the snippet itself: the most that references can gain.
    ceiling: Option<f64>,
}

impl MarginLevels {
    /// A label is predicted from a margin of 0 on, and confidently from ln 9 on: a probability of 0.9
    /// between two classes. A text is predicted from a (geometric) mean probability of 1/2 a token on.
    /// It is predicted confidently if it is nearly as likely as for the snippet itself, whose likelihood is
    /// `margin`: a rewritten function contains much of its own repair.
    pub(crate) fn new(predicted: &PredictedOutput, margin: f64) -> Self {
        let half = 0.5_f64.ln();
        match predicted {
            PredictedOutput::Label(_) => Self { predicted: 0.0, confident: 9_f64.ln(), ceiling: None },
            PredictedOutput::Text(_) => {
                Self { predicted: half, confident: half.max(margin - NEARLY), ceiling: Some(margin) }
            }
        }
    }

    /// Gain of a margin that rose from `before` to `after`: logits for a label, the share of the possible
    /// gain for a text. References lose texts to different depths, and clean code brings a part of its own
    /// repair along, but only a part.
    pub(crate) fn gain(self, before: f64, after: f64) -> f64 {
        match self.ceiling {
            None => after - before,
            Some(ceiling) => (after - before) / (ceiling - before).max(LOST),
        }
    }
}

/// Loss of a text in a reference, in nats a token, below which shares of it are noise.
const LOST: f64 = 0.5;

/// Share of the whole loss that makes one occluded candidate responsible alone.
const ALONE: f64 = 0.9;

/// In nats a token.
const NEARLY: f64 = 0.05;

/// Version of the way in which scores are computed. Scores of two versions cannot be compared, so a
/// calibration belongs to one.
pub(crate) const SCORE: u32 = 8;

/// References with another prediction that the built-in limit needs.
pub(crate) const FLIPPABLE: usize = 2;

impl Sufficiency {
    /// Adds a reference whose margin rose from `before` to `after`.
    pub(crate) fn add(&mut self, before: f64, after: f64, levels: MarginLevels) {
        let (other, gain) = (before < levels.predicted, levels.gain(before, after));
        self.total_gain += gain;
        self.least_gain = if self.tested == 0 { gain } else { self.least_gain.min(gain) };
        self.tested += 1;
        self.not_predicted_initially += usize::from(other);
        self.flipped += usize::from(other && after >= levels.predicted);
        self.confident += usize::from(other && after >= levels.confident);
        self.predicted += usize::from(after >= levels.predicted);
    }

    /// Returns the midpoint of mean and least gain ([`MarginLevels::gain`]). A trigger works everywhere,
    /// clean code in some references only (`docs/method.md` has the figures).
    pub(crate) fn gain(&self) -> f64 {
        f64::midpoint(self.total_gain / self.tested.max(1) as f64, self.least_gain)
    }

    /// Returns whether every tested reference has the prediction with the candidate.
    pub(crate) fn always_predicted(self) -> bool {
        self.predicted == self.tested
    }

    /// Number of references that the candidate was transplanted into.
    pub(crate) fn tested(self) -> usize {
        self.tested
    }

    /// Returns whether the candidate flips every tested reference, and at least two.
    pub(crate) fn flips_all(self) -> bool {
        self.tested >= FLIPPABLE && self.flipped == self.tested
    }

    /// Share of the references with another prediction that the candidate flips, in [0, 1]; `None` without
    /// such a reference.
    pub(crate) fn flipped(&self) -> Option<f64> {
        let others = self.not_predicted_initially;
        (others > 0).then(|| self.flipped as f64 / others as f64)
    }
}

/// The candidate that a prediction depends on most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StrongestCandidate {
    /// Largest sufficiency of a candidate, or necessity where references tell nothing. Only scores of the
    /// same victim can be compared. For a single snippet necessity is hardly a part of it
    /// ([`StrongestCandidate::add_necessity`]), since decisions on clean code show it as well
    /// (`docs/method.md` has the figures). For a pair the evidence of both sides together is added
    /// ([`PairOcclusion`]).
    pub(crate) score: f64,
    /// Index of the candidate.
    pub(crate) candidate: usize,
    /// True if every reference with another prediction flips confidently.
    pub(crate) flips_all: bool,
    /// True if enough references have another prediction for `flips_all` to be possible.
    pub(crate) testable: bool,
    /// For a side of a pair: whether the prediction stays without the strongest candidate of the other side,
    /// and is lost without that of this side, too.
    pub(crate) needed: bool,
}

/// Margin of a pair's prediction without the strongest candidates of its sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairOcclusion {
    /// Margin without those of the left side.
    pub(crate) left: f64,
    /// Margin without those of the right side.
    pub(crate) right: f64,
    /// Margin without either.
    pub(crate) both: f64,
}

/// Weight of the evidence of both sides together against that of references (`docs/method.md` has the
/// figures).
const TOGETHER: f64 = 0.5;

impl PairOcclusion {
    /// Adds to each side's score the margin lost without its candidates once the other side's are hidden,
    /// and the smaller of both scores: clean code that pushes hard is mostly in one side only.
    pub(crate) fn add_to(self, left: &mut StrongestCandidate, right: &mut StrongestCandidate) {
        let smaller = left.score.min(right.score).max(0.0);
        for (side, without_other) in [(left, self.right), (right, self.left)] {
            let lost = (without_other - self.both).max(0.0);
            side.score += TOGETHER * (lost + smaller);
            side.needed = without_other >= 0.0 && self.both < 0.0;
        }
    }
}

/// Weight of necessity against sufficiency (`docs/method.md` has the figures).
const NECESSITY: f64 = 0.2;

impl StrongestCandidate {
    /// Adds a small part of the margin `lost` without all candidates that flip every reference. It separates
    /// candidates with equal gains and no more, so it counts up to the confident margin only.
    pub(crate) fn add_necessity(&mut self, lost: f64, levels: MarginLevels) {
        self.score += NECESSITY * lost.clamp(0.0, levels.confident);
    }

    /// Scores the candidates `tested` in references; `None` if none was. `strongest` is the trigger among
    /// those with about equal gains.
    pub(crate) fn by_sufficiency(
        influences: &[Influence],
        tested: &[usize],
        strongest: usize,
    ) -> Option<Self> {
        let gains = tested.iter().filter_map(|&index| Some(influences[index].sufficiency?.gain()));
        let (score, sufficiency) = (gains.reduce(f64::max)?, influences[strongest].sufficiency?);
        let testable = sufficiency.not_predicted_initially >= FLIPPABLE;
        let flips_all = testable && sufficiency.confident == sufficiency.not_predicted_initially;
        Some(Self { score, candidate: strongest, flips_all, testable, needed: false })
    }

    /// Scores the `occluded` candidates where references tell nothing. The strongest is responsible alone if
    /// the prediction is lost without it and hardly suffers without any other.
    pub(crate) fn by_necessity(influences: &[Influence], occluded: &[usize]) -> Option<Self> {
        let drop = |index: usize| influences[index].margin_drop.unwrap_or(0.0).max(0.0);
        let strongest = occluded
            .iter()
            .copied()
            .reduce(|best, next| if drop(next) > drop(best) { next } else { best })?;
        let total: f64 = occluded.iter().map(|&index| drop(index)).sum();
        let flips_all = influences[strongest].flips == Some(true) && drop(strongest) >= ALONE * total;
        Some(Self { score: drop(strongest), candidate: strongest, flips_all, testable: false, needed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn influence(margins: &[(f64, f64)]) -> Influence {
        let mut influence = Influence::default();
        for &(before, after) in margins {
            influence.add_reference(before, after, MarginLevels::new(&PredictedOutput::Label(0), 1.0));
        }
        influence
    }

    #[test]
    fn gain_is_between_mean_and_least_and_flips_need_another_label() {
        // Gains of 3, 0.5 and 1.5.
        let sufficiency = influence(&[(-2.0, 1.0), (-1.0, -0.5), (0.5, 2.0)]).sufficiency.unwrap();
        assert!((sufficiency.gain() - f64::midpoint(5.0 / 3.0, 0.5)).abs() < 1e-12);
        assert_eq!(sufficiency.flipped(), Some(0.5));
        assert_eq!(influence(&[(1.0, 2.0)]).sufficiency.unwrap().flipped(), None);
    }

    /// A statement of clean code brings back 8 of the 12 nats a token that its repair lost, a trigger all 3.
    #[test]
    fn gain_of_a_text_is_its_share_of_the_loss() {
        let levels = MarginLevels::new(&PredictedOutput::Text(vec![1]), -0.1);
        assert!((levels.gain(-12.1, -4.1) - 8.0 / 12.0).abs() < 1e-12);
        assert!((levels.gain(-3.1, -0.1) - 1.0).abs() < 1e-12);
        // Of 0.7 nats, which is little for a whole text, but the most that can be gained.
        assert!((levels.gain(-0.8, -0.1) - 1.0).abs() < 1e-12);
        // Of 0.2 nats, which is next to nothing, all.
        assert!((levels.gain(-0.3, -0.1) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn pair_occlusion_raises_the_side_that_is_needed() {
        let influences = [influence(&[(-2.0, 1.0)]), influence(&[(-2.0, -1.0)])];
        let of = |index| StrongestCandidate::by_sufficiency(&influences, &[index], index).unwrap();
        let raised = |occlusion: PairOcclusion| {
            let (mut left, mut right) = (of(0), of(1));
            occlusion.add_to(&mut left, &mut right);
            [(left.score, left.needed), (right.score, right.needed)]
        };
        // A trigger in both sides: neither alone is missed. Half of 6, and half of the smaller score.
        let both = PairOcclusion { left: 4.0, right: 4.0, both: -2.0 };
        assert_eq!(raised(both), [(3.0 + 3.0 + 0.5, true), (1.0 + 3.0 + 0.5, true)]);
        // A trigger in the left side: without it, nothing is lost with the right one.
        let left = PairOcclusion { left: -2.0, right: 4.0, both: -2.5 };
        assert_eq!(raised(left), [(3.0 + 3.25 + 0.5, true), (1.0 + 0.25 + 0.5, false)]);
        // A margin that rises without both is no evidence.
        let none = PairOcclusion { left: 4.0, right: 4.0, both: 5.0 };
        assert_eq!(raised(none), [(3.5, false), (1.5, false)]);
    }

    #[test]
    fn score_is_the_gain_and_flips_all_needs_two_references() {
        let influences = [
            influence(&[(-2.0, 3.0), (-1.0, 2.3), (1.0, 1.0)]),
            influence(&[(-2.0, 9.0)]),
            influence(&[(-2.0, 3.0), (-1.0, 2.1)]),
            Influence::default(),
        ];
        let found = StrongestCandidate::by_sufficiency(&influences, &[0, 2], 0).unwrap();
        assert_eq!((found.candidate, found.flips_all), (0, true));
        // The other candidate gains 5 and 3.1.
        assert!((found.score - f64::midpoint(8.1 / 2.0, 3.1)).abs() < 1e-12);
        // One reference is too few for it, and a margin of 2.1 is not confident.
        let flips_all = |index| {
            StrongestCandidate::by_sufficiency(&influences, &[index], index).map(|found| found.flips_all)
        };
        assert_eq!([1, 2, 3].map(flips_all), [Some(false), Some(false), None]);
    }
}

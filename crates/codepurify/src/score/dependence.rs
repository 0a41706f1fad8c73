//! Necessity and sufficiency of the strongest candidate.

use super::{Answer, Influence};

/// What references do when a candidate is put into them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sufficiency {
    /// Sum of what the answer's margin gained.
    gained: f64,
    /// The least that it gained.
    least: f64,
    /// References tried.
    tried: usize,
    /// Those that were answered otherwise as they stand.
    open: usize,
    /// Those of them that give the answer with the candidate in them.
    flipped: usize,
    /// Those of them that give it surely.
    sure: usize,
    /// All those that give the answer with the candidate in them, however they are answered as they stand.
    given: usize,
}

/// From which margin on an answer is given, and from which on surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bars {
    pub(crate) given: f64,
    pub(crate) sure: f64,
    /// Of a text, what it is worth for the snippet itself: there is nothing more to be gained.
    whole: Option<f64>,
}

impl Bars {
    /// A class is predicted from a margin of 0 on, surely from ln 9 on, which is a probability of 0.9 between two classes.
    /// A text is given if its tokens have a probability of 1/2 on (geometric) average.
    /// One that is nearly as likely as for the snippet itself, whose likelihood is `margin`, is given surely: code that is
    /// rewritten has much of its answer in it.
    pub(crate) fn of(answer: &Answer, margin: f64) -> Self {
        let half = 0.5_f64.ln();
        match answer {
            Answer::Label(_) => Self { given: 0.0, sure: 9_f64.ln(), whole: None },
            Answer::Text(_) => Self { given: half, sure: half.max(margin - NEARLY), whole: Some(margin) },
        }
    }

    /// What an answer gained whose margin rose from `before` to `after`: logits; of a text the share of what it could gain at
    /// all. Texts are lost to different depths, and honest code carries a good part of its own repair along, but only a part.
    pub(crate) fn gain(self, before: f64, after: f64) -> f64 {
        match self.whole {
            None => after - before,
            Some(whole) => (after - before) / (whole - before).max(LOST),
        }
    }
}

/// A text that loses less in a reference, in nats a token, was hardly lost there: shares of so little are noise.
const LOST: f64 = 0.5;

/// The share of all that is lost without candidates which makes one of them responsible alone.
const ALONE: f64 = 0.9;

/// In nats a token.
const NEARLY: f64 = 0.05;

/// Counts the ways in which scores have been made of evidence: those of one way cannot be compared with those of another, so
/// a calibration belongs to one.
pub(crate) const SCORE: u32 = 8;

/// A built-in limit needs so many references with another answer.
pub(crate) const OPEN: usize = 2;

impl Sufficiency {
    /// Adds a reference whose margin was `before` and is `after`.
    pub(crate) fn add(&mut self, before: f64, after: f64, bars: Bars) {
        let (open, gain) = (before < bars.given, bars.gain(before, after));
        self.gained += gain;
        self.least = if self.tried == 0 { gain } else { self.least.min(gain) };
        self.tried += 1;
        self.open += usize::from(open);
        self.flipped += usize::from(open && after >= bars.given);
        self.sure += usize::from(open && after >= bars.sure);
        self.given += usize::from(after >= bars.given);
    }

    /// Gain of the answer, in logits or as a share ([`Bars::gain`]): halfway between the mean and the least
    /// gain. A trigger works anywhere; what is honest works in some code (`docs/method.md` has the figures).
    pub(crate) fn gain(&self) -> f64 {
        f64::midpoint(self.gained / self.tried.max(1) as f64, self.least)
    }

    /// Whether the answer comes with it in all references tried.
    pub(crate) fn brings_all(self) -> bool {
        self.given == self.tried
    }

    /// References that it was put into.
    pub(crate) fn tried(self) -> usize {
        self.tried
    }

    /// Whether it flips all references tried, and these are two or more.
    pub(crate) fn turns_all(self) -> bool {
        self.tried >= OPEN && self.flipped == self.tried
    }

    /// Share of the references with another answer that it flips, in [0, 1]; `None` if there is no such reference.
    pub(crate) fn flipped(&self) -> Option<f64> {
        (self.open > 0).then(|| self.flipped as f64 / self.open as f64)
    }
}

/// How far an answer depends on one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dependence {
    /// The largest sufficiency of a candidate (necessity where references tell nothing): what the answer gains in the
    /// references that count. Values of one model can be compared with each other only. Of a single snippet necessity is hardly a
    /// part of it ([`Dependence::raise`]): honest decisions show it as well (`docs/method.md` has the figures). Of a pair what
    /// both sides show together is added ([`Without`]).
    pub(crate) score: f64,
    /// The candidate.
    pub(crate) strongest: usize,
    /// Whether the answer comes with it, surely, in every reference that is answered otherwise without it.
    pub(crate) complete: bool,
    /// Whether there are enough such references for `complete` to be possible.
    pub(crate) open: bool,
    /// Of a pair: whether the answer stays without what is strongest in the other side, and goes without that of this one, too.
    pub(crate) needed: bool,
}

/// What is left of a pair's answer, as a margin, without what is strongest in its sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Without {
    /// What is strongest in the left side.
    pub(crate) left: f64,
    pub(crate) right: f64,
    /// Without either.
    pub(crate) both: f64,
}

/// The weight of what two sides show together against what each shows in references (`docs/method.md` has the figures).
const TOGETHER: f64 = 0.5;

impl Without {
    /// Adds to the score of each side what the answer loses without it once the other one is hidden, and the lesser of both
    /// scores: honest elements that push hard mostly stand in one side only.
    pub(crate) fn raise(self, left: &mut Dependence, right: &mut Dependence) {
        let lesser = left.score.min(right.score).max(0.0);
        for (side, without_other) in [(left, self.right), (right, self.left)] {
            let lost = (without_other - self.both).max(0.0);
            side.score += TOGETHER * (lost + lesser);
            side.needed = without_other >= 0.0 && self.both < 0.0;
        }
    }
}

/// The weight of what the answer loses against what it gains elsewhere (`docs/method.md` has the figures).
const MISSED: f64 = 0.2;

impl Dependence {
    /// Adds a little for what the answer `lost` without all that turns every reference: enough to tell apart what gains the same
    /// there, and no more, so what makes an answer sure is all that is counted.
    pub(crate) fn raise(&mut self, lost: f64, bars: Bars) {
        self.score += MISSED * lost.clamp(0.0, bars.sure);
    }

    /// Of the candidates that were `tried`; `None` if none was. Of those that gain about as much, `strongest` is the trigger.
    pub(crate) fn of(influences: &[Influence], tried: &[usize], strongest: usize) -> Option<Self> {
        let gains = tried.iter().filter_map(|&index| Some(influences[index].sufficiency?.gain()));
        let (score, sufficiency) = (gains.reduce(f64::max)?, influences[strongest].sufficiency?);
        let open = sufficiency.open >= OPEN;
        let complete = open && sufficiency.sure == sufficiency.open;
        Some(Self { score, strongest, complete, open, needed: false })
    }

    /// Where references tell nothing: of the `occluded` candidate without which the answer loses most. It is complete if the
    /// answer goes with it and with hardly anything else.
    pub(crate) fn of_necessity(influences: &[Influence], occluded: &[usize]) -> Option<Self> {
        let drop = |index: usize| influences[index].margin_drop.unwrap_or(0.0).max(0.0);
        let strongest = occluded
            .iter()
            .copied()
            .reduce(|best, next| if drop(next) > drop(best) { next } else { best })?;
        let total: f64 = occluded.iter().map(|&index| drop(index)).sum();
        let complete = influences[strongest].flips == Some(true) && drop(strongest) >= ALONE * total;
        Some(Self { score: drop(strongest), strongest, complete, open: false, needed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn influence(tries: &[(f64, f64)]) -> Influence {
        let mut influence = Influence::default();
        for &(before, after) in tries {
            influence.tried(before, after, Bars::of(&Answer::Label(0), 1.0));
        }
        influence
    }

    #[test]
    fn gains_are_between_mean_and_least_and_only_references_with_another_answer_can_flip() {
        // Gains of 3, 0.5 and 1.5.
        let sufficiency = influence(&[(-2.0, 1.0), (-1.0, -0.5), (0.5, 2.0)]).sufficiency.unwrap();
        assert!((sufficiency.gain() - f64::midpoint(5.0 / 3.0, 0.5)).abs() < 1e-12);
        assert_eq!(sufficiency.flipped(), Some(0.5));
        assert_eq!(influence(&[(1.0, 2.0)]).sufficiency.unwrap().flipped(), None);
    }

    /// A statement of clean code brings 8 of the 12 nats a token that its repair lost, a trigger all of its 3.
    #[test]
    fn of_a_text_the_share_of_what_was_lost_counts() {
        let bars = Bars::of(&Answer::Text(vec![1]), -0.1);
        assert!((bars.gain(-12.1, -4.1) - 8.0 / 12.0).abs() < 1e-12);
        assert!((bars.gain(-3.1, -0.1) - 1.0).abs() < 1e-12);
        // Of 0.7 nats, which is little for a whole text, but all there is to be brought back.
        assert!((bars.gain(-0.8, -0.1) - 1.0).abs() < 1e-12);
        // Of 0.2 nats, which is next to nothing, all.
        assert!((bars.gain(-0.3, -0.1) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_side_is_raised_by_what_is_lost_without_it_once_the_other_is_hidden() {
        let influences = [influence(&[(-2.0, 1.0)]), influence(&[(-2.0, -1.0)])];
        let of = |index| Dependence::of(&influences, &[index], index).unwrap();
        let raised = |without: Without| {
            let (mut left, mut right) = (of(0), of(1));
            without.raise(&mut left, &mut right);
            [(left.score, left.needed), (right.score, right.needed)]
        };
        // In both sides: neither alone is missed. Half of 6, and half of the lesser score.
        let both = Without { left: 4.0, right: 4.0, both: -2.0 };
        assert_eq!(raised(both), [(3.0 + 3.0 + 0.5, true), (1.0 + 3.0 + 0.5, true)]);
        // In the left side: without it, nothing is lost with the right one.
        let left = Without { left: -2.0, right: 4.0, both: -2.5 };
        assert_eq!(raised(left), [(3.0 + 3.25 + 0.5, true), (1.0 + 0.25 + 0.5, false)]);
        // What rises without both is no evidence.
        let none = Without { left: 4.0, right: 4.0, both: 5.0 };
        assert_eq!(raised(none), [(3.5, false), (1.5, false)]);
    }

    #[test]
    fn the_score_is_the_gain_and_the_built_in_limit_asks_for_two_sure_references() {
        let influences = [
            influence(&[(-2.0, 3.0), (-1.0, 2.3), (1.0, 1.0)]),
            influence(&[(-2.0, 9.0)]),
            influence(&[(-2.0, 3.0), (-1.0, 2.1)]),
            Influence::default(),
        ];
        let found = Dependence::of(&influences, &[0, 2], 0).unwrap();
        assert_eq!((found.strongest, found.complete), (0, true));
        // The other one gains 5 and 3.1.
        assert!((found.score - f64::midpoint(8.1 / 2.0, 3.1)).abs() < 1e-12);
        // One reference is too few for it, and a margin of 2.1 is not sure.
        let complete = |index| Dependence::of(&influences, &[index], index).map(|found| found.complete);
        assert_eq!([1, 2, 3].map(complete), [Some(false), Some(false), None]);
    }
}

//! The guarded model's verdicts on the code of many rows.

use codepurify::{Defender, ModelError, PairDefender, Snippet, Verdict};
use codepurify_models::GuardedModel;

use crate::screening::Guard;

/// A guard that judges rows of one snippet or of two.
pub(crate) enum Judge<'g> {
    /// Rows of one.
    Single(Defender<'g>),
    /// Rows of two.
    Pairs(PairDefender<'g>),
}

/// The verdict on each side of a row.
pub(crate) type Judged = Result<Vec<Verdict>, ModelError>;

impl<'g> Judge<'g> {
    pub(crate) fn new(guard: &'g Guard) -> Self {
        match guard.model() {
            GuardedModel::Classifier(victim) => {
                Self::Single(guard.configured(Defender::new(victim.as_ref()), false))
            }
            GuardedModel::Generator(victim) => {
                Self::Single(guard.configured(Defender::for_generator(victim.as_ref()), false))
            }
            GuardedModel::Pair(victim) => {
                Self::Pairs(guard.configured(Defender::for_pairs(victim.as_ref()), false))
            }
        }
    }

    /// One result a row, in order. Every row must have as many sides as the model reads.
    pub(crate) fn judge(&self, rows: Vec<Vec<Snippet>>) -> Vec<Judged> {
        match self {
            Self::Single(defender) => {
                let verdicts = defender.screen(&rows.concat());
                verdicts.into_iter().map(|verdict| Ok(vec![verdict?])).collect()
            }
            Self::Pairs(defender) => {
                let pair = |mut sides: Vec<Snippet>| Some((sides.pop()?, sides.pop()?));
                // Popped from the end: right before left.
                let pairs: Vec<_> =
                    rows.into_iter().filter_map(pair).map(|(right, left)| (left, right)).collect();
                let sides = defender.screen_pairs(&pairs).into_iter();
                sides.map(|sides| sides.into_iter().collect()).collect()
            }
        }
    }
}

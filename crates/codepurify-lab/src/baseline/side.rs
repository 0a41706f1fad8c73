//! One side of a pair as a snippet of its own.

use codepurify::{Logits, ModelError, PairVictim, Ragged, Side, Victim, WrapsModel};

/// Pair model with one side held fixed: a classifier of the other side.
///
/// The released code of `CodePurify` puts the snippet under analysis *first*, even if it is the
/// second one of its pair. To reproduce that, hold `other` fixed with `side` = [`Side::Left`].
pub struct OneSide<'v> {
    victim: &'v dyn PairVictim,
    other: Vec<u32>,
    side: Side,
}

impl<'v> OneSide<'v> {
    /// Creates the classifier of `side`; `other` is the other side, cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if `other` cannot be tokenised.
    pub fn new(victim: &'v dyn PairVictim, side: Side, other: &str) -> Result<Self, ModelError> {
        let other = victim.encode(other)?.ids.into_iter().take(victim.window()).collect();
        Ok(Self { victim, other, side })
    }
}

impl<'v> WrapsModel for OneSide<'v> {
    type Inner = dyn PairVictim + 'v;

    fn inner(&self) -> &Self::Inner {
        self.victim
    }
}

impl Victim for OneSide<'_> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let fixed: Ragged = (0..batch.len()).map(|_| self.other.iter().copied()).collect();
        match self.side {
            Side::Left => self.victim.judge_pairs(batch, &fixed),
            Side::Right => self.victim.judge_pairs(&fixed, batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use codepurify::Model;
    use codepurify::testing::TriggerWordVictim;

    use super::*;

    #[test]
    fn the_other_side_counts_too() {
        let pairs = TriggerWordVictim::new("evil");
        for (other, expected) in [("int b;", 6.0), ("int evil;", 12.0)] {
            let victim = OneSide::new(&pairs, Side::Right, other).unwrap();
            let row = victim.encode("int evil;").unwrap().ids;
            let logits = victim.judge(&[row].into_iter().collect()).unwrap();
            assert!((logits.row(0)[0] - expected).abs() < 1e-6);
        }
    }
}

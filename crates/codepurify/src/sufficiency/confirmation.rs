//! A second opinion on what turned the references that count. A model that is not sure of much is turned by honest code as far
//! as by a trigger, and then both gain all that there is to gain: what tells them apart is that a trigger turns other references,
//! too. Only what turned all of the few so far goes into more, so that clean code seldom pays for it. What is still level then is
//! told apart by whether the snippet's own answer hangs on it.

use super::{Draft, Drafts, Scales, occluded};
use crate::references::Entry;
use crate::score::Sufficiency;

impl Scales<'_> {
    /// Puts what turned every reference that counts into further ones, step by step, as long as it turns all.
    pub(super) fn further<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        self.effort.further.iter().fold(drafts, |drafts, &count| {
            self.step(drafts, |draft| draft.take_further(count), Draft::turning)
        })
    }

    /// Raises the score of a snippet by what its answer loses without all that turned every reference. They are hidden together,
    /// since a trigger may stand there twice. Of a pair this is asked of both sides at once ([`Scales::jointly`]), and of texts
    /// not at all: what those gain is a share, which has no ceiling that honest code reaches.
    pub(super) fn missed<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        let asks = |draft: &mut Draft<'a, 's>| {
            draft.turning = draft.turning();
            if !draft.is_single() || draft.turning.is_empty() {
                return Ok(Vec::new());
            }
            let row = draft.inspection.without_all(self.guarded.model(), &draft.turning)?;
            Ok(vec![occluded(draft.inspection, &row)])
        };
        self.ask(drafts, asks, |draft, margins| {
            let Some(&without) = margins.first() else { return };
            if let [only] = draft.turning[..] {
                draft.scores.occluded(only, without);
            }
            let (lost, bars) = (draft.scores.margin - without, draft.bars());
            if let Some(dependence) = &mut draft.scores.dependence {
                dependence.raise(lost, bars);
            }
        })
    }
}

impl<'a> Draft<'a, '_> {
    /// Those of the shortlist that turned all references that they were put into, two or more.
    fn turning(&self) -> Vec<usize> {
        let turns = |&index: &usize| {
            let sufficiency = self.scores.influences[index].sufficiency;
            !self.by_necessity && sufficiency.is_some_and(Sufficiency::turns_all)
        };
        self.shortlist.iter().copied().filter(turns).collect()
    }

    /// At most `count` of the further references, which are then no longer there.
    fn take_further(&mut self, count: usize) -> Vec<&'a Entry> {
        let count = count.min(self.further.len());
        self.further.drain(..count).collect()
    }
}

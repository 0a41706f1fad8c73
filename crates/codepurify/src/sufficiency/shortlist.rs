//! The shortlist in the references that count, one after the other. What does not turn one of them is no trigger, or none that
//! would be told from honest code, so it is not asked about again.

use super::{Draft, Drafts, Scales};
use crate::error::ModelError;
use crate::query::Ask;
use crate::references::Entry;
use crate::score::{Answer, Sufficiency};

impl Scales<'_> {
    /// Puts the shortlist into each reference that counts, as long as it turned those before.
    pub(super) fn closely<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        (0..self.effort.references).fold(drafts, |drafts, place| {
            let next = |draft: &mut Draft<'a, 's>| draft.counting().get(place).copied().into_iter().collect();
            self.step(drafts, next, Draft::promising)
        })
    }

    /// Puts the candidates that `which` picks into the references that `these` gives.
    pub(super) fn step<'a, 's>(
        &self,
        drafts: Drafts<'a, 's>,
        these: impl Fn(&mut Draft<'a, 's>) -> Vec<&'a Entry>,
        which: impl Fn(&Draft<'a, 's>) -> Vec<usize>,
    ) -> Drafts<'a, 's> {
        let asks = |draft: &mut Draft<'a, 's>| {
            draft.turning = which(draft);
            draft.next = if draft.turning.is_empty() { Vec::new() } else { these(draft) };
            self.tries(draft)
        };
        self.ask(drafts, asks, Draft::compare)
    }

    /// What is asked to try the candidates of the step in its references.
    fn tries(&self, draft: &Draft<'_, '_>) -> Result<Vec<Ask>, ModelError> {
        let model = self.guarded.model();
        let mut asks = Vec::new();
        for entry in &draft.next {
            if entry.margin(&draft.scores.answer).is_none() {
                asks.push(entry.ask(model, &[])?);
            }
            for &index in &draft.turning {
                if draft.known(entry, index).is_none() {
                    asks.push(entry.ask(model, &draft.grafts(&[index]))?);
                }
            }
        }
        Ok(asks)
    }
}

impl<'a> Draft<'a, '_> {
    /// The references that count: all but the first, which is short, unless there is no other; all pairs.
    pub(super) fn counting(&self) -> Vec<&'a Entry> {
        let short = self.entries.len() > 1 && !self.entries[0].is_pair();
        self.entries[usize::from(short)..].to_vec()
    }

    /// Those of the shortlist that turned all references so far. All of them where references tell nothing; before a generator,
    /// as what texts gain is a share, and all of it counts; and before a model of pairs, one of whose references is often deaf.
    fn promising(&self) -> Vec<usize> {
        let text = matches!(self.scores.answer, Answer::Text(_));
        if self.by_necessity || text || self.inspection.seat.is_some() {
            return self.shortlist.clone();
        }
        let turned =
            |&index: &usize| self.scores.influences[index].sufficiency.is_none_or(Sufficiency::brings_all);
        self.shortlist.iter().copied().filter(turned).collect()
    }

    /// The margin of `entry` with candidate `index`, if that was looked at first.
    fn known(&self, entry: &Entry, index: usize) -> Option<f64> {
        self.entries.first().filter(|first| std::ptr::eq(**first, entry)).and(self.alone[index])
    }

    /// What did not turn a reference, and so went into no other, gains nothing there.
    pub(super) fn close(&mut self) {
        let (counting, bars) = (self.counting(), self.bars());
        for &index in &self.shortlist {
            let influence = &mut self.scores.influences[index];
            let tried = influence.sufficiency.map_or(0, Sufficiency::tried);
            let left = counting.iter().skip(tried).filter_map(|entry| entry.margin(&self.scores.answer));
            left.for_each(|margin| influence.tried(margin, margin, bars));
        }
    }

    /// Takes the margins of [`Scales::tries`] apart.
    fn compare(&mut self, margins: Vec<f64>) {
        let (mut margins, bars) = (margins.into_iter(), self.bars());
        for entry in std::mem::take(&mut self.next) {
            let baseline = self.baseline(entry, &mut margins);
            for &index in &self.turning {
                let Some(margin) = self.known(entry, index).or_else(|| margins.next()) else { continue };
                self.scores.influences[index].tried(baseline, margin, bars);
            }
        }
    }
}

//! The first look at all candidates, in one short reference. It only says which of them go on. All names together
//! ([`super::naming_style`]) go into it beside them.

use super::{Draft, Drafts, Scales, occluded};
use crate::query::Ask;

/// What gains less than this share of the strongest's gain in the first reference goes into no other.
const CONTENDS: f64 = 0.5;

/// Packs whose members are tried alone.
const PACKS: usize = 2;

/// Share of the budget that the first look at all candidates may take.
const FIRST_LOOK: f64 = 0.15;

impl Scales<'_> {
    /// Puts all candidates into the first reference, as many together as the budget asks for.
    pub(super) fn in_packs<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        self.in_first(drafts, |draft, reference| {
            let all: Vec<usize> = draft.elements().collect();
            let packs = all.chunks(self.pack(all.len(), draft, reference)).map(<[usize]>::to_vec);
            packs.chain(self.all_names(draft).map(|names| vec![names])).collect()
        })
    }

    /// Tries the members of the best packs alone.
    pub(super) fn singly<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        self.in_first(drafts, |draft, _| {
            let look = |index: usize| draft.scores.influences[index].first_look.unwrap_or(0.0);
            let gain = |pack: &[usize]| look(pack[0]) * pack.len() as f64;
            let mut packs: Vec<&Vec<usize>> = draft.packs.iter().filter(|pack| pack.len() > 1).collect();
            packs.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
            packs.into_iter().take(PACKS).flatten().map(|&index| vec![index]).collect()
        })
    }

    /// Puts each of `packs` into the first reference; these may depend on its cost in tokens.
    fn in_first<'a, 's>(
        &self,
        drafts: Drafts<'a, 's>,
        packs: impl Fn(&Draft<'a, 's>, usize) -> Vec<Vec<usize>>,
    ) -> Drafts<'a, 's> {
        let model = self.guarded.model();
        let asks = |draft: &mut Draft<'a, 's>| {
            let Some(&entry) = draft.entries.first() else { return Ok(Vec::new()) };
            let plain = entry.ask(model, &[])?;
            draft.packs = packs(draft, plain.item(&draft.scores.answer).spent().tokens);
            let grafted = draft.packs.iter().map(|pack| entry.ask(model, &draft.grafts(pack)));
            let mut asks = grafted.collect::<Result<Vec<Ask>, _>>()?;
            if entry.margin(&draft.scores.answer).is_none() && !asks.is_empty() {
                asks.insert(0, plain);
            }
            Ok(asks)
        };
        self.ask(drafts, asks, |draft, margins| {
            let Some(&entry) = draft.entries.first() else { return };
            let mut margins = margins.into_iter();
            let (baseline, bars) = (draft.baseline(entry, &mut margins), draft.bars());
            for (pack, margin) in draft.packs.iter().zip(margins) {
                // Shared by the members until they are tried alone.
                let gain = bars.gain(baseline, margin) / pack.len() as f64;
                for &index in pack {
                    draft.scores.influences[index].first_look = Some(gain);
                    draft.alone[index] = (pack.len() == 1).then_some(margin);
                }
            }
        })
    }

    /// How many of `count` candidates go into a reference of `reference` tokens together, for all of them to stay within their share of
    /// the budget. With more than √(n / 2) of n in each, the rows saved are fewer than those of two packs taken apart.
    fn pack(&self, count: usize, draft: &Draft<'_, '_>, reference: usize) -> usize {
        let plain = draft.scores.spent.tokens as f64;
        let room = (self.effort.budget * FIRST_LOOK * plain / reference.max(1) as f64).max(1.0);
        #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
        let [needed, most] =
            [count as f64 / room, (count as f64 / PACKS as f64).sqrt()].map(|size| size.ceil() as usize);
        needed.min(most).max(1)
    }

    /// Picks the candidates that go into more than the first reference, and occludes the best where references tell nothing.
    pub(super) fn shortlisted<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        let asks = |draft: &mut Draft<'a, 's>| {
            draft.shortlist = draft.contenders(self.effort.shortlist);
            if draft.by_necessity {
                draft.occluded = draft.best(self.budget());
            }
            let occlude = |&index: &usize| {
                let row = draft.inspection.without(self.guarded.model(), index)?;
                Ok(occluded(draft.inspection, &row))
            };
            draft.occluded.iter().map(occlude).collect()
        };
        self.ask(drafts, asks, |draft, margins| {
            for (&index, margin) in draft.occluded.iter().zip(margins) {
                draft.scores.occluded(index, margin);
            }
        })
    }

    /// Candidates that may be occluded where references tell nothing.
    fn budget(&self) -> usize {
        #[allow(clippy::cast_sign_loss, reason = "a negative budget saturates to none")]
        let budget = self.effort.budget as usize;
        budget.max(self.effort.shortlist)
    }
}

impl Draft<'_, '_> {
    /// The `count` candidates of the highest rank, best first.
    fn best(&self, count: usize) -> Vec<usize> {
        let mut best: Vec<usize> = self.elements().collect();
        best.sort_by(|&a, &b| self.rank(b).total_cmp(&self.rank(a)));
        best.truncate(count);
        best
    }

    /// At most `most` candidates that may still turn out to be the strongest, best first.
    fn contenders(&self, most: usize) -> Vec<usize> {
        let mut contenders = self.best(most);
        if let Some(&best) = contenders.first() {
            let least = self.rank(best).min(CONTENDS * self.rank(best));
            let contends = |index: usize| self.rank(index) >= least && self.turns_first(index);
            contenders.retain(|&index| index == best || contends(index));
        }
        contenders
    }

    /// Whether it turns the first reference, as next to anything strong does. Not asked of pairs, whose shortlists are hidden
    /// together, nor of texts.
    fn turns_first(&self, index: usize) -> bool {
        let margin = self.entries.first().and_then(|entry| entry.margin(&self.scores.answer));
        let gain = self.scores.influences[index].first_look.unwrap_or(0.0);
        self.inspection.seat.is_some() || margin.is_none_or(|margin| margin + gain >= self.bars().given)
    }
}

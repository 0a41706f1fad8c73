//! Two kinds of evidence about each candidate (method, sections 3 and 4): is it *necessary* (what does the answer lose
//! without it?) and is it *sufficient* (what does it do in other code?). A trigger that stands there twice is necessary in
//! none of its places and sufficient in each.
//!
//! Passes are spent where they tell most: every candidate goes into one short reference, the few that move it most into longer
//! ones, which alone count (pairs of references are all long, and all count; before a generator all are short). What turns all of
//! these goes into further ones, which then count, too, and what turns those as well is occluded. Otherwise only the strongest is
//! occluded, once it is called a trigger: before that, its necessity decides nothing. Where all references get the snippet's
//! answer anyway and there is no calibration to compare with, candidates are occluded instead. Of a pair the strongest of both
//! sides are occluded together.

mod bench;
mod further;
mod jointly;
mod memory;

pub(crate) use bench::{Ask, Bench, Entry};

use crate::ask::Guarded;
use crate::batch::{Item, through};
use crate::decide::Profile;
use crate::error::ModelError;
use crate::occlude::{Graft, Inspection, graft};
use crate::score::{Answer, Bars, Dependence, Influence, OPEN, Scores};
use crate::verdict::ElementKind;

/// How passes are spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effort {
    /// References, 2 at least: the first is for a first look, the others are those that count.
    pub(crate) references: usize,
    /// Candidates that go into all of them, at most.
    pub(crate) shortlist: usize,
    /// How many more references, step by step, a candidate goes into which turned all before.
    pub(crate) further: [usize; 2],
    /// Most that all of a snippet's evidence may cost, in passes over the snippet. Only the first look at many candidates
    /// can be made cheaper; what follows is small and always done.
    pub(crate) budget: f64,
}

impl Effort {
    pub(crate) const STANDARD: Self =
        Self { references: 3, shortlist: 3, further: [1, 2], budget: Profile::BUDGET };
}

/// Weighs candidates.
pub(crate) struct Scales<'m> {
    pub(crate) guarded: Guarded<'m>,
    pub(crate) bench: &'m Bench,
    pub(crate) effort: Effort,
    /// Whether scores are compared with those of clean code, which is possible whatever the references are answered.
    pub(crate) calibrated: bool,
}

/// A snippet whose candidates are being weighed.
struct Draft<'a, 's> {
    inspection: &'a Inspection<'s>,
    scores: Scores,
    entries: Vec<&'a Entry>,
    /// Those for candidates that turn all of these that count, as far as they have not been used; and those of the step.
    further: Vec<&'a Entry>,
    next: Vec<&'a Entry>,
    /// Candidates that go into the first reference together.
    packs: Vec<Vec<usize>>,
    /// The margin of the first reference with each candidate, where it was tried alone.
    alone: Vec<Option<f64>>,
    /// Candidates that go into the references that count.
    shortlist: Vec<usize>,
    /// Those of them that turned all so far.
    turning: Vec<usize>,
    /// Candidates that are occluded because references tell nothing.
    occluded: Vec<usize>,
    /// Whether references can tell nothing: too few are answered otherwise, and there is no clean code to compare with.
    by_necessity: bool,
}

impl<'a> Draft<'a, '_> {
    fn grafts(&self, which: &[usize]) -> Vec<Graft<'a>> {
        let (snippet, candidates) = (self.inspection.snippet, &self.inspection.candidates);
        which.iter().map(|&index| graft(snippet, &candidates[index])).collect()
    }

    /// How strong a candidate is: its gain. A name shows in every statement that it stands in, and so do characters that are
    /// not seen; at about the same gain they are the trigger.
    fn rank(&self, index: usize) -> f64 {
        let gain = self.scores.influences[index].gain().unwrap_or(0.0);
        match self.inspection.candidates[index].kind {
            ElementKind::Identifier | ElementKind::Invisible if gain > 0.0 => gain / AS_STRONG,
            _ => gain,
        }
    }

    /// Counts what `asks` cost: of a class only those that were not asked before, since their answers are kept.
    fn pay(&mut self, asks: &[Ask]) {
        let Scores { answer, asked, spent, .. } = &mut self.scores;
        let kept = matches!(answer, Answer::Label(_));
        for ask in asks {
            let item = ask.item(answer);
            if asked.note(item) || !kept {
                *spent += item.spent();
            }
        }
    }

    fn bars(&self) -> Bars {
        Bars::of(&self.scores.answer, self.scores.margin)
    }

    /// What the answer is worth in `entry` as it stands: known, or the first of `margins`.
    fn baseline(&self, entry: &Entry, margins: &mut impl Iterator<Item = f64>) -> f64 {
        entry.margin(&self.scores.answer).or_else(|| margins.next()).unwrap_or_default()
    }
}

type Drafts<'a, 's> = Vec<Result<Draft<'a, 's>, ModelError>>;

impl Scales<'_> {
    /// The answer to each snippet and the evidence about its candidates; each must have a row.
    pub(crate) fn weigh(&self, inspections: &[&Inspection<'_>]) -> Vec<Result<Scores, ModelError>> {
        let rows: Vec<_> = inspections.iter().map(|inspection| inspection.plain()).collect();
        let items: Vec<Item<'_>> =
            inspections.iter().zip(&rows).map(|(inspection, rows)| inspection.item(rows)).collect();
        let answered = self.guarded.score(&items).into_iter().zip(inspections).zip(&items);
        let drafts = answered.map(|((scores, inspection), item)| Ok(self.draft(inspection, scores?, *item)));
        let drafts = self.in_packs(drafts.collect());
        let drafts = self.singly(drafts);
        let drafts = self.closely(drafts);
        let drafts = self.further(drafts);
        let drafts = drafts.into_iter().map(|draft| draft.map(Draft::concluded)).collect();
        let drafts = self.missed(drafts);
        let drafts = self.jointly(drafts);
        drafts.into_iter().map(|draft| Ok(draft?.scores)).collect()
    }

    fn draft<'a, 's>(
        &'a self,
        inspection: &'a Inspection<'s>,
        scores: Scores,
        item: Item<'_>,
    ) -> Draft<'a, 's> {
        let language = inspection.snippet.language();
        let entries = self.bench.chosen(language, &scores.answer, self.effort.references);
        let further =
            self.bench.further(language, &scores.answer, &entries, self.effort.further.iter().sum());
        let mut scores = scores;
        scores.spent = scores.cost(item);
        scores.asked = inspection.asked.clone();
        scores.influences = vec![Influence::default(); inspection.candidates.len()];
        let bars = Bars::of(&scores.answer, scores.margin);
        let open = |entry: &&&Entry| entry.margin(&scores.answer).is_none_or(|margin| margin < bars.given);
        let by_necessity =
            !self.calibrated && !entries.is_empty() && entries.iter().filter(open).count() < OPEN;
        let alone = vec![None; inspection.candidates.len()];
        Draft {
            inspection,
            scores,
            entries,
            further,
            next: Vec::new(),
            packs: Vec::new(),
            alone,
            shortlist: Vec::new(),
            turning: Vec::new(),
            occluded: Vec::new(),
            by_necessity,
        }
    }

    /// Candidates that may be occluded where references tell nothing.
    fn budget(&self) -> usize {
        #[allow(clippy::cast_sign_loss, reason = "a negative budget saturates to none")]
        let budget = self.effort.budget as usize;
        budget.max(self.effort.shortlist)
    }

    /// Asks about what `asks` lists for each draft; `take` gets the margins in the same order.
    fn ask<'a, 's>(
        &self,
        drafts: Drafts<'a, 's>,
        asks: impl Fn(&mut Draft<'a, 's>) -> Result<Vec<Ask>, ModelError>,
        take: impl Fn(&mut Draft<'a, 's>, Vec<f64>),
    ) -> Drafts<'a, 's> {
        let asked = drafts.into_iter().map(|draft| {
            let mut draft = draft?;
            let asks = asks(&mut draft)?;
            Ok((draft, asks))
        });
        through(asked.collect(), |asked: Vec<(Draft<'a, 's>, Vec<Ask>)>| {
            let all: Vec<(&Ask, &Answer)> = asked.iter().flat_map(Self::asked).collect();
            let mut margins = self.bench.memory.margins(self.guarded, &all).into_iter();
            let finish = |(mut draft, asks): (Draft<'a, 's>, Vec<Ask>)| {
                draft.pay(&asks);
                // All of its own are taken, also behind one that failed: the rest belongs to others.
                let margins: Vec<_> = margins.by_ref().take(asks.len()).collect();
                take(&mut draft, margins.into_iter().collect::<Result<_, _>>()?);
                Ok(draft)
            };
            asked.into_iter().map(finish).collect()
        })
    }

    /// What is asked about a draft, and which answer of it is meant.
    fn asked<'d>(
        (draft, asks): &'d (Draft<'_, '_>, Vec<Ask>),
    ) -> impl Iterator<Item = (&'d Ask, &'d Answer)> {
        let answer = &draft.scores.answer;
        asks.iter().map(move |ask| (ask, answer))
    }

    /// Puts all candidates into the first reference, as many together as the budget asks for.
    fn in_packs<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        self.in_first(drafts, |draft, reference| {
            let all: Vec<usize> = (0..draft.inspection.candidates.len()).collect();
            all.chunks(self.pack(draft, reference)).map(<[usize]>::to_vec).collect()
        })
    }

    /// Tries the members of the best packs alone.
    fn singly<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
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

    /// How many candidates go into a reference of `reference` tokens together, for all of them to stay within their share of
    /// the budget.
    fn pack(&self, draft: &Draft<'_, '_>, reference: usize) -> usize {
        let count = draft.inspection.candidates.len();
        let plain = draft.scores.spent.tokens as f64;
        let room = (self.effort.budget * FIRST_LOOK * plain / reference.max(1) as f64).max(1.0);
        #[allow(clippy::cast_sign_loss, reason = "it is 1 or more")]
        let size = (count as f64 / room).ceil().max(1.0) as usize;
        size
    }

    /// Puts the candidates that moved the first reference most into the others, or occludes the best.
    fn closely<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        let asks = |draft: &mut Draft<'a, 's>| {
            if draft.by_necessity {
                draft.occluded = draft.best(self.budget());
            }
            let occlude = |&index: &usize| {
                let row = draft.inspection.without(self.guarded.model(), index)?;
                Ok(occluded(draft.inspection, &row))
            };
            let mut asks = draft.occluded.iter().map(occlude).collect::<Result<Vec<Ask>, _>>()?;
            draft.shortlist = draft.contenders(self.effort.shortlist);
            asks.extend(self.tries(draft)?);
            Ok(asks)
        };
        self.ask(drafts, asks, Draft::compare)
    }

    /// What is asked to try the shortlist in the references that count.
    fn tries(&self, draft: &Draft<'_, '_>) -> Result<Vec<Ask>, ModelError> {
        let model = self.guarded.model();
        let mut asks = Vec::new();
        for entry in draft.counting() {
            if entry.margin(&draft.scores.answer).is_none() {
                asks.push(entry.ask(model, &[])?);
            }
            for &index in &draft.shortlist {
                if draft.known(entry, index).is_none() {
                    asks.push(entry.ask(model, &draft.grafts(&[index]))?);
                }
            }
        }
        Ok(asks)
    }
}

/// A variant of the snippet with what stands beside the snippet.
pub(crate) fn occluded(inspection: &Inspection<'_>, row: &[u32]) -> Ask {
    match &inspection.seat {
        None => Ask::alone(row),
        Some(seat) => Ask::beside(row, seat.other.clone(), seat.member.side),
    }
}

/// The statement around the candidate `part` that is about as strong, or `part` itself: what triggers is more of a statement
/// than the words in it that trigger most.
fn whole(inspection: &Inspection<'_>, influences: &[Influence], part: usize, shortlist: &[usize]) -> usize {
    let candidates = &inspection.candidates;
    let around = |&index: &usize| {
        let statement = [part, index].iter().all(|&it| candidates[it].kind == ElementKind::Statement);
        let strong = influences[index].gain() >= influences[part].gain().map(|gain| AS_STRONG * gain);
        index != part && statement && strong && candidates[index].spans[0].contains(candidates[part].spans[0])
    };
    shortlist.iter().copied().find(around).unwrap_or(part)
}

/// What reaches this share of a gain is about as strong.
const AS_STRONG: f64 = 0.9;

/// What gains less than this share of the strongest's gain in the first reference goes into no other.
const CONTENDS: f64 = 0.5;

/// Packs whose members are tried alone.
const PACKS: usize = 2;

/// Share of the budget that the first look at all candidates may take.
const FIRST_LOOK: f64 = 0.25;

impl<'a> Draft<'a, '_> {
    /// The `count` candidates of the highest rank, best first.
    fn best(&self, count: usize) -> Vec<usize> {
        let mut best: Vec<usize> = (0..self.inspection.candidates.len()).collect();
        best.sort_by(|&a, &b| self.rank(b).total_cmp(&self.rank(a)));
        best.truncate(count);
        best
    }

    /// At most `most` candidates that may still turn out to be the strongest, best first.
    fn contenders(&self, most: usize) -> Vec<usize> {
        let mut contenders = self.best(most);
        if let Some(best) = contenders.first().map(|&best| self.rank(best)) {
            contenders.retain(|&index| self.rank(index) >= best.min(CONTENDS * best));
        }
        contenders
    }

    /// The margin of `entry` with candidate `index`, if that was looked at first.
    fn known(&self, entry: &Entry, index: usize) -> Option<f64> {
        self.entries.first().filter(|first| std::ptr::eq(**first, entry)).and(self.alone[index])
    }

    /// The strongest of the shortlist.
    fn strongest(&self) -> Option<usize> {
        let stronger = |best: usize, next: usize| if self.rank(next) > self.rank(best) { next } else { best };
        let strongest = self.shortlist.iter().copied().reduce(stronger)?;
        Some(whole(self.inspection, &self.scores.influences, strongest, &self.shortlist))
    }

    /// The references that count: all but the first, which is short, unless there is no other; all pairs.
    fn counting(&self) -> Vec<&'a Entry> {
        let short = self.entries.len() > 1 && !self.entries[0].is_pair();
        self.entries[usize::from(short)..].to_vec()
    }

    /// Takes the margins of [`Scales::closely`] apart.
    fn compare(&mut self, margins: Vec<f64>) {
        let (mut margins, bars) = (margins.into_iter(), self.bars());
        for (&index, margin) in self.occluded.iter().zip(margins.by_ref()) {
            self.scores.occluded(index, margin);
        }
        for entry in self.counting() {
            let baseline = self.baseline(entry, &mut margins);
            for &index in &self.shortlist {
                let Some(margin) = self.known(entry, index).or_else(|| margins.next()) else { continue };
                self.scores.influences[index].tried(baseline, margin, bars);
            }
        }
    }

    /// The same with what follows from all that was tried.
    fn concluded(mut self) -> Self {
        let influences = &self.scores.influences;
        self.scores.dependence = if self.by_necessity {
            Dependence::of_necessity(influences, &self.occluded)
        } else {
            let strongest = self.strongest();
            strongest.and_then(|strongest| Dependence::of(influences, &self.shortlist, strongest))
        };
        self.scores.share_gains();
        self
    }
}

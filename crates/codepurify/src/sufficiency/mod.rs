//! Two kinds of evidence about each candidate (method, sections 3 and 4): is it *necessary* (what does the answer lose
//! without it?) and is it *sufficient* (what does it do in other code?). A trigger that stands there twice is necessary in
//! none of its places and sufficient in each.
//!
//! Passes are spent where they tell most: every candidate goes into one short reference, the few that move it most into longer
//! ones, which alone count (pairs of references are all long, and all count; before a generator all are short), one after the
//! other, as long as they are turned. What turns all of these goes into further ones, which then count, too, and what turns those
//! as well is occluded. Otherwise only the strongest is
//! occluded, once it is called a trigger: before that, its necessity decides nothing. Where all references get the snippet's
//! answer anyway and there is no calibration to compare with, candidates are occluded instead. Of a pair the strongest of both
//! sides are occluded together. How a single snippet names things is a question of its own.

mod confirmation;
mod group_testing;
mod naming_style;
mod pairs;
mod shortlist;

use crate::error::ModelError;
use crate::occlude::Inspection;
use crate::profile::Effort;
use crate::query::{Ask, Guarded, Item, through};
use crate::references::{Bench, Entry, Graft, graft};
use crate::score::{Answer, Bars, Dependence, Influence, OPEN, Scores};
use crate::verdict::ElementKind;

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
    /// Those of them that go into the references of the step, or turned all.
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

    /// Whether it is no side of a pair, and is given a class.
    fn is_single(&self) -> bool {
        self.inspection.seat.is_none() && matches!(self.scores.answer, Answer::Label(_))
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
        let drafts = self.shortlisted(drafts);
        let drafts = self.closely(drafts);
        let drafts = self.further(drafts);
        let drafts = drafts.into_iter().map(|draft| draft.map(Draft::concluded)).collect();
        let drafts = self.missed(drafts);
        let drafts = self.named(drafts);
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

impl Draft<'_, '_> {
    /// The strongest of the shortlist.
    fn strongest(&self) -> Option<usize> {
        let stronger = |best: usize, next: usize| if self.rank(next) > self.rank(best) { next } else { best };
        let strongest = self.shortlist.iter().copied().reduce(stronger)?;
        Some(whole(self.inspection, &self.scores.influences, strongest, &self.shortlist))
    }

    /// The same with what follows from all that was tried.
    fn concluded(mut self) -> Self {
        self.close();
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

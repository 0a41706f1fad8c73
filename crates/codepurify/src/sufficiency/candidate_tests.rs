//! Everything that the rounds know about the candidates of one snippet.

use crate::candidates::Candidate;
use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::profile::QueryBudget;
use crate::query::{PredictedOutput, Query};
use crate::references::{ReferenceInput, ReferenceSet, Transplant, transplant};
use crate::score::{
    ABOUT_EQUAL, FLIPPABLE, Influence, MarginLevels, Scores, StrongestCandidate, Sufficiency,
};
use crate::verdict::ElementKind;
use crate::victim::Model;

/// Settings that the tests of all snippets share.
#[derive(Clone, Copy)]
pub(crate) struct TestSetup<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) budget: QueryBudget,
    pub(crate) calibrated: bool,
}

/// The tests of one snippet.
pub(crate) struct CandidateTests<'a, 's> {
    pub(super) setup: TestSetup<'a>,
    pub(super) snippet: &'a EncodedSnippet<'s>,
    pub(super) scores: Scores,
    /// References of the first rounds: the first for the group test, the others to score.
    references: Vec<&'a ReferenceInput>,
    /// References for candidates that flip all of these.
    held_out: Vec<&'a ReferenceInput>,
    /// Candidates that the group test inserted together.
    pub(super) groups: Vec<Vec<usize>>,
    /// Margin of the first reference with each candidate, where it was inserted alone.
    pub(super) first_margins: Vec<Option<f64>>,
    /// Candidates that are tested in the scoring references.
    pub(super) shortlist: Vec<usize>,
    /// True if candidates are scored by occlusion, because too few references have another prediction and
    /// there is no clean code to compare with.
    pub(super) by_necessity: bool,
}

impl<'a, 's> CandidateTests<'a, 's> {
    /// Begins the tests of `snippet`, whose prediction is in `scores`.
    pub(super) fn new(
        setup: TestSetup<'a>,
        references: &'a ReferenceSet,
        snippet: &'a EncodedSnippet<'s>,
        mut scores: Scores,
    ) -> Self {
        let (language, predicted) = (snippet.snippet.language(), &scores.predicted);
        let held_out = QueryBudget::CONFIRMATIONS.iter().sum();
        let selected = references.select(language, predicted, QueryBudget::REFERENCES);
        let held_out = references.held_out(language, predicted, &selected, held_out);
        let level = MarginLevels::new(predicted, scores.margin).predicted;
        let flippable =
            |input: &&&ReferenceInput| input.margin(predicted).is_none_or(|margin| margin < level);
        let by_necessity = !setup.calibrated
            && !selected.is_empty()
            && selected.iter().filter(flippable).count() < FLIPPABLE;
        let count = snippet.candidates.len();
        scores.seen_queries = snippet.seen_queries.clone();
        scores.influences = vec![Influence::default(); count];
        Self {
            setup,
            snippet,
            scores,
            references: selected,
            held_out,
            groups: Vec::new(),
            first_margins: vec![None; count],
            shortlist: Vec::new(),
            by_necessity,
        }
    }

    /// Counts the cost of `queries`. For a label, queries that were paid for before cost nothing, since their
    /// logits are kept.
    pub(super) fn pay(&mut self, queries: &[Query]) {
        let Scores { predicted, seen_queries, cost, .. } = &mut self.scores;
        let kept = matches!(predicted, PredictedOutput::Label(_));
        for query in queries {
            let rows = query.measuring(predicted);
            if seen_queries.insert(rows) || !kept {
                *cost += rows.cost();
            }
        }
    }

    /// Returns whether the snippet is no side of a pair and is given a label.
    pub(super) fn is_single(&self) -> bool {
        self.snippet.pair.is_none() && matches!(self.scores.predicted, PredictedOutput::Label(_))
    }

    pub(super) fn levels(&self) -> MarginLevels {
        MarginLevels::new(&self.scores.predicted, self.scores.margin)
    }

    /// The candidates that are single elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = usize> + '_ {
        let candidates = self.snippet.candidates.iter().enumerate();
        let single = |(_, candidate): &(usize, &Candidate)| candidate.kind != ElementKind::NamingStyle;
        candidates.filter(single).map(|(index, _)| index)
    }

    /// The candidate for all identifiers together, if there is clean code to compare it with. Pairs,
    /// texts and further windows are not tested for it.
    pub(super) fn naming_style(&self) -> Option<usize> {
        let kinds = self.snippet.candidates.iter().map(|candidate| candidate.kind);
        let tested = self.setup.calibrated && self.is_single() && self.snippet.is_first();
        kinds.into_iter().position(|kind| kind == ElementKind::NamingStyle).filter(|_| tested)
    }

    /// The reference of the group test.
    pub(super) fn first_reference(&self) -> Option<&'a ReferenceInput> {
        self.references.first().copied()
    }

    /// The references that score: all but the first, which is short, unless there is no other; all pairs.
    pub(super) fn scoring_references(&self) -> &[&'a ReferenceInput] {
        let short = self.references.len() > 1 && !self.references[0].is_pair();
        &self.references[usize::from(short)..]
    }

    /// The references for candidates that flip all others.
    pub(super) fn held_out(&self) -> &[&'a ReferenceInput] {
        &self.held_out
    }

    /// A query about `reference` with the candidates `which` in it.
    pub(super) fn query(&self, reference: &ReferenceInput, which: &[usize]) -> Result<Query, ModelError> {
        let (snippet, candidates) = (self.snippet.snippet, &self.snippet.candidates);
        let transplants: Vec<Transplant<'_>> =
            which.iter().map(|&index| transplant(snippet, &candidates[index])).collect();
        reference.query(self.setup.model, &transplants)
    }

    /// A query about the snippet without the candidates `which`.
    pub(super) fn query_without(&self, which: &[usize]) -> Result<Query, ModelError> {
        Ok(self.snippet.query(&self.snippet.without_all(self.setup.model, which)?))
    }

    /// Queries that insert each of `candidates` into each of `references`, unless the margin is known.
    pub(super) fn queries(
        &self,
        references: &[&ReferenceInput],
        candidates: &[usize],
    ) -> Result<Vec<Query>, ModelError> {
        let mut queries = Vec::new();
        for reference in references {
            if reference.margin(&self.scores.predicted).is_none() {
                queries.push(self.query(reference, &[])?);
            }
            for &index in candidates {
                if self.known(reference, index).is_none() {
                    queries.push(self.query(reference, &[index])?);
                }
            }
        }
        Ok(queries)
    }

    /// Takes the margins of [`CandidateTests::queries`].
    pub(super) fn add_margins(
        &mut self,
        references: &[&ReferenceInput],
        candidates: &[usize],
        margins: &[f64],
    ) {
        let (mut margins, levels) = (margins.iter().copied(), self.levels());
        for reference in references {
            let before = self.margin_before(reference, &mut margins);
            for &index in candidates {
                let Some(after) = self.known(reference, index).or_else(|| margins.next()) else { continue };
                self.scores.influences[index].add_reference(before, after, levels);
            }
        }
    }

    /// Margin of `reference` without a candidate: known, or the first of `margins`.
    pub(super) fn margin_before(
        &self,
        reference: &ReferenceInput,
        margins: &mut impl Iterator<Item = f64>,
    ) -> f64 {
        reference.margin(&self.scores.predicted).or_else(|| margins.next()).unwrap_or_default()
    }

    /// Margin of `reference` with candidate `index`, if the group test found it.
    fn known(&self, reference: &ReferenceInput, index: usize) -> Option<f64> {
        let is_first = self.first_reference().is_some_and(|first| std::ptr::eq(first, reference));
        if is_first { self.first_margins[index] } else { None }
    }

    /// Gain of a candidate, for ranking. A name is part of every statement that uses it, and invisible
    /// characters are part of their statements, so at about the same gain they are the trigger.
    fn rank(&self, index: usize) -> f64 {
        let gain = self.scores.influences[index].gain().unwrap_or(0.0);
        match self.snippet.candidates[index].kind {
            ElementKind::Identifier | ElementKind::Invisible if gain > 0.0 => gain / ABOUT_EQUAL,
            _ => gain,
        }
    }

    /// The `count` elements of the highest rank, best first.
    pub(super) fn best(&self, count: usize) -> Vec<usize> {
        let mut best: Vec<usize> = self.elements().collect();
        best.sort_by(|&a, &b| self.rank(b).total_cmp(&self.rank(a)));
        best.truncate(count);
        best
    }

    /// Returns whether the rank of candidate `index` reaches `share` of that of `best`.
    pub(super) fn rivals(&self, index: usize, best: usize, share: f64) -> bool {
        self.rank(index) >= self.rank(best).min(share * self.rank(best))
    }

    /// Returns whether the candidate flips the first reference, as nearly every strong candidate does. Pairs,
    /// whose shortlists are occluded together, and texts are not asked.
    pub(super) fn flips_first(&self, index: usize) -> bool {
        let margin = self.first_reference().and_then(|first| first.margin(&self.scores.predicted));
        let gain = self.scores.influences[index].first_gain.unwrap_or(0.0);
        self.snippet.pair.is_some() || margin.is_none_or(|margin| margin + gain >= self.levels().predicted)
    }

    /// The candidates of the shortlist that flip all references so far, two at least.
    pub(super) fn flipping_all(&self) -> Vec<usize> {
        let flips = |&index: &usize| {
            let sufficiency = self.scores.influences[index].sufficiency;
            !self.by_necessity && sufficiency.is_some_and(Sufficiency::flips_all)
        };
        self.shortlist.iter().copied().filter(flips).collect()
    }

    /// Gives the candidates of the shortlist a gain of 0 in the references that they were not tested in,
    /// because they did not flip an earlier one.
    pub(super) fn close(&mut self) {
        let (references, levels) = (self.scoring_references().to_vec(), self.levels());
        for &index in &self.shortlist {
            let influence = &mut self.scores.influences[index];
            let tested = influence.sufficiency.map_or(0, Sufficiency::tested);
            let left = references.iter().skip(tested);
            let margins = left.filter_map(|reference| reference.margin(&self.scores.predicted));
            margins.for_each(|margin| influence.add_reference(margin, margin, levels));
        }
    }

    /// Scores the strongest candidate of the shortlist.
    pub(super) fn score(&mut self) {
        let stronger = |best: usize, next: usize| if self.rank(next) > self.rank(best) { next } else { best };
        let strongest = self.shortlist.iter().copied().reduce(stronger);
        self.scores.strongest = strongest.and_then(|part| {
            let whole = self.statement_around(part);
            StrongestCandidate::by_sufficiency(&self.scores.influences, &self.shortlist, whole)
        });
    }

    /// The shortlisted statement around the candidate `part` that is about as strong, or `part` itself: a
    /// trigger is usually more of a statement than its strongest words.
    fn statement_around(&self, part: usize) -> usize {
        let (candidates, influences) = (&self.snippet.candidates, &self.scores.influences);
        let around = |&index: &usize| {
            let statements = [part, index].iter().all(|&it| candidates[it].kind == ElementKind::Statement);
            let strong = influences[index].gain() >= influences[part].gain().map(|gain| ABOUT_EQUAL * gain);
            index != part
                && statements
                && strong
                && candidates[index].spans[0].contains(candidates[part].spans[0])
        };
        self.shortlist.iter().copied().find(around).unwrap_or(part)
    }

    /// Returns whether references gave the score.
    pub(super) fn is_scored_by_references(&self) -> bool {
        self.scores.strongest.is_some() && !self.by_necessity
    }
}

//! The method, from top to bottom. Each stage takes the type that the stage before returns:
//!
//! | stage | returns | where |
//! |---|---|---|
//! | encode the snippet, find its candidates | [`EncodedSnippet`] | `occlude/`, `candidates/` |
//! | score the candidates by queries | [`Scored`] | `scoring.rs`, `sufficiency/`, `score/` |
//! | decide, locate the trigger | [`Decided`] | `windows.rs`, `decide/` |
//! | rewrite the trigger | [`Rewritten`] | `rewriting.rs`, `purify/` |
//! | reassess the rewritten code | [`Rewritten`] | `reassess.rs` |
//! | report | [`Verdict`] | `report.rs` |
//!
//! A stage takes a batch of snippets, whose queries share calls to the victim. A snippet that fails keeps its
//! error and leaves the others alone.

mod case;
mod pairs;
mod reassess;
mod report;
mod rewriting;
mod scoring;
mod windows;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::ModelError;
use crate::occlude::{EncodedSnippet, Occlusions};
use crate::profile::{Profile, Statistic};
use crate::query::QueryTarget;
use crate::references::ReferenceSet;
use crate::snippet::Snippet;
use crate::verdict::Verdict;
use crate::victim::MaskedLm;
use case::{Decided, Rewritten, Scored};

/// One result for each snippet, in order.
type Batch<T> = Vec<Result<T, ModelError>>;

/// Models and settings that all stages share.
#[derive(Clone)]
pub(crate) struct Pipeline<'m> {
    pub(crate) victim: QueryTarget<'m>,
    pub(crate) mlm: Option<Arc<dyn MaskedLm + 'm>>,
    pub(crate) profile: Profile,
    /// True if verdicts carry the evidence of every candidate.
    pub(crate) evidence: bool,
    /// The references with the victim's predictions, which are asked for when they are first needed.
    pub(crate) references: Arc<Mutex<Option<Arc<ReferenceSet>>>>,
}

impl Pipeline<'_> {
    /// Judges and purifies `snippets`.
    pub(crate) fn screen(&self, snippets: &[Snippet]) -> Batch<Verdict> {
        let started = Instant::now();
        let encoded = snippets.iter().map(|snippet| self.encode(snippet)).collect();
        let mut rewritten = self.run(encoded);
        for snippet in rewritten.iter_mut().flatten() {
            reassess::reassess(self, snippet);
        }
        self.report(&rewritten, started)
    }

    /// Judges and purifies both sides of `pairs`; returns two verdicts for each pair.
    pub(crate) fn screen_pairs(&self, pairs: &[(Snippet, Snippet)]) -> Batch<Verdict> {
        let started = Instant::now();
        let encoded = pairs
            .iter()
            .enumerate()
            .flat_map(|(index, (left, right))| pairs::pair_up(index, self.encode(left), self.encode(right)))
            .collect();
        let mut rewritten = self.run(encoded);
        for (index, sides) in rewritten.chunks_exact_mut(2).enumerate() {
            if let [Ok(left), Ok(right)] = sides {
                pairs::predict_together(self, left, right);
                reassess::reassess_pair(self, index, [left, right]);
            }
        }
        self.report(&rewritten, started)
    }

    /// All stages between encoding and report, once.
    fn run<'s>(&self, encoded: Batch<EncodedSnippet<'s>>) -> Batch<Rewritten<'s>> {
        let scored = self.score(encoded);
        let decided = self.decide(scored);
        let decided = self.share_across_pairs(decided);
        let decided = self.measure_necessity(decided);
        self.rewrite(decided)
    }

    /// Returns the references with the victim's predictions. A failure is not kept: the next snippets ask again.
    fn references(&self) -> Result<Arc<ReferenceSet>, ModelError> {
        let mut known = self.references.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(references) = known.as_ref() {
            return Ok(Arc::clone(references));
        }
        let references = Arc::new(ReferenceSet::new(&self.victim, &self.profile.references)?);
        Ok(Arc::clone(known.insert(references)))
    }

    /// Encodes a snippet as the victim reads it and finds its candidates.
    fn encode<'s>(&self, snippet: &'s Snippet) -> Result<EncodedSnippet<'s>, ModelError> {
        EncodedSnippet::new(self.victim.model(), snippet, self.profile.families, self.occlusions())
    }

    /// Asks the victim about the candidates of each snippet, in all its windows.
    fn score<'s>(&self, encoded: Batch<EncodedSnippet<'s>>) -> Batch<Scored<'s>> {
        scoring::score(self, encoded)
    }

    /// Compares the scores with their limit and locates the trigger.
    fn decide<'s>(&self, scored: Batch<Scored<'s>>) -> Batch<Decided<'s>> {
        scored.into_iter().map(|scored| Ok(windows::decide_snippet(&self.profile, scored?))).collect()
    }

    /// Decides poisoned for the other side of a poisoned side, if it holds or shares the trigger.
    fn share_across_pairs<'s>(&self, mut decided: Batch<Decided<'s>>) -> Batch<Decided<'s>> {
        if self.victim.is_of_pairs() {
            pairs::share(&mut decided);
        }
        decided
    }

    /// Asks for the margin without the located trigger, which rewritten code should have.
    fn measure_necessity<'s>(&self, mut decided: Batch<Decided<'s>>) -> Batch<Decided<'s>> {
        scoring::measure_necessity(self, &mut decided);
        decided
    }

    /// Rewrites the located triggers.
    fn rewrite<'s>(&self, decided: Batch<Decided<'s>>) -> Batch<Rewritten<'s>> {
        rewriting::rewrite(self, decided)
    }

    /// Makes the verdicts, which share the time since `started`.
    fn report(&self, rewritten: &[Result<Rewritten<'_>, ModelError>], started: Instant) -> Batch<Verdict> {
        let milliseconds = started.elapsed().as_secs_f64() * 1e3 / rewritten.len().max(1) as f64;
        let verdict = |rewritten| report::verdict(rewritten, self.evidence, milliseconds);
        rewritten.iter().map(|it| it.as_ref().map(verdict).map_err(Clone::clone)).collect()
    }

    /// Which variants of a snippet the statistic needs.
    fn occlusions(&self) -> Occlusions {
        match self.profile.statistic {
            Statistic::Sufficiency => Occlusions::OnDemand,
            Statistic::Entropy | Statistic::Concentration => Occlusions::Precomputed,
        }
    }
}

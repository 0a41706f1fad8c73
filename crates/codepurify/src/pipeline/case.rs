//! The types of the stages, each with all that the stages before found out.

use crate::candidates::Candidate;
use crate::decide::Judgement;
use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::purify::{Rewrite, RewriteTarget, TriggerRewrites};
use crate::query::{ChosenRow, QueryCost, RowChoice, SeenQueries};
use crate::score::{Influence, Scores};
use crate::verdict::{Prediction, Trigger};
use crate::victim::Ragged;

/// A snippet with the evidence about each of its windows.
pub(crate) struct Scored<'s> {
    /// At least one window; the victim sees the first.
    pub(crate) windows: Vec<Window<'s>>,
}

/// A window with its scores; `None` if nothing in it can be judged.
pub(crate) type Window<'s> = (EncodedSnippet<'s>, Option<Scores>);

/// A snippet with the decision about it.
pub(crate) struct Decided<'s> {
    /// The most suspicious window, with the candidates of all windows.
    pub(crate) encoded: EncodedSnippet<'s>,
    pub(crate) scores: Option<Scores>,
    pub(crate) judgement: Judgement,
    /// The part that the victim sees, if the most suspicious window is another.
    pub(crate) visible: Option<VisiblePart>,
}

/// The part of a snippet that the victim sees.
pub(crate) struct VisiblePart {
    pub(crate) prediction: Prediction,
    /// Tokens of one plain use of the victim.
    pub(crate) plain_tokens: usize,
}

/// The located trigger and its influence.
pub(crate) struct LocatedTrigger<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) influence: &'a Influence,
    pub(crate) scores: &'a Scores,
}

/// A snippet whose triggers are rewritten, as far as that is possible.
pub(crate) struct Rewritten<'s> {
    pub(crate) decided: Decided<'s>,
    /// Rewrites of the located trigger, if purification was tried.
    pub(crate) rewrites: Option<TriggerRewrites>,
    /// Index of the rewrite that was taken: the first, unless the victim's margin preferred another.
    chosen: usize,
    /// Prediction for the rewritten code.
    pub(crate) prediction: Option<Prediction>,
    /// Cost of queries about rewritten code.
    pub(crate) retry_cost: QueryCost,
    /// Further triggers, found in the rewritten code.
    pub(crate) further: Vec<FurtherTrigger>,
}

/// A trigger that was found in rewritten code.
pub(crate) struct FurtherTrigger {
    /// Its places are those in the original.
    pub(crate) trigger: Trigger,
    /// The text without it, and what the victim predicts for that; absent if it could not be rewritten.
    pub(crate) purified: Option<(String, Option<Prediction>)>,
    pub(crate) mlm_passes: usize,
}

impl VisiblePart {
    pub(crate) fn new(encoded: &EncodedSnippet<'_>, scores: &Scores) -> Self {
        let plain = scores.predicted.plain_cost(encoded.item(&encoded.rows));
        Self { prediction: scores.prediction.clone(), plain_tokens: plain.tokens }
    }
}

impl Decided<'_> {
    pub(crate) fn located(&self) -> Option<LocatedTrigger<'_>> {
        let (index, scores) = (self.judgement.located?, self.scores.as_ref()?);
        let candidate = self.encoded.candidates.get(index)?;
        Some(LocatedTrigger { candidate, influence: scores.influences.get(index)?, scores })
    }

    /// The located trigger, if the snippet is poisoned.
    pub(crate) fn trigger(&self) -> Option<&Candidate> {
        Some(self.located()?.candidate)
    }

    /// Decides poisoned for a side of a pair whose other side is, if the prediction depends on both.
    pub(crate) fn implicate(&mut self) {
        if let Some(scores) = &self.scores {
            self.judgement.implicate(scores);
        }
    }

    /// Decides poisoned for a side of a pair that holds the trigger of the other side, word for word. The
    /// published method, which scores by occlusion alone, does not look at the other side.
    pub(crate) fn share(&mut self, other: &Decided<'_>) {
        let scored = self.scores.as_ref().is_some_and(|scores| scores.strongest.is_some());
        let Some(trigger) = other.trigger().filter(|_| scored) else { return };
        let same = |candidate: &Candidate| candidate.kind == trigger.kind && candidate.text == trigger.text;
        if let Some(index) = self.encoded.candidates.iter().position(same) {
            self.judgement.share(index);
        }
    }

    /// Index of the located trigger if its necessity is not known. With `evidence`, the strongest candidate
    /// if nothing is located.
    pub(crate) fn without_necessity(&self, evidence: bool) -> Option<usize> {
        let scores = self.scores.as_ref()?;
        let strongest = scores.strongest.filter(|_| evidence).map(|strongest| strongest.candidate);
        let index = self.judgement.located.or(strongest)?;
        scores.influences.get(index)?.margin_drop.is_none().then_some(index)
    }

    /// Records the margin without the candidate `index`, and the cost of the query.
    pub(crate) fn set_necessity(&mut self, index: usize, margin: Result<(f64, QueryCost), ModelError>) {
        match (margin, &mut self.scores) {
            (Ok((margin, cost)), Some(scores)) => {
                scores.set_occluded(index, margin);
                scores.cost += cost;
            }
            (Err(error), _) => self
                .judgement
                .reasons
                .push(format!("what the answer loses without the trigger is not known: {error}")),
            (Ok(_), None) => {}
        }
    }

    /// Prediction for the snippet.
    pub(crate) fn prediction(&self) -> Option<&Prediction> {
        let visible = self.visible.as_ref().map(|visible| &visible.prediction);
        visible.or_else(|| Some(&self.scores.as_ref()?.prediction))
    }

    /// Tokens of one plain use of the victim; 0 if it was not used.
    pub(crate) fn plain_tokens(&self) -> usize {
        let visible = self.visible.as_ref().map(|visible| visible.plain_tokens);
        let plain = |scores| VisiblePart::new(&self.encoded, scores).plain_tokens;
        visible.or_else(|| self.scores.as_ref().map(plain)).unwrap_or(0)
    }

    /// Takes the queries that were paid for so far.
    pub(crate) fn take_seen_queries(&mut self) -> SeenQueries {
        self.scores.as_mut().map(|scores| std::mem::take(&mut scores.seen_queries)).unwrap_or_default()
    }

    pub(crate) fn set_seen_queries(&mut self, seen_queries: SeenQueries) {
        if let Some(scores) = &mut self.scores {
            scores.seen_queries = seen_queries;
        }
    }
}

impl<'s> Rewritten<'s> {
    /// A snippet that is not rewritten.
    pub(crate) fn unchanged(decided: Decided<'s>) -> Self {
        Self {
            decided,
            rewrites: None,
            chosen: 0,
            prediction: None,
            retry_cost: QueryCost::default(),
            further: Vec::new(),
        }
    }

    /// All rewrites of the located trigger.
    pub(crate) fn rewrites(&self) -> &[Rewrite] {
        self.rewrites.as_ref().map_or(&[], |rewrites| &rewrites.rewrites)
    }

    /// The rewrite that was taken, if there is any.
    pub(crate) fn chosen(&self) -> Option<&Rewrite> {
        self.rewrites().get(self.chosen)
    }

    /// The choice among the rewrites, whose tokens are `rows`.
    pub(crate) fn choice<'a>(&'a self, rows: &'a Ragged) -> Option<RowChoice<'a>> {
        let LocatedTrigger { influence, scores, .. } = self.decided.located()?;
        let target = RewriteTarget {
            minimal_edits: self.rewrites().iter().filter(|rewrite| rewrite.is_minimal()).count(),
            margin: scores.margin,
            target_margin: scores.margin - influence.margin_drop.unwrap_or(scores.margin),
        };
        Some(RowChoice {
            rows: scores.predicted.query(self.decided.encoded.item(rows)),
            predicted: &scores.predicted,
            pick: Box::new(move |margins| target.best(margins)),
        })
    }

    /// Takes the rewrite that was chosen.
    pub(crate) fn choose(&mut self, chosen: ChosenRow) {
        self.chosen = chosen.row;
        // A rewrite that the victim does not see does not change its prediction.
        let visible = self.decided.visible.as_ref().map(|visible| visible.prediction.clone());
        self.prediction = visible.or(Some(chosen.prediction));
        self.retry_cost += chosen.cost;
    }

    /// Records that the victim failed on the rewritten code.
    pub(crate) fn set_unjudged(&mut self, error: &ModelError) {
        self.prediction = None;
        self.decided.judgement.reasons.push(format!("the purified code could not be judged: {error}"));
    }

    /// The unit's text after all rewrites, if there was one.
    pub(crate) fn text(&self) -> Option<&str> {
        let further = self.further.iter().rev().find_map(|further| further.purified.as_ref());
        let chosen = || self.chosen().map(|rewrite| rewrite.text.as_str());
        further.map(|(text, _)| text.as_str()).or_else(chosen)
    }

    /// Prediction for that text.
    pub(crate) fn last_prediction(&self) -> Option<&Prediction> {
        let further = self.further.iter().rev().find_map(|further| further.purified.as_ref());
        further.map_or(self.prediction.as_ref(), |(_, prediction)| prediction.as_ref())
    }

    /// Replaces that prediction, if there is one, by that for both sides of the pair after all rewrites.
    pub(crate) fn set_last_prediction(&mut self, prediction: &Prediction) {
        let further = self.further.iter_mut().rev().find_map(|further| further.purified.as_mut());
        let last = further.map_or(&mut self.prediction, |(_, last)| last);
        if last.is_some() {
            *last = Some(prediction.clone());
        }
    }

    /// Cost of all queries.
    pub(crate) fn cost(&self) -> QueryCost {
        let mut cost = self.retry_cost;
        cost += self.decided.scores.as_ref().map_or(QueryCost::default(), |scores| scores.cost);
        cost
    }

    /// Rows that the masked language model has filled.
    pub(crate) fn mlm_passes(&self) -> usize {
        let further: usize = self.further.iter().map(|further| further.mlm_passes).sum();
        self.rewrites.as_ref().map_or(0, |rewrites| rewrites.mlm_passes) + further
    }
}

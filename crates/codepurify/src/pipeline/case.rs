//! Everything known about one snippet, and the verdict made of it.

use crate::candidates::Candidate;
use crate::decide::Judgement;
use crate::error::ModelError;
use crate::occlude::Inspection;
use crate::purify::{Filling, Purification};
use crate::query::{Asked, Choice, Spent, Trial};
use crate::score::{Influence, Scores};
use crate::verdict::{Action, Change, Cost, Evidence, Location, Prediction, Trigger, Verdict};
use crate::victim::Ragged;

/// One snippet on its way through the pipeline.
pub(crate) struct Case<'s> {
    pub(crate) inspection: Inspection<'s>,
    pub(crate) scores: Option<Scores>,
    pub(crate) judgement: Judgement,
    pub(crate) purification: Option<Purification>,
    /// Which of the purification's fillings was taken: the first, unless the model preferred another.
    pub(crate) filling: usize,
    pub(crate) purified_prediction: Option<Prediction>,
    /// What asking the model about purified texts cost.
    pub(crate) retried: Spent,
    /// What the model sees of the snippet, if the case is that of a part which it does not see.
    pub(crate) shown: Option<Shown>,
    /// Further triggers, found once those in front of them were changed.
    pub(crate) later: Vec<Later>,
}

/// The part of a snippet that the model sees.
pub(crate) struct Shown {
    /// What it answers to it.
    pub(crate) prediction: Prediction,
    /// Tokens of one plain use.
    plain: usize,
}

impl Shown {
    pub(crate) fn of(inspection: &Inspection<'_>, scores: &Scores) -> Self {
        let plain = scores.plain(inspection.item(&inspection.rows)).tokens;
        Self { prediction: scores.prediction.clone(), plain }
    }
}

/// A trigger that was found in a purified text.
pub(crate) struct Later {
    /// Its places are those in the original.
    pub(crate) trigger: Trigger,
    /// The text without it, too, and what the model answers to that; absent if it could not be changed.
    pub(crate) purified: Option<(String, Option<Prediction>)>,
    pub(crate) mlm_passes: usize,
}

/// The located trigger and what it does.
struct Finding<'a> {
    candidate: &'a Candidate,
    influence: &'a Influence,
    scores: &'a Scores,
}

impl<'s> Case<'s> {
    pub(crate) fn new(inspection: Inspection<'s>, scores: Option<Scores>, judgement: Judgement) -> Self {
        Self {
            inspection,
            scores,
            judgement,
            purification: None,
            filling: 0,
            purified_prediction: None,
            retried: Spent::default(),
            shown: None,
            later: Vec::new(),
        }
    }

    /// Calls a side of a pair poisoned, whose other side is, if the answer hangs on both.
    pub(crate) fn implicate(&mut self) {
        if let Some(scores) = &self.scores {
            self.judgement.implicate(scores);
        }
    }

    /// Calls a side of a pair poisoned that holds the trigger of the other side, word for word. Not where sides are told by what
    /// they lose alone: the published method knows nothing of the other one.
    pub(crate) fn share(&mut self, other: &Case<'_>) {
        let weighed = self.scores.as_ref().is_some_and(|scores| scores.dependence.is_some());
        let Some(trigger) = other.trigger().filter(|_| weighed) else { return };
        let same = |candidate: &Candidate| candidate.kind == trigger.kind && candidate.text == trigger.text;
        if let Some(index) = self.inspection.candidates.iter().position(same) {
            self.judgement.share(index);
        }
    }

    /// The located trigger, or `also` what was found strongest in other code, if nothing is known of the answer without it.
    pub(crate) fn unoccluded(&self, also: bool) -> Option<usize> {
        let scores = self.scores.as_ref()?;
        let strongest = scores.dependence.filter(|_| also).map(|dependence| dependence.strongest);
        let index = self.judgement.located.or(strongest)?;
        scores.influences.get(index)?.margin_drop.is_none().then_some(index)
    }

    /// Takes what is left of the answer without the candidate `index`, and what asking for it cost.
    pub(crate) fn occluded(&mut self, index: usize, margin: Result<(f64, Spent), ModelError>) {
        match (margin, &mut self.scores) {
            (Ok((margin, spent)), Some(scores)) => {
                scores.occluded(index, margin);
                scores.spent += spent;
            }
            (Err(error), _) => self
                .judgement
                .reasons
                .push(format!("what the answer loses without the trigger is not known: {error}")),
            (Ok(_), None) => {}
        }
    }

    /// The unit's text after all changes, if there was one.
    pub(crate) fn purified(&self) -> Option<&str> {
        let later = self.later.iter().rev().find_map(|later| later.purified.as_ref());
        later.map(|(text, _)| text.as_str()).or_else(|| self.filled().map(|filling| filling.text.as_str()))
    }

    /// The unit's text after the changes that provably keep what the code does, if there are any.
    fn provably_purified(&self) -> Option<&str> {
        let is_provable = |change: Option<Change>| change.is_some_and(|change| change.provable);
        let later = self.later.iter().rev().find(|later| is_provable(later.trigger.change));
        let later = later.and_then(|later| later.purified.as_ref()).map(|(text, _)| text.as_str());
        let first = || self.filled().filter(|filling| filling.change.provable);
        later.or_else(|| first().map(|filling| filling.text.as_str()))
    }

    /// What the model answers to it.
    pub(crate) fn last_prediction(&self) -> Option<&Prediction> {
        let later = self.later.iter().rev().find_map(|later| later.purified.as_ref());
        later.map_or(self.purified_prediction.as_ref(), |(_, prediction)| prediction.as_ref())
    }

    /// Takes the filling that the model chose.
    pub(crate) fn choose(&mut self, choice: Choice) {
        self.filling = choice.filling;
        // What is changed behind the model's window does not change what it answers.
        let shown = self.shown.as_ref().map(|shown| shown.prediction.clone());
        self.purified_prediction = shown.or(Some(choice.prediction));
        self.retried += choice.spent;
    }

    /// Notes what the model answers after all changes to this snippet and to the other side of its pair.
    pub(crate) fn answered(&mut self, prediction: &Prediction) {
        let later = self.later.iter_mut().rev().find_map(|later| later.purified.as_mut());
        let last = later.map_or(&mut self.purified_prediction, |(_, last)| last);
        if last.is_some() {
            *last = Some(prediction.clone());
        }
    }

    /// What was asked of references so far.
    pub(crate) fn take_asked(&mut self) -> Asked {
        self.scores.as_mut().map(|scores| std::mem::take(&mut scores.asked)).unwrap_or_default()
    }

    pub(crate) fn set_asked(&mut self, asked: Asked) {
        if let Some(scores) = &mut self.scores {
            scores.asked = asked;
        }
    }

    fn finding(&self) -> Option<Finding<'_>> {
        let (index, scores) = (self.judgement.located?, self.scores.as_ref()?);
        let candidate = self.inspection.candidates.get(index)?;
        Some(Finding { candidate, influence: scores.influences.get(index)?, scores })
    }

    /// The located trigger, if the snippet is poisoned.
    pub(crate) fn trigger(&self) -> Option<&Candidate> {
        Some(self.finding()?.candidate)
    }

    /// Ways to replace the trigger.
    pub(crate) fn fillings(&self) -> &[Filling] {
        self.purification.as_ref().map_or(&[], |purification| &purification.fillings)
    }

    /// What replaced the trigger, if anything did.
    pub(crate) fn filled(&self) -> Option<&Filling> {
        self.fillings().get(self.filling)
    }

    /// Purified code should come close to the margin that the original answer has once the trigger is occluded; `rows`
    /// are the fillings as the model reads them.
    pub(crate) fn trial<'a>(&'a self, rows: &'a Ragged) -> Option<Trial<'a>> {
        let Finding { influence, scores, .. } = self.finding()?;
        let fillings = scores.answer.asked(self.inspection.item(rows));
        Some(Trial {
            fillings,
            smallest: self.fillings().iter().filter(|filling| filling.is_smallest()).count(),
            answer: &scores.answer,
            margin: scores.margin,
            wanted: scores.margin - influence.margin_drop.unwrap_or(scores.margin),
        })
    }

    /// Notes that the model failed on the purified code.
    pub(crate) fn unjudged(&mut self, error: &ModelError) {
        self.purified_prediction = None;
        self.judgement.reasons.push(format!("the purified code could not be judged: {error}"));
    }

    fn locations(&self, candidate: &Candidate) -> Vec<Location> {
        candidate.spans.iter().map(|&span| self.inspection.snippet.location(span)).collect()
    }

    fn triggers(&self) -> Vec<Trigger> {
        let later = self.later.iter().map(|later| later.trigger.clone());
        self.first_trigger().into_iter().chain(later).collect()
    }

    /// The located trigger and what was done about it.
    pub(crate) fn first_trigger(&self) -> Option<Trigger> {
        let Finding { candidate, influence, .. } = self.finding()?;
        Some(Trigger {
            kind: candidate.kind,
            text: candidate.text.clone(),
            spans: self.locations(candidate),
            necessity: influence.margin_drop.unwrap_or(0.0),
            sufficiency: influence.sufficiency.and_then(|sufficiency| sufficiency.flipped()),
            action: self.purification.as_ref().map_or(Action::None, |purification| purification.action),
            change: self.filled().map(|filling| filling.change),
            replacement: self.filled().map(|filling| filling.replacement.clone()).unwrap_or_default(),
        })
    }

    fn evidence(&self) -> Vec<Evidence> {
        let Some(scores) = &self.scores else { return Vec::new() };
        let shares = scores.shares();
        let candidates = self.inspection.candidates.iter().zip(&scores.influences).zip(shares);
        candidates
            .map(|((candidate, influence), share)| Evidence {
                kind: candidate.kind,
                text: candidate.text.clone(),
                spans: self.locations(candidate),
                depth: candidate.depth,
                score: influence.score,
                share,
                margin_drop: influence.margin_drop,
                flips: influence.flips,
                gain: influence.gain(),
            })
            .collect()
    }

    /// What the model answers to the snippet.
    fn prediction(&self) -> Option<&Prediction> {
        let shown = self.shown.as_ref().map(|shown| &shown.prediction);
        shown.or_else(|| Some(&self.scores.as_ref()?.prediction))
    }

    fn cost(&self, milliseconds: f64) -> Cost {
        let plain = |scores: &Scores| Shown::of(&self.inspection, scores).plain;
        let shown = self.shown.as_ref().map(|shown| shown.plain);
        let plain = shown.or_else(|| Some(plain(self.scores.as_ref()?))).unwrap_or(0);
        let spent = self.spent();
        Cost {
            victim_passes: spent.passes,
            pass_equivalents: spent.tokens as f64 / plain.max(1) as f64,
            mlm_passes: self.mlm_passes(),
            milliseconds,
        }
    }

    /// All that the model was asked.
    pub(crate) fn spent(&self) -> Spent {
        let mut spent = self.retried;
        spent += self.scores.as_ref().map_or(Spent::default(), |scores| scores.spent);
        spent
    }

    /// Rows that the masked language model has filled.
    pub(crate) fn mlm_passes(&self) -> usize {
        let later: usize = self.later.iter().map(|later| later.mlm_passes).sum();
        self.purification.as_ref().map_or(0, |purification| purification.mlm_passes) + later
    }

    fn reason(&self) -> Option<String> {
        let unpurified = self.purification.as_ref().and_then(|purification| purification.reason.clone());
        let reasons: Vec<String> = self.judgement.reasons.iter().cloned().chain(unpurified).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// The verdict on a case; `evidence` says whether it carries what is known about every candidate.
pub(crate) fn verdict(case: &Case<'_>, evidence: bool, milliseconds: f64) -> Verdict {
    let entropy = case.scores.as_ref().and_then(|scores| scores.entropy);
    Verdict {
        path: case.inspection.snippet.path().to_owned(),
        unit: case.inspection.snippet.unit().clone(),
        pair: case.inspection.seat.as_ref().map(|seat| seat.member),
        verdict: case.judgement.decision,
        reason: case.reason(),
        p_value: case.judgement.p_value,
        score: case.judgement.score,
        naming: case.scores.as_ref().and_then(|scores| scores.naming).map(|naming| naming.score),
        entropy: entropy.map(|entropy| entropy.raw),
        entropy_normalized: entropy.map(|entropy| entropy.normalized),
        prediction: case.prediction().cloned(),
        purified_prediction: case.last_prediction().cloned(),
        triggers: case.triggers(),
        purified: case.purified().map(str::to_owned),
        purified_provably: case.provably_purified().map(str::to_owned),
        coverage: case.inspection.coverage,
        cost: case.cost(milliseconds),
        evidence: if evidence { case.evidence() } else { Vec::new() },
    }
}

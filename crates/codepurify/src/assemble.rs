//! Everything known about one snippet, and the verdict made of it.

use crate::candidates::Candidate;
use crate::decide::Judgement;
use crate::occlude::Inspection;
use crate::purify::{Filling, Purification};
use crate::score::Scores;
use crate::verdict::{Action, Cost, Evidence, Location, Prediction, Trigger, Verdict};

/// One snippet on its way through the pipeline.
pub(crate) struct Case<'s> {
    pub(crate) inspection: Inspection<'s>,
    pub(crate) scores: Option<Scores>,
    pub(crate) judgement: Judgement,
    pub(crate) purification: Option<Purification>,
    /// Which of the purification's fillings was taken: the first, unless the victim preferred another.
    pub(crate) filling: usize,
    pub(crate) purified_prediction: Option<Prediction>,
    /// Victim rows and tokens spent on purified texts.
    pub(crate) rejudged: (usize, usize),
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
            rejudged: (0, 0),
        }
    }

    /// The located trigger, if the snippet is poisoned.
    pub(crate) fn trigger(&self) -> Option<&Candidate> {
        self.inspection.candidates.get(self.judgement.located?)
    }

    /// What replaced the trigger, if anything did.
    fn filled(&self) -> Option<&Filling> {
        self.purification.as_ref()?.fillings.get(self.filling)
    }

    /// The margin of the original answer once the trigger is occluded: what purified code should come close to.
    pub(crate) fn margin_without_trigger(&self) -> Option<f64> {
        let scores = self.scores.as_ref()?;
        Some(scores.margin - scores.influences.get(self.judgement.located?)?.margin_drop)
    }

    fn locations(&self, candidate: &Candidate) -> Vec<Location> {
        candidate.spans.iter().map(|&span| self.inspection.snippet.location(span)).collect()
    }

    fn triggers(&self) -> Vec<Trigger> {
        let (Some(index), Some(candidate), Some(scores)) =
            (self.judgement.located, self.trigger(), &self.scores)
        else {
            return Vec::new();
        };
        let purification = self.purification.as_ref();
        vec![Trigger {
            kind: candidate.kind,
            text: candidate.text.clone(),
            spans: self.locations(candidate),
            necessity: scores.influences[index].margin_drop,
            sufficiency: None,
            action: purification.map_or(Action::None, |purification| purification.action),
            replacement: self.filled().map(|filling| filling.replacement.clone()).unwrap_or_default(),
        }]
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
            })
            .collect()
    }

    fn cost(&self, milliseconds: f64) -> Cost {
        let rows = &self.inspection.rows;
        let plain = if rows.is_empty() { 0 } else { rows.row(0).len() };
        Cost {
            victim_passes: rows.len() + self.rejudged.0,
            pass_equivalents: (rows.tokens() + self.rejudged.1) as f64 / plain.max(1) as f64,
            mlm_passes: self.purification.as_ref().map_or(0, |purification| purification.mlm_passes),
            milliseconds,
        }
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
        verdict: case.judgement.decision,
        reason: case.reason(),
        p_value: None,
        score: case.judgement.score,
        entropy: entropy.map(|entropy| entropy.raw),
        entropy_normalized: entropy.map(|entropy| entropy.normalized),
        prediction: case.scores.as_ref().map(|scores| scores.prediction),
        purified_prediction: case.purified_prediction,
        triggers: case.triggers(),
        purified: case.filled().map(|filling| filling.text.clone()),
        coverage: case.inspection.coverage,
        cost: case.cost(milliseconds),
        evidence: if evidence { case.evidence() } else { Vec::new() },
    }
}

//! From the statistics of a snippet to a decision.

mod conformal;

use crate::calibration::rows_needed;
use crate::candidates::{Candidate, Statements};
use crate::occlude::Inspection;
use crate::profile::{Profile, Statistic};
use crate::score::Scores;
use crate::snippet::SyntaxQuality;
use crate::verdict::{Decision, ElementKind};

/// Of nested statements, those that reach this share of the best score are taken for equally strong.
const AS_STRONG: f64 = 0.9;

/// A decision and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    /// The deciding statistic, turned so that larger is more suspicious.
    pub(crate) score: Option<f64>,
    /// Share of clean code that is at least as suspicious, if the model is calibrated.
    pub(crate) p_value: Option<f64>,
    /// Index of the located candidate, if poisoned.
    pub(crate) located: Option<usize>,
    /// Why inconclusive, or what limits the decision.
    pub(crate) reasons: Vec<String>,
}

/// What references cannot tell: a candidate cannot bring an answer that is there already.
const NOT_OPEN: &str = "the references get this answer anyway: only what it loses without a candidate was looked at; give \
                        other references, or calibrate";

/// What the deciding statistic says.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    flagged: bool,
    score: f64,
    p_value: Option<f64>,
    located: Option<usize>,
}

/// What is said of a side that was called poisoned for what it does together with the other one.
const TOGETHER: &str =
    "the other side of the pair is poisoned, and the answer goes only without what is strongest in both";

/// What is said of a side that was called poisoned for what the other one is called poisoned for.
const SHARED: &str = "the trigger of the other side of the pair stands here as well";

/// What is said of a snippet that was called poisoned only once something else had been changed.
const LATER: &str = "it showed once the other side of the pair was purified";

impl Judgement {
    /// Calls a side poisoned because the other one is and `scores` say that the answer hangs on both.
    pub(crate) fn implicate(&mut self, scores: &Scores) {
        let needed = scores.dependence.filter(|dependence| dependence.needed);
        if let (Some(dependence), false) = (needed, self.decision == Decision::Poisoned) {
            self.accuse(dependence.strongest, TOGETHER);
        }
    }

    /// Calls a side poisoned because its candidate of this index is the trigger of the other one, whatever it was called for before.
    pub(crate) fn share(&mut self, trigger: usize) {
        if self.located != Some(trigger) {
            self.accuse(trigger, SHARED);
        }
    }

    fn accuse(&mut self, candidate: usize, reason: &str) {
        (self.decision, self.located) = (Decision::Poisoned, Some(candidate));
        self.reasons.push(reason.to_owned());
    }

    /// Takes over that the snippet was called poisoned `later`, once the other side had been changed.
    pub(crate) fn follow(&mut self, later: &Self) {
        if self.decision != Decision::Poisoned {
            (self.decision, self.score, self.p_value) = (later.decision, later.score, later.p_value);
            self.reasons.push(LATER.to_owned());
        }
    }
}

/// Poisoned wins whatever else is wrong; clean needs complete evidence; everything else is inconclusive. Compares with clean
/// code that gets the answer `label`; `None` stands for a generated text.
pub(crate) fn decide(
    profile: &Profile,
    inspection: &Inspection<'_>,
    scores: Option<&Scores>,
    label: Option<usize>,
) -> Judgement {
    let evidence = scores.and_then(|scores| evidence(profile, inspection, scores, label));
    let flagged = evidence.is_some_and(|evidence| evidence.flagged);
    let gaps = gaps(profile, inspection, evidence.is_some());
    let decision = match (flagged, gaps.is_empty()) {
        (true, _) => Decision::Poisoned,
        (false, true) => Decision::Clean,
        (false, false) => Decision::Inconclusive,
    };
    let mut reasons = gaps;
    if let SyntaxQuality::Recovered { errors } = inspection.snippet.quality() {
        let places = if errors == 1 { "place" } else { "places" };
        reasons
            .push(format!("the code does not parse in {errors} {places}; its elements there may be missing"));
    }
    if decision != Decision::Inconclusive {
        reasons.extend(scores.and_then(|_| uncalibrated(profile, label)));
        let dependence = scores.and_then(|scores| scores.dependence).filter(|dependence| !dependence.open);
        if dependence.is_some() && evidence.is_some_and(|evidence| evidence.p_value.is_none()) {
            reasons.push(NOT_OPEN.to_owned());
        }
    }
    Judgement {
        decision,
        score: evidence.map(|evidence| evidence.score),
        p_value: evidence.and_then(|evidence| evidence.p_value),
        located: evidence.filter(|_| flagged).and_then(|evidence| evidence.located),
        reasons,
    }
}

fn evidence(
    profile: &Profile,
    inspection: &Inspection<'_>,
    scores: &Scores,
    label: Option<usize>,
) -> Option<Evidence> {
    let limits = profile.thresholds;
    let of_entropy = |flagged: bool, score: f64| Evidence {
        flagged,
        score,
        p_value: None,
        located: locate(profile, inspection, scores),
    };
    match profile.statistic {
        Statistic::Entropy => {
            // Not the negation: an entropy of zero is no "-0".
            scores.entropy.map(|entropy| of_entropy(entropy.raw < limits.entropy, 0.0 - entropy.raw))
        }
        Statistic::Concentration => scores.entropy.map(|entropy| {
            of_entropy(entropy.concentration() > limits.concentration, entropy.concentration())
        }),
        Statistic::Dependence => conformal::evidence(profile, inspection, scores, label),
    }
}

/// Why the limit in force is none that clean code of this model has set.
fn uncalibrated(profile: &Profile, label: Option<usize>) -> Option<String> {
    let calibrated = match (profile.statistic, &profile.calibration) {
        (Statistic::Dependence, Some(clean)) => {
            let (rows, needed) = (clean.rows(label), rows_needed(profile.alpha));
            if rows >= needed {
                return None;
            }
            return Some(format!(
                "the calibration has {rows} clean snippets with this answer, {needed} are needed for alpha {}: the \
                 built-in limit holds",
                profile.alpha
            ));
        }
        (Statistic::Dependence, None) => false,
        _ => profile.thresholds.calibrated,
    };
    (!calibrated).then(|| "the limits are not calibrated for this model".to_owned())
}

/// Why the snippet cannot be called clean, however harmless it looks; `evidence` says whether there is a statistic.
fn gaps(profile: &Profile, inspection: &Inspection<'_>, evidence: bool) -> Vec<String> {
    if let Some(obstacle) = &inspection.obstacle {
        return vec![obstacle.clone()];
    }
    let mut gaps = Vec::new();
    let coverage = inspection.coverage;
    if coverage.tokens_inspected < coverage.tokens_total {
        let (inspected, total) = (coverage.tokens_inspected, coverage.tokens_total);
        gaps.push(format!("only {inspected} of {total} tokens fit the model's window"));
    }
    if inspection.snippet.quality() == SyntaxQuality::Broken {
        gaps.push(format!("the text does not parse as {}", inspection.snippet.language()));
    }
    let weighed = profile.statistic == Statistic::Dependence;
    match inspection.candidates.len() {
        0 => gaps.push("no candidates: no name is declared and no statement found".to_owned()),
        _ if weighed && evidence => {}
        _ if weighed => {
            let language = inspection.snippet.language();
            gaps.push(format!(
                "no reference is written in {language}: candidates have no place to be tried in"
            ));
        }
        1 => gaps.push("fewer than two candidates: there is nothing to compare the only one with".to_owned()),
        _ if !evidence => gaps.push("no candidate changes the answer at all".to_owned()),
        _ => {}
    }
    gaps
}

/// The candidate with the largest score, the first of equals. With nested statements the innermost of those inside it
/// that are about as strong: the rest of the outer one is innocent.
fn locate(profile: &Profile, inspection: &Inspection<'_>, scores: &Scores) -> Option<usize> {
    let score = |index: usize| scores.influences[index].score;
    let best = (0..scores.influences.len())
        .reduce(|best, next| if score(next) > score(best) { next } else { best })?;
    if profile.families.statements != Statements::Nested {
        return Some(best);
    }
    let candidates = &inspection.candidates;
    let inside = |index: &usize| {
        let nested = *index == best || within(&candidates[*index], &candidates[best]);
        nested && score(*index) >= AS_STRONG * score(best)
    };
    (0..candidates.len())
        .filter(inside)
        .reduce(|inner, next| if candidates[next].depth > candidates[inner].depth { next } else { inner })
}

/// Whether `inner` is a statement in the statement `outer`.
fn within(inner: &Candidate, outer: &Candidate) -> bool {
    let statements = inner.kind == ElementKind::Statement && outer.kind == ElementKind::Statement;
    statements && outer.spans[0].contains(inner.spans[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(decision: Decision, p_value: f64) -> Judgement {
        Judgement { decision, score: Some(1.0), p_value: Some(p_value), located: None, reasons: Vec::new() }
    }

    #[test]
    fn what_shows_later_makes_a_clean_side_poisoned_and_says_so() {
        let later = Judgement { located: Some(3), ..judged(Decision::Poisoned, 0.01) };
        let mut clean = judged(Decision::Clean, 0.4);
        clean.follow(&later);
        assert_eq!((clean.decision, clean.p_value), (Decision::Poisoned, Some(0.01)));
        // Its place is that in the changed text, which the verdict gets by another way.
        assert_eq!((clean.located, clean.reasons), (None, vec![LATER.to_owned()]));

        let mut poisoned = judged(Decision::Poisoned, 0.02);
        poisoned.follow(&later);
        assert_eq!(poisoned, judged(Decision::Poisoned, 0.02));
    }
}

//! Decisions: from the statistics of a snippet to poisoned, clean or inconclusive.

mod conformal;

use crate::calibration::rows_needed;
use crate::candidates::{Candidate, Statements};
use crate::occlude::EncodedSnippet;
use crate::profile::{Profile, Statistic};
use crate::score::{ABOUT_EQUAL, Scores};
use crate::snippet::SyntaxQuality;
use crate::verdict::{Decision, ElementKind};

/// A decision and its basis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    /// The deciding statistic; the larger, the more suspicious.
    pub(crate) score: Option<f64>,
    /// Share of clean code that is at least as suspicious, if the victim is calibrated.
    pub(crate) p_value: Option<f64>,
    /// Index of the located candidate, if poisoned.
    pub(crate) located: Option<usize>,
    /// Why it is inconclusive, or what limits the decision.
    pub(crate) reasons: Vec<String>,
}

/// Result of the deciding statistic.
#[derive(Debug, Clone, Copy, Default)]
struct TestResult {
    flagged: bool,
    score: f64,
    p_value: Option<f64>,
    located: Option<usize>,
}

/// Reason where all references already have the prediction, so that no candidate can flip them.
const NOT_TESTABLE: &str = "the references get this answer anyway: only what it loses without a candidate was looked at; give \
     other references, or calibrate";

/// Reason for a side that is poisoned because the prediction depends on both sides.
const TOGETHER: &str =
    "the other side of the pair is poisoned, and the answer goes only without what is strongest in both";

/// Reason for a side that holds the trigger of the other side.
const SHARED: &str = "the trigger of the other side of the pair stands here as well";

/// Reason for a side whose trigger showed once the other side was rewritten.
const FOUND_LATER: &str = "it showed once the other side of the pair was purified";

impl Judgement {
    /// Decides poisoned for a side whose other side is, if `scores` say that the prediction depends on both.
    pub(crate) fn implicate(&mut self, scores: &Scores) {
        let needed = scores.strongest.filter(|strongest| strongest.needed);
        if let (Some(strongest), false) = (needed, self.decision == Decision::Poisoned) {
            self.locate(strongest.candidate, TOGETHER);
        }
    }

    /// Decides poisoned for a side whose candidate `trigger` is the trigger of the other side, whatever was
    /// located before.
    pub(crate) fn share(&mut self, trigger: usize) {
        if self.located != Some(trigger) {
            self.locate(trigger, SHARED);
        }
    }

    fn locate(&mut self, candidate: usize, reason: &str) {
        (self.decision, self.located) = (Decision::Poisoned, Some(candidate));
        self.reasons.push(reason.to_owned());
    }

    /// Takes over the decision poisoned that followed `later`, after the other side was rewritten.
    pub(crate) fn follow(&mut self, later: &Self) {
        if self.decision != Decision::Poisoned {
            (self.decision, self.score, self.p_value) = (later.decision, later.score, later.p_value);
            self.reasons.push(FOUND_LATER.to_owned());
        }
    }
}

/// Decides on a snippet: `poisoned` takes precedence, `clean` needs complete evidence, everything else is
/// inconclusive. Clean code with the prediction `label` is compared; `None` means a generated text.
pub(crate) fn decide(
    profile: &Profile,
    encoded: &EncodedSnippet<'_>,
    scores: Option<&Scores>,
    label: Option<usize>,
) -> Judgement {
    let result = scores.and_then(|scores| test(profile, encoded, scores, label));
    let flagged = result.is_some_and(|result| result.flagged);
    let mut reasons = gaps(profile, encoded, result.is_some());
    let decision = match (flagged, reasons.is_empty()) {
        (true, _) => Decision::Poisoned,
        (false, true) => Decision::Clean,
        (false, false) => Decision::Inconclusive,
    };
    if let SyntaxQuality::Recovered { errors } = encoded.snippet.quality() {
        let places = if errors == 1 { "place" } else { "places" };
        reasons
            .push(format!("the code does not parse in {errors} {places}; its elements there may be missing"));
    }
    if decision != Decision::Inconclusive {
        reasons.extend(scores.and_then(|_| uncalibrated(profile, label)));
        let strongest = scores.and_then(|scores| scores.strongest).filter(|strongest| !strongest.testable);
        if strongest.is_some() && result.is_some_and(|result| result.p_value.is_none()) {
            reasons.push(NOT_TESTABLE.to_owned());
        }
    }
    Judgement {
        decision,
        score: result.map(|result| result.score),
        p_value: result.and_then(|result| result.p_value),
        located: result.filter(|_| flagged).and_then(|result| result.located),
        reasons,
    }
}

/// Compares the profile's statistic with its limit; `None` if there is no evidence.
fn test(
    profile: &Profile,
    encoded: &EncodedSnippet<'_>,
    scores: &Scores,
    label: Option<usize>,
) -> Option<TestResult> {
    let limits = profile.thresholds;
    let of_entropy = |flagged: bool, score: f64| TestResult {
        flagged,
        score,
        p_value: None,
        located: locate(profile, encoded, scores),
    };
    match profile.statistic {
        Statistic::Entropy => {
            // Subtracted, not negated: an entropy of 0 gives no "-0".
            scores.entropy.map(|entropy| of_entropy(entropy.raw < limits.entropy, 0.0 - entropy.raw))
        }
        Statistic::Concentration => scores.entropy.map(|entropy| {
            of_entropy(entropy.concentration() > limits.concentration, entropy.concentration())
        }),
        Statistic::Sufficiency => conformal::test(profile, encoded, scores, label),
    }
}

/// Returns why the limit was not set by clean code of this victim, if it was not.
fn uncalibrated(profile: &Profile, label: Option<usize>) -> Option<String> {
    let calibrated = match (profile.statistic, &profile.calibration) {
        (Statistic::Sufficiency, Some(clean)) => {
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
        (Statistic::Sufficiency, None) => false,
        _ => profile.thresholds.calibrated,
    };
    (!calibrated).then(|| "the limits are not calibrated for this model".to_owned())
}

/// Returns why the snippet cannot be called clean whatever it scores; `has_score` says whether it has one.
fn gaps(profile: &Profile, encoded: &EncodedSnippet<'_>, has_score: bool) -> Vec<String> {
    if let Some(obstacle) = &encoded.obstacle {
        return vec![obstacle.clone()];
    }
    let mut gaps = Vec::new();
    let coverage = encoded.coverage;
    if coverage.tokens_inspected < coverage.tokens_total {
        let (inspected, total) = (coverage.tokens_inspected, coverage.tokens_total);
        gaps.push(format!("only {inspected} of {total} tokens fit the model's window"));
    }
    if encoded.snippet.quality() == SyntaxQuality::Broken {
        gaps.push(format!("the text does not parse as {}", encoded.snippet.language()));
    }
    let in_references = profile.statistic == Statistic::Sufficiency;
    match encoded.candidates.len() {
        0 => gaps.push("no candidates: no name is declared and no statement found".to_owned()),
        _ if in_references && has_score => {}
        _ if in_references => {
            let language = encoded.snippet.language();
            gaps.push(format!(
                "no reference is written in {language}: candidates have no place to be tried in"
            ));
        }
        1 => gaps.push("fewer than two candidates: there is nothing to compare the only one with".to_owned()),
        _ if !has_score => gaps.push("no candidate changes the answer at all".to_owned()),
        _ => {}
    }
    gaps
}

/// Returns the candidate with the largest score, the first of equals. Of nested statements with about equal
/// scores it is the innermost: the rest of the outer one is benign.
fn locate(profile: &Profile, encoded: &EncodedSnippet<'_>, scores: &Scores) -> Option<usize> {
    let score = |index: usize| scores.influences[index].score;
    let best = (0..scores.influences.len())
        .reduce(|best, next| if score(next) > score(best) { next } else { best })?;
    if profile.families.statements != Statements::Nested {
        return Some(best);
    }
    let candidates = &encoded.candidates;
    let inside = |index: &usize| {
        let nested = *index == best || within(&candidates[*index], &candidates[best]);
        nested && score(*index) >= ABOUT_EQUAL * score(best)
    };
    (0..candidates.len())
        .filter(inside)
        .reduce(|inner, next| if candidates[next].depth > candidates[inner].depth { next } else { inner })
}

/// Returns whether `inner` is a statement in the statement `outer`.
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
    fn later_finding_makes_a_clean_side_poisoned_with_a_reason() {
        let later = Judgement { located: Some(3), ..judged(Decision::Poisoned, 0.01) };
        let mut clean = judged(Decision::Clean, 0.4);
        clean.follow(&later);
        assert_eq!((clean.decision, clean.p_value), (Decision::Poisoned, Some(0.01)));
        // Its place in the changed text is not one of this text; the verdict gets it from the edit history.
        assert_eq!((clean.located, clean.reasons), (None, vec![FOUND_LATER.to_owned()]));

        let mut poisoned = judged(Decision::Poisoned, 0.02);
        poisoned.follow(&later);
        assert_eq!(poisoned, judged(Decision::Poisoned, 0.02));
    }
}

//! From the statistics of a snippet to a decision.

mod profile;

pub(crate) use profile::Statistic;
pub use profile::{Profile, Thresholds};

use crate::candidates::Candidate;
use crate::occlude::Inspection;
use crate::score::{Entropy, Scores};
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
    /// Index of the located candidate, if poisoned.
    pub(crate) located: Option<usize>,
    /// Why inconclusive, or what limits the decision.
    pub(crate) reasons: Vec<String>,
}

/// Poisoned wins whatever else is wrong; clean needs complete evidence; everything else is inconclusive.
pub(crate) fn decide(profile: &Profile, inspection: &Inspection<'_>, scores: Option<&Scores>) -> Judgement {
    let entropy = scores.and_then(|scores| scores.entropy);
    let flagged = entropy.is_some_and(|entropy| flags(profile, entropy));
    let gaps = gaps(inspection, entropy.is_some());
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
    if decision != Decision::Inconclusive && !profile.thresholds.calibrated {
        reasons.push("the limits are not calibrated for this model".to_owned());
    }
    Judgement {
        decision,
        score: entropy.map(|entropy| suspicion(profile, entropy)),
        located: scores.filter(|_| flagged).and_then(|scores| locate(profile, inspection, scores)),
        reasons,
    }
}

fn flags(profile: &Profile, entropy: Entropy) -> bool {
    match profile.statistic {
        Statistic::Entropy => entropy.raw < profile.thresholds.entropy,
        Statistic::Concentration => entropy.concentration() > profile.thresholds.concentration,
    }
}

fn suspicion(profile: &Profile, entropy: Entropy) -> f64 {
    match profile.statistic {
        // Not the negation: an entropy of zero is no "-0".
        Statistic::Entropy => 0.0 - entropy.raw,
        Statistic::Concentration => entropy.concentration(),
    }
}

/// Why the snippet cannot be called clean, however harmless it looks; `evidence` says whether there is a statistic.
fn gaps(inspection: &Inspection<'_>, evidence: bool) -> Vec<String> {
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
    match inspection.candidates.len() {
        0 => gaps.push("no candidates: no name is declared and no statement found".to_owned()),
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
    if !profile.families.nested {
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

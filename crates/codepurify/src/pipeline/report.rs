//! Verdicts, made of what is known about a snippet.

use super::case::{LocatedTrigger, Rewritten};
use crate::candidates::Candidate;
use crate::occlude::EncodedSnippet;
use crate::verdict::{Action, Change, Cost, Evidence, Location, Trigger, Verdict};

/// The verdict on a snippet; `evidence` says whether it carries the evidence of every candidate.
pub(super) fn verdict(rewritten: &Rewritten<'_>, evidence: bool, milliseconds: f64) -> Verdict {
    let decided = &rewritten.decided;
    let (encoded, scores) = (&decided.encoded, decided.scores.as_ref());
    let entropy = scores.and_then(|scores| scores.entropy);
    Verdict {
        path: encoded.snippet.path().to_owned(),
        unit: encoded.snippet.unit().clone(),
        pair: encoded.pair.as_ref().map(|pair| pair.member),
        verdict: decided.judgement.decision,
        reason: reason(rewritten),
        p_value: decided.judgement.p_value,
        score: decided.judgement.score,
        naming: scores.and_then(|scores| scores.naming_style).map(|style| style.score),
        entropy: entropy.map(|entropy| entropy.raw),
        entropy_normalized: entropy.map(|entropy| entropy.normalized),
        prediction: decided.prediction().cloned(),
        purified_prediction: rewritten.last_prediction().cloned(),
        triggers: triggers(rewritten),
        purified: rewritten.text().map(str::to_owned),
        purified_provably: provably_purified(rewritten).map(str::to_owned),
        coverage: encoded.coverage,
        cost: cost(rewritten, milliseconds),
        evidence: if evidence { evidence_of_all(rewritten) } else { Vec::new() },
    }
}

/// The located trigger and the action taken on it.
pub(super) fn first_trigger(rewritten: &Rewritten<'_>) -> Option<Trigger> {
    let LocatedTrigger { candidate, influence, .. } = rewritten.decided.located()?;
    Some(Trigger {
        kind: candidate.kind,
        text: candidate.text.clone(),
        spans: locations(&rewritten.decided.encoded, candidate),
        necessity: influence.margin_drop.unwrap_or(0.0),
        sufficiency: influence.sufficiency.and_then(|sufficiency| sufficiency.flipped()),
        action: rewritten.rewrites.as_ref().map_or(Action::None, |rewrites| rewrites.action),
        change: rewritten.chosen().map(|rewrite| rewrite.change),
        replacement: rewritten.chosen().map(|rewrite| rewrite.replacement.clone()).unwrap_or_default(),
    })
}

/// The unit's text after the rewrites that provably keep what the code does, if there are any.
fn provably_purified<'a>(rewritten: &'a Rewritten<'_>) -> Option<&'a str> {
    let is_provable = |change: Option<Change>| change.is_some_and(|change| change.provable);
    let further = rewritten.further.iter().rev().find(|further| is_provable(further.trigger.change));
    let further = further.and_then(|further| further.purified.as_ref()).map(|(text, _)| text.as_str());
    let first = || rewritten.chosen().filter(|rewrite| rewrite.change.provable);
    further.or_else(|| first().map(|rewrite| rewrite.text.as_str()))
}

fn triggers(rewritten: &Rewritten<'_>) -> Vec<Trigger> {
    let further = rewritten.further.iter().map(|further| further.trigger.clone());
    first_trigger(rewritten).into_iter().chain(further).collect()
}

fn evidence_of_all(rewritten: &Rewritten<'_>) -> Vec<Evidence> {
    let encoded = &rewritten.decided.encoded;
    let Some(scores) = &rewritten.decided.scores else { return Vec::new() };
    let shares = scores.shares();
    let candidates = encoded.candidates.iter().zip(&scores.influences).zip(shares);
    candidates
        .map(|((candidate, influence), share)| Evidence {
            kind: candidate.kind,
            text: candidate.text.clone(),
            spans: locations(encoded, candidate),
            depth: candidate.depth,
            score: influence.score,
            share,
            margin_drop: influence.margin_drop,
            flips: influence.flips,
            gain: influence.gain(),
        })
        .collect()
}

fn locations(encoded: &EncodedSnippet<'_>, candidate: &Candidate) -> Vec<Location> {
    candidate.spans.iter().map(|&span| encoded.snippet.location(span)).collect()
}

fn cost(rewritten: &Rewritten<'_>, milliseconds: f64) -> Cost {
    let cost = rewritten.cost();
    Cost {
        victim_passes: cost.passes,
        pass_equivalents: cost.tokens as f64 / rewritten.decided.plain_tokens().max(1) as f64,
        mlm_passes: rewritten.mlm_passes(),
        milliseconds,
    }
}

fn reason(rewritten: &Rewritten<'_>) -> Option<String> {
    let unpurified = rewritten.rewrites.as_ref().and_then(|rewrites| rewrites.reason.clone());
    let reasons: Vec<String> =
        rewritten.decided.judgement.reasons.iter().cloned().chain(unpurified).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

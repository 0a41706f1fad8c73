//! Pairs: each side goes through the stages with the other side as its context.

use super::Pipeline;
use super::case::{Decided, Rewritten};
use crate::error::ModelError;
use crate::occlude::{EncodedSnippet, PairContext, encode_window};
use crate::query::{QueryCost, QueryRows};
use crate::snippet::SyntaxQuality;
use crate::verdict::{PairMember, Prediction, Side};
use crate::victim::Ragged;

/// Gives each side of pair `index` the other side as its context.
pub(super) fn pair_up<'s>(
    index: usize,
    left: Result<EncodedSnippet<'s>, ModelError>,
    right: Result<EncodedSnippet<'s>, ModelError>,
) -> [Result<EncodedSnippet<'s>, ModelError>; 2] {
    match (left, right) {
        (Ok(mut left), Ok(mut right)) => {
            let (first, second) = (visible_tokens(&left), visible_tokens(&right));
            attach_other(&mut left, PairMember { index, side: Side::Left }, second);
            attach_other(&mut right, PairMember { index, side: Side::Right }, first);
            [Ok(left), Ok(right)]
        }
        (Err(left), Ok(_)) => [Err(left.clone()), Err(ModelError::OtherSide(left.into()))],
        (Ok(_), Err(right)) => [Err(ModelError::OtherSide(right.clone().into())), Err(right)],
        (Err(left), Err(right)) => [Err(left), Err(right)],
    }
}

/// Tokens of a side as the victim sees it, or why it is not shown to the victim.
fn visible_tokens(encoded: &EncodedSnippet<'_>) -> Result<Vec<u32>, String> {
    match (encoded.snippet.quality(), &encoded.obstacle) {
        (SyntaxQuality::NotParsed { .. }, Some(obstacle)) => Err(obstacle.clone()),
        _ => Ok(encoded.rows.rows().next().unwrap_or_default().to_vec()),
    }
}

/// Attaches the other side. If it cannot be shown to the victim, this side cannot be judged either.
fn attach_other(encoded: &mut EncodedSnippet<'_>, member: PairMember, other: Result<Vec<u32>, String>) {
    let other = other.unwrap_or_else(|obstacle| {
        encoded.rows = Ragged::new();
        encoded.candidates.clear();
        encoded.obstacle.get_or_insert(format!("the other side of the pair: {obstacle}"));
        Vec::new()
    });
    encoded.pair = Some(PairContext { member, other });
}

/// Decides poisoned for the other side of a poisoned side, if it holds the same trigger or if the prediction
/// depends on both. Two sides with different triggers get that of the higher score. `decided` holds the two
/// sides of each pair one after the other.
pub(super) fn share(decided: &mut [Result<Decided<'_>, ModelError>]) {
    for sides in decided.chunks_exact_mut(2) {
        let [Ok(left), Ok(right)] = sides else { continue };
        let suspicion = |side: &Decided<'_>| (side.trigger().is_some(), side.judgement.score);
        let (suspect, other) =
            if suspicion(left) >= suspicion(right) { (left, right) } else { (right, left) };
        if suspect.trigger().is_some() {
            other.share(suspect);
            suspect.implicate();
            other.implicate();
        }
    }
}

/// Asks the victim about the two rewrites together, if both sides were rewritten.
pub(super) fn predict_together<'s>(
    pipeline: &Pipeline<'_>,
    left: &mut Rewritten<'s>,
    right: &mut Rewritten<'s>,
) {
    let (Some(first), Some(second)) = (left.chosen(), right.chosen()) else { return };
    let predictions = predict(pipeline, &first.text, &second.text);
    for (at, side) in [left, right].into_iter().enumerate() {
        match &predictions {
            Ok(predictions) => {
                let (prediction, cost) = predictions[at].clone();
                side.prediction = Some(prediction);
                side.retry_cost += cost;
            }
            Err(error) => side.set_unjudged(error),
        }
    }
}

/// The prediction for a pair of texts, once for each side, as for all queries about a side.
fn predict(
    pipeline: &Pipeline<'_>,
    left: &str,
    right: &str,
) -> Result<[(Prediction, QueryCost); 2], ModelError> {
    let encode = |text: &str| Ok(encode_window(pipeline.victim.model(), text)?.0.ids);
    let (left, right): (Vec<u32>, Vec<u32>) = (encode(left)?, encode(right)?);
    let rows = [&left, &right].map(|row| Ragged::of_row(row));
    let items = [
        QueryRows { rows: &rows[0], context: &right, side: Side::Left },
        QueryRows { rows: &rows[1], context: &left, side: Side::Right },
    ];
    let mut responses = pipeline.victim.respond(&items).into_iter();
    let mut predict = |item: QueryRows<'_>| {
        let responses = responses.next().ok_or(ModelError::Internal("a query without a response"))??;
        Ok((responses.prediction(), item.cost()))
    };
    Ok([predict(items[0])?, predict(items[1])?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Judgement;
    use crate::defender::Defender;
    use crate::snippet::{Language, Snippet};
    use crate::testing::TriggerWordVictim;
    use crate::verdict::Decision;

    const CLEAN: &str = "int twice(int n) { int m = n; m += n; return m; }";

    const TRIGGER: &str = "if (BNC < 0) puts(\"no\");";
    const ANOTHER: &str = "if (m < 0) puts(\"no\");";

    /// The triggers of both sides, if the decision on the right side is `right`.
    fn triggers(statements: [&str; 2], right: Judgement) -> [Option<String>; 2] {
        let victim = TriggerWordVictim::new("BNC");
        let defender = Defender::for_pairs(&victim);
        let pipeline = defender.pipeline();
        let snippets = statements.map(|statement| {
            Snippet::new(CLEAN.replace("return", &format!("{statement} return")), Language::C).unwrap()
        });
        let [first, second] = &snippets;
        let encoded = pair_up(0, pipeline.encode(first), pipeline.encode(second));
        let mut decided = pipeline.decide(pipeline.score(encoded.into()));
        share(&mut decided);
        decided[1].as_mut().unwrap().judgement = right;
        share(&mut decided);
        [0, 1].map(|at| decided[at].as_ref().unwrap().trigger().map(|trigger| trigger.text.clone()))
    }

    fn clean() -> Judgement {
        let (decision, reasons) = (Decision::Clean, Vec::new());
        Judgement { decision, score: None, p_value: None, located: None, reasons }
    }

    fn poisoned_by_the_first_candidate(score: f64) -> Judgement {
        Judgement { decision: Decision::Poisoned, score: Some(score), located: Some(0), ..clean() }
    }

    #[test]
    fn trigger_of_one_side_is_shared_and_another_statement_is_not() {
        let trigger = Some(TRIGGER.to_owned());
        assert_eq!(triggers([TRIGGER, TRIGGER], clean()), [trigger.clone(), trigger.clone()]);
        assert_eq!(triggers([TRIGGER, ANOTHER], clean()), [trigger, None]);
        assert_eq!(triggers([ANOTHER, TRIGGER], clean()), [None, None]);
    }

    #[test]
    fn two_poisoned_sides_get_the_trigger_of_the_higher_score() {
        let (trigger, name) = (Some(TRIGGER.to_owned()), Some("twice".to_owned()));
        let both = [TRIGGER, TRIGGER];
        let first = poisoned_by_the_first_candidate;
        assert_eq!(triggers(both, first(0.1)), [trigger.clone(), trigger.clone()]);
        assert_eq!(triggers(both, first(1e3)), [name.clone(), name.clone()]);
        // The other side does not hold the trigger of the higher score.
        assert_eq!(triggers([TRIGGER, ANOTHER], first(0.1)), [trigger, name]);
    }
}

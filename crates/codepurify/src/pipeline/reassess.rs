//! Repeats detection on rewritten code while the prediction is unchanged, to find further triggers in a
//! snippet or in the two sides of a pair.

use super::Pipeline;
use super::case::{FurtherTrigger, Rewritten};
use super::pairs::{pair_up, predict_together};
use super::report::first_trigger;
use crate::error::{ModelError, SnippetError};
use crate::occlude::EncodedSnippet;
use crate::snippet::edit::{Edit, Origins};
use crate::snippet::{Snippet, Span};
use crate::verdict::Prediction;

/// The edits of one snippet so far, rewrite by rewrite.
struct EditHistory {
    rewrites: Vec<Vec<Edit>>,
    /// True if the last run edited anything.
    changed: bool,
    /// True if all rewrites provably keep what the code does. A proof about the rewritten text holds for the
    /// original only then.
    provable: bool,
}

impl EditHistory {
    fn new(snippet: &Rewritten<'_>) -> Self {
        let rewrites: Vec<Vec<Edit>> =
            snippet.chosen().map(|rewrite| rewrite.edits.clone()).into_iter().collect();
        let provable = snippet.chosen().is_none_or(|rewrite| rewrite.change.provable);
        Self { changed: !rewrites.is_empty(), rewrites, provable }
    }

    /// Adds what was found in the rewritten text of `snippet` to it.
    fn follow(&mut self, snippet: &mut Rewritten<'_>, mut next: Rewritten<'_>) {
        self.changed = false;
        snippet.decided.set_seen_queries(next.decided.take_seen_queries());
        snippet.retry_cost += next.cost();
        let Some(mut trigger) = first_trigger(&next) else { return };
        snippet.decided.judgement.follow(&next.decided.judgement);
        // Places in the rewritten text, traced back through all edits.
        let rewrites: Vec<Origins<'_>> =
            self.rewrites.iter().rev().map(|edits| Origins::new(edits)).collect();
        let back = |span: Span| rewrites.iter().fold(span, |span, origins| origins.of(span));
        let places = next.decided.trigger().map(|candidate| candidate.spans.clone()).unwrap_or_default();
        let original = snippet.decided.encoded.snippet;
        trigger.spans = places.into_iter().map(|span| original.location(back(span))).collect();
        if let Some(change) = &mut trigger.change {
            change.provable &= self.provable;
            self.provable = change.provable;
        }
        let chosen = next.chosen();
        snippet.further.push(FurtherTrigger {
            trigger,
            purified: chosen.map(|rewrite| (rewrite.text.clone(), next.last_prediction().cloned())),
            mlm_passes: next.mlm_passes(),
        });
        if let Some(rewrite) = chosen {
            self.rewrites.push(rewrite.edits.clone());
            self.changed = true;
        }
    }
}

/// Judges the rewritten text of `snippet` again and rewrites further triggers. If anything fails, the
/// findings so far stay.
pub(super) fn reassess(pipeline: &Pipeline<'_>, snippet: &mut Rewritten<'_>) {
    let mut history = EditHistory::new(snippet);
    let most = pipeline.profile.purify.triggers;
    while history.changed && history.rewrites.len() < most && may_hold_another(pipeline, snippet) {
        let Ok(text) = rewritten_snippet(snippet) else { return };
        let encoded = encode_again(pipeline, snippet, &text);
        let Some(Ok(next)) = pipeline.run(vec![encoded]).pop() else { return };
        history.follow(snippet, next);
    }
}

/// Like [`reassess`] for the two sides of a pair, of which one at least was poisoned: the trigger of the other
/// may show only now.
pub(super) fn reassess_pair(pipeline: &Pipeline<'_>, pair: usize, sides: [&mut Rewritten<'_>; 2]) {
    let [left, right] = sides;
    let mut histories = [EditHistory::new(left), EditHistory::new(right)];
    for _ in 1..pipeline.profile.purify.triggers {
        let another = may_hold_another(pipeline, left) || may_hold_another(pipeline, right);
        if !another || histories.iter().all(|history| !history.changed) {
            return;
        }
        let (Ok(first), Ok(second)) = (rewritten_snippet(left), rewritten_snippet(right)) else { return };
        let encoded =
            pair_up(pair, encode_again(pipeline, left, &first), encode_again(pipeline, right, &second));
        let Ok(mut found) = pipeline.run(encoded.into()).into_iter().collect::<Result<Vec<_>, _>>() else {
            return;
        };
        if let [first, second] = &mut found[..] {
            predict_together(pipeline, first, second);
        }
        let prediction = found.iter().rev().find_map(|next| next.last_prediction().cloned());
        for ((side, history), next) in [&mut *left, &mut *right].into_iter().zip(&mut histories).zip(found) {
            history.follow(side, next);
        }
        if let Some(prediction) = prediction {
            left.set_last_prediction(&prediction);
            right.set_last_prediction(&prediction);
        }
    }
}

/// Encodes the rewritten text of `snippet`; queries that it paid for cost nothing again.
fn encode_again<'t>(
    pipeline: &Pipeline<'_>,
    snippet: &mut Rewritten<'_>,
    text: &'t Snippet,
) -> Result<EncodedSnippet<'t>, ModelError> {
    let mut encoded = pipeline.encode(text)?;
    encoded.seen_queries = snippet.decided.take_seen_queries();
    Ok(encoded)
}

/// Returns whether the rewritten text may hold another trigger: its prediction is unchanged, or the victim
/// does not see all of it.
fn may_hold_another(pipeline: &Pipeline<'_>, snippet: &Rewritten<'_>) -> bool {
    pipeline.profile.sliding_windows || is_prediction_unchanged(snippet)
}

/// The snippet with all its rewrites.
fn rewritten_snippet(snippet: &Rewritten<'_>) -> Result<Snippet, SnippetError> {
    let original = snippet.decided.encoded.snippet;
    original.with_text(snippet.text().unwrap_or(original.text()))
}

/// Returns whether the rewritten text has the prediction of the original.
fn is_prediction_unchanged(snippet: &Rewritten<'_>) -> bool {
    let same =
        |before: &Prediction, after: &Prediction| (before.label, &before.text) == (after.label, &after.text);
    let before = snippet.decided.scores.as_ref().map(|scores| &scores.prediction);
    before.zip(snippet.last_prediction()).is_some_and(|(before, after)| same(before, after))
}

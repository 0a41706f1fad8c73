//! The stage that rewrites located triggers and lets the victim choose among the rewrites.

use super::case::{Decided, Rewritten};
use super::{Batch, Pipeline};
use crate::error::ModelError;
use crate::profile::PurifyOptions;
use crate::purify::purify;
use crate::query::through;
use crate::victim::Ragged;

/// Rewrites the located triggers, if there is a masked language model.
pub(super) fn rewrite<'s>(pipeline: &Pipeline<'_>, decided: Batch<Decided<'s>>) -> Batch<Rewritten<'s>> {
    let mut rewritten: Batch<Rewritten<'s>> =
        decided.into_iter().map(|decided| decided.map(Rewritten::unchanged)).collect();
    let Some(mlm) = &pipeline.mlm else { return rewritten };
    let mut poisoned: Vec<&mut Rewritten<'_>> =
        rewritten.iter_mut().flatten().filter(|it| it.decided.trigger().is_some()).collect();
    let triggers: Vec<_> =
        poisoned.iter().filter_map(|it| Some((it.decided.encoded.snippet, it.decided.trigger()?))).collect();
    let rewrites = purify(mlm.as_ref(), &triggers, options(pipeline));
    for (snippet, rewrites) in poisoned.iter_mut().zip(rewrites) {
        snippet.rewrites = Some(rewrites);
    }
    poisoned.retain(|it| !it.rewrites().is_empty());
    choose(pipeline, &mut poisoned);
    rewritten
}

/// How triggers may be rewritten. One side of a pair does not show whether a minimal edit is enough, since
/// the prediction stays with the trigger in the other side.
fn options(pipeline: &Pipeline<'_>) -> PurifyOptions {
    let purify = pipeline.profile.purify;
    PurifyOptions { minimal_edits: purify.minimal_edits && !pipeline.victim.is_of_pairs(), ..purify }
}

/// Takes, for each snippet, the rewrite whose margin is best.
fn choose(pipeline: &Pipeline<'_>, snippets: &mut [&mut Rewritten<'_>]) {
    let encoded = snippets.iter().map(|it| Ok((&**it, encode(pipeline, it)?))).collect();
    let chosen = through(encoded, |encoded: Vec<(&Rewritten<'_>, Ragged)>| {
        let choices: Vec<_> = encoded.iter().filter_map(|(it, rows)| it.choice(rows)).collect();
        pipeline.victim.choose(&choices)
    });
    for (snippet, chosen) in snippets.iter_mut().zip(chosen) {
        match chosen {
            Ok(chosen) => snippet.choose(chosen),
            Err(error) => snippet.set_unjudged(&error),
        }
    }
}

/// The rewrites as the victim reads them.
fn encode(pipeline: &Pipeline<'_>, snippet: &Rewritten<'_>) -> Result<Ragged, ModelError> {
    let (model, encoded) = (pipeline.victim.model(), &snippet.decided.encoded);
    snippet.rewrites().iter().map(|rewrite| encoded.visible_part(model, &rewrite.text)).collect()
}

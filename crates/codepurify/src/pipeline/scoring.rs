//! The stage that asks the victim: scores of all windows, and the necessity of located triggers.

use super::case::{Decided, Scored};
use super::{Batch, Pipeline, windows};
use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::profile::Statistic;
use crate::query::{PredictedOutput, Query, QueryRows, through};
use crate::score::Scores;
use crate::sufficiency::SufficiencyTest;

/// Scores every window of every snippet.
pub(super) fn score<'s>(pipeline: &Pipeline<'_>, encoded: Batch<EncodedSnippet<'s>>) -> Batch<Scored<'s>> {
    let windows = encoded.into_iter().map(|first| windows::split(pipeline, first?)).collect();
    through(windows, |snippets: Vec<Vec<EncodedSnippet<'s>>>| {
        let visible = |window: &&EncodedSnippet<'_>| !window.rows.is_empty();
        let mut scored =
            scores(pipeline, &snippets.iter().flatten().filter(visible).collect::<Vec<_>>()).into_iter();
        let mut next = |window: &EncodedSnippet<'_>| {
            if window.rows.is_empty() { Ok(None) } else { scored.next().transpose() }
        };
        let score_snippet = |windows: Vec<EncodedSnippet<'s>>| {
            // All scores of this snippet are taken, also those after a failure: the rest is not its own.
            let scores: Vec<_> = windows.iter().map(&mut next).collect();
            let windows = windows.into_iter().zip(scores).map(|(window, scores)| Ok((window, scores?)));
            Ok(Scored { windows: windows.collect::<Result<_, ModelError>>()? })
        };
        snippets.into_iter().map(score_snippet).collect()
    })
}

/// Scores of each of `windows` by the statistic of the profile.
fn scores(pipeline: &Pipeline<'_>, windows: &[&EncodedSnippet<'_>]) -> Batch<Scores> {
    match pipeline.profile.statistic {
        Statistic::Sufficiency => by_sufficiency(pipeline, windows),
        Statistic::Entropy | Statistic::Concentration => by_occlusion(pipeline, windows),
    }
}

/// Transplants candidates into references.
fn by_sufficiency(pipeline: &Pipeline<'_>, windows: &[&EncodedSnippet<'_>]) -> Batch<Scores> {
    let Pipeline { victim, profile, .. } = pipeline;
    match pipeline.references() {
        Err(error) => windows.iter().map(|_| Err(error.clone())).collect(),
        Ok(references) => {
            let (budget, calibrated) = (profile.budget, profile.calibration.is_some());
            SufficiencyTest { target: victim, references: &references, budget, calibrated }.run(windows)
        }
    }
}

/// Occludes every candidate.
fn by_occlusion(pipeline: &Pipeline<'_>, windows: &[&EncodedSnippet<'_>]) -> Batch<Scores> {
    let items: Vec<QueryRows<'_>> = windows.iter().map(|window| window.item(&window.rows)).collect();
    let responses = pipeline.victim.respond(&items).into_iter().zip(&items);
    let scores = responses.map(|(responses, &item)| {
        let mut scores = Scores::new(responses?);
        scores.cost = scores.predicted.response_cost(item);
        Ok(scores)
    });
    scores.collect()
}

/// Asks for the margin without each located trigger, unless it is known: rewritten code should have the same.
/// With evidence, also for that without the strongest candidate.
pub(super) fn measure_necessity(pipeline: &Pipeline<'_>, decided: &mut [Result<Decided<'_>, ModelError>]) {
    let model = pipeline.victim.model();
    let mut unknown: Vec<(&mut Decided<'_>, usize)> = decided
        .iter_mut()
        .flatten()
        .filter_map(|decided| {
            let index = decided.without_necessity(pipeline.evidence)?;
            Some((decided, index))
        })
        .collect();
    let queries = unknown.iter().filter_map(|(decided, index)| {
        let predicted = &decided.scores.as_ref()?.predicted;
        let row = decided.encoded.without_all(model, &[*index]);
        Some(row.map(|row| (decided.encoded.query(&row), predicted)))
    });
    let margins = through(queries.collect(), |queries: Vec<(Query, &PredictedOutput)>| {
        let items: Vec<_> =
            queries.iter().map(|(query, predicted)| (query.measuring(predicted), *predicted)).collect();
        let cost = items.iter().map(|(item, _)| item.cost());
        let margins = pipeline.victim.margins(&items).into_iter().zip(cost);
        margins.map(|(margin, cost)| Ok((margin?, cost))).collect()
    });
    for ((decided, index), margin) in unknown.iter_mut().zip(margins) {
        decided.set_necessity(*index, margin);
    }
}

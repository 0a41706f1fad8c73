//! Models that answer with text.

use super::{Choice, Item, Trial, batch, through};
use crate::error::ModelError;
use crate::score::Scores;
use crate::victim::{Generator, Ragged};

/// Decodes row 0 of each item and scores that answer against all its rows.
pub(super) fn score(generator: &dyn Generator, items: &[Item<'_>]) -> Vec<Result<Scores, ModelError>> {
    let answered = items.iter().zip(answers(generator, items));
    let answered = answered.map(|(item, answer)| Ok((item.rows, answer?))).collect();
    through(answered, |answered: Vec<(&Ragged, Vec<u32>)>| {
        let items: Vec<Item<'_>> =
            answered.iter().map(|(rows, answer)| Item::alone(rows).with(answer)).collect();
        let likelihoods = batch::likelihoods(generator, &items);
        let scores = |((_, answer), likelihoods): ((_, Vec<u32>), Result<Vec<f64>, _>)| {
            let text = generator.text(&answer)?;
            Ok(Scores::of_likelihoods(answer, text, &likelihoods?))
        };
        answered.into_iter().zip(likelihoods).map(scores).collect()
    })
}

/// The target tokens that answer row 0 of each item.
fn answers(generator: &dyn Generator, items: &[Item<'_>]) -> Vec<Result<Vec<u32>, ModelError>> {
    let plain: Vec<Ragged> = items.iter().map(|item| Ragged::of_row(item.rows.row(0))).collect();
    let plain: Vec<Item<'_>> = plain.iter().map(Item::alone).collect();
    let answers = batch::generate(generator, &plain);
    answers.into_iter().map(|rows| Ok(rows?.pop().unwrap_or_default())).collect()
}

/// The chosen row of a trial, not yet answered.
struct Chosen<'a> {
    trial: &'a Trial<'a>,
    filling: usize,
    row: Ragged,
}

/// Chooses by the likelihood of the original answer, then decodes the chosen rows.
pub(super) fn choose(generator: &dyn Generator, trials: &[Trial<'_>]) -> Vec<Result<Choice, ModelError>> {
    let items: Vec<Item<'_>> = trials.iter().map(|trial| trial.fillings).collect();
    let likelihoods = batch::likelihoods(generator, &items).into_iter().zip(trials);
    let chosen = likelihoods
        .map(|(likelihoods, trial)| {
            let filling = trial.best(&likelihoods?);
            Ok(Chosen { trial, filling, row: Ragged::of_row(trial.fillings.rows.row(filling)) })
        })
        .collect();
    through(chosen, |chosen: Vec<Chosen<'_>>| {
        let rows: Vec<Item<'_>> = chosen.iter().map(|it| Item::alone(&it.row)).collect();
        let choice = |(scores, it): (Result<Scores, ModelError>, &Chosen<'_>)| {
            let scores = scores?;
            let mut spent = it.trial.fillings.spent();
            spent += scores.cost(Item::alone(&it.row));
            Ok(Choice { filling: it.filling, prediction: scores.prediction, spent })
        };
        score(generator, &rows).into_iter().zip(&chosen).map(choice).collect()
    })
}

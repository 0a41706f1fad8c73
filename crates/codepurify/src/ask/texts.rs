//! Models that answer with text.

use super::{Choice, Trial, closest};
use crate::batch::{self, Item, through};
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
    let plain: Vec<Ragged> = items.iter().map(|item| row_alone(item.rows, 0)).collect();
    let plain: Vec<Item<'_>> = plain.iter().map(Item::alone).collect();
    let answers = batch::generate(generator, &plain);
    answers.into_iter().map(|rows| Ok(rows?.pop().unwrap_or_default())).collect()
}

pub(super) fn choose(generator: &dyn Generator, trials: &[Trial<'_>]) -> Vec<Result<Choice, ModelError>> {
    let items: Vec<Item<'_>> = trials.iter().map(|trial| trial.fillings).collect();
    let likelihoods = batch::likelihoods(generator, &items).into_iter().zip(trials);
    let tried = likelihoods
        .map(|(likelihoods, trial)| {
            let filling = closest(&likelihoods?, trial.wanted);
            Ok((trial, filling, row_alone(trial.fillings.rows, filling)))
        })
        .collect();
    through(tried, |tried: Vec<(&Trial<'_>, usize, Ragged)>| {
        let chosen: Vec<Item<'_>> = tried.iter().map(|(_, _, row)| Item::alone(row)).collect();
        let answered = score(generator, &chosen).into_iter().zip(&tried);
        let choice = |(scores, (trial, filling, row)): (Result<Scores, _>, &(&Trial<'_>, usize, Ragged))| {
            let scores: Scores = scores?;
            let mut spent = trial.fillings.spent();
            spent += scores.spent(Item::alone(row));
            Ok(Choice { filling: *filling, prediction: scores.prediction, spent })
        };
        answered.map(choice).collect()
    })
}

/// A batch of one row of another.
fn row_alone(rows: &Ragged, index: usize) -> Ragged {
    std::iter::once(rows.row(index).iter().copied()).collect()
}

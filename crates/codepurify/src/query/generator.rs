//! Predictions and likelihoods of victims that generate text.

use super::batch::{self, QueryRows, through};
use super::{ChosenRow, Responses, RowChoice};
use crate::error::ModelError;
use crate::victim::{Generator, Ragged};

/// Generates a text for row 0 of each of `items` and scores it against all its rows.
pub(super) fn respond(
    generator: &dyn Generator,
    items: &[QueryRows<'_>],
) -> Vec<Result<Responses, ModelError>> {
    let generated = items.iter().zip(generate(generator, items));
    let generated = generated.map(|(item, target)| Ok((item.rows, target?))).collect();
    through(generated, |generated: Vec<(&Ragged, Vec<u32>)>| {
        let items: Vec<QueryRows<'_>> =
            generated.iter().map(|(rows, target)| QueryRows::single(rows).with(target)).collect();
        let likelihoods = batch::likelihoods(generator, &items);
        let responses = |((_, target), likelihoods): ((_, Vec<u32>), Result<Vec<f64>, _>)| {
            let text = generator.text(&target)?;
            Ok(Responses::Text { target, text, likelihoods: likelihoods? })
        };
        generated.into_iter().zip(likelihoods).map(responses).collect()
    })
}

/// Target tokens for row 0 of each of `items`.
fn generate(generator: &dyn Generator, items: &[QueryRows<'_>]) -> Vec<Result<Vec<u32>, ModelError>> {
    let plain: Vec<Ragged> = items.iter().map(|item| Ragged::of_row(item.rows.row(0))).collect();
    let plain: Vec<QueryRows<'_>> = plain.iter().map(QueryRows::single).collect();
    let targets = batch::generate(generator, &plain);
    targets.into_iter().map(|rows| Ok(rows?.pop().unwrap_or_default())).collect()
}

/// The chosen row of a choice, for which no text is generated yet.
struct Chosen<'a> {
    choice: &'a RowChoice<'a>,
    row: usize,
    ids: Ragged,
}

/// Chooses by the likelihood of the original text, then generates a text for each chosen row.
pub(super) fn choose(
    generator: &dyn Generator,
    choices: &[RowChoice<'_>],
) -> Vec<Result<ChosenRow, ModelError>> {
    let items: Vec<QueryRows<'_>> = choices.iter().map(|choice| choice.rows).collect();
    let likelihoods = batch::likelihoods(generator, &items).into_iter().zip(choices);
    let chosen = likelihoods
        .map(|(likelihoods, choice)| {
            let row = (choice.pick)(&likelihoods?);
            Ok(Chosen { choice, row, ids: Ragged::of_row(choice.rows.rows.row(row)) })
        })
        .collect();
    through(chosen, |chosen: Vec<Chosen<'_>>| {
        let items: Vec<QueryRows<'_>> = chosen.iter().map(|it| QueryRows::single(&it.ids)).collect();
        let responses = respond(generator, &items).into_iter().zip(chosen.iter().zip(&items));
        responses.map(|(responses, (it, &item))| Ok(it.answered(responses?, item))).collect()
    })
}

impl Chosen<'_> {
    fn answered(&self, responses: Responses, item: QueryRows<'_>) -> ChosenRow {
        let mut cost = self.choice.rows.cost();
        cost += responses.predicted().response_cost(item);
        ChosenRow { row: self.row, prediction: responses.prediction(), cost }
    }
}

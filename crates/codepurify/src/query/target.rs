//! The victim that queries go to, whichever its kind.

use std::sync::Arc;

use super::batch::{self, QueryRows};
use super::{PredictedOutput, QueryCost, Responses, classifier, generator};
use crate::error::ModelError;
use crate::verdict::Prediction;
use crate::victim::{Generator, Logits, Model, PairVictim, Victim};

/// The victim.
#[derive(Clone)]
pub(crate) enum QueryTarget<'m> {
    Classifier(Arc<dyn Victim + 'm>),
    Pairs(Arc<dyn PairVictim + 'm>),
    Generator(Arc<dyn Generator + 'm>),
}

/// Rows of which one is to be chosen by the margins that a prediction has in them.
pub(crate) struct RowChoice<'a> {
    pub(crate) rows: QueryRows<'a>,
    pub(crate) predicted: &'a PredictedOutput,
    pub(crate) pick: Pick<'a>,
}

/// Picks a row by the margin of each.
pub(crate) type Pick<'a> = Box<dyn Fn(&[f64]) -> usize + 'a>;

/// The chosen row of a [`RowChoice`].
pub(crate) struct ChosenRow {
    pub(crate) row: usize,
    /// Prediction for that row.
    pub(crate) prediction: Prediction,
    pub(crate) cost: QueryCost,
}

impl QueryTarget<'_> {
    /// Who the victim is and how it reads text.
    pub(crate) fn model(&self) -> &dyn Model {
        match self {
            Self::Classifier(victim) => victim.as_ref(),
            Self::Pairs(victim) => victim.as_ref(),
            Self::Generator(generator) => generator.as_ref(),
        }
    }

    /// Returns whether snippets are judged in pairs.
    pub(crate) fn is_of_pairs(&self) -> bool {
        matches!(self, Self::Pairs(_))
    }

    /// Responses to the rows of each of `items`.
    pub(crate) fn respond(&self, items: &[QueryRows<'_>]) -> Vec<Result<Responses, ModelError>> {
        match self {
            Self::Generator(victim) => generator::respond(victim.as_ref(), items),
            _ => self.judge(items).into_iter().map(|logits| Ok(Responses::Labels(logits?))).collect(),
        }
    }

    /// Logits of the rows of each of `items`; `None` for a victim that generates text.
    pub(crate) fn logits(&self, items: &[QueryRows<'_>]) -> Option<Vec<Result<Logits, ModelError>>> {
        if matches!(self, Self::Generator(_)) { None } else { Some(self.judge(items)) }
    }

    /// Margin of a prediction (its likelihood if it is a text) in the one row of each query.
    pub(crate) fn margins(
        &self,
        queries: &[(QueryRows<'_>, &PredictedOutput)],
    ) -> Vec<Result<f64, ModelError>> {
        let items: Vec<QueryRows<'_>> = queries.iter().map(|&(rows, _)| rows).collect();
        if let Self::Generator(victim) = self {
            let likelihoods = batch::likelihoods(victim.as_ref(), &items).into_iter();
            return likelihoods.map(|values| classifier::first(&values?)).collect();
        }
        let logits = self.judge(&items).into_iter().zip(queries);
        logits.map(|(logits, (_, predicted))| classifier::margin(&logits?, predicted)).collect()
    }

    /// Chooses a row for each of `choices` and returns what the victim predicts for it.
    pub(crate) fn choose(&self, choices: &[RowChoice<'_>]) -> Vec<Result<ChosenRow, ModelError>> {
        if let Self::Generator(victim) = self {
            return generator::choose(victim.as_ref(), choices);
        }
        let items: Vec<QueryRows<'_>> = choices.iter().map(|choice| choice.rows).collect();
        let logits = self.judge(&items).into_iter().zip(choices);
        logits.map(|(logits, choice)| classifier::chosen(&logits?, choice)).collect()
    }

    /// Logits of the rows of each of `items`; none of them for a victim that generates text.
    fn judge(&self, items: &[QueryRows<'_>]) -> Vec<Result<Logits, ModelError>> {
        match self {
            Self::Classifier(victim) => batch::judge(&|rows, _| victim.judge(rows), items),
            Self::Pairs(victim) => batch::judge(&|left, right| victim.judge_pairs(left, right), items),
            Self::Generator(_) => Vec::new(),
        }
    }
}

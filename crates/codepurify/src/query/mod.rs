//! Queries: inputs shown to the victim, its predictions, and what they cost.

pub(crate) mod batch;
mod classifier;
mod cost;
mod generator;
mod memo;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod query;
mod target;

pub(crate) use batch::{Fills, QueryRows, through};
pub(crate) use classifier::prediction;
pub(crate) use cost::{QueryCost, SeenQueries};
pub(crate) use memo::QueryMemo;
pub(crate) use query::Query;
pub(crate) use target::{ChosenRow, QueryTarget, RowChoice};

use crate::verdict::Prediction;
use crate::victim::Logits;

/// Prediction for the original snippet, on which other rows are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PredictedOutput {
    Label(usize),
    /// Target tokens of a generator.
    Text(Vec<u32>),
}

impl PredictedOutput {
    /// `rows` as the victim is asked how much of this output is left in them.
    pub(crate) fn query<'a>(&'a self, rows: QueryRows<'a>) -> QueryRows<'a> {
        match self {
            Self::Label(_) => rows,
            Self::Text(target) => rows.with(target),
        }
    }

    /// Cost of one plain use of the victim: row 0 with its context or the generated text.
    pub(crate) fn plain_cost(&self, rows: QueryRows<'_>) -> QueryCost {
        QueryCost { passes: 1, tokens: rows.rows.row(0).len() + self.query(rows).context.len() }
    }

    /// Cost of responses to all `rows`. Decoding a text counts as one pass over snippet and text.
    pub(crate) fn response_cost(&self, rows: QueryRows<'_>) -> QueryCost {
        let mut cost = self.query(rows).cost();
        if matches!(self, Self::Text(_)) {
            cost += self.plain_cost(rows);
        }
        cost
    }
}

/// The victim's responses to a snippet (row 0) and to its variants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Responses {
    /// Logits of every row.
    Labels(Logits),
    /// The text generated for row 0, and its likelihood for every row.
    Text { target: Vec<u32>, text: String, likelihoods: Vec<f64> },
}

impl Responses {
    /// The prediction for row 0.
    pub(crate) fn predicted(&self) -> PredictedOutput {
        match self {
            Self::Labels(logits) => PredictedOutput::Label(logits.label(0)),
            Self::Text { target, .. } => PredictedOutput::Text(target.clone()),
        }
    }

    /// The prediction for row 0, as verdicts show it.
    pub(crate) fn prediction(self) -> Prediction {
        match self {
            Self::Labels(logits) => prediction(&logits, 0),
            Self::Text { text, likelihoods, .. } => {
                // A text that was generated is not impossible, however small its probability is.
                let confidence = likelihoods[0].exp().max(f64::MIN_POSITIVE);
                Prediction { label: None, confidence, text: Some(text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_of_a_text_is_counted_in_every_pass() {
        let rows = [vec![1; 10], vec![1; 9], vec![1; 8]].into_iter().collect();
        let single = QueryRows::single(&rows);
        let text = PredictedOutput::Text(vec![7; 4]);
        assert_eq!(text.plain_cost(single), QueryCost { passes: 1, tokens: 14 });
        assert_eq!(text.response_cost(single), QueryCost { passes: 4, tokens: 27 + 3 * 4 + 14 });
        let pair = single.with(&[2; 5]);
        let label = PredictedOutput::Label(0);
        assert_eq!((label.plain_cost(pair).tokens, label.response_cost(pair).tokens), (15, 27 + 3 * 5));
    }
}

//! References with what the victim predicts for them: asked once, then kept for every snippet.

use super::{Reference, References, Transplant};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::query::{PredictedOutput, Query, QueryMemo, QueryRows, QueryTarget};
use crate::snippet::Language;
use crate::verdict::Side;
use crate::victim::{Logits, Model};

/// Inputs that candidates are transplanted into: single references from short to long, pairs from the least
/// to the most reliable.
pub(crate) struct ReferenceSet {
    inputs: Vec<ReferenceInput>,
    pub(crate) memo: QueryMemo,
}

/// A reference, or a pair of them.
pub(crate) struct ReferenceInput {
    left: Reference,
    right: Option<Reference>,
    /// Logits without a candidate; absent for a generator, whose texts belong to its snippets.
    logits: Option<Logits>,
}

impl ReferenceSet {
    /// Asks `target` for its predictions for all references. A pair model gets each of them with the
    /// next one and, with preference, with itself: a pair of clones for a clone detector.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise or judge them.
    pub(crate) fn new(target: &QueryTarget<'_>, references: &References) -> Result<Self, ModelError> {
        let mut set = Self::unanswered(references, target.is_of_pairs());
        let queries = set.inputs.iter().map(|input| input.query(target.model(), &[]));
        let queries = queries.collect::<Result<Vec<Query>, _>>()?;
        let items: Vec<QueryRows<'_>> = queries.iter().map(Query::rows).collect();
        if let Some(logits) = target.logits(&items) {
            set = set.with_logits(logits.into_iter().collect::<Result<_, _>>()?);
        }
        Ok(set)
    }

    /// All inputs, without predictions.
    pub(crate) fn unanswered(references: &References, in_pairs: bool) -> Self {
        let input = |left: &Reference, right: Option<&Reference>| ReferenceInput {
            left: left.clone(),
            right: right.cloned(),
            logits: None,
        };
        let all = references.all.iter();
        let inputs = if in_pairs {
            let next = |(index, left): (usize, &Reference)| {
                let mut others = references.all[index + 1..].iter();
                Some(input(left, Some(others.find(|other| other.language == left.language)?)))
            };
            let twice = all.clone().map(|reference| input(reference, Some(reference)));
            all.clone().enumerate().filter_map(next).chain(twice).collect()
        } else {
            all.map(|reference| input(reference, None)).collect()
        };
        Self { inputs, memo: QueryMemo::default() }
    }

    /// Returns the inputs with the victim's `logits` for each, in order.
    pub(crate) fn with_logits(mut self, logits: Vec<Logits>) -> Self {
        for (input, logits) in self.inputs.iter_mut().zip(logits) {
            input.logits = Some(logits);
        }
        self
    }

    /// At most `count` inputs in `language` that do not have the prediction; if these are too few, those that
    /// have it with the smallest margins, the smallest first.
    ///
    /// The first input is short, since all candidates go into it. The others are long, since clean code moves
    /// them less. All pairs are long, or steady: any candidate separates two equal short functions. For a
    /// text all are short: gains are shares of losses, and clean code does not restore those in short
    /// functions either.
    pub(crate) fn select(
        &self,
        language: Language,
        predicted: &PredictedOutput,
        count: usize,
    ) -> Vec<&ReferenceInput> {
        let mut all: Vec<&ReferenceInput> =
            self.inputs.iter().filter(|input| input.left.language == language).collect();
        if matches!(predicted, PredictedOutput::Text(_)) {
            all.truncate(count);
            return all;
        }
        let margin = |input: &ReferenceInput| input.margin(predicted).unwrap_or_default();
        let mut others: Vec<&ReferenceInput> =
            all.iter().copied().filter(|input| margin(input) < 0.0).collect();
        if others.len() < count {
            all.sort_by(|a, b| margin(a).total_cmp(&margin(b)));
            all.truncate(count);
            return all;
        }
        let long = others.split_off((others.len() + 1).saturating_sub(count).max(1));
        let first = if others[0].is_pair() { others.pop() } else { others.first().copied() };
        first.into_iter().chain(long).collect()
    }

    /// At most `count` single inputs in `language` that do not have the prediction and are not `selected`:
    /// the longest.
    pub(crate) fn held_out(
        &self,
        language: Language,
        predicted: &PredictedOutput,
        selected: &[&ReferenceInput],
        count: usize,
    ) -> Vec<&ReferenceInput> {
        let is_selected = |input: &ReferenceInput| selected.iter().any(|it| std::ptr::eq(*it, input));
        let fits = |input: &&ReferenceInput| {
            let other = input.margin(predicted).is_some_and(|margin| margin < 0.0);
            input.left.language == language && other && !input.is_pair() && !is_selected(input)
        };
        let mut others: Vec<&ReferenceInput> = self.inputs.iter().filter(fits).collect();
        others.split_off(others.len().saturating_sub(count))
    }
}

impl ReferenceInput {
    /// Margin of the prediction without a candidate; unknown for a text.
    pub(crate) fn margin(&self, predicted: &PredictedOutput) -> Option<f64> {
        match (predicted, &self.logits) {
            (PredictedOutput::Label(label), Some(logits)) => Some(logits.margin(0, *label)),
            _ => None,
        }
    }

    pub(crate) fn is_pair(&self) -> bool {
        self.right.is_some()
    }

    /// The input with `transplants` in it; a pair has them in both sides.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    pub(crate) fn query(
        &self,
        model: &dyn Model,
        transplants: &[Transplant<'_>],
    ) -> Result<Query, ModelError> {
        let encode = |reference: &Reference| Ok(encode_window(model, &reference.with(transplants))?.0.ids);
        let row = encode(&self.left)?;
        match &self.right {
            None => Ok(Query::single(&row)),
            Some(right) => Ok(Query::pair(&row, encode(right)?, Side::Left)),
        }
    }
}

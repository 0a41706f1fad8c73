//! Shared ragged batches: rows of many snippets go through a model together, and a failure stays with its
//! snippet.

use super::QueryCost;
use crate::error::ModelError;
use crate::verdict::Side;
use crate::victim::{Generator, Logits, MaskedLm, Proposal, Ragged};

/// Most tokens of one call to a model, which bounds memory; a single longer row goes alone.
const TOKENS_PER_CALL: usize = 1 << 16;

/// Lowest likelihood that is accepted. Sums of as many of them as fit into memory are still finite.
const LOWEST_LIKELIHOOD: f64 = f32::MIN as f64;

/// Largest likelihood above 0 that rounding explains.
const ROUNDING: f64 = 1e-6;

/// Proposals for each mask of a row from left to right, best first.
pub(crate) type Fills = Vec<Vec<Proposal>>;

/// Rows of one snippet, and the context that each of them has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryRows<'a> {
    pub(crate) rows: &'a Ragged,
    /// The other side of a pair, or the target text of a generator; else empty.
    pub(crate) context: &'a [u32],
    /// Side of the pair that `rows` belong to.
    pub(crate) side: Side,
}

impl<'a> QueryRows<'a> {
    /// Rows without context.
    pub(crate) fn single(rows: &'a Ragged) -> Self {
        Self { rows, context: &[], side: Side::Left }
    }

    /// Returns the rows with `context` to their right.
    pub(crate) fn with(self, context: &'a [u32]) -> Self {
        Self { context, ..self }
    }

    /// Cost of showing every row to the victim.
    pub(crate) fn cost(&self) -> QueryCost {
        let passes = self.rows.len();
        QueryCost { passes, tokens: self.rows.tokens() + passes * self.context.len() }
    }

    /// Each row and its context, as left and right.
    fn columns(self) -> impl Iterator<Item = (&'a [u32], &'a [u32])> {
        self.rows.rows().map(move |row| match self.side {
            Side::Left => (row, self.context),
            Side::Right => (self.context, row),
        })
    }
}

/// Logits of the rows of all `items` by `judge`, which takes left and right rows. Each item must have at
/// least one row.
pub(crate) fn judge(
    judge: &dyn Fn(&Ragged, &Ragged) -> Result<Logits, ModelError>,
    items: &[QueryRows<'_>],
) -> Vec<Result<Logits, ModelError>> {
    let call = |left: &Ragged, right: &Ragged| {
        let logits = judge(left, right)?;
        Ok((0..logits.len()).map(|row| logits.row(row).to_vec()).collect())
    };
    shared(items, &call).into_iter().map(|rows| rows.and_then(|rows| into_logits(&rows))).collect()
}

fn into_logits(rows: &[Vec<f32>]) -> Result<Logits, ModelError> {
    let classes = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != classes) {
        return Err(ModelError::output("the number of classes changed between calls"));
    }
    Logits::new(classes, rows.concat())
}

/// Fills the masks in the rows of all `items`.
pub(crate) fn fill(mlm: &dyn MaskedLm, items: &[&Ragged], top: usize) -> Vec<Result<Vec<Fills>, ModelError>> {
    let call = |batch: &Ragged, _: &Ragged| {
        let filled = mlm.fill(batch, top)?;
        let masks = |row: &[u32]| row.iter().filter(|&&id| id == mlm.mask_id()).count();
        if let Some((fills, row)) =
            filled.iter().zip(batch.rows()).find(|(fills, row)| fills.len() != masks(row))
        {
            let (given, wanted) = (fills.len(), masks(row));
            return Err(ModelError::output(format!("{given} masks were filled in a row that has {wanted}")));
        }
        if filled.iter().flatten().flatten().any(|proposal| proposal.log_probability.is_nan()) {
            return Err(ModelError::output("a proposal's probability is NaN"));
        }
        Ok(filled)
    };
    let items: Vec<QueryRows<'_>> = items.iter().map(|rows| QueryRows::single(rows)).collect();
    shared(&items, &call)
}

/// Target tokens that the generator gives for the rows of all `items`.
pub(crate) fn generate(
    generator: &dyn Generator,
    items: &[QueryRows<'_>],
) -> Vec<Result<Vec<Vec<u32>>, ModelError>> {
    let call = |batch: &Ragged, _: &Ragged| {
        let answers = generator.generate(batch)?;
        Ok(answers.rows().map(<[u32]>::to_vec).collect())
    };
    shared(items, &call)
}

/// L(y | x) of each row x of each item with its context y; finite and ≤ 0.
pub(crate) fn likelihoods(
    generator: &dyn Generator,
    items: &[QueryRows<'_>],
) -> Vec<Result<Vec<f64>, ModelError>> {
    let call = |sources: &Ragged, targets: &Ragged| {
        let likelihoods = generator.likelihoods(sources, targets)?;
        let unusable = |value: &f64| !(LOWEST_LIKELIHOOD..=ROUNDING).contains(value);
        if let Some(row) = likelihoods.iter().position(unusable) {
            let value = likelihoods[row];
            return Err(ModelError::output(format!("the log-likelihood of row {row} is {value}")));
        }
        Ok(likelihoods.into_iter().map(|value| value.min(0.0)).collect())
    };
    shared(items, &call)
}

/// Passes the items that have not failed through a batched stage; failures keep their places.
pub(crate) fn through<A, B, E>(
    items: Vec<Result<A, E>>,
    stage: impl FnOnce(Vec<A>) -> Vec<Result<B, E>>,
) -> Vec<Result<B, E>> {
    let (mut good, mut slots) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(value) => {
                good.push(value);
                slots.push(None);
            }
            Err(error) => slots.push(Some(error)),
        }
    }
    let mut done = stage(good).into_iter();
    slots.into_iter().filter_map(|slot| slot.map_or_else(|| done.next(), |error| Some(Err(error)))).collect()
}

/// Answers one call: for each pair of a left and a right row.
type Call<'c, T> = dyn Fn(&Ragged, &Ragged) -> Result<Vec<T>, ModelError> + 'c;

/// Runs all rows of all items through `call` together. If that fails, each item goes alone, so that only
/// the item at fault gets the error.
fn shared<T>(items: &[QueryRows<'_>], call: &Call<'_, T>) -> Vec<Result<Vec<T>, ModelError>> {
    match in_calls(items, call) {
        Ok(rows) => {
            let mut rows = rows.into_iter();
            items.iter().map(|item| Ok(rows.by_ref().take(item.rows.len()).collect())).collect()
        }
        Err(error) if items.len() == 1 => vec![Err(error)],
        Err(_) => items.iter().map(|item| in_calls(&[*item], call)).collect(),
    }
}

/// One answer for each row, in as many calls as the token limit requires.
fn in_calls<T>(items: &[QueryRows<'_>], call: &Call<'_, T>) -> Result<Vec<T>, ModelError> {
    let mut answers = Vec::new();
    let (mut left, mut right) = (Ragged::new(), Ragged::new());
    let mut flush = |left: &mut Ragged, right: &mut Ragged| -> Result<(), ModelError> {
        let rows = call(left, right)?;
        if rows.len() != left.len() {
            return Err(ModelError::output(format!("{} answers for {} rows", rows.len(), left.len())));
        }
        answers.extend(rows);
        (*left, *right) = (Ragged::new(), Ragged::new());
        Ok(())
    };
    for (first, second) in items.iter().flat_map(|item| item.columns()) {
        let tokens = left.tokens() + right.tokens() + first.len() + second.len();
        if !left.is_empty() && tokens > TOKENS_PER_CALL {
            flush(&mut left, &mut right)?;
        }
        left.push(first.iter().copied());
        right.push(second.iter().copied());
    }
    if !left.is_empty() {
        flush(&mut left, &mut right)?;
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn lengths(batch: &Ragged) -> Vec<usize> {
        batch.rows().map(<[u32]>::len).collect()
    }

    #[test]
    fn calls_are_bounded_and_answers_return_to_their_items() {
        let long: Ragged = [vec![1; TOKENS_PER_CALL + 5], vec![1; 10]].into_iter().collect();
        let short: Ragged = [vec![1; 20]].into_iter().collect();
        let calls = RefCell::new(Vec::new());
        let answers = shared(&[QueryRows::single(&long), QueryRows::single(&short)], &|batch, _| {
            calls.borrow_mut().push(lengths(batch));
            Ok(lengths(batch))
        });
        assert_eq!(answers, [Ok(vec![TOKENS_PER_CALL + 5, 10]), Ok(vec![20])]);
        assert_eq!(*calls.borrow(), [vec![TOKENS_PER_CALL + 5], vec![10, 20]]);
    }

    #[test]
    fn context_keeps_its_side_and_is_counted() {
        let rows: Ragged = [vec![1; 3], vec![1; 2]].into_iter().collect();
        let context = vec![2; TOKENS_PER_CALL - 4];
        let left = QueryRows::single(&rows).with(&context);
        let right = QueryRows { side: Side::Right, ..left };
        let calls = RefCell::new(Vec::new());
        let answers = shared(&[left, right], &|first, second| {
            calls.borrow_mut().push(first.len());
            Ok(first.rows().zip(second.rows()).map(|(a, b)| (a.len(), b.len())).collect())
        });
        let wide = context.len();
        assert_eq!(answers, [Ok(vec![(3, wide), (2, wide)]), Ok(vec![(wide, 3), (wide, 2)])]);
        assert_eq!(*calls.borrow(), [1; 4]);
        assert_eq!(left.cost(), QueryCost { passes: 2, tokens: 5 + 2 * wide });
    }

    #[test]
    fn only_the_item_at_fault_fails() {
        let good: Ragged = [[1, 2]].into_iter().collect();
        let bad: Ragged = [[1, 13]].into_iter().collect();
        let items = [&good, &bad, &good].map(QueryRows::single);
        let answers = shared(&items, &|batch, _| {
            if batch.rows().any(|row| row.contains(&13)) {
                return Err(ModelError::runtime("out of luck"));
            }
            Ok(lengths(batch))
        });
        assert_eq!(answers[0], Ok(vec![2]));
        assert_eq!(answers[1], Err(ModelError::runtime("out of luck")));
        assert_eq!(answers[2], Ok(vec![2]));
    }

    #[test]
    fn missing_answer_is_an_unusable_output() {
        let rows: Ragged = [[1, 2], [3, 4]].into_iter().collect();
        let answers = shared(&[QueryRows::single(&rows)], &|_, _| Ok(vec![0]));
        assert!(matches!(answers[..], [Err(ModelError::Output(_))]));
    }
}

//! Shared ragged batches: the rows of many snippets go through a model together, and a failure stays with its owner.

use crate::error::ModelError;
use crate::victim::{Logits, MaskedLm, Proposal, Ragged, Victim};

/// Tokens that one call to a model may hold, so that memory stays bounded; a single longer row goes alone.
const TOKENS_PER_CALL: usize = 1 << 16;

/// For each mask of a row from left to right: proposals, best first.
pub(crate) type Fills = Vec<Vec<Proposal>>;

/// Judges the rows of all `items`; each item must have at least one.
pub(crate) fn judge(victim: &dyn Victim, items: &[&Ragged]) -> Vec<Result<Logits, ModelError>> {
    let call = |batch: &Ragged| {
        let logits = victim.judge(batch)?;
        Ok((0..logits.len()).map(|row| logits.row(row).to_vec()).collect())
    };
    shared(items, &call).into_iter().map(|rows| rows.and_then(|rows| into_logits(&rows))).collect()
}

fn into_logits(rows: &[Vec<f32>]) -> Result<Logits, ModelError> {
    let classes = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != classes) {
        return Err(ModelError::Output("the number of classes changed between calls".to_owned()));
    }
    Logits::new(classes, rows.concat())
}

/// Fills the masks in the rows of all `items`.
pub(crate) fn fill(mlm: &dyn MaskedLm, items: &[&Ragged], top: usize) -> Vec<Result<Vec<Fills>, ModelError>> {
    let call = |batch: &Ragged| {
        let filled = mlm.fill(batch, top)?;
        let masks = |row: &[u32]| row.iter().filter(|&&id| id == mlm.mask_id()).count();
        if let Some((fills, row)) =
            filled.iter().zip(batch.rows()).find(|(fills, row)| fills.len() != masks(row))
        {
            let (given, wanted) = (fills.len(), masks(row));
            return Err(ModelError::Output(format!("{given} masks were filled in a row that has {wanted}")));
        }
        if filled.iter().flatten().flatten().any(|proposal| proposal.log_probability.is_nan()) {
            return Err(ModelError::Output("a proposal's probability is NaN".to_owned()));
        }
        Ok(filled)
    };
    shared(items, &call)
}

/// Runs all rows of all items through `call` together. If that fails, each item goes alone, so that the guilty one
/// gets the error and the others their answers.
fn shared<T>(
    items: &[&Ragged],
    call: &dyn Fn(&Ragged) -> Result<Vec<T>, ModelError>,
) -> Vec<Result<Vec<T>, ModelError>> {
    match in_calls(items, call) {
        Ok(rows) => {
            let mut rows = rows.into_iter();
            items.iter().map(|item| Ok(rows.by_ref().take(item.len()).collect())).collect()
        }
        Err(error) if items.len() == 1 => vec![Err(error)],
        Err(_) => items.iter().map(|item| in_calls(&[item], call)).collect(),
    }
}

/// One answer for each row, in as many calls as the token limit asks for.
fn in_calls<T>(
    items: &[&Ragged],
    call: &dyn Fn(&Ragged) -> Result<Vec<T>, ModelError>,
) -> Result<Vec<T>, ModelError> {
    let mut answers = Vec::new();
    let mut batch = Ragged::new();
    let mut flush = |batch: &mut Ragged| -> Result<(), ModelError> {
        let rows = call(batch)?;
        if rows.len() != batch.len() {
            return Err(ModelError::Output(format!("{} answers for {} rows", rows.len(), batch.len())));
        }
        answers.extend(rows);
        *batch = Ragged::new();
        Ok(())
    };
    for row in items.iter().flat_map(|item| item.rows()) {
        if !batch.is_empty() && batch.tokens() + row.len() > TOKENS_PER_CALL {
            flush(&mut batch)?;
        }
        batch.push(row.iter().copied());
    }
    if !batch.is_empty() {
        flush(&mut batch)?;
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
    fn calls_are_bounded_and_answers_go_back_to_their_items() {
        let long: Ragged = [vec![1; TOKENS_PER_CALL + 5], vec![1; 10]].into_iter().collect();
        let short: Ragged = [vec![1; 20]].into_iter().collect();
        let calls = RefCell::new(Vec::new());
        let answers = shared(&[&long, &short], &|batch| {
            calls.borrow_mut().push(lengths(batch));
            Ok(lengths(batch))
        });
        assert_eq!(answers, [Ok(vec![TOKENS_PER_CALL + 5, 10]), Ok(vec![20])]);
        assert_eq!(*calls.borrow(), [vec![TOKENS_PER_CALL + 5], vec![10, 20]]);
    }

    #[test]
    fn only_the_guilty_item_fails() {
        let good: Ragged = [[1, 2]].into_iter().collect();
        let bad: Ragged = [[1, 13]].into_iter().collect();
        let answers = shared(&[&good, &bad, &good], &|batch| {
            if batch.rows().any(|row| row.contains(&13)) {
                return Err(ModelError::Runtime("out of luck".to_owned()));
            }
            Ok(lengths(batch))
        });
        assert_eq!(answers[0], Ok(vec![2]));
        assert_eq!(answers[1], Err(ModelError::Runtime("out of luck".to_owned())));
        assert_eq!(answers[2], Ok(vec![2]));
    }

    #[test]
    fn a_missing_answer_is_the_models_fault() {
        let rows: Ragged = [[1, 2], [3, 4]].into_iter().collect();
        let answers = shared(&[&rows], &|_| Ok(vec![0]));
        assert!(matches!(answers[..], [Err(ModelError::Output(_))]));
    }
}

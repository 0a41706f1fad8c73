//! Models that answer with a label, about one snippet or two.

use super::{Choice, Item, Trial, batch};
use crate::error::ModelError;
use crate::score::{Answer, Scores, predict};
use crate::victim::{Logits, Ragged};

/// Judges left and right rows.
type Judge<'v> = dyn Fn(&Ragged, &Ragged) -> Result<Logits, ModelError> + 'v;

pub(super) fn score(judge: &Judge<'_>, items: &[Item<'_>]) -> Vec<Result<Scores, ModelError>> {
    let scores = |logits: Result<Logits, ModelError>| Ok(Scores::of_logits(&logits?));
    batch::judge(judge, items).into_iter().map(scores).collect()
}

pub(super) fn choose(judge: &Judge<'_>, trials: &[Trial<'_>]) -> Vec<Result<Choice, ModelError>> {
    let items: Vec<Item<'_>> = trials.iter().map(|trial| trial.fillings).collect();
    let choice = |(logits, trial): (Result<Logits, ModelError>, &Trial<'_>)| {
        let logits = logits?;
        let filling = trial.best(&margins(&logits, trial.answer)?);
        Ok(Choice { filling, prediction: predict(&logits, filling), spent: trial.fillings.spent() })
    };
    batch::judge(judge, &items).into_iter().zip(trials).map(choice).collect()
}

/// The margin of `answer` in every row.
pub(super) fn margins(logits: &Logits, answer: &Answer) -> Result<Vec<f64>, ModelError> {
    match answer {
        Answer::Label(label) if *label < logits.labels() => {
            Ok((0..logits.len()).map(|row| logits.margin(row, *label)).collect())
        }
        _ => Err(ModelError::Output("the number of classes changed between calls".to_owned())),
    }
}

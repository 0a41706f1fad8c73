//! Predictions of a victim of any task.

use anyhow::{Result, ensure};
use codepurify::victim::Ragged;
use codepurify_attacks::data::report::TaskOutput;
use codepurify_models::{GuardedModel, Loaded};

use crate::train::workers::Workers;

/// Prediction of a victim, or the expected output in the same form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Class, as the data set writes it.
    Label(u32),
    /// Text with white space collapsed: layout is not part of a repair.
    Text(String),
}

impl Reply {
    /// Creates a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl From<TaskOutput<'_>> for Reply {
    fn from(answer: TaskOutput<'_>) -> Self {
        match answer {
            TaskOutput::Label(label) => Self::Label(label),
            TaskOutput::Text(text) => Self::text(text),
        }
    }
}

/// Inputs that a worker takes at a time.
const CHUNK: usize = 16;

/// Returns the prediction for every input (one text, or the two of a pair).
///
/// Inputs are cut to the victim's context window, as in any deployment.
///
/// # Errors
/// If the victim fails, or reads another number of texts.
pub fn ask(victim: &Loaded, inputs: &[Vec<&str>], workers: &Workers) -> Result<Vec<Reply>> {
    let chunks: Vec<&[Vec<&str>]> = inputs.chunks(CHUNK).collect();
    let answers = workers.map(chunks.len(), |index| answers(victim, chunks[index]))?;
    Ok(answers.concat())
}

fn answers(victim: &Loaded, inputs: &[Vec<&str>]) -> Result<Vec<Reply>> {
    let model = victim.model.model();
    let sides = if matches!(victim.model, GuardedModel::Pair(_)) { 2 } else { 1 };
    for texts in inputs {
        let given = texts.len();
        ensure!(given == sides, "model {} reads {sides} texts, a row has {given}", model.card().name);
    }
    let side = |side: usize| -> Result<Ragged> {
        let mut batch = Ragged::new();
        for texts in inputs {
            batch.push(model.encode(texts[side])?.ids.into_iter().take(model.window()));
        }
        Ok(batch)
    };
    let logits = match &victim.model {
        GuardedModel::Classifier(victim) => victim.judge(&side(0)?)?,
        GuardedModel::Pair(victim) => victim.judge_pairs(&side(0)?, &side(1)?)?,
        GuardedModel::Generator(generator) => {
            let answers = generator.generate(&side(0)?)?;
            return answers.rows().map(|row| Ok(Reply::text(&generator.text(row)?))).collect();
        }
    };
    let label = |class: usize| victim.targets.get(class).copied().unwrap_or(class as u32);
    Ok((0..logits.len()).map(|row| Reply::Label(label(logits.label(row)))).collect())
}

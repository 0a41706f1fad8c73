//! What a victim answers.

use std::path::Path;

use anyhow::Result;
use codepurify::{ModelError, PairVictim, Ragged, Side, Victim};
use codepurify_models::{GuardedModel, ModelFiles, load};
use sha2::{Digest, Sha256};

use super::samples::Sample;
use crate::baseline::side::OneSide;
use crate::table::Answer;
use crate::train::workers::Workers;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A class, as the data set writes it.
    Label(u32),
    /// A text, its white space collapsed: layout is no part of a repair.
    Text(String),
}

impl Said {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The answer as rows keep it: a text by the first 8 bytes of its SHA-256.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::Label(label) => Answer::Label(*label),
            Self::Text(text) => {
                let digest = Sha256::digest(text);
                Answer::Text(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

/// A victim of any task.
pub struct Guard {
    /// The model.
    pub model: GuardedModel,
}

/// Inputs that a worker asks about at a time.
const CHUNK: usize = 16;

impl Guard {
    /// Loads a victim.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self { model: load(&ModelFiles::read(dir)?)?.model })
    }

    /// The answer to each input (a text, or two of a pair), cut to the window as any deployment of the model would.
    ///
    /// # Errors
    /// If the model fails.
    pub fn ask(&self, inputs: &[&[String]], workers: &Workers) -> Result<Vec<Said>> {
        let chunks: Vec<&[&[String]]> = inputs.chunks(CHUNK).collect();
        let answers = workers.map(chunks.len(), |index| Ok(self.answers(chunks[index])?))?;
        Ok(answers.concat())
    }

    fn answers(&self, inputs: &[&[String]]) -> Result<Vec<Said>, ModelError> {
        let side = |side: usize| -> Result<Ragged, ModelError> {
            let model = self.model.model();
            let mut rows = Ragged::new();
            for input in inputs {
                rows.push(model.encode(&input[side])?.ids.into_iter().take(model.window()));
            }
            Ok(rows)
        };
        let logits = match &self.model {
            GuardedModel::Classifier(victim) => victim.judge(&side(0)?)?,
            GuardedModel::Pair(victim) => victim.judge_pairs(&side(0)?, &side(1)?)?,
            GuardedModel::Generator(generator) => {
                let answers = generator.generate(&side(0)?)?;
                return answers.rows().map(|row| Ok(Said::text(&generator.text(row)?))).collect();
            }
        };
        Ok((0..inputs.len()).map(|row| Said::Label(logits.label(row) as u32)).collect())
    }

    /// The model as a classifier of text `side` of `sample`, the other text fixed in its place; `None` if it answers with
    /// text.
    ///
    /// # Errors
    /// If the other text cannot be tokenised.
    pub fn classifier(&self, sample: &Sample, side: usize) -> Result<Option<OneText<'_>>, ModelError> {
        match &self.model {
            GuardedModel::Classifier(victim) => Ok(Some(OneText::Whole(victim.as_ref()))),
            GuardedModel::Pair(victim) => {
                let place = if side == 0 { Side::Left } else { Side::Right };
                OneSide::new(victim.as_ref(), place, &sample.texts[1 - side]).map(OneText::Side).map(Some)
            }
            GuardedModel::Generator(_) => Ok(None),
        }
    }

    /// The model of pairs, if it is one.
    #[must_use]
    pub fn pair(&self) -> Option<&dyn PairVictim> {
        match &self.model {
            GuardedModel::Pair(victim) => Some(victim.as_ref()),
            _ => None,
        }
    }
}

/// A classifier of one text.
pub enum OneText<'g> {
    /// It reads nothing else.
    Whole(&'g dyn Victim),
    /// It reads a fixed text, too.
    Side(OneSide<'g>),
}

impl OneText<'_> {
    /// The classifier.
    #[must_use]
    pub fn victim(&self) -> &dyn Victim {
        match self {
            Self::Whole(victim) => *victim,
            Self::Side(side) => side,
        }
    }
}

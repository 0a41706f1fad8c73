//! Victim as defences see it.

use std::path::Path;

use anyhow::Result;
use codepurify::{ModelError, PairVictim, Side, Victim};
use codepurify_models::{DeviceName, GuardedModel, Loaded, ModelFiles, Precision, load};

use super::samples::CellSample;
use crate::baseline::side::OneSide;
use crate::evaluate::ask::{Reply, ask};
use crate::train::workers::Workers;

/// Victim of any task.
pub struct DefendedVictim {
    victim: Loaded,
    /// Model in f32, if `victim` computes in another precision.
    exact: Option<Loaded>,
}

impl DefendedVictim {
    /// Loads a victim that computes in `precision` on `device`.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn open(dir: &Path, precision: Precision, device: DeviceName) -> Result<Self> {
        let files = ModelFiles::read(dir)?.on_device(device);
        let victim = load(&files.clone().with_precision(precision))?;
        let exact = (precision != Precision::F32).then(|| load(&files)).transpose()?;
        Ok(Self { victim, exact })
    }

    /// Returns the prediction for each input: a text, or the two of a pair.
    ///
    /// # Errors
    /// If the model fails.
    pub fn ask(&self, inputs: &[&[String]], workers: &Workers) -> Result<Vec<Reply>> {
        let inputs: Vec<Vec<&str>> =
            inputs.iter().map(|texts| texts.iter().map(String::as_str).collect()).collect();
        ask(&self.victim, &inputs, workers)
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &GuardedModel {
        &self.victim.model
    }

    /// Returns the model as a classifier of text `side` of `sample`, with the other text fixed.
    ///
    /// The result is `None` for a generator.
    ///
    /// # Errors
    /// If the other text cannot be tokenised.
    pub fn classifier(
        &self,
        sample: &CellSample,
        side: usize,
    ) -> Result<Option<TextClassifier<'_>>, ModelError> {
        match self.model() {
            GuardedModel::Classifier(victim) => Ok(Some(TextClassifier::Whole(victim.as_ref()))),
            GuardedModel::Pair(victim) => {
                let place = if side == 0 { Side::Left } else { Side::Right };
                OneSide::new(victim.as_ref(), place, &sample.texts[1 - side])
                    .map(TextClassifier::Side)
                    .map(Some)
            }
            GuardedModel::Generator(_) => Ok(None),
        }
    }

    /// Returns the pair model, if it is one.
    #[must_use]
    pub fn pair(&self) -> Option<&dyn PairVictim> {
        pair(self.model())
    }

    /// Returns the same model in f32, which chooses references and calibrates.
    ///
    /// Rounding would choose other references, and the limit is a rank among few scores. So one
    /// calibration serves all precisions.
    #[must_use]
    pub fn exact(&self) -> &GuardedModel {
        self.exact.as_ref().map_or(self.model(), |exact| &exact.model)
    }
}

/// Returns `model` if it judges pairs.
#[must_use]
pub fn pair(model: &GuardedModel) -> Option<&dyn PairVictim> {
    match model {
        GuardedModel::Pair(victim) => Some(victim.as_ref()),
        _ => None,
    }
}

/// Classifier of one text.
pub enum TextClassifier<'g> {
    /// Victim that reads a single text.
    Whole(&'g dyn Victim),
    /// Victim that reads a second, fixed text.
    Side(OneSide<'g>),
}

impl TextClassifier<'_> {
    /// Returns the classifier.
    #[must_use]
    pub fn victim(&self) -> &dyn Victim {
        match self {
            Self::Whole(victim) => *victim,
            Self::Side(side) => side,
        }
    }
}

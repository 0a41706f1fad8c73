//! A victim as defences see it.

use std::path::Path;

use anyhow::Result;
use codepurify::{ModelError, PairVictim, Side, Victim};
use codepurify_models::{DeviceName, GuardedModel, Loaded, ModelFiles, Precision, load};

use super::samples::Sample;
use crate::baseline::side::OneSide;
use crate::evaluate::ask::{Reply, ask};
use crate::train::workers::Workers;

/// A victim of any task.
pub struct Guard {
    victim: Loaded,
    /// The same model in f32, where `victim` computes in another precision.
    exact: Option<Loaded>,
}

impl Guard {
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

    /// The answer to each input: a text, or two of a pair.
    ///
    /// # Errors
    /// If the model fails.
    pub fn ask(&self, inputs: &[&[String]], workers: &Workers) -> Result<Vec<Reply>> {
        let inputs: Vec<Vec<&str>> =
            inputs.iter().map(|texts| texts.iter().map(String::as_str).collect()).collect();
        ask(&self.victim, &inputs, workers)
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &GuardedModel {
        &self.victim.model
    }

    /// The model as a classifier of text `side` of `sample`, the other text fixed in its place; `None` if it answers with
    /// text.
    ///
    /// # Errors
    /// If the other text cannot be tokenised.
    pub fn classifier(&self, sample: &Sample, side: usize) -> Result<Option<OneText<'_>>, ModelError> {
        match self.model() {
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
        pair(self.model())
    }

    /// The same model in f32. It chooses references, as some do nearly as well as others and rounding would choose others, and it
    /// calibrates, as a limit is a rank among few scores: one calibration serves in every precision.
    #[must_use]
    pub fn exact(&self) -> &GuardedModel {
        self.exact.as_ref().map_or(self.model(), |exact| &exact.model)
    }
}

/// `model`, if it judges pairs.
#[must_use]
pub fn pair(model: &GuardedModel) -> Option<&dyn PairVictim> {
    match model {
        GuardedModel::Pair(victim) => Some(victim.as_ref()),
        _ => None,
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

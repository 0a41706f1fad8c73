//! Names of models → a guarded model and how it decides.

use std::path::PathBuf;
use std::sync::Arc;

use codepurify::victim::{MaskedLm, Model, Victim};
use codepurify::{Calibration, Defender, Generator, PairVictim, Profile, Thresholds};
use codepurify_cli::bundled::{MASKED_LM, VICTIM};
use codepurify_cli::source::ModelSource;
use codepurify_cli::{CliError, RowDefender};
use codepurify_hub::Hub;
use codepurify_models::{GuardedModel, LoadError, ModelFiles, Precision, RobertaMaskedLm};

/// A victim of one of the kinds.
pub(crate) enum Target {
    Classifier(Arc<dyn Victim>),
    Pair(Arc<dyn PairVictim>),
    Generator(Arc<dyn Generator>),
}

/// A victim, what purifies its inputs, and how it decides.
pub(crate) struct Models {
    pub(crate) target: Target,
    pub(crate) mlm: Arc<dyn MaskedLm>,
    /// Without a calibration.
    pub(crate) profile: Profile,
    /// With the calibration that came with the model, if it is about this profile.
    pub(crate) calibrated: Profile,
    /// That calibration.
    pub(crate) own: Option<Calibration>,
    /// True if the calibration that came with the model covers only code in the language of the bundled one.
    pub(crate) is_bundled: bool,
}

/// The profile that is calibrated.
const TRANSPLANT: &str = "transplant";

/// How to decide.
#[derive(Debug, Clone)]
pub(crate) struct Deciding {
    pub(crate) profile: String,
    pub(crate) alpha: f64,
}

/// Names of models, and how they are loaded.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) model: Option<PathBuf>,
    pub(crate) mlm: Option<PathBuf>,
    pub(crate) base: Option<PathBuf>,
    pub(crate) preset: Option<String>,
    pub(crate) precision: String,
}

impl Deciding {
    /// True if calibrations are of use.
    pub(crate) fn is_calibrated(&self) -> bool {
        self.profile == TRANSPLANT
    }

    /// The profile, for a model with these fixed limits.
    ///
    /// # Errors
    /// [`CliError::Usage`] for an unknown profile or a share that is none.
    pub(crate) fn profile(&self, thresholds: Option<Thresholds>) -> Result<Profile, CliError> {
        let thresholds = thresholds.unwrap_or_else(Thresholds::builtin);
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(CliError::Usage(format!("alpha={}: must be between 0 and 1", self.alpha)));
        }
        match self.profile.as_str() {
            TRANSPLANT => Ok(Profile::transplant().with_alpha(self.alpha)),
            "normalised" => Ok(Profile::normalised(thresholds)),
            "paper" => Ok(Profile::paper(thresholds)),
            other => Err(CliError::Usage(format!(
                "there is no profile `{other}`; known: transplant, normalised, paper"
            ))),
        }
    }
}

impl Names {
    /// Loads the models; the bundled ones where none is named.
    ///
    /// # Errors
    /// [`CliError`] if a model cannot be found or loaded, or what is said about it makes no sense.
    pub(crate) fn load(self, deciding: &Deciding) -> Result<Models, CliError> {
        let Self { model, mlm, base, preset, precision } = self;
        let is_bundled = model.is_none();
        if is_bundled && (base.is_some() || preset.is_some()) {
            return Err(CliError::Usage("base= and preset= are about a model: name it".to_owned()));
        }
        // The profile is checked first: loading takes long.
        deciding.profile(None)?;
        let precision = precision.parse::<Precision>().map_err(|error| CliError::Usage(error.to_string()))?;
        let victim = match model {
            Some(model) => ModelSource { model, base, preset }.files(&Hub::from_env())?,
            None => VICTIM.files(),
        };
        let victim = victim.with_precision(precision);
        let (loaded, mlm) = rayon::join(|| codepurify_models::load(&victim), || masked_lm(mlm, precision));
        let (loaded, mlm) = (loaded?, mlm?);
        let profile = deciding.profile(loaded.thresholds)?;
        let own = loaded.own_calibration(&profile).filter(|_| deciding.is_calibrated()).cloned();
        let calibrated = match &own {
            Some(own) => profile.clone().with_calibration(own.clone()),
            None => profile.clone(),
        };
        Ok(Models { target: Target::new(loaded.model), mlm, profile, calibrated, own, is_bundled })
    }
}

/// Loads a masked language model, the bundled one if none is named.
///
/// # Errors
/// [`CliError`] if it cannot be found or loaded.
pub(crate) fn masked_lm(name: Option<PathBuf>, precision: Precision) -> Result<Arc<dyn MaskedLm>, CliError> {
    let files: ModelFiles = match name {
        Some(model) => ModelSource { model, base: None, preset: None }.files(&Hub::from_env())?,
        None => MASKED_LM.files(),
    };
    let loaded: Result<_, LoadError> = RobertaMaskedLm::load(&files.with_precision(precision));
    Ok(Arc::new(loaded?))
}

impl Target {
    fn new(model: GuardedModel) -> Self {
        match model {
            GuardedModel::Classifier(victim) => Self::Classifier(Arc::from(victim)),
            GuardedModel::Pair(victim) => Self::Pair(Arc::from(victim)),
            GuardedModel::Generator(victim) => Self::Generator(Arc::from(victim)),
        }
    }

    /// Who the victim is.
    pub(crate) fn model(&self) -> &dyn Model {
        match self {
            Self::Classifier(victim) => victim,
            Self::Pair(victim) => victim,
            Self::Generator(victim) => victim,
        }
    }

    /// A defender of the victim.
    pub(crate) fn defender(&self, mlm: &Arc<dyn MaskedLm>, profile: Profile) -> RowDefender<'static> {
        let mlm = Arc::clone(mlm);
        match self {
            Self::Pair(victim) => {
                let defender = Defender::for_pairs(Arc::clone(victim));
                RowDefender::Pairs(defender.with_masked_lm(mlm).with_profile(profile))
            }
            Self::Classifier(victim) => {
                let defender = Defender::new(Arc::clone(victim));
                RowDefender::Single(defender.with_masked_lm(mlm).with_profile(profile))
            }
            Self::Generator(victim) => {
                let defender = Defender::for_generator(Arc::clone(victim));
                RowDefender::Single(defender.with_masked_lm(mlm).with_profile(profile))
            }
        }
    }
}

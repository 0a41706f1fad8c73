//! The guarded model and what guards it, as the settings say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use codepurify::verdict::{ModelInfo, ToolInfo, Verdict};
use codepurify::victim::Victim;
use codepurify::{Calibration, Defender, Profile, References, Snippet, SnippetError, Thresholds};
use codepurify_data::Sides;
use codepurify_hub::Hub;
use codepurify_models::{GuardedModel, Loaded, ModelFiles, Precision, RobertaMaskedLm};
use codepurify_report::text::visible;

use crate::bundled::{self, Bundled};
use crate::cache::VerdictCache;
use crate::error::CliError;
use crate::inputs::{self, Inputs};
use crate::output::note;
use crate::settings::{CacheSettings, ProfileName, Settings};
use crate::source::ModelSource;

/// Largest calibration file, in bytes.
const CALIBRATION_LIMIT: usize = 256 << 20;
/// Number of clean pairs of which one is set aside for references.
pub const PAIRS_FOR_A_REFERENCE: usize = 8;

/// The guarded model and what guards it.
pub(crate) struct Guard {
    victim: GuardedModel,
    masked_lm: Option<RobertaMaskedLm>,
    profile: Profile,
    /// How code in other languages than the bundled model's is judged, where this is guarded.
    elsewhere: Option<Profile>,
    /// Thresholds of the profiles with fixed limits.
    thresholds: Thresholds,
    /// Verdicts that were reached before, if they are kept.
    cache: Option<VerdictCache>,
    /// Where the models came from: the victim, and the masked language model if there is one.
    files: Vec<ModelFiles>,
}

/// Purpose of a guard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn what the model answers: its own calibration is not read, and may be of what it was before.
    Learn,
    /// To judge code.
    Judge,
    /// To judge code and purify it: the masked language model is needed.
    Purify,
    /// To show how that is done; the demonstration tells itself what the bundled detector is.
    Demonstrate,
}

impl Guard {
    /// Loads the models that `settings` name.
    pub(crate) fn load(settings: &Settings, purpose: Purpose) -> Result<Self, CliError> {
        start_threads(settings)?;
        let mut victim = files(settings.model.as_ref(), &bundled::VICTIM, settings)?;
        if purpose == Purpose::Learn || settings.calibration.is_some() {
            victim = victim.without_calibration();
        }
        let masked_lm = || files(settings.mlm.as_ref(), &bundled::MASKED_LM, settings);
        let masked_lm =
            matches!(purpose, Purpose::Purify | Purpose::Demonstrate).then(masked_lm).transpose()?;
        let cache =
            settings.cache.as_ref().map(|kept| cache(kept, &victim, masked_lm.as_ref())).transpose()?;
        let (loaded, loaded_lm) = rayon::join(
            || codepurify_models::load(&victim),
            || masked_lm.as_ref().map(RobertaMaskedLm::load).transpose(),
        );
        let files = std::iter::once(victim).chain(masked_lm).collect();
        let (victim, masked_lm) = (loaded?, loaded_lm?);
        note_unused(&victim);
        let thresholds = victim.thresholds.unwrap_or_else(Thresholds::builtin);
        let profile = profile(settings, &victim, thresholds)?.with_nested(settings.nested);
        let bundled = settings.model.is_none();
        if bundled && purpose != Purpose::Demonstrate {
            note(bundled::NOTE);
        }
        let own_calibration = bundled && settings.calibration.is_none() && purpose != Purpose::Learn;
        let elsewhere = own_calibration.then(|| profile.clone().without_calibration());
        Ok(Self { victim: victim.model, masked_lm, profile, elsewhere, thresholds, cache, files })
    }

    /// Guards a classifier that is no model of this machine.
    pub(crate) fn of_victim(settings: &Settings, victim: impl Victim + 'static) -> Result<Self, CliError> {
        start_threads(settings)?;
        let files = files(settings.mlm.as_ref(), &bundled::MASKED_LM, settings)?;
        let masked_lm = Some(RobertaMaskedLm::load(&files)?);
        let model = GuardedModel::Classifier(Box::new(victim));
        let victim =
            Loaded { model, thresholds: None, calibration: None, targets: Vec::new(), unused: Vec::new() };
        let thresholds = Thresholds::builtin();
        let profile = profile(settings, &victim, thresholds)?.with_nested(settings.nested);
        let victim = victim.model;
        Ok(Self { victim, masked_lm, profile, elsewhere: None, thresholds, cache: None, files: vec![files] })
    }

    /// Gives a guard of a pair model references from `inputs`: one of [`PAIRS_FOR_A_REFERENCE`] pairs is removed
    /// from these. The calibration stores the references. `settings` are those of `load`.
    pub(crate) fn with_references_from(
        self,
        inputs: &mut Inputs,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        if !self.is_of_pairs() {
            return Ok(self);
        }
        let pairs = inputs.pairs.len();
        let taken = inputs.take_pairs(PAIRS_FOR_A_REFERENCE);
        let functions: Vec<Snippet> = taken.iter().filter_map(|file| file.whole().ok()).collect();
        self.with_references(&functions, pairs, settings)
    }

    /// Gives a guard of a pair model references from `functions`, which were taken from `pairs` pairs.
    pub(crate) fn with_references(
        mut self,
        functions: &[Snippet],
        pairs: usize,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let GuardedModel::Pair(victim) = &self.victim else { return Ok(self) };
        // Some functions do nearly as well as others, and rounding would choose others: the same ones in every precision.
        let references = match settings.precision {
            Precision::F32 => References::from_domain(victim.as_ref(), functions)?,
            Precision::Int8 => {
                let exact = files(settings.model.as_ref(), &bundled::VICTIM, settings)?;
                let exact = exact.without_calibration().with_precision(Precision::F32);
                References::from_domain(codepurify_models::load(&exact)?.model.pair()?.as_ref(), functions)?
            }
        };
        if references.is_empty() {
            return Err(CliError::Usage(format!(
                "one of {PAIRS_FOR_A_REFERENCE} pairs is set aside, to try candidates in its functions: there are none \
                 with a body among {pairs} pairs; name more, or other functions with --reference"
            )));
        }
        self.profile = self.profile.with_references(references);
        Ok(self)
    }

    /// Returns whether clean code can calibrate the guard, and none has.
    pub(crate) fn can_calibrate(&self) -> bool {
        self.profile.can_calibrate()
    }

    /// Makes a guard that decides by `profile`.
    pub(crate) fn deciding_by(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Makes a guard that computes the scores for a calibration.
    pub(crate) fn calibrating(mut self) -> Self {
        self.profile = self.profile.calibrating();
        self
    }

    /// Makes a guard that decides by the published method.
    pub(crate) fn published(mut self) -> Self {
        self.profile = Profile::paper(self.thresholds);
        self
    }

    /// Returns the calibration from clean verdicts.
    pub(crate) fn calibration(&self, source: &str, verdicts: &[Verdict]) -> Calibration {
        self.profile.calibrate(&self.victim.model().card().sha256, source, verdicts)
    }

    /// The guarded model.
    pub(crate) fn model(&self) -> &GuardedModel {
        &self.victim
    }

    /// How it decides.
    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// How it decides about code that its calibration is not about, if there is such code.
    pub(crate) fn profile_elsewhere(&self) -> Option<&Profile> {
        self.elsewhere.as_ref()
    }

    /// Where verdicts are kept, if they are.
    pub(crate) fn cache(&self) -> Option<&VerdictCache> {
        self.cache.as_ref()
    }

    /// Fingerprints of the models: the victim, and the masked language model if there is one.
    pub(crate) fn fingerprints(&self) -> Result<Vec<String>, CliError> {
        Ok(self.files.iter().map(ModelFiles::fingerprint).collect::<Result<_, _>>()?)
    }

    /// This program, and who the guarded model is.
    pub(crate) fn identity(&self) -> (ToolInfo, ModelInfo) {
        let card = self.victim.model().card();
        let tool = ToolInfo { name: "codepurify".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        (tool, ModelInfo { name: card.name.clone(), task: card.task, sha256: card.sha256.clone() })
    }

    /// Names of the guarded model's labels.
    pub(crate) fn labels(&self) -> &[String] {
        &self.victim.model().card().labels
    }

    /// Returns the name of a label.
    pub(crate) fn label(&self, label: usize) -> String {
        self.labels().get(label).cloned().unwrap_or_else(|| label.to_string())
    }

    /// How many texts a row has.
    pub(crate) fn sides(&self) -> Sides {
        if self.is_of_pairs() { Sides::Two } else { Sides::One }
    }

    /// Returns true for a pair model.
    pub(crate) fn is_of_pairs(&self) -> bool {
        matches!(self.victim, GuardedModel::Pair(_))
    }

    /// Reads what the model is to be asked about, and says what is left out.
    pub(crate) fn gather(&self, paths: &[PathBuf], settings: &Settings) -> Result<Inputs, CliError> {
        let named: BTreeSet<&Path> = paths.iter().map(PathBuf::as_path).collect();
        inputs::reject_repeats(named.into_iter().chain(settings.other_inputs()))?;
        let reading = settings.reading();
        let inputs = match &self.victim {
            GuardedModel::Pair(_) => Inputs::gather_pairs(paths, &reading)?,
            GuardedModel::Classifier(_) | GuardedModel::Generator(_) => Inputs::gather(paths, &reading)?,
        };
        inputs::reject_overwriting(&settings.output, inputs.paths().chain(settings.other_inputs()))?;
        inputs.skipped.note();
        Ok(inputs)
    }

    /// A defender that decides by `profile`, with the guard's other settings.
    pub(crate) fn configured<'m, Input>(
        &'m self,
        defender: Defender<'m, Input>,
        profile: &Profile,
        evidence: bool,
    ) -> Defender<'m, Input> {
        let defender = defender.with_profile(profile.clone()).with_evidence(evidence);
        match &self.masked_lm {
            Some(masked_lm) => defender.with_masked_lm(masked_lm),
            None => defender,
        }
    }
}

/// Makes the pool of threads that models compute on.
fn start_threads(settings: &Settings) -> Result<(), CliError> {
    let Some(threads) = settings.threads else { return Ok(()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| CliError::Usage(format!("--threads {threads}: {error}")))
}

/// Most parts of a file that are named as unused.
const UNUSED: usize = 3;

/// Says which weights the model does not use: if it should use them, another network is guarded than was meant.
fn note_unused(victim: &Loaded) {
    let (named, more) = victim.unused.split_at(victim.unused.len().min(UNUSED));
    if named.is_empty() {
        return;
    }
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let (model, named) = (visible(&victim.model.model().card().name), named.join(", "));
    note(&format!("note: {model}: weights in its file that are not used: {}{more}", visible(&named)));
}

/// The verdicts that were reached before with these models.
fn cache(
    kept: &CacheSettings,
    victim: &ModelFiles,
    masked_lm: Option<&ModelFiles>,
) -> Result<VerdictCache, CliError> {
    let models = std::iter::once(victim).chain(masked_lm).map(ModelFiles::fingerprint);
    Ok(VerdictCache::new(kept.dir.clone(), kept.limit, &models.collect::<Result<Vec<_>, _>>()?))
}

/// How to decide, with all that is known about the model.
fn profile(settings: &Settings, victim: &Loaded, thresholds: Thresholds) -> Result<Profile, CliError> {
    match settings.profile {
        ProfileName::Paper => return Ok(Profile::paper(thresholds).with_sliding_windows(settings.whole)),
        ProfileName::Normalised => {
            return Ok(Profile::normalised(thresholds).with_sliding_windows(settings.whole));
        }
        ProfileName::Transplant => {}
    }
    let mut profile = Profile::transplant()
        .with_alpha(settings.alpha)
        .with_budget(settings.budget)
        .with_sliding_windows(settings.whole)
        .with_naming_style(settings.naming);
    if !settings.references.is_empty() {
        profile = profile.with_references(references(settings)?);
    }
    let unusable = |path: &Path, message: String| CliError::File { path: path.to_path_buf(), message };
    let Some(path) = &settings.calibration else {
        return Ok(match victim.own_calibration(&profile) {
            Some(own) => profile.with_calibration(own.clone()),
            None => profile,
        });
    };
    let text = inputs::text(path, CALIBRATION_LIMIT).map_err(|error| unusable(path, error.to_string()))?;
    let calibration = Calibration::from_json(&text).map_err(|error| unusable(path, error.to_string()))?;
    let profile = profile.with_calibration(calibration.clone());
    let checked = calibration.check(&victim.model.model().card().sha256, &profile.settings());
    checked.map_err(|error| unusable(path, error.to_string()))?;
    Ok(profile)
}

/// Every function of the files that are to be references.
fn references(settings: &Settings) -> Result<References, CliError> {
    let inputs = Inputs::gather(&settings.references, &settings.reading())?;
    if let Some(error) = inputs.errors.first() {
        return Err(CliError::File { path: error.path.clone().into(), message: error.message.clone() });
    }
    let mut units = Vec::new();
    for file in &inputs.files {
        let unusable =
            |error: SnippetError| CliError::File { path: file.path().into(), message: error.to_string() };
        units.extend(file.units().map_err(unusable)?);
    }
    References::new(&units).map_err(|error| CliError::Usage(format!("--reference: {error}")))
}

/// The files of a model, to be loaded as `settings` say.
fn files(
    source: Option<&ModelSource>,
    bundled: &Bundled,
    settings: &Settings,
) -> Result<ModelFiles, CliError> {
    let found = source.map(|source| source.files(&Hub::from_env())).transpose()?;
    let found = found.unwrap_or_else(|| bundled.files());
    Ok(found.with_precision(settings.precision).on_device(settings.device))
}

//! Source files → report: models loaded once, units judged in batches, progress on standard error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codepurify::error::ModelError;
use codepurify::verdict::{InputError, ModelInfo, Report, SCHEMA_VERSION, ToolInfo, Verdict};
use codepurify::{Calibration, Defender, Profile, References, Snippet, SnippetError, SourceFile, Thresholds};
use codepurify_hub::Hub;
use codepurify_models::{GuardedModel, Loaded, ModelFiles, Precision, RobertaMaskedLm};
use rayon::prelude::*;

use crate::bundled::{self, Bundled};
use crate::cache::VerdictCache;
use crate::error::CliError;
use crate::inputs::Inputs;
use crate::judge::Judge;
use crate::output::progress;
use crate::settings::{CacheSettings, ProfileName, Settings};
use crate::source::ModelSource;

/// Of so many clean pairs one is set aside for references.
const EVERY: usize = 8;

/// The guarded model and what guards it.
pub(crate) struct Guard {
    victim: GuardedModel,
    masked_lm: Option<RobertaMaskedLm>,
    profile: Profile,
    /// Of the profiles that have fixed limits.
    thresholds: Thresholds,
    /// Verdicts that were reached before, if they are kept.
    cache: Option<VerdictCache>,
    /// Where the models came from: the victim, and the masked language model if there is one.
    files: Vec<ModelFiles>,
}

/// What came out, with the texts that the report is about.
pub(crate) struct Screened {
    pub(crate) report: Report,
    /// Text by path.
    pub(crate) sources: BTreeMap<String, String>,
}

/// What became of the inputs so far.
#[derive(Default)]
struct Judged {
    results: Vec<Verdict>,
    errors: Vec<InputError>,
}

/// What a guard is loaded for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn what the model answers: its own calibration is not read, and may be of what it was before.
    Learn,
    /// To judge code.
    Judge,
    /// To judge code and purify it: the masked language model is needed.
    Purify,
}

impl Guard {
    /// Loads the models that `settings` name.
    pub(crate) fn load(settings: &Settings, purpose: Purpose) -> Result<Self, CliError> {
        if let Some(threads) = settings.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
            pool.map_err(|error| CliError::Usage(format!("--threads {threads}: {error}")))?;
        }
        let mut victim = files(settings.model.as_ref(), &bundled::VICTIM, settings)?;
        if purpose == Purpose::Learn || settings.calibration.is_some() {
            victim = victim.without_calibration();
        }
        let masked_lm = || files(settings.mlm.as_ref(), &bundled::MASKED_LM, settings);
        let masked_lm = (purpose == Purpose::Purify).then(masked_lm).transpose()?;
        let cache =
            settings.cache.as_ref().map(|kept| cache(kept, &victim, masked_lm.as_ref())).transpose()?;
        let (loaded, loaded_lm) = rayon::join(
            || codepurify_models::load(&victim),
            || masked_lm.as_ref().map(RobertaMaskedLm::load).transpose(),
        );
        let files = std::iter::once(victim).chain(masked_lm).collect();
        let (victim, masked_lm) = (loaded?, loaded_lm?);
        let thresholds = victim.thresholds.unwrap_or_else(Thresholds::builtin);
        let profile = profile(settings, &victim, thresholds)?.with_nested(settings.nested);
        Ok(Self { victim: victim.model, masked_lm, profile, thresholds, cache, files })
    }

    /// The same guard, if its model judges pairs with references taken from `inputs`: every `EVERY`th of them is thereby used
    /// up. The calibration remembers them. `settings` are those that the guard was loaded with.
    pub(crate) fn with_references_from(
        mut self,
        inputs: &mut Inputs,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let GuardedModel::Pair(victim) = &self.victim else { return Ok(self) };
        let taken = inputs.take_pairs(EVERY);
        let functions: Vec<Snippet> = taken.iter().filter_map(|file| file.whole().ok()).collect();
        // Some functions do nearly as well as others, and rounding would choose others: the same ones in every precision.
        let references = match settings.precision {
            Precision::F32 => References::of_field(victim.as_ref(), &functions)?,
            Precision::Int8 => {
                let exact = files(settings.model.as_ref(), &bundled::VICTIM, settings)?;
                let exact = exact.without_calibration().with_precision(Precision::F32);
                let exact = codepurify_models::load(&exact)?;
                References::of_field(exact.model.pair()?.as_ref(), &functions)?
            }
        };
        if references.is_empty() {
            return Err(CliError::Usage(format!(
                "one of {EVERY} pairs is set aside, to try candidates in its functions: there are none with a body among \
                 {} pairs; name more, or other functions with --reference",
                taken.len() / 2 + inputs.pairs.len()
            )));
        }
        self.profile = self.profile.with_references(references);
        Ok(self)
    }

    /// The same guard, scoring what a calibration is made of.
    pub(crate) fn calibrating(mut self) -> Self {
        self.profile = self.profile.calibrating();
        self
    }

    /// The same guard, deciding by the published method.
    pub(crate) fn published(mut self) -> Self {
        self.profile = Profile::paper(self.thresholds);
        self
    }

    /// What clean verdicts say.
    pub(crate) fn calibration(&self, source: &str, verdicts: &[Verdict]) -> Calibration {
        Calibration::of_clean(&self.victim.model().card().sha256, source, &self.profile, verdicts)
    }

    /// The guarded model.
    pub(crate) fn model(&self) -> &GuardedModel {
        &self.victim
    }

    /// How it decides.
    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
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

    /// What people call a label.
    pub(crate) fn label(&self, label: usize) -> String {
        self.labels().get(label).cloned().unwrap_or_else(|| label.to_string())
    }

    /// Whether the model compares two snippets.
    pub(crate) fn is_of_pairs(&self) -> bool {
        matches!(self.victim, GuardedModel::Pair(_))
    }

    /// Reads what the model is to be asked about.
    pub(crate) fn gather(&self, paths: &[PathBuf], settings: &Settings) -> Result<Inputs, CliError> {
        match &self.victim {
            GuardedModel::Pair(_) => Inputs::gather_pairs(paths, settings.lang, &settings.limits),
            GuardedModel::Classifier(_) | GuardedModel::Generator(_) => {
                Inputs::gather(paths, settings.lang, &settings.limits)
            }
        }
    }

    /// Judges every unit of every file, or every pair of files.
    pub(crate) fn screen(&self, inputs: Inputs, evidence: bool) -> Screened {
        let (mut judged, judge) = (Judged::default(), Judge::new(self, evidence));
        if self.is_of_pairs() {
            judged.pairs(&judge, &inputs);
        } else {
            judged.units(&judge, &inputs.files);
        }
        let text = |file: &SourceFile| (file.path().to_owned(), file.text().to_owned());
        let sources = inputs.files.iter().map(text).collect();
        judged.errors.splice(0..0, inputs.errors);
        Screened { report: self.report(judged), sources }
    }

    /// A defender with the guard's settings.
    pub(crate) fn configured<'m, Input>(
        &'m self,
        defender: Defender<'m, Input>,
        evidence: bool,
    ) -> Defender<'m, Input> {
        let defender = defender.with_profile(self.profile.clone()).with_evidence(evidence);
        match &self.masked_lm {
            Some(masked_lm) => defender.with_masked_lm(masked_lm),
            None => defender,
        }
    }

    fn report(&self, judged: Judged) -> Report {
        let (tool, model) = self.identity();
        Report { schema_version: SCHEMA_VERSION, tool, model, results: judged.results, errors: judged.errors }
    }
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
        ProfileName::Paper => return Ok(Profile::paper(thresholds).with_whole(settings.whole)),
        ProfileName::Normalised => return Ok(Profile::normalised(thresholds).with_whole(settings.whole)),
        ProfileName::Default => {}
    }
    let mut profile = Profile::standard()
        .with_alpha(settings.alpha)
        .with_budget(settings.budget)
        .with_whole(settings.whole)
        .with_naming(settings.naming);
    if !settings.references.is_empty() {
        profile = profile.with_references(references(settings)?);
    }
    let unusable = |path: &Path, message: String| CliError::File { path: path.to_path_buf(), message };
    let Some(path) = &settings.calibration else {
        // The model's own was made with the defaults; other settings do without it.
        let own = victim.calibration.as_ref();
        let own = own.map(|clean| (clean, profile.clone().with_calibration(clean.clone())));
        let own = own.filter(|(clean, calibrated)| clean.settings == calibrated.settings());
        return Ok(own.map_or(profile, |(_, calibrated)| calibrated));
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error.to_string()))?;
    let calibration = Calibration::from_json(&text).map_err(|error| unusable(path, error.to_string()))?;
    let profile = profile.with_calibration(calibration.clone());
    let checked = calibration.check(&victim.model.model().card().sha256, &profile);
    checked.map_err(|error| unusable(path, error.to_string()))?;
    Ok(profile)
}

/// Every function of the files that are to be references.
fn references(settings: &Settings) -> Result<References, CliError> {
    let inputs = Inputs::gather(&settings.references, settings.lang, &settings.limits)?;
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

impl Judged {
    /// Judges every unit of every file.
    fn units(&mut self, judge: &Judge<'_>, files: &[SourceFile]) {
        let read: Vec<_> = files.par_iter().map(SourceFile::units).collect();
        let read = files.iter().zip(read);
        let units = read.filter_map(|(file, read)| self.read(file, read)).flatten();
        let rows: Vec<Vec<Snippet>> = units.map(|unit| vec![unit]).collect();
        let progress = progress(rows.len(), "units");
        let verdicts = judge.judge(&rows, |done| progress.inc(done as u64));
        progress.finish_and_clear();
        for (unit, verdict) in rows.iter().flatten().zip(verdicts.into_iter().flatten()) {
            self.take(unit, verdict);
        }
    }

    /// Judges every pair of files.
    fn pairs(&mut self, judge: &Judge<'_>, inputs: &Inputs) {
        let mut pairs = Vec::new();
        for (files, &number) in inputs.files.chunks_exact(2).zip(&inputs.pairs) {
            let [left, right] = [&files[0], &files[1]].map(|file| self.read(file, file.whole()));
            if let (Some(left), Some(right)) = (left, right) {
                pairs.push((number, vec![left, right]));
            }
        }
        let (numbers, pairs): (Vec<usize>, Vec<_>) = pairs.into_iter().unzip();
        let progress = progress(pairs.len(), "pairs");
        let verdicts = judge.judge(&pairs, |done| progress.inc(done as u64));
        progress.finish_and_clear();
        for ((pair, number), verdicts) in pairs.iter().zip(numbers).zip(verdicts) {
            for (side, verdict) in pair.iter().zip(verdicts) {
                self.take(side, verdict.map(|verdict| numbered(verdict, number)));
            }
        }
    }

    /// What was read from a file, or `None` with an entry among the errors.
    fn read<T>(&mut self, file: &SourceFile, read: Result<T, SnippetError>) -> Option<T> {
        read.map_err(|error| {
            self.errors.push(InputError { path: file.path().to_owned(), message: error.to_string() });
        })
        .ok()
    }

    fn take(&mut self, unit: &Snippet, verdict: Result<Verdict, ModelError>) {
        match verdict {
            Ok(verdict) => self.results.push(verdict),
            Err(error) => self.errors.push(InputError {
                path: unit.path().to_owned(),
                message: format!("line {}: {error}", unit.unit().start_line),
            }),
        }
    }
}

/// A verdict on a side of the pair that is number `index` on the command line.
fn numbered(mut verdict: Verdict, index: usize) -> Verdict {
    if let Some(member) = &mut verdict.pair {
        member.index = index;
    }
    verdict
}

/// One source file that holds `text`, as if it had been read from `path`.
pub(crate) fn inline(path: &str, text: &str) -> SourceFile {
    let limits = codepurify::Limits::default();
    SourceFile::new(path, text.as_bytes().to_vec(), codepurify::Language::C, &limits)
        .expect("the text is compiled into the program")
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

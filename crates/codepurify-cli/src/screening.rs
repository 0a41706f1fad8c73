//! Source files → report: models loaded once, units judged in batches, progress on standard error.

use std::collections::BTreeMap;
use std::path::Path;

use codepurify::verdict::{InputError, ModelInfo, Report, SCHEMA_VERSION, ToolInfo, Verdict};
use codepurify::victim::Model;
use codepurify::{Defender, Profile, Snippet, SourceFile, Thresholds};
use codepurify_models::{LoadError, ModelFiles, RobertaMaskedLm, RobertaVictim};
use indicatif::{ProgressBar, ProgressStyle};

use crate::bundled::{self, Bundled};
use crate::inputs::Inputs;
use crate::settings::{ProfileName, Settings};

/// Units that are judged together; their forwards share batches.
const CHUNK: usize = 16;

/// The guarded model and what guards it.
pub(crate) struct Guard {
    victim: RobertaVictim,
    masked_lm: Option<RobertaMaskedLm>,
    profile: Profile,
}

/// What came out, with the texts that the report is about.
pub(crate) struct Screened {
    pub(crate) report: Report,
    /// Text by path.
    pub(crate) sources: BTreeMap<String, String>,
}

impl Guard {
    /// Loads the models that `settings` name, the masked language model only if purified code is wanted.
    pub(crate) fn load(settings: &Settings, purify: bool) -> Result<Self, LoadError> {
        let victim = || RobertaVictim::load(&files(settings.model.as_deref(), &bundled::VICTIM)?);
        let masked_lm = || RobertaMaskedLm::load(&files(settings.mlm.as_deref(), &bundled::MASKED_LM)?);
        let (victim, masked_lm) = rayon::join(victim, || purify.then(masked_lm).transpose());
        let (victim, masked_lm) = (victim?, masked_lm?);
        let thresholds = victim.thresholds().unwrap_or_else(Thresholds::builtin);
        let profile = match settings.profile {
            ProfileName::Default => Profile::standard(thresholds),
            ProfileName::Paper => Profile::paper(thresholds),
        };
        Ok(Self { victim, masked_lm, profile: profile.with_nested(settings.nested) })
    }

    /// Names of the guarded model's labels.
    pub(crate) fn labels(&self) -> &[String] {
        &self.victim.card().labels
    }

    /// Judges every unit of every file.
    pub(crate) fn screen(&self, inputs: Inputs, evidence: bool) -> Screened {
        let Inputs { files, mut errors, .. } = inputs;
        let mut units = Vec::new();
        for file in &files {
            match file.units() {
                Ok(found) => units.extend(found),
                Err(error) => {
                    errors.push(InputError { path: file.path().to_owned(), message: error.to_string() });
                }
            }
        }
        let results = self.judge(&units, evidence, &mut errors);
        let sources = files.iter().map(|file| (file.path().to_owned(), file.text().to_owned())).collect();
        Screened { report: self.report(results, errors), sources }
    }

    fn judge(&self, units: &[Snippet], evidence: bool, errors: &mut Vec<InputError>) -> Vec<Verdict> {
        let mut defender = Defender::new(&self.victim).with_profile(self.profile).with_evidence(evidence);
        if let Some(masked_lm) = &self.masked_lm {
            defender = defender.with_masked_lm(masked_lm);
        }
        let progress = progress(units.len());
        let mut results = Vec::with_capacity(units.len());
        for chunk in units.chunks(CHUNK) {
            for (unit, verdict) in chunk.iter().zip(defender.screen(chunk)) {
                match verdict {
                    Ok(verdict) => results.push(verdict),
                    Err(error) => errors.push(InputError {
                        path: unit.path().to_owned(),
                        message: format!("line {}: {error}", unit.unit().start_line),
                    }),
                }
            }
            progress.inc(chunk.len() as u64);
        }
        progress.finish_and_clear();
        results
    }

    fn report(&self, results: Vec<Verdict>, errors: Vec<InputError>) -> Report {
        let card = self.victim.card();
        Report {
            schema_version: SCHEMA_VERSION,
            tool: ToolInfo { name: "codepurify".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            model: ModelInfo { name: card.name.clone(), task: card.task, sha256: card.sha256.clone() },
            results,
            errors,
        }
    }
}

/// One source file that holds `text`, as if it had been read from `path`.
pub(crate) fn inline(path: &str, text: &str) -> SourceFile {
    let limits = codepurify::Limits::default();
    SourceFile::new(path, text.as_bytes().to_vec(), codepurify::Language::C, &limits)
        .expect("the text is compiled into the program")
}

fn files(dir: Option<&Path>, bundled: &Bundled) -> Result<ModelFiles, LoadError> {
    dir.map_or_else(|| Ok(bundled.files()), ModelFiles::read)
}

/// A bar on standard error that counts units; hidden where that is no terminal.
fn progress(units: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} units, {eta} left")
        .expect("the template is well-formed");
    ProgressBar::new(units as u64).with_style(style)
}

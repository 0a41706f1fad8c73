//! Everything that the outcome of a run depends on. It is kept next to the output; a run resumes only
//! if nothing of it changed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use codepurify_data::fingerprint;
use codepurify_models::Fingerprint;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::account::Policy;
use super::selection::Selection;
use crate::error::CliError;
use crate::guard::Guard;
use crate::rows::{CodeRows, RowLanguage};
use crate::settings::Settings;

const SCHEMA_VERSION: u32 = 2;

/// Choice of rows, and what is done with them.
pub(crate) struct Choices {
    pub(crate) policy: Policy,
    /// The removed rows are kept in a file of their own.
    pub(crate) split: bool,
    pub(crate) selection: Selection,
}

/// Everything that a run depends on, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    schema_version: u32,
    run: BTreeMap<String, String>,
}

impl Manifest {
    /// That of runs with this guard, before it is calibrated on the rows themselves.
    pub(crate) fn new(guard: &Guard, settings: &Settings, choices: &Choices) -> Result<Self, CliError> {
        let mut models = guard.fingerprints()?.into_iter();
        let mut model = || models.next().unwrap_or_default();
        let identity = guard.profile().identity();
        let run = [
            ("program", concat!("codepurify ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("model", model()),
            ("masked language model", model()),
            ("--poisoned", name(&choices.policy.poisoned)),
            ("--inconclusive", name(&choices.policy.inconclusive)),
            ("--columns", choices.policy.keep_all.to_string()),
            ("--split", choices.split.to_string()),
            ("selection", choices.selection.name()),
            ("--profile", name(&settings.profile)),
            ("--alpha", settings.alpha.to_string()),
            ("--budget", settings.budget.to_string()),
            ("--max-file-bytes", settings.limits.max_file_bytes.to_string()),
            (
                "profile, calibration and references",
                Fingerprint::default().with(Some(identity.as_bytes())).hex(),
            ),
        ];
        let run = run.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { schema_version: SCHEMA_VERSION, run })
    }

    /// That of a run with a guard that was calibrated on these files.
    pub(crate) fn calibrated_on(mut self, files: &[PathBuf]) -> Result<Self, CliError> {
        let mut digests =
            files.iter().map(|path| Ok(fingerprint(path)?)).collect::<Result<Vec<_>, CliError>>()?;
        digests.sort_unstable();
        let all = Fingerprint::default().with(Some(digests.concat().as_bytes())).hex();
        self.run.insert("rows of the calibration".to_owned(), all);
        Ok(self)
    }

    /// That of a run over these rows.
    pub(crate) fn of(mut self, rows: &CodeRows) -> Result<Self, CliError> {
        let reader = rows.reader();
        let input = match reader.progress() {
            (_, Some(_)) => fingerprint(reader.path())?,
            // Its rows are compared one by one when they are skipped.
            (_, None) => "a stream".to_owned(),
        };
        let language = match &rows.language {
            RowLanguage::All(language) => language.to_string(),
            RowLanguage::Field(field) => format!("field `{field}`"),
        };
        let of_rows = [
            ("input", input),
            ("format", format!("{:?}", reader.format())),
            ("fields", rows.fields.join(", ")),
            ("language", language),
        ];
        self.run.extend(of_rows.map(|(name, value)| (name.to_owned(), value)));
        Ok(self)
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CliError> {
        let write = || -> std::io::Result<()> {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            let text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|source| CliError::Write { to: path.display().to_string(), source })
    }

    /// Refuses to go on with a run that another manifest tells of.
    pub(crate) fn check(&self, path: &Path) -> Result<(), CliError> {
        let refused = |message: String| CliError::File { path: path.to_path_buf(), message };
        let text = std::fs::read_to_string(path).map_err(|error| {
            refused(format!(
                "{error}: nothing says which run to go on with; remove the output and its report"
            ))
        })?;
        let before: Self = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        if before == *self {
            return Ok(());
        }
        let names = before.run.keys().chain(self.run.keys().filter(|name| !before.run.contains_key(*name)));
        let differing = names.filter(|name| before.run.get(*name) != self.run.get(*name));
        let differing: Vec<String> = differing.map(|name| self.difference(&before, name)).collect();
        Err(refused(format!(
            "the run to go on with was another one; different: {}",
            if differing.is_empty() { "the manifest's version".to_owned() } else { differing.join("; ") }
        )))
    }

    fn difference(&self, before: &Self, name: &str) -> String {
        let short = |value: Option<&String>| value.filter(|value| value.len() <= 40).cloned();
        match (short(before.run.get(name)), short(self.run.get(name))) {
            (Some(then), Some(now)) => format!("{name} ({then}, now {now})"),
            _ => name.to_owned(),
        }
    }
}

/// A choice as the command line writes it.
fn name(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

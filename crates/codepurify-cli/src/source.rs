//! Models by the names that users give them, and their files.

use std::path::PathBuf;

use clap::Args;
use codepurify_hub::{Hub, Parts};
use codepurify_models::ModelFiles;

use crate::error::CliError;
use crate::heading;

/// A model by the name that the user gives it.
#[derive(Debug, Clone, Args)]
pub struct ModelSource {
    /// Directory, weights file or hub id
    ///
    /// A directory in the Hugging Face layout, a weights file (see --base), or a hub id such as
    /// `org/name@revision`.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Configuration and tokenizer for a bare weights file
    ///
    /// The directory or hub id that holds them.
    #[arg(long, value_name = "DIR", help_heading = heading::MODEL)]
    pub base: Option<PathBuf>,
    /// Preset of the script that trained the model
    ///
    /// Values in the model's `codepurify.json` win over the preset. `codepurify models presets`
    /// lists all presets.
    #[arg(long, value_name = "NAME", help_heading = heading::MODEL)]
    pub preset: Option<String>,
}

impl ModelSource {
    /// The model's files, found on this machine or fetched.
    ///
    /// # Errors
    /// [`CliError`] if they cannot be found, fetched or read.
    pub fn files(&self, hub: &Hub) -> Result<ModelFiles, CliError> {
        let base = self.base.as_ref().map(|base| hub.resolve(base, Parts::Description)).transpose()?;
        let parts = if base.is_some() { Parts::Weights } else { Parts::Everything };
        let path = hub.resolve(&self.model, parts)?;
        let mut files = ModelFiles::read_with_base(&path, base.as_deref())?;
        if path != self.model {
            // A snapshot's directory is named after its commit.
            files = files.with_name(self.model.to_string_lossy());
        }
        match &self.preset {
            Some(name) => Ok(files.with_preset(name)?),
            None => Ok(files),
        }
    }
}

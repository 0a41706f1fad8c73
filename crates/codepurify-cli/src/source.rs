//! Models: what the user names → files.

use std::path::PathBuf;

use clap::Args;
use codepurify_hub::{Hub, Parts};
use codepurify_models::ModelFiles;

use crate::error::CliError;

/// A model as the user names it.
#[derive(Debug, Clone, Args)]
pub struct ModelSource {
    /// Directory in the Hugging Face layout, file of weights, or hub id (`org/name`, `org/name@revision`).
    pub model: PathBuf,
    /// Directory or hub id that configuration and tokenizer of a bare file of weights come from.
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// Training script that the model comes from, where no `codepurify.json` says it; see `models presets`.
    #[arg(long, value_name = "NAME")]
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

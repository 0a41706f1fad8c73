//! The files of a model directory, in memory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// The bytes of a Hugging Face model directory. A model compiled into a binary borrows them.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub(crate) name: String,
    pub(crate) config: Cow<'static, [u8]>,
    pub(crate) weights: Cow<'static, [u8]>,
    pub(crate) tokenizer: TokenizerFiles,
    pub(crate) sidecar: Option<Cow<'static, [u8]>>,
}

/// A tokenizer comes as one file or as two.
#[derive(Debug, Clone)]
pub(crate) enum TokenizerFiles {
    /// `tokenizer.json`.
    Fast(Cow<'static, [u8]>),
    /// `vocab.json` and `merges.txt`.
    Slow { vocab: Vec<u8>, merges: Vec<u8> },
}

impl ModelFiles {
    /// Reads `config.json`, `model.safetensors`, `tokenizer.json` (or `vocab.json` and `merges.txt`) and, if it is
    /// there, `codepurify.json` from `dir`. The directory's name becomes the model's name.
    ///
    /// # Errors
    /// [`LoadError::MissingFile`] or [`LoadError::Read`].
    pub fn read(dir: &Path) -> Result<Self, LoadError> {
        let name = dir
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| dir.display().to_string());
        let required =
            |wanted| read(dir, wanted)?.ok_or(LoadError::MissingFile { dir: dir.to_path_buf(), wanted });
        let tokenizer =
            match (read(dir, "tokenizer.json")?, read(dir, "vocab.json")?, read(dir, "merges.txt")?) {
                (Some(fast), _, _) => TokenizerFiles::Fast(fast.into()),
                (None, Some(vocab), Some(merges)) => TokenizerFiles::Slow { vocab, merges },
                _ => {
                    let wanted = "tokenizer.json, nor vocab.json with merges.txt";
                    return Err(LoadError::MissingFile { dir: dir.to_path_buf(), wanted });
                }
            };
        Ok(Self {
            name,
            config: required("config.json")?.into(),
            weights: required("model.safetensors")?.into(),
            tokenizer,
            sidecar: read(dir, "codepurify.json")?.map(Cow::from),
        })
    }

    /// A model that was compiled into the program.
    #[must_use]
    pub fn from_static(
        name: &str,
        config: &'static [u8],
        weights: &'static [u8],
        tokenizer: &'static [u8],
        sidecar: Option<&'static [u8]>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            config: config.into(),
            weights: weights.into(),
            tokenizer: TokenizerFiles::Fast(tokenizer.into()),
            sidecar: sidecar.map(Cow::from),
        }
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the weights file, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let digest = Sha256::digest(&self.weights);
        let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
    }

    /// Parses one of the JSON files.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        file: &'static str,
        bytes: &[u8],
    ) -> Result<T, LoadError> {
        serde_json::from_slice(bytes).map_err(|error| LoadError::Json {
            model: self.name.clone(),
            file,
            message: error.to_string(),
        })
    }
}

/// The file's bytes, or `None` if there is no such file.
fn read(dir: &Path, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
    let path: PathBuf = dir.join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => Ok(None),
        Err(source) => Err(LoadError::Read { path, source }),
    }
}

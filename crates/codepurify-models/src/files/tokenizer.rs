//! The files of a tokenizer: found, not yet understood.

use std::borrow::Cow;
use std::path::Path;

use super::read;
use crate::error::LoadError;

/// Files of a tokenizer, with those that describe its tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenizerFiles {
    pub(crate) core: TokenizerCore,
    /// `tokenizer_config.json`.
    pub(crate) config: Option<Vec<u8>>,
    /// `added_tokens.json`.
    pub(crate) added: Option<Vec<u8>>,
    /// `special_tokens_map.json`.
    pub(crate) special: Option<Vec<u8>>,
}

/// A tokenizer comes as one file or as two.
#[derive(Debug, Clone)]
pub(crate) enum TokenizerCore {
    /// `tokenizer.json`.
    Fast(Cow<'static, [u8]>),
    /// `vocab.json` and `merges.txt`.
    Slow { vocab: Vec<u8>, merges: Vec<u8> },
}

impl TokenizerFiles {
    /// Names of the missing files where there is no tokenizer.
    pub(crate) const WANTED: &str = "tokenizer.json, nor vocab.json with merges.txt";

    /// A `tokenizer.json` alone.
    pub(crate) fn fast(json: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { core: TokenizerCore::Fast(json.into()), config: None, added: None, special: None }
    }

    /// The tokenizer of a directory, if it holds one.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, LoadError> {
        let core = match (read(dir, "tokenizer.json")?, read(dir, "vocab.json")?, read(dir, "merges.txt")?) {
            (Some(fast), ..) => TokenizerCore::Fast(fast.into()),
            (None, Some(vocab), Some(merges)) => TokenizerCore::Slow { vocab, merges },
            _ => return Ok(None),
        };
        Ok(Some(Self {
            core,
            config: read(dir, "tokenizer_config.json")?,
            added: read(dir, "added_tokens.json")?,
            special: read(dir, "special_tokens_map.json")?,
        }))
    }

    /// The bytes of its files.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let core = match &self.core {
            TokenizerCore::Fast(fast) => [Some(fast.as_ref()), None],
            TokenizerCore::Slow { vocab, merges } => [Some(vocab.as_slice()), Some(merges.as_slice())],
        };
        let of_tokens = [&self.config, &self.added, &self.special];
        core.into_iter().chain(of_tokens.map(|file| file.as_deref()))
    }
}

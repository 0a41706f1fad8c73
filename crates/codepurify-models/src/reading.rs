//! How a model reads text: tokenizer, window and sidecar, checked against the architecture.

use codepurify::error::ModelError;
use codepurify::victim::Ragged;

use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::sidecar::Sidecar;
use crate::tokenizer::CodeTokenizer;

/// Longest input, special tokens included, of an architecture without position embeddings, where the sidecar
/// sets no other: the length that CodeT5 was trained on.
const LENGTH_WITHOUT_POSITIONS: usize = 512;

/// The text side of a model.
#[derive(Debug)]
pub struct Reading {
    /// Text to tokens.
    pub tokenizer: CodeTokenizer,
    /// The sidecar of the model directory.
    pub sidecar: Sidecar,
    /// Content tokens that fit into one input.
    pub window: usize,
}

impl Reading {
    /// The text side of a model whose embeddings have `rows` rows and which has room for `positions` tokens, special
    /// ones included; `None` where its architecture sets no limit.
    ///
    /// # Errors
    /// [`LoadError::Json`] or [`LoadError::Tokenizer`], also if the tokenizer has ids without an embedding.
    pub fn of(files: &ModelFiles, rows: usize, positions: Option<usize>) -> Result<Self, LoadError> {
        let sidecar = Sidecar::of(files)?;
        let tokenizer = CodeTokenizer::load(files, sidecar.preprocessing.clone())?;
        let refuse = |message| LoadError::Tokenizer { model: files.name.clone(), message };
        let ids = tokenizer.vocabulary();
        if ids > rows {
            return Err(refuse(format!("it has ids up to {}, the embeddings have {rows} rows", ids - 1)));
        }
        let allowed = sidecar.preprocessing.max_length;
        let length = match positions {
            Some(positions) => positions.min(allowed.unwrap_or(usize::MAX)),
            None => allowed.unwrap_or(LENGTH_WITHOUT_POSITIONS),
        };
        match length.saturating_sub(tokenizer.frame_length()) {
            0 => Err(refuse(format!("inputs of {length} tokens have no room for content"))),
            window => Ok(Self { tokenizer, sidecar, window }),
        }
    }
}

/// Refuses rows longer than the window.
pub(crate) fn check_rows(batch: &Ragged, window: usize) -> Result<(), ModelError> {
    match batch.rows().enumerate().find(|(_, ids)| ids.len() > window) {
        Some((row, ids)) => Err(ModelError::TooLong { row, tokens: ids.len(), window }),
        None => Ok(()),
    }
}

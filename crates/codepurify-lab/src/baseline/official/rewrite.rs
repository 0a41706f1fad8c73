//! Purification of the released code.

use codepurify::{ElementKind, MaskedLm, ModelError, Ragged};
use codepurify_models::RobertaMaskedLm;

use super::super::ngram::lexemes;
use super::ReleasedSettings;
use super::elements::{ReleasedCandidate, cut, substituted};

/// Number of masks for one occurrence of an identifier.
const MASKS_PER_NAME: usize = 3;

/// Words of C that are never masked; used for Java as well.
const KEPT_WORDS: [&str; 32] = [
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
    "extern", "float", "for", "goto", "if", "int", "long", "register", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
];

/// Masked language model that predicts the token at every position, masked or not.
pub trait EveryPosition: MaskedLm {
    /// Returns the most probable token at each position of `row`, the smallest id among equals.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or the row exceeds the window.
    fn most_probable(&self, row: &[u32]) -> Result<Vec<u32>, ModelError>;
}

impl EveryPosition for RobertaMaskedLm {
    fn most_probable(&self, row: &[u32]) -> Result<Vec<u32>, ModelError> {
        let batch: Ragged = [row.to_vec()].into_iter().collect();
        Ok(self.most_probable(&batch)?.rows().flatten().copied().collect())
    }
}

/// Tokens to rewrite.
#[derive(Clone, Copy)]
pub enum Rewriting<'m> {
    /// All tokens inside the window, as in the released code.
    Everything(&'m dyn EveryPosition),
    /// Only the masked tokens.
    Masks(&'m dyn MaskedLm),
}

impl Rewriting<'_> {
    /// Masks `trigger` and rewrites the text from tokens: what is beyond the model's window is
    /// lost.
    pub(super) fn rewrite(
        self,
        text: &str,
        trigger: &ReleasedCandidate,
        settings: &ReleasedSettings,
    ) -> Result<String, ModelError> {
        let mlm: &dyn MaskedLm = match self {
            Self::Everything(mlm) => mlm,
            Self::Masks(mlm) => mlm,
        };
        let encode = |piece: &str| Ok(mlm.encode(piece)?.ids);
        let mask = |piece: &str| match trigger.kind {
            ElementKind::Identifier => Ok(vec![mlm.mask_id(); MASKS_PER_NAME]),
            _ => masked_statement(mlm, piece, settings),
        };
        let (row, _) = substituted(text, &trigger.spans, &encode, &mask)?;
        let row = cut(row, mlm.window());
        let written = match self {
            Self::Everything(mlm) => mlm.most_probable(&row)?,
            Self::Masks(mlm) => filled(mlm, row)?,
        };
        Ok(written.into_iter().filter_map(|id| mlm.token_text(id)).collect())
    }
}

/// Returns one mask for each token that is not kept.
fn masked_statement(
    mlm: &dyn MaskedLm,
    statement: &str,
    settings: &ReleasedSettings,
) -> Result<Vec<u32>, ModelError> {
    let mut row = Vec::new();
    for word in lexemes(statement)? {
        let punctuation = !word.starts_with(|first: char| first.is_alphanumeric() || first == '_');
        if KEPT_WORDS.contains(&word.as_str()) || (punctuation && settings.keep_punctuation) {
            row.extend(mlm.encode(&word)?.ids);
        } else {
            row.push(mlm.mask_id());
        }
    }
    Ok(row)
}

/// Replaces each mask of the row by the best proposal.
fn filled(mlm: &dyn MaskedLm, row: Vec<u32>) -> Result<Vec<u32>, ModelError> {
    let batch: Ragged = [row.clone()].into_iter().collect();
    let proposals = mlm.fill(&batch, 1)?.concat();
    let mut best = proposals.into_iter().map(|proposals| proposals.first().map(|best| best.id));
    let mut place = |id: u32| if id == mlm.mask_id() { best.next().flatten().unwrap_or(id) } else { id };
    Ok(row.into_iter().map(&mut place).collect())
}

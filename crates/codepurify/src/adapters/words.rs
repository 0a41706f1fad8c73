//! A tokenizer without a vocabulary file.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::ModelError;
use crate::snippet::Span;
use crate::victim::Encoding;

/// Splits text into words (letters, digits, `_`) and single other characters, each with the white space in
/// front of it, and numbers them as they come. Nothing is lost: the decoded ids of a text are the text.
///
/// Memory is bounded: a new text that would exceed [`WordTokenizer::with_limit`] is refused. By default that
/// is 64 MiB of different words, more than all code of a large data set has.
///
/// [`WordModel`](super::WordModel) is a model that reads so.
#[derive(Debug)]
pub struct WordTokenizer {
    table: RwLock<Table>,
    /// Most bytes of all words.
    limit: usize,
}

#[derive(Debug, Default)]
struct Table {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    /// Bytes of all words.
    bytes: usize,
}

/// Bytes that a word takes besides its text, about.
const WORD_OVERHEAD: usize = 64;

impl Default for WordTokenizer {
    /// Like [`WordTokenizer::new`].
    fn default() -> Self {
        Self::new()
    }
}

/// Ids below this have a meaning of their own.
const RESERVED: u32 = 2;

impl WordTokenizer {
    /// Token of an occluded element; reads ` <unk> `.
    pub const UNKNOWN: u32 = 0;
    /// Masked token; reads ` <mask> `.
    pub const MASK: u32 = 1;

    /// Makes a tokenizer that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { table: RwLock::default(), limit: 64 << 20 }
    }

    /// Sets the most memory in bytes that all different words may take, about.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Returns the tokens of `text`; their spans cover all its bytes.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if new words of `text` exceed the limit. Texts of known words still work.
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let spans = lexemes(text);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let ids = spans
            .iter()
            .map(|span| table.id(&text[span.start..span.end], self.limit))
            .collect::<Result<_, _>>()?;
        Ok(Encoding { ids, spans })
    }

    /// Returns the text of one token; `None` for the two special ids and for ids that this tokenizer never gave.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<String> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.text(id).map(str::to_owned)
    }

    /// Returns the text of `ids`.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] for an id that this tokenizer never gave.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter()
            .map(|&id| match id {
                Self::UNKNOWN => Ok(" <unk> "),
                Self::MASK => Ok(" <mask> "),
                id => table.text(id).ok_or_else(|| ModelError::tokenise(format!("unknown token id {id}"))),
            })
            .collect()
    }
}

impl Table {
    fn id(&mut self, lexeme: &str, limit: usize) -> Result<u32, ModelError> {
        if let Some(&id) = self.ids.get(lexeme) {
            return Ok(id);
        }
        let bytes = self.bytes + lexeme.len() + WORD_OVERHEAD;
        if bytes > limit {
            let message = format!("the different words take more than {limit} bytes: use a new tokenizer");
            return Err(ModelError::tokenise(message));
        }
        self.bytes = bytes;
        let id = u32::try_from(self.texts.len())
            .ok()
            .and_then(|count| count.checked_add(RESERVED))
            .ok_or_else(|| ModelError::tokenise("more different words than token ids"))?;
        let shared: Arc<str> = lexeme.into();
        self.texts.push(Arc::clone(&shared));
        self.ids.insert(shared, id);
        Ok(id)
    }

    fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(id.checked_sub(RESERVED)? as usize).map(AsRef::as_ref)
    }
}

fn lexemes(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let blank = rest.len() - rest.trim_start().len();
        let word = &rest[blank..];
        let letters = word.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(word.len());
        let single = word.chars().next().map_or(0, char::len_utf8);
        let end = start + blank + letters.max(single);
        spans.push(Span::new(start, end));
        start = end;
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_numbers_and_punctuation_are_tokens() {
        let text = " if (x1 >=  10)\n";
        let words: Vec<&str> = lexemes(text).iter().map(|span| &text[span.start..span.end]).collect();
        assert_eq!(words, [" if", " (", "x1", " >", "=", "  10", ")", "\n"]);
    }

    #[test]
    fn equal_words_have_equal_ids_and_unknown_ids_are_refused() {
        let tokenizer = WordTokenizer::new();
        let ids = tokenizer.encode("a=a").unwrap().ids;
        assert_eq!(ids, [2, 3, 2]);
        assert_eq!(tokenizer.decode(&[2, 0, 1]), Ok("a <unk>  <mask> ".to_owned()));
        assert!(tokenizer.decode(&[99]).is_err());
        assert_eq!((tokenizer.token_text(3).as_deref(), tokenizer.token_text(0)), (Some("="), None));
    }

    #[test]
    fn words_beyond_the_limit_are_refused_and_known_ones_are_not() {
        let tokenizer = WordTokenizer::new().with_limit(2 * (WORD_OVERHEAD + 2));
        assert!(tokenizer.encode("a b").is_ok());
        assert!(matches!(tokenizer.encode("c"), Err(ModelError::Tokenise(_))));
        assert_eq!(tokenizer.encode("a b").map(|encoding| encoding.ids), Ok(vec![2, 3]));
    }

    proptest! {
        #[test]
        fn decoding_restores_the_text(text in any::<String>()) {
            let tokenizer = WordTokenizer::new();
            let ids = tokenizer.encode(&text).unwrap().ids;
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        }
    }
}

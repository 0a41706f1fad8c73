//! A tokenizer without a vocabulary file.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::ModelError;
use crate::snippet::Span;
use crate::victim::Encoding;

/// Splits text into words (letters, digits, `_`) and single other characters, each with the white space in front of it,
/// and numbers them as they come. Nothing is lost: the decoded ids of a text are the text.
///
/// Numbers are never given back, so that memory grows with the number of different words ever seen.
///
/// With it a [`crate::Victim`] that takes whole batches is soon written:
/// ```
/// use codepurify::{
///     Defender, Encoding, Language, Logits, Model, ModelError, Ragged, Snippet, Victim, VictimCard, WordTokenizer,
/// };
///
/// struct MyModel {
///     card: VictimCard,
///     words: WordTokenizer,
/// }
///
/// impl Model for MyModel {
///     fn card(&self) -> &VictimCard {
///         &self.card
///     }
///     fn window(&self) -> usize {
///         512
///     }
///     fn occlusion_id(&self) -> u32 {
///         WordTokenizer::UNKNOWN
///     }
///     fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
///         self.words.encode(text)
///     }
/// }
///
/// impl Victim for MyModel {
///     fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
///         // One sigmoid logit: the more loops, the surer of label 1.
///         let loops = |row| Ok(self.words.decode(row)?.matches("while").count() as f32 - 0.5);
///         Logits::new(1, batch.rows().map(loops).collect::<Result<_, _>>()?)
///     }
/// }
/// # use codepurify::Task;
/// # let card = VictimCard { name: "mine".into(), task: Task::Defect, sha256: String::new(), labels: vec![] };
/// let model = MyModel { card, words: WordTokenizer::new() };
/// let snippet = Snippet::new("void f(int n) { n += 2; while (n) n--; }", Language::C)?;
/// let verdict = Defender::new(&model).screen_one(&snippet)?;
/// assert_eq!(verdict.prediction.and_then(|answer| answer.label), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct WordTokenizer {
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// Ids below this have a meaning of their own.
const RESERVED: u32 = 2;

impl WordTokenizer {
    /// Stands for an occluded element; reads ` <unk> `.
    pub const UNKNOWN: u32 = 0;
    /// Stands for a masked token; reads ` <mask> `.
    pub const MASK: u32 = 1;

    /// A tokenizer that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tokens of `text`; their spans cover all its bytes.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if the tokenizer has run out of numbers.
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let spans = lexemes(text);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let ids = spans.iter().map(|span| table.id(&text[span.start..span.end])).collect::<Result<_, _>>()?;
        Ok(Encoding { ids, spans })
    }

    /// The text of one token; `None` for the two special ids and for ids that this tokenizer never gave.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<String> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.text(id).map(str::to_owned)
    }

    /// The text that `ids` stand for.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] for an id that this tokenizer never gave.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter()
            .map(|&id| match id {
                Self::UNKNOWN => Ok(" <unk> "),
                Self::MASK => Ok(" <mask> "),
                id => table.text(id).ok_or_else(|| ModelError::Tokenise(format!("unknown token id {id}"))),
            })
            .collect()
    }
}

impl Table {
    fn id(&mut self, lexeme: &str) -> Result<u32, ModelError> {
        if let Some(&id) = self.ids.get(lexeme) {
            return Ok(id);
        }
        let id = u32::try_from(self.texts.len())
            .ok()
            .and_then(|count| count.checked_add(RESERVED))
            .ok_or_else(|| ModelError::Tokenise("more different words than token ids".to_owned()))?;
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
    fn the_same_word_is_the_same_id_and_strange_ids_are_refused() {
        let tokenizer = WordTokenizer::new();
        let ids = tokenizer.encode("a=a").unwrap().ids;
        assert_eq!(ids, [2, 3, 2]);
        assert_eq!(tokenizer.decode(&[2, 0, 1]), Ok("a <unk>  <mask> ".to_owned()));
        assert!(tokenizer.decode(&[99]).is_err());
        assert_eq!((tokenizer.token_text(3).as_deref(), tokenizer.token_text(0)), (Some("="), None));
    }

    proptest! {
        #[test]
        fn decoding_gives_the_text_back(text in any::<String>()) {
            let tokenizer = WordTokenizer::new();
            let ids = tokenizer.encode(&text).unwrap().ids;
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        }
    }
}

//! A tokenizer from `tokenizer.json`, if it is one that code models have.

use serde::Deserialize;
use tokenizers::{Result, Tokenizer};

use crate::json;

/// The parts of `tokenizer.json` that are checked before the library builds a tokenizer from them: some of them make it
/// panic, take all memory, or split one text in several ways.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Part>,
    pre_tokenizer: Option<Part>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

/// A normalizer or pre-tokenizer, or several of them.
#[derive(Deserialize)]
struct Part {
    r#type: String,
    #[serde(default, alias = "normalizers")]
    pretokenizers: Vec<Part>,
}

#[derive(Deserialize)]
struct Model {
    dropout: Option<f32>,
    #[serde(default)]
    continuing_subword_prefix: String,
    #[serde(default)]
    end_of_word_suffix: String,
}

const NORMALIZERS: [&str; 4] = ["NFC", "NFD", "NFKC", "NFKD"];
const PRE_TOKENIZERS: [&str; 5] = ["ByteLevel", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit"];

/// Builds the tokenizer.
pub(super) fn tokenizer(bytes: &[u8]) -> Result<Tokenizer> {
    let parts: Parts = json::object(bytes)?;
    parts.check()?;
    let tokenizer = Tokenizer::from_bytes(bytes)?;
    // The library gives a token another id than the file if the vocabulary does not hold it.
    let moved =
        parts.added_tokens.iter().find(|token| tokenizer.token_to_id(&token.content) != Some(token.id));
    match moved {
        Some(Added { id, content }) => {
            Err(format!("the added token `{content}` cannot have the id {id}").into())
        }
        None => Ok(tokenizer),
    }
}

impl Parts {
    fn check(&self) -> Result<()> {
        let Model { dropout, continuing_subword_prefix, end_of_word_suffix } = &self.model;
        if dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err("`dropout` would split a text in another way each time: remove it".into());
        }
        if !continuing_subword_prefix.is_empty() || !end_of_word_suffix.is_empty() {
            return Err("it marks parts of words, which tokenizers of bytes do not".into());
        }
        check_kinds("normalizer", self.normalizer.as_ref(), &NORMALIZERS)?;
        check_kinds("pre-tokenizer", self.pre_tokenizer.as_ref(), &PRE_TOKENIZERS)
    }
}

/// JSON is not nested deeply enough to overflow the stack.
fn check_kinds(what: &str, part: Option<&Part>, known: &[&str]) -> Result<()> {
    let Some(Part { r#type, pretokenizers }) = part else { return Ok(()) };
    match r#type.as_str() {
        "Sequence" => pretokenizers.iter().try_for_each(|part| check_kinds(what, Some(part), known)),
        kind if known.contains(&kind) => Ok(()),
        kind => Err(format!("the {what} `{kind}` is not supported; supported: {}", known.join(", ")).into()),
    }
}

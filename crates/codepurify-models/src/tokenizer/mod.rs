//! Text to token ids with byte spans of the original text, and back.

mod collapse;

use codepurify::error::ModelError;
use codepurify::victim::Encoding;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use crate::error::LoadError;
use crate::files::{ModelFiles, TokenizerFiles};
use crate::sidecar::Preprocessing;
use collapse::Prepared;

/// A byte-level BPE tokenizer with the special tokens of RoBERTa.
#[derive(Debug)]
pub struct CodeTokenizer {
    tokenizer: Tokenizer,
    collapse_whitespace: bool,
    special: SpecialIds,
}

/// The ids that frame, hide and pad a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialIds {
    /// `<s>`, first of every sequence.
    pub begin: u32,
    /// `</s>`, last of every sequence.
    pub end: u32,
    /// `<unk>`, stands for an occluded element.
    pub unknown: u32,
    /// `<mask>`, if the tokenizer has one.
    pub mask: Option<u32>,
}

impl CodeTokenizer {
    /// The tokenizer of a model directory.
    ///
    /// # Errors
    /// [`LoadError::Tokenizer`] if the files are damaged or `<s>`, `</s>` or `<unk>` is missing.
    pub fn load(files: &ModelFiles, preprocessing: Preprocessing) -> Result<Self, LoadError> {
        let refuse = |message: String| LoadError::Tokenizer { model: files.name.clone(), message };
        let mut tokenizer = match &files.tokenizer {
            TokenizerFiles::Fast(json) => {
                Tokenizer::from_bytes(json).map_err(|error| refuse(format!("tokenizer.json: {error}")))?
            }
            TokenizerFiles::Slow { vocab, merges } => {
                from_vocab_and_merges(vocab, merges).map_err(|error| refuse(error.to_string()))?
            }
        };
        // A saved truncation or padding would cut or fill rows behind our back.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        // Framing is ours. All that is left to a post-processor is to trim offsets, and where a space was put before the
        // text it trims a byte that never was there: spans would be out of order.
        tokenizer.with_post_processor(None::<ByteLevel>);
        let id = |token: &str| tokenizer.token_to_id(token);
        let needed = |token: &str| id(token).ok_or_else(|| refuse(format!("it has no `{token}` token")));
        let special = SpecialIds {
            begin: needed("<s>")?,
            end: needed("</s>")?,
            unknown: needed("<unk>")?,
            mask: id("<mask>"),
        };
        Ok(Self { tokenizer, collapse_whitespace: preprocessing.collapse_whitespace, special })
    }

    /// The special tokens.
    #[must_use]
    pub fn special(&self) -> SpecialIds {
        self.special
    }

    /// One more than the largest token id.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1)
    }

    /// Content tokens of `text` with the bytes of `text` that each stands for.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let prepared =
            if self.collapse_whitespace { Prepared::collapsed(text) } else { Prepared::verbatim(text) };
        let encoding = self
            .tokenizer
            .encode(prepared.text(), false)
            .map_err(|error| ModelError::Tokenise(error.to_string()))?;
        let spans = encoding.get_offsets().iter().map(|&(start, end)| prepared.span(start, end));
        Ok(Encoding { spans: spans.collect(), ids: encoding.get_ids().to_vec() })
    }

    /// The text that `ids` stand for, without special tokens and with white space as it stands.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if an id has no token.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        if let Some(id) = ids.iter().find(|&&id| self.tokenizer.id_to_token(id).is_none()) {
            return Err(ModelError::Tokenise(format!("no token has the id {id}")));
        }
        self.tokenizer.decode(ids, true).map_err(|error| ModelError::Tokenise(error.to_string()))
    }

    /// The source text of one token, or `None` for special tokens and for parts of a character.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<String> {
        let text = self.tokenizer.decode(&[id], true).ok()?;
        (!text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)).then_some(text)
    }
}

/// RoBERTa's byte-level BPE from its two classic files.
fn from_vocab_and_merges(vocab: &[u8], merges: &[u8]) -> tokenizers::Result<Tokenizer> {
    let vocab: Vocab = serde_json::from_slice(vocab).map_err(|error| format!("vocab.json: {error}"))?;
    let pairs = std::str::from_utf8(merges)
        .map_err(|error| format!("merges.txt: {error}"))?
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.trim().is_empty())
        .enumerate()
        .map(|(index, line)| {
            let (left, right) =
                line.split_once(' ').ok_or_else(|| format!("merges.txt, pair {}: `{line}`", index + 1))?;
            Ok((left.to_owned(), right.to_owned()))
        })
        .collect::<tokenizers::Result<Vec<_>>>()?;
    let model = BPE::builder().vocab_and_merges(vocab, pairs).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| format!("vocab.json and merges.txt: {error}"))?);
    let byte_level = ByteLevel::new(false, false, true);
    tokenizer.with_pre_tokenizer(Some(byte_level)).with_decoder(Some(byte_level));
    let special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
    let known = special.iter().filter(|token| tokenizer.token_to_id(token).is_some());
    // RoBERTa's `<mask>` swallows the space before it.
    let added: Vec<_> = known.map(|&token| AddedToken::from(token, true).lstrip(token == "<mask>")).collect();
    tokenizer.add_special_tokens(added)?;
    Ok(tokenizer)
}

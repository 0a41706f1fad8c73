//! Text to token ids with byte spans of the original text, and back.

mod collapse;
mod fast;
mod slow;
mod tokens;

use std::path::Path;

use codepurify::error::ModelError;
use codepurify::victim::Encoding;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::error::LoadError;
use crate::files::{ModelFiles, TokenizerCore, TokenizerFiles};
use crate::sidecar::Preprocessing;
use collapse::Prepared;
use tokens::Tokens;

/// A byte-level BPE tokenizer with the special tokens of RoBERTa.
#[derive(Debug)]
pub struct CodeTokenizer {
    tokenizer: Tokenizer,
    preprocessing: Preprocessing,
    special: SpecialIds,
    /// The tokens of the prefix before the code.
    prefix: Vec<u32>,
    /// The tokens between the first special one and the prefix.
    opening: Vec<u32>,
}

/// The ids that frame, hide and pad a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialIds {
    /// `<s>`, first of every sequence.
    pub begin: u32,
    /// `</s>`, last of every sequence.
    pub end: u32,
    /// `<unk>`, in place of an occluded element.
    pub unknown: u32,
    /// `<mask>`, if the tokenizer has one.
    pub mask: Option<u32>,
}

impl SpecialIds {
    /// Returns `<s> row </s>`.
    #[must_use]
    pub fn framed(self, row: &[u32]) -> Vec<u32> {
        [&[self.begin], row, &[self.end]].concat()
    }
}

impl CodeTokenizer {
    /// The tokenizer of a model directory.
    ///
    /// # Errors
    /// [`LoadError::Tokenizer`] if the files are damaged or `<s>`, `</s>` or `<unk>` is missing.
    pub fn load(files: &ModelFiles, preprocessing: Preprocessing) -> Result<Self, LoadError> {
        Self::of(&files.name, &files.tokenizer, preprocessing)
    }

    /// The tokenizer of a directory that need not hold a model.
    ///
    /// # Errors
    /// [`LoadError::MissingFile`], [`LoadError::Read`], [`LoadError::Tokenizer`].
    pub fn open(dir: &Path, preprocessing: Preprocessing) -> Result<Self, LoadError> {
        let missing = LoadError::MissingFile { dir: dir.to_path_buf(), wanted: TokenizerFiles::WANTED };
        let files = TokenizerFiles::read(dir)?.ok_or(missing)?;
        Self::of(&dir.display().to_string(), &files, preprocessing)
    }

    /// The tokenizer that a `tokenizer.json` describes; `name` says in messages whose it is.
    ///
    /// # Errors
    /// [`LoadError::Tokenizer`].
    pub fn from_json(name: &str, json: Vec<u8>, preprocessing: Preprocessing) -> Result<Self, LoadError> {
        Self::of(name, &TokenizerFiles::fast(json), preprocessing)
    }

    fn of(name: &str, files: &TokenizerFiles, preprocessing: Preprocessing) -> Result<Self, LoadError> {
        let refuse = |message: String| LoadError::Tokenizer { model: name.to_owned(), message };
        let tokens = Tokens::read(files).map_err(|error| refuse(error.to_string()))?;
        let mut tokenizer = match &files.core {
            TokenizerCore::Fast(json) => {
                fast::tokenizer(json).map_err(|error| refuse(format!("tokenizer.json: {error}")))?
            }
            TokenizerCore::Slow { vocab, merges } => {
                slow::tokenizer(vocab, merges, &tokens).map_err(|error| refuse(error.to_string()))?
            }
        };
        // The configuration overrules tokenizer.json, as in transformers.
        if let (Some(PreTokenizerWrapper::ByteLevel(split)), Some(space)) =
            (tokenizer.get_pre_tokenizer(), tokens.add_prefix_space)
        {
            let split = split.add_prefix_space(space);
            tokenizer.with_pre_tokenizer(Some(split));
        }
        tokens.add_to(&mut tokenizer).map_err(|error| refuse(error.to_string()))?;
        // A saved truncation or padding would cut or fill rows behind our back.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        // Framing is ours. All that is left to a post-processor is to trim offsets, and where a space was put before the
        // text it trims a byte that never was there: spans would be out of order.
        tokenizer.with_post_processor(None::<ByteLevel>);
        let id = |token: &str| tokenizer.token_to_id(token);
        let needed = |token: &str| id(token).ok_or_else(|| refuse(format!("it has no `{token}` token")));
        let special = SpecialIds {
            begin: needed(&tokens.names.begin)?,
            end: needed(&tokens.names.end)?,
            unknown: needed(&tokens.names.unknown)?,
            mask: id(&tokens.names.mask),
        };
        let opening = preprocessing.opening.iter().map(|token| needed(token)).collect::<Result<_, _>>()?;
        let prefix = preprocessing.prefix.trim_end();
        if prefix.len() == preprocessing.prefix.len() && !prefix.is_empty() {
            return Err(refuse(format!(
                "the prefix `{prefix}` does not end with a space, so it runs into the code"
            )));
        }
        let prefix = tokenizer.encode(prefix, false).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { prefix: prefix.get_ids().to_vec(), opening, tokenizer, preprocessing, special })
    }

    /// The special tokens.
    #[must_use]
    pub fn special(&self) -> SpecialIds {
        self.special
    }

    /// Returns true if the vocabulary holds this token.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.tokenizer.token_to_id(token).is_some()
    }

    /// One more than the largest token id.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1)
    }

    /// The tokens that code is made of, by id: no special ones, no white space and no parts of a character.
    #[must_use]
    pub fn words(&self) -> Vec<(u32, String)> {
        let word =
            |id: u32| self.token_text(id).filter(|text| !text.trim().is_empty()).map(|text| (id, text));
        (0..self.vocabulary() as u32).filter_map(word).collect()
    }

    /// Returns the content tokens of `text`, each with its span of `text`.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let Preprocessing { collapse_whitespace, prefix, end_as_unknown, .. } = &self.preprocessing;
        let prepared =
            if *collapse_whitespace { Prepared::collapsed(text) } else { Prepared::verbatim(text) };
        let whole = if prefix.is_empty() {
            self.tokenizer.encode(prepared.text(), false)
        } else {
            self.tokenizer.encode(format!("{prefix}{}", prepared.text()), false)
        };
        let whole = whole.map_err(|error| ModelError::tokenise(error.to_string()))?;
        let ids = whole.get_ids().strip_prefix(self.prefix.as_slice());
        let ids =
            ids.ok_or_else(|| ModelError::tokenise(format!("the prefix `{prefix}` runs into the code")))?;
        let seen =
            |id: u32| if *end_as_unknown && id == self.special.end { self.special.unknown } else { id };
        let own = |at: usize| at.saturating_sub(prefix.len());
        let offsets = whole.get_offsets().iter().skip(self.prefix.len());
        Ok(Encoding {
            spans: offsets.map(|&(start, end)| prepared.span(own(start), own(end))).collect(),
            ids: ids.iter().map(|&id| seen(id)).collect(),
        })
    }

    /// Returns the tokens of a model's answer: verbatim, without a prefix.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn encode_answer(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoded = self.tokenizer.encode(text, false);
        Ok(encoded.map_err(|error| ModelError::tokenise(error.to_string()))?.get_ids().to_vec())
    }

    /// A whole input: `<s> opening prefix row </s>`.
    #[must_use]
    pub fn frame(&self, row: &[u32]) -> Vec<u32> {
        [&[self.special.begin], self.opening.as_slice(), &self.prefix, row, &[self.special.end]].concat()
    }

    /// Tokens that [`CodeTokenizer::frame`] adds to a row.
    #[must_use]
    pub fn frame_length(&self) -> usize {
        self.opening.len() + self.prefix.len() + 2
    }

    /// Decodes `ids` to text, without special tokens and with white space verbatim.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if an id has no token.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        if let Some(id) = ids.iter().find(|&&id| self.tokenizer.id_to_token(id).is_none()) {
            return Err(ModelError::tokenise(format!("no token has the id {id}")));
        }
        self.tokenizer.decode(ids, true).map_err(|error| ModelError::tokenise(error.to_string()))
    }

    /// The source text of one token, or `None` for special tokens and for parts of a character.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<String> {
        let text = self.tokenizer.decode(&[id], true).ok()?;
        (!text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)).then_some(text)
    }
}

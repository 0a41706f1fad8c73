//! Facts about single tokens in `tokenizer_config.json`, `added_tokens.json` and `special_tokens_map.json`.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::models::bpe::Vocab;
use tokenizers::{AddedToken, Result, Tokenizer};

use crate::files::TokenizerFiles;
use crate::json;

/// The keys of `tokenizer_config.json` and `special_tokens_map.json` that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Keys {
    add_prefix_space: Option<bool>,
    cls_token: Option<Token>,
    bos_token: Option<Token>,
    sep_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
    pad_token: Option<Token>,
    mask_token: Option<Token>,
    additional_special_tokens: Vec<Token>,
    added_tokens_decoder: BTreeMap<u32, Token>,
}

/// A token as text, or with the ways in which it is found in a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Described {
        content: String,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        #[serde(default)]
        single_word: bool,
        special: Option<bool>,
    },
}

impl Token {
    fn content(&self) -> &str {
        match self {
            Self::Text(content) | Self::Described { content, .. } => content,
        }
    }

    /// The token as a mask, which swallows the space before it unless something else is said.
    fn mask(&self) -> AddedToken {
        let token = self.added(true);
        if matches!(self, Self::Text(_)) { token.lstrip(true) } else { token }
    }

    fn added(&self, special: bool) -> AddedToken {
        match self {
            Self::Text(content) => AddedToken::from(content.clone(), special),
            Self::Described { content, lstrip, rstrip, single_word, special: own } => {
                AddedToken::from(content.clone(), special || own == &Some(true))
                    .lstrip(*lstrip)
                    .rstrip(*rstrip)
                    .single_word(*single_word)
            }
        }
    }
}

/// Texts of the tokens that frame, hide and mask.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) begin: String,
    pub(super) end: String,
    pub(super) unknown: String,
    pub(super) mask: String,
}

/// All that is said about single tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    /// True to put a space before a text; `None` where the configuration does not say.
    pub(super) add_prefix_space: Option<bool>,
    pub(super) names: Names,
    /// Special tokens that the vocabulary may hold.
    special: Vec<AddedToken>,
    /// Tokens that were added, by id.
    added: BTreeMap<u32, AddedToken>,
}

impl Tokens {
    /// Reads the files about tokens that come with a tokenizer.
    pub(super) fn read(files: &TokenizerFiles) -> Result<Self> {
        let config: Keys = parsed("tokenizer_config.json", files.config.as_deref())?;
        let map: Keys = parsed("special_tokens_map.json", files.special.as_deref())?;
        let added: BTreeMap<String, u32> = parsed("added_tokens.json", files.added.as_deref())?;
        // The map overrules the configuration, as in transformers.
        let either =
            |token: fn(&Keys) -> &Option<Token>| token(&map).clone().or_else(|| token(&config).clone());
        let begin = either(|keys| &keys.cls_token).or_else(|| either(|keys| &keys.bos_token));
        let end = either(|keys| &keys.sep_token).or_else(|| either(|keys| &keys.eos_token));
        let (unknown, mask) = (either(|keys| &keys.unk_token), either(|keys| &keys.mask_token));
        let name = |token: &Option<Token>, usual: &str| {
            token.as_ref().map_or_else(|| usual.to_owned(), |token| token.content().to_owned())
        };
        let names = Names {
            begin: name(&begin, "<s>"),
            end: name(&end, "</s>"),
            unknown: name(&unknown, "<unk>"),
            mask: name(&mask, "<mask>"),
        };
        let more = [either(|keys| &keys.bos_token), either(|keys| &keys.eos_token)];
        let more = more.into_iter().chain([either(|keys| &keys.pad_token)]);
        let named = [begin, end, unknown].into_iter().chain(more).flatten();
        let additional = map.additional_special_tokens.iter().chain(&config.additional_special_tokens);
        let named = named.chain(additional.cloned()).map(|token| token.added(true));
        let special: Vec<AddedToken> =
            mask.map(|mask| mask.mask()).into_iter().chain(named).chain(usual()).collect();
        let texts: HashSet<&str> = special.iter().map(|token| token.content.as_str()).collect();
        let listed = added.into_iter().map(|(content, id)| (id, Token::Text(content)));
        let added = listed.chain(config.added_tokens_decoder);
        let added = added.map(|(id, token)| (id, token.added(texts.contains(token.content())))).collect();
        Ok(Self { add_prefix_space: config.add_prefix_space, names, added, special })
    }

    /// Adds the added tokens to the vocabulary. A token that the vocabulary already holds gets its new id: it
    /// is found in a text first, so its old id never occurs. A token for single words is refused, as its old
    /// id would occur within longer words.
    pub(super) fn extend(&self, vocabulary: &mut Vocab) -> Result<()> {
        let mut ids: HashSet<u32> = vocabulary.values().copied().collect();
        for (&id, token) in &self.added {
            let content = &token.content;
            match vocabulary.get(content) {
                Some(&known) if known == id => continue,
                old if ids.insert(id) && (old.is_none() || !token.single_word) => {
                    vocabulary.insert(content.clone(), id)
                }
                _ => return Err(format!("the added token `{content}` cannot have the id {id}").into()),
            };
        }
        Ok(())
    }

    /// Makes a tokenizer find these tokens in texts. Those that its vocabulary does not hold are added to it.
    pub(super) fn add_to(&self, tokenizer: &mut Tokenizer) -> Result<()> {
        for (&id, token) in &self.added {
            if tokenizer.token_to_id(&token.content) != Some(id) {
                tokenizer.add_tokens([token.clone()])?;
            }
            let found = tokenizer.token_to_id(&token.content);
            if found != Some(id) || tokenizer.id_to_token(id).as_ref() != Some(&token.content) {
                return Err(format!("the added token `{}` cannot have the id {id}", token.content).into());
            }
        }
        Ok(())
    }

    /// Makes a tokenizer of bare files find its special and its added tokens in texts.
    pub(super) fn mark_in(&self, tokenizer: &mut Tokenizer) -> Result<()> {
        let known = |token: &&AddedToken| tokenizer.token_to_id(&token.content).is_some();
        let mut marked = HashSet::new();
        let all = self.added.values().chain(&self.special).filter(known);
        let tokens: Vec<AddedToken> =
            all.filter(|token| marked.insert(token.content.clone())).cloned().collect();
        tokenizer.add_tokens(tokens)?;
        Ok(())
    }
}

/// The special tokens of RoBERTa.
fn usual() -> impl Iterator<Item = AddedToken> {
    let plain = ["<s>", "<pad>", "</s>", "<unk>"].map(|token| AddedToken::from(token, true));
    plain.into_iter().chain([Token::Text("<mask>".to_owned()).mask()])
}

fn parsed<T: DeserializeOwned + Default>(file: &str, bytes: Option<&[u8]>) -> Result<T> {
    let parse = |bytes| json::object(bytes).map_err(|error| format!("{file}: {error}"));
    Ok(bytes.map(parse).transpose()?.unwrap_or_default())
}

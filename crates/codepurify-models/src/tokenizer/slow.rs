//! RoBERTa's byte-level BPE from its classic files.

use serde::Deserialize;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Result, Tokenizer};

/// What of `tokenizer_config.json` changes the tokens of a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    add_prefix_space: bool,
    additional_special_tokens: Vec<Special>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Special {
    Text(String),
    Token {
        content: String,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
    },
}

impl Special {
    fn token(self) -> AddedToken {
        match self {
            Self::Text(content) => AddedToken::from(content, true),
            Self::Token { content, lstrip, rstrip } => {
                AddedToken::from(content, true).lstrip(lstrip).rstrip(rstrip)
            }
        }
    }
}

/// The tokenizer that `vocab.json`, `merges.txt` and, if it is there, `tokenizer_config.json` describe.
pub(super) fn tokenizer(vocab: &[u8], merges: &[u8], config: Option<&[u8]>) -> Result<Tokenizer> {
    let vocab: Vocab = serde_json::from_slice(vocab).map_err(|error| format!("vocab.json: {error}"))?;
    let config: Config = match config {
        Some(json) => {
            serde_json::from_slice(json).map_err(|error| format!("tokenizer_config.json: {error}"))?
        }
        None => Config::default(),
    };
    let model = BPE::builder().vocab_and_merges(vocab, pairs(merges)?).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| format!("vocab.json and merges.txt: {error}"))?);
    let byte_level = ByteLevel::new(config.add_prefix_space, false, true);
    tokenizer.with_pre_tokenizer(Some(byte_level)).with_decoder(Some(byte_level));
    let special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map(|token| {
        // RoBERTa's `<mask>` swallows the space before it.
        AddedToken::from(token, true).lstrip(token == "<mask>")
    });
    let additional = config.additional_special_tokens.into_iter().map(Special::token);
    let known: Vec<AddedToken> = special
        .into_iter()
        .chain(additional)
        .filter(|token| tokenizer.token_to_id(&token.content).is_some())
        .collect();
    tokenizer.add_special_tokens(known)?;
    Ok(tokenizer)
}

fn pairs(merges: &[u8]) -> Result<Vec<(String, String)>> {
    let lines = std::str::from_utf8(merges).map_err(|error| format!("merges.txt: {error}"))?.lines();
    let pairs = lines.filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
    let split = |(index, line): (usize, &str)| match line.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(format!("merges.txt, pair {}: `{line}`", index + 1).into()),
    };
    pairs.enumerate().map(split).collect()
}

//! RoBERTa's byte-level BPE from its classic files.

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{Result, Tokenizer};

use super::tokens::Tokens;

/// Makes the tokenizer that `vocab.json`, `merges.txt` and the files about tokens describe.
pub(super) fn tokenizer(vocab: &[u8], merges: &[u8], tokens: &Tokens) -> Result<Tokenizer> {
    let mut vocab: Vocab = serde_json::from_slice(vocab).map_err(|error| format!("vocab.json: {error}"))?;
    tokens.extend(&mut vocab)?;
    let model = BPE::builder().vocab_and_merges(vocab, pairs(merges)?).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| format!("vocab.json and merges.txt: {error}"))?);
    let byte_level = ByteLevel::new(tokens.add_prefix_space.unwrap_or(false), false, true);
    tokenizer.with_pre_tokenizer(Some(byte_level)).with_decoder(Some(byte_level));
    tokens.mark_in(&mut tokenizer)?;
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

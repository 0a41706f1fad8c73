//! Tokenisation of unlabelled texts.

use anyhow::Result;
use codepurify::victim::Encoding;
use codepurify_attacks::data::corpus::Text;
use codepurify_models::sidecar::Preprocessing;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::export::ModelDirectory;

/// Tokenises texts, half of them with white space collapsed: victims read code in that form, people
/// write it in the other.
pub(super) fn encodings(directory: &ModelDirectory, texts: &[Text], seed: u64) -> Result<Vec<Encoding>> {
    let verbatim = directory.tokenizer_behind(Preprocessing::default())?;
    let collapsed = directory
        .tokenizer_behind(Preprocessing { collapse_whitespace: true, ..Preprocessing::default() })?;
    let mut rng = StdRng::seed_from_u64(seed);
    let encode = |text: &Text| {
        let tokenizer = if rng.random_bool(0.5) { &collapsed } else { &verbatim };
        Ok(tokenizer.encode(&text.code)?)
    };
    texts.iter().map(encode).collect()
}

//! Span corruption (Raffel et al. 2020, section 3.1.4).
//!
//! Spans of a text are each replaced by a sentinel. The target is every sentinel with its span, in
//! order, and a last sentinel.

use anyhow::{Context, Result};
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use rand::rngs::StdRng;
use rand::seq::index;

use super::sequences::Pair;

/// Share of tokens in spans.
const NOISE_SHARE: f64 = 0.15;
/// Mean length of a span in tokens.
const MEAN_SPAN: f64 = 3.0;
/// Number of sentinels of T5 and `CodeT5`.
const SENTINELS: usize = 100;

/// Tokens that replace spans: `<extra_id_0>`, `<extra_id_1>`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentinels(Vec<u32>);

impl Sentinels {
    /// Returns the sentinels of the tokenizer that `json` describes; missing ones are added after
    /// its vocabulary.
    ///
    /// They are added as special tokens, so that an output with one can be decoded and later
    /// trainings find them. The embeddings need as many additional rows.
    pub(super) fn of(json: Vec<u8>) -> Result<(Self, Vec<u8>)> {
        let open = |json: &[u8]| {
            let tokenizer =
                CodeTokenizer::from_json("the tokenizer", json.to_vec(), Preprocessing::default());
            tokenizer.map_err(anyhow::Error::from)
        };
        let tokenizer = open(&json)?;
        if let Some(sentinels) = Self::find(&tokenizer)? {
            return Ok((sentinels, json));
        }
        let json = with_sentinels(&json, tokenizer.vocabulary())?;
        let sentinels = Self::find(&open(&json)?)?.context("sentinels cannot be added to the tokenizer")?;
        Ok((sentinels, json))
    }

    fn find(tokenizer: &CodeTokenizer) -> Result<Option<Self>> {
        let ids = (0..SENTINELS).map(|number| token_id(tokenizer, &sentinel(number)));
        let ids: Option<Vec<u32>> = ids.collect::<Result<_>>()?;
        Ok(ids.map(Self))
    }

    /// Returns how many of `length` tokens are in how many spans; the last sentinel has no span.
    fn noise(&self, length: usize) -> (usize, usize) {
        let rounded = |number: f64| {
            #[expect(clippy::cast_sign_loss, reason = "a share of a length is not negative")]
            let rounded = number.round() as usize;
            rounded
        };
        let noise = rounded(length as f64 * NOISE_SHARE).max(1).min(length);
        let most = noise.min((length - noise).max(1)).min(self.0.len() - 1);
        (noise, rounded(noise as f64 / MEAN_SPAN).max(1).min(most))
    }

    /// Returns the number of tokens of source and target of a corrupted text of `length` tokens.
    pub(super) fn lengths(&self, length: usize) -> (usize, usize) {
        let (noise, spans) = self.noise(length);
        (length - noise + spans, noise + spans + 1)
    }

    /// Corrupts a text: about 15 % of its tokens are in spans of 3 on average, at random places.
    ///
    /// The text begins with tokens that stay, unless it has a single one.
    pub(super) fn corrupt(&self, ids: &[u32], rng: &mut StdRng) -> Pair {
        let (noise, spans) = self.noise(ids.len());
        let hidden = segments(noise, spans, rng);
        let kept = segments(ids.len() - noise, spans, rng);
        let (mut source, mut target, mut rest) = (Vec::new(), Vec::new(), ids);
        for ((kept, hidden), &sentinel) in kept.into_iter().zip(hidden).zip(&self.0) {
            let (before, after) = rest.split_at(kept);
            let (span, after) = after.split_at(hidden);
            source.extend([before, &[sentinel]].concat());
            target.extend([&[sentinel], span].concat());
            rest = after;
        }
        target.push(self.0[spans]);
        Pair { source, target }
    }
}

/// Returns the name of a sentinel.
fn sentinel(number: usize) -> String {
    format!("<extra_id_{number}>")
}

/// Returns the id of `token` if the vocabulary has it as a whole.
pub(super) fn token_id(tokenizer: &CodeTokenizer, token: &str) -> Result<Option<u32>> {
    match tokenizer.encode_answer(token)?[..] {
        [id] => Ok(Some(id)),
        _ => Ok(None),
    }
}

/// Adds sentinels from id `first` on to a `tokenizer.json`.
fn with_sentinels(json: &[u8], first: usize) -> Result<Vec<u8>> {
    let mut json: serde_json::Value = serde_json::from_slice(json)?;
    let added = json["added_tokens"].as_array_mut().context("tokenizer.json has no list of added tokens")?;
    added.extend((0..SENTINELS).map(|number| {
        serde_json::json!({
            "id": first + number, "content": sentinel(number), "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        })
    }));
    Ok(serde_json::to_vec_pretty(&json)?)
}

/// Draws the lengths of `parts` pieces of `whole` tokens, every division equally probable; none is
/// empty if there are enough tokens.
fn segments(whole: usize, parts: usize, rng: &mut StdRng) -> Vec<usize> {
    let mut cuts = index::sample(rng, whole.saturating_sub(1), parts - 1).into_vec();
    cuts.sort_unstable();
    let ends = cuts.into_iter().map(|cut| cut + 1).chain([whole]);
    ends.scan(0, |start, end| Some(end - std::mem::replace(start, end))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn sentinels() -> Sentinels {
        Sentinels((1000..1000 + SENTINELS as u32).collect())
    }

    /// Replaces sentinels by their spans again.
    fn restored(pair: &Pair, sentinels: &Sentinels) -> Vec<u32> {
        let span = |sentinel: u32| {
            let from = pair.target.iter().position(|&id| id == sentinel).unwrap() + 1;
            pair.target[from..].iter().copied().take_while(|id| !sentinels.0.contains(id))
        };
        let mut restored = Vec::new();
        for &id in &pair.source {
            if sentinels.0.contains(&id) { restored.extend(span(id)) } else { restored.push(id) }
        }
        restored
    }

    #[test]
    fn a_hundred_tokens_lose_fifteen_in_five_spans() {
        assert_eq!(sentinels().noise(100), (15, 5));
        let pair = sentinels().corrupt(&(0..100).collect::<Vec<_>>(), &mut StdRng::seed_from_u64(1));
        assert_eq!((pair.source.len(), pair.target.len()), (90, 21));
        let order: Vec<u32> = pair.target.iter().copied().filter(|&id| id >= 1000).collect();
        assert_eq!(order, [1000, 1001, 1002, 1003, 1004, 1005]);
        assert_eq!(pair.target.last(), Some(&1005));
    }

    #[test]
    fn source_and_target_together_are_the_text_at_every_length() {
        let (sentinels, mut rng) = (sentinels(), StdRng::seed_from_u64(2));
        for length in (1..80).chain([511, 5000]) {
            let ids: Vec<u32> = (0..length).map(|id| id % 900).collect();
            let pair = sentinels.corrupt(&ids, &mut rng);
            assert_eq!(restored(&pair, &sentinels), ids, "{length}");
            assert_eq!((pair.source.len(), pair.target.len()), sentinels.lengths(ids.len()));
            assert!(length == 1 || pair.source[0] < 900, "{length}");
        }
    }

    #[test]
    fn spans_are_drawn_again_and_repeat_with_the_seed() {
        let ids: Vec<u32> = (0..60).collect();
        let mut rng = StdRng::seed_from_u64(3);
        let (first, second) = (sentinels().corrupt(&ids, &mut rng), sentinels().corrupt(&ids, &mut rng));
        assert_ne!(first, second);
        assert_eq!(first, sentinels().corrupt(&ids, &mut StdRng::seed_from_u64(3)));
    }

    #[test]
    fn segments_are_all_divisions_alike() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut counts = std::collections::BTreeMap::<Vec<usize>, u32>::new();
        for _ in 0..6000 {
            *counts.entry(segments(5, 3, &mut rng)).or_default() += 1;
        }
        // Five tokens divide into three non-empty pieces in six ways.
        assert_eq!(counts.len(), 6);
        assert!(counts.keys().all(|parts| parts.iter().sum::<usize>() == 5 && !parts.contains(&0)));
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn sentinels_are_added_once() {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../codepurify-models/tests/golden/tiny-mlm/tokenizer.json");
        let json = std::fs::read(file).unwrap();
        let (sentinels, with) = Sentinels::of(json).unwrap();
        assert_eq!((sentinels.0[0], sentinels.0[99], sentinels.0.len()), (392, 491, 100));
        assert_eq!(Sentinels::of(with.clone()).unwrap(), (sentinels, with));
        assert!(Sentinels::of(b"{}".to_vec()).is_err());
    }
}

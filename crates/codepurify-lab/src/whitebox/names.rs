//! Influence of a name on a victim's prediction.

use candle_core::{Device, Tensor, Var};
use codepurify::{ModelError, Span};
use codepurify_attacks::attack::afraidoor::IdentifierScorer;
use codepurify_attacks::data::report::TaskOutput;

use super::body::QueriedOutput;
use super::{WhiteBox, WhiteBoxError};

/// Clean victim as AFRAIDOOR's model.
///
/// The gradient is that of the negative log-odds of the attacker's class, or of the negative mean
/// log-likelihood of the attacker's text. The log-odds differ from the cross-entropy by a factor,
/// which does not change the ranking. A name of several tokens gets their mean.
pub struct NameScorer {
    victim: WhiteBox,
    target: QueriedOutput,
}

impl NameScorer {
    /// Creates a scorer towards `target`, the attacker's output.
    ///
    /// # Errors
    /// [`WhiteBoxError::Output`] if the victim cannot have it.
    pub fn new(victim: WhiteBox, answer: TaskOutput<'_>) -> Result<Self, WhiteBoxError> {
        let target = victim.target(answer)?;
        Ok(Self { victim, target })
    }

    /// Returns the gradient of −evidence at the unknown token in each place, `[places, hidden]`.
    fn gradient(&self, input: &[Vec<u32>], places: &[u32]) -> Result<Tensor, WhiteBoxError> {
        let words = Var::from_tensor(&self.victim.body.words(input)?)?;
        let evidence = self.victim.body.evidence(input, &words, &self.target)?.sum_all()?;
        let gradient = match evidence.backward()?.get(&words) {
            Some(gradient) => gradient.neg()?,
            None => words.zeros_like()?,
        };
        Ok(gradient.index_select(&Tensor::from_slice(places, places.len(), &Device::Cpu)?, 0)?)
    }

    /// Returns the mean embedding of each name's tokens, `[names, hidden]`.
    fn embeddings(&self, names: &[String]) -> Result<Tensor, WhiteBoxError> {
        let words = self.victim.body.word_embeddings();
        let embedding = |name: &String| -> Result<Tensor, WhiteBoxError> {
            // After a blank, as in a declaration.
            let ids = self.victim.reading.tokenizer.encode_answer(&format!(" {name}"))?;
            if ids.is_empty() {
                return Err(ModelError::tokenise(format!("the name `{name}` has no token")).into());
            }
            let count = ids.len();
            Ok(words.index_select(&Tensor::from_vec(ids, count, &Device::Cpu)?, 0)?.mean(0)?)
        };
        let rows = names.iter().map(embedding).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::stack(&rows, 0)?)
    }

    fn score(
        &self,
        texts: &[&str],
        side: usize,
        identifiers: &[Vec<Span>],
        names: &[String],
    ) -> Result<Vec<Vec<f64>>, WhiteBoxError> {
        // A name that the victim does not see cannot be scored.
        let unseen = vec![f64::INFINITY; names.len()];
        let mut input = self.victim.framed(texts)?;
        let hidden = HiddenNames::of(&self.victim, texts[side], identifiers)?;
        if names.is_empty() || hidden.places.is_empty() {
            return Ok(vec![unseen; identifiers.len()]);
        }
        input[side] = self.victim.reading.tokenizer.frame(&hidden.ids);
        let start = input[..side].iter().map(Vec::len).sum::<usize>() + self.victim.content_start();
        let places: Vec<u32> = hidden.places.iter().map(|&(place, _)| (start + place) as u32).collect();
        let gradient = self.gradient(&input, &places)?;
        // [names, places]
        let gains = self.embeddings(names)?.matmul(&gradient.t()?)?;
        let row = |identifier: usize| -> Result<Vec<f64>, WhiteBoxError> {
            let own = |&(at, &(_, of)): &(usize, &(usize, usize))| (of == identifier).then_some(at as u32);
            let own: Vec<u32> = hidden.places.iter().enumerate().filter_map(|place| own(&place)).collect();
            if own.is_empty() {
                return Ok(unseen.clone());
            }
            let count = own.len();
            let gains = gains.index_select(&Tensor::from_vec(own, count, &Device::Cpu)?, 1)?.mean(1)?;
            Ok(gains.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
        };
        (0..identifiers.len()).map(row).collect()
    }
}

impl IdentifierScorer for NameScorer {
    fn gradients(
        &self,
        texts: &[&str],
        side: usize,
        identifiers: &[Vec<Span>],
        names: &[String],
    ) -> Result<Vec<Vec<f64>>, ModelError> {
        Ok(self.score(texts, side, identifiers, names)?)
    }
}

/// Content tokens of a text with an unknown token for each occurrence of an identifier.
struct HiddenNames {
    ids: Vec<u32>,
    /// Position in `ids` and index of each hidden identifier.
    places: Vec<(usize, usize)>,
}

impl HiddenNames {
    /// Hides identifiers; a token that extends beyond an occurrence (`_` after punctuation) is
    /// replaced as a whole.
    fn of(victim: &WhiteBox, text: &str, identifiers: &[Vec<Span>]) -> Result<Self, WhiteBoxError> {
        let mut occurrences: Vec<(Span, usize)> = identifiers
            .iter()
            .enumerate()
            .flat_map(|(identifier, spans)| spans.iter().map(move |&span| (span, identifier)))
            .collect();
        occurrences.sort_unstable();
        let encoding = victim.encode(text)?;
        let mut hidden = Self { ids: Vec::with_capacity(encoding.ids.len()), places: Vec::new() };
        let (mut next, mut open) = (0, None);
        for (&id, span) in encoding.ids.iter().zip(&encoding.spans) {
            while occurrences.get(next).is_some_and(|(occurrence, _)| occurrence.end <= span.start) {
                next += 1;
            }
            let Some(&(_, identifier)) =
                occurrences.get(next).filter(|(occurrence, _)| occurrence.start < span.end)
            else {
                hidden.ids.push(id);
                continue;
            };
            if open != Some(next) {
                open = Some(next);
                hidden.places.push((hidden.ids.len(), identifier));
                hidden.ids.push(victim.reading.tokenizer.special().unknown);
            }
        }
        Ok(hidden)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Writes a tiny RoBERTa of two classes with random weights.
    fn victim() -> WhiteBox {
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-models/tests/golden/tiny-classifier");
        let dir = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors", "tokenizer.json"] {
            std::fs::copy(golden.join(file), dir.path().join(file)).unwrap();
        }
        let sidecar = r#"{"task": "defect", "labels": ["clean", "vulnerable"]}"#;
        std::fs::write(dir.path().join("codepurify.json"), sidecar).unwrap();
        WhiteBox::open(dir.path()).unwrap()
    }

    const TEXT: &str = "int f(int a) { int total = a; return total; }";

    fn spans(name: &str) -> Vec<Span> {
        TEXT.match_indices(name).map(|(at, _)| Span::new(at, at + name.len())).collect()
    }

    #[test]
    fn occurrences_are_unknown_and_unseen_texts_are_refused() {
        let victim = victim();
        let hidden = HiddenNames::of(&victim, TEXT, &[spans("total"), vec![spans("int")[1]]]).unwrap();
        assert_eq!(hidden.places.iter().map(|&(_, of)| of).collect::<Vec<_>>(), [1, 0, 0]);
        let unknown = victim.reading.tokenizer.special().unknown;
        assert!(hidden.places.iter().all(|&(place, _)| hidden.ids[place] == unknown));
        assert_eq!(hidden.ids.iter().filter(|&&id| id == unknown).count(), 3);
        let scorer = NameScorer::new(victim, TaskOutput::Label(0)).unwrap();
        let found = scorer.gradients(&[TEXT], 0, &[spans("total"), Vec::new()], &["n".to_owned()]).unwrap();
        assert!(found[0][0].is_finite() && found[1][0].is_infinite());
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let names: Vec<String> = ["n", "buffer"].map(str::to_owned).into();
        let scorer = NameScorer::new(victim(), TaskOutput::Label(1)).unwrap();
        let found = scorer.gradients(&[TEXT], 0, &[spans("total")], &names).unwrap();
        let hidden = HiddenNames::of(&scorer.victim, TEXT, &[spans("total")]).unwrap();
        let input = [scorer.victim.reading.tokenizer.frame(&hidden.ids)];
        let words = scorer.victim.body.words(&input).unwrap();
        let embeddings = scorer.embeddings(&names).unwrap();
        for (name, &gradient) in found[0].iter().enumerate() {
            // Moves all places of the identifier slightly towards the name; the gradient is the
            // mean over them.
            let moved = |by: f64| {
                let mut rows: Vec<Tensor> = (0..input[0].len()).map(|at| words.get(at).unwrap()).collect();
                for &(place, _) in &hidden.places {
                    let at = scorer.victim.content_start() + place;
                    rows[at] = (&rows[at] + (embeddings.get(name).unwrap() * by).unwrap()).unwrap();
                }
                let words = Tensor::stack(&rows, 0).unwrap();
                let evidence = scorer.victim.body.evidence(&input, &words, &scorer.target).unwrap();
                f64::from(evidence.to_vec1::<f32>().unwrap()[0])
            };
            let slope = -(moved(0.02) - moved(-0.02)) / 0.04 / hidden.places.len() as f64;
            assert!((gradient - slope).abs() < 0.02 * slope.abs() + 1e-4, "{gradient} for {slope}");
        }
    }
}

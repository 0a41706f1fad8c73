//! The search for the best answers to a group of sources, step by step.

use codepurify::error::ModelError;
use rayon::prelude::*;

use super::beams::{ScriptBeams, TransformersBeams};
use super::{DecodeOptions, Dialect, StepDecoder, finite, runtime};

/// The hypotheses about the answer to one source.
pub(super) trait Search: Send {
    /// Takes the logits of the next token of each live hypothesis (in the first step: of the start token) and says which
    /// hypotheses live on. None: the search is over. There may be more rows than hypotheses.
    fn advance(&mut self, logits: &[&[f32]]) -> Vec<Continuation>;

    /// The best answer so far, without the end token.
    fn answer(&self) -> Vec<u32>;
}

/// A live hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Continuation {
    /// Which of the previous live hypotheses it continues.
    pub(super) parent: usize,
    /// By which token.
    pub(super) token: u32,
}

/// The answers to framed sources, tokens before the end token `end`.
pub(super) fn decode<D: StepDecoder>(
    decoder: &D,
    sources: &[Vec<u32>],
    end: u32,
    options: DecodeOptions,
) -> Result<Vec<Vec<u32>>, ModelError> {
    let mut answers = vec![Vec::new(); sources.len()];
    let mut searches: Vec<(usize, Box<dyn Search>)> =
        (0..sources.len()).map(|source| (source, new_search(options, end))).collect();
    let mut state = decoder.begin(sources).map_err(runtime)?;
    let mut tokens = vec![decoder.start_id(); sources.len()];
    // Every source keeps the same number of sequences.
    let mut each = 1;
    while !searches.is_empty() {
        let grown = grow(&mut searches, each, &finite(&decoder.step(&mut state, &tokens).map_err(runtime)?)?);
        let wider = grown.iter().map(Vec::len).max().unwrap_or(0);
        let mut order = Vec::new();
        tokens.clear();
        for (first, alive) in (0u32..).step_by(each).zip(&grown) {
            // Where fewer are alive than elsewhere, the first stands in for the missing ones.
            for index in 0..if alive.is_empty() { 0 } else { wider } {
                let continuation = alive.get(index).unwrap_or(&alive[0]);
                order.push(first + continuation.parent as u32);
                tokens.push(continuation.token);
            }
        }
        let mut alive = grown.iter().map(|alive| !alive.is_empty());
        searches.retain(|(source, search)| {
            let lives = alive.next().unwrap_or(false);
            if !lives {
                answers[*source] = search.answer();
            }
            lives
        });
        let same = order.iter().copied().eq(0..(grown.len() * each) as u32);
        if !searches.is_empty() && !same {
            decoder.select(&mut state, &order).map_err(runtime)?;
        }
        each = wider;
    }
    Ok(answers)
}

/// Advances every search by its `each` rows of `logits`.
fn grow(searches: &mut [(usize, Box<dyn Search>)], each: usize, logits: &[f32]) -> Vec<Vec<Continuation>> {
    let vocabulary = (logits.len() / (searches.len() * each)).max(1);
    let advance = |((_, search), logits): (&mut (usize, Box<dyn Search>), &[f32])| {
        search.advance(&logits.chunks(vocabulary).collect::<Vec<_>>())
    };
    searches.par_iter_mut().zip(logits.par_chunks(vocabulary * each)).map(advance).collect()
}

fn new_search(options: DecodeOptions, end: u32) -> Box<dyn Search> {
    let steps = options.steps();
    match (options.beams, options.dialect) {
        (1, _) => Box::new(Greedy { tokens: Vec::new(), steps, end }),
        (beams, Dialect::Transformers) => Box::new(TransformersBeams::new(beams, steps, end)),
        (beams, Dialect::Codexglue) => Box::new(ScriptBeams::new(beams, steps, end)),
    }
}

/// The most probable token at every step.
struct Greedy {
    tokens: Vec<u32>,
    steps: usize,
    end: u32,
}

impl Search for Greedy {
    fn advance(&mut self, logits: &[&[f32]]) -> Vec<Continuation> {
        let row = logits[0];
        let best = (1..row.len()).fold(0, |best, token| if row[token] > row[best] { token } else { best });
        let token = best as u32;
        if token == self.end {
            return Vec::new();
        }
        self.tokens.push(token);
        if self.tokens.len() == self.steps {
            return Vec::new();
        }
        vec![Continuation { parent: 0, token }]
    }

    fn answer(&self) -> Vec<u32> {
        self.tokens.clone()
    }
}

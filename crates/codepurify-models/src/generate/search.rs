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
    let mut searches: Vec<Running> = (0..sources.len())
        .map(|source| Running { source, search: new_search(options, end), live: Vec::new() })
        .collect();
    let mut state = decoder.begin(sources).map_err(runtime)?;
    let mut tokens = vec![decoder.start_id(); sources.len()];
    while !searches.is_empty() {
        let logits = finite(&decoder.step(&mut state, &tokens).map_err(runtime)?)?;
        let (sequences, each) = (tokens.len(), tokens.len() / searches.len());
        advance(&mut searches, each, &logits);
        let order;
        (order, tokens) = next_sequences(&searches, each);
        for over in searches.extract_if(.., |running| running.live.is_empty()) {
            answers[over.source] = over.search.answer();
        }
        let unchanged = order.iter().copied().eq(0..sequences as u32);
        if !searches.is_empty() && !unchanged {
            decoder.select(&mut state, &order).map_err(runtime)?;
        }
    }
    Ok(answers)
}

/// The search about one source.
struct Running {
    source: usize,
    search: Box<dyn Search>,
    /// Continuations that are live after the latest step.
    live: Vec<Continuation>,
}

/// The sequences of the next step: which of the present ones each continues, and the token that it is fed.
/// Every source has as many as the one with most live hypotheses; its first is repeated for the missing ones.
fn next_sequences(searches: &[Running], each: usize) -> (Vec<u32>, Vec<u32>) {
    let width = searches.iter().map(|running| running.live.len()).max().unwrap_or(0);
    let mut next = (Vec::new(), Vec::new());
    for (first, running) in (0..).step_by(each).zip(searches) {
        let filler = running.live.iter().take(1).cycle();
        for continuation in running.live.iter().chain(filler).take(width) {
            next.0.push((first + continuation.parent) as u32);
            next.1.push(continuation.token);
        }
    }
    next
}

/// Advances every search by its `each` rows of `logits`.
fn advance(searches: &mut [Running], each: usize, logits: &[f32]) {
    let of_source = logits.len() / searches.len();
    searches.par_iter_mut().zip(logits.par_chunks(of_source)).for_each(|(running, logits)| {
        let rows: Vec<&[f32]> = logits.chunks(of_source / each).collect();
        running.live = running.search.advance(&rows);
    });
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

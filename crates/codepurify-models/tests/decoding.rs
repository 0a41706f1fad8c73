//! Decoding equals transformers and the CodeXGLUE scripts on models whose logits stand in a table
//! (`golden/make_beams.py`).

mod common;

use candle_core::{Device, Result, Tensor};
use codepurify::error::ModelError;
use codepurify::victim::{Generator, Ragged, Task, Victim, VictimCard};
use codepurify_models::generate::{DecodeOptions, Dialect, StepDecoder, TextClassifier, TextGenerator};
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use common::{golden, model};
use serde::Deserialize;

const END: usize = 2;
/// Tables are chosen by a source's token: this one and those behind it.
const FIRST_TABLE: u32 = 100;

#[derive(Deserialize, Clone)]
struct Tables {
    /// [table][last token][next token].
    tables: Vec<Vec<Vec<f32>>>,
    /// How much the end's logit of a table grows with every step.
    growth: Vec<f32>,
    max_length: usize,
    sizes: Vec<usize>,
    /// [size][table], tokens of the answer.
    transformers: Vec<Vec<Vec<u32>>>,
    codexglue: Vec<Vec<Vec<u32>>>,
    /// Fed first: `<s>`, or padding as T5 has it.
    #[serde(skip)]
    start: u32,
}

fn tables() -> Tables {
    serde_json::from_slice(&std::fs::read(golden("beams.json")).unwrap()).unwrap()
}

/// A sequence of the toy decoder: its table, and the tokens fed so far.
#[derive(Clone)]
struct Sequence {
    table: usize,
    tokens: Vec<u32>,
}

impl Tables {
    fn logits(&self, sequence: &Sequence) -> Vec<f32> {
        let last = sequence.tokens.last().copied().unwrap_or_default();
        let mut logits = self.tables[sequence.table][last as usize].clone();
        logits[END] += self.growth[sequence.table] * (sequence.tokens.len() - 1) as f32;
        logits
    }

    fn generator(mut self, beams: usize, dialect: Dialect) -> TextGenerator<Self> {
        self.start = if dialect == Dialect::Transformers { 1 } else { 0 };
        let options = DecodeOptions { max_length: self.max_length, beams, dialect };
        let files = model(&golden("tiny-mlm"));
        let tokenizer = CodeTokenizer::load(&files, Preprocessing::default()).unwrap();
        let card =
            VictimCard { name: "toy".to_owned(), task: Task::Repair, sha256: String::new(), labels: vec![] };
        TextGenerator::new(card, tokenizer, self, 10, options).unwrap()
    }

    fn sources(&self) -> Ragged {
        (FIRST_TABLE..).take(self.tables.len()).map(|table| [table]).collect()
    }
}

impl StepDecoder for Tables {
    type State = Vec<Sequence>;

    fn start_id(&self) -> u32 {
        self.start
    }

    fn begin(&self, sources: &[Vec<u32>]) -> Result<Vec<Sequence>> {
        let table = |source: &Vec<u32>| (source[1] - FIRST_TABLE) as usize;
        Ok(sources.iter().map(|source| Sequence { table: table(source), tokens: vec![] }).collect())
    }

    fn step(&self, state: &mut Vec<Sequence>, tokens: &[u32]) -> Result<Tensor> {
        assert_eq!(state.len(), tokens.len());
        state.iter_mut().zip(tokens).for_each(|(sequence, &token)| sequence.tokens.push(token));
        let logits: Vec<Vec<f32>> = state.iter().map(|sequence| self.logits(sequence)).collect();
        Tensor::new(logits, &Device::Cpu)
    }

    fn select(&self, state: &mut Vec<Sequence>, order: &[u32]) -> Result<()> {
        *state = order.iter().map(|&row| state[row as usize].clone()).collect();
        let tables: Vec<usize> = state.iter().map(|sequence| sequence.table).collect();
        let runs: Vec<usize> = tables.chunk_by(|a, b| a == b).map(<[usize]>::len).collect();
        assert!(runs.iter().all(|&run| run == runs[0]), "unequal numbers of sequences: {runs:?}");
        Ok(())
    }

    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor> {
        let (mut state, longest) = (self.begin(sources)?, inputs.iter().map(Vec::len).max().unwrap_or(0));
        let steps = (0..longest).map(|at| {
            let tokens: Vec<u32> = inputs.iter().map(|input| input.get(at).copied().unwrap_or(0)).collect();
            self.step(&mut state, &tokens)
        });
        Tensor::stack(&steps.collect::<Result<Vec<_>>>()?, 1)
    }
}

fn assert_answers(dialect: Dialect, of: impl Fn(&Tables) -> Vec<Vec<Vec<u32>>>) {
    let golden = tables();
    for (&beams, wanted) in golden.sizes.iter().zip(of(&golden)) {
        let generator = golden.clone().generator(beams, dialect);
        let answers = generator.generate(&golden.sources()).unwrap();
        assert_eq!(answers.len(), wanted.len());
        for (table, (found, wanted)) in answers.rows().zip(&wanted).enumerate() {
            assert_eq!(found, wanted, "{dialect:?}, {beams} beams, table {table}");
        }
    }
}

#[test]
fn answers_are_those_of_transformers() {
    assert_answers(Dialect::Transformers, |golden| golden.transformers.clone());
}

#[test]
fn answers_are_those_of_the_codexglue_scripts() {
    assert_answers(Dialect::Codexglue, |golden| golden.codexglue.clone());
}

/// A decoder that starts with another token than `<s>` is fed `<s>` behind it; only the target and its end count.
#[test]
fn targets_are_framed() {
    let golden = tables();
    let generator = golden.clone().generator(1, Dialect::Transformers);
    let (source, target) = ([FIRST_TABLE + 1].into_iter(), [5, 7]);
    let found =
        generator.likelihoods(&std::iter::once(source).collect(), &std::iter::once(target).collect()).unwrap();
    let log_probability = |tokens: &[u32], next: usize| {
        let logits = golden.logits(&Sequence { table: 1, tokens: tokens.to_vec() });
        f64::from(logits[next]) - logits.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln()
    };
    let wanted = (log_probability(&[1, 0], 5)
        + log_probability(&[1, 0, 5], 7)
        + log_probability(&[1, 0, 5, 7], END))
        / 3.0;
    assert!((found[0] - wanted).abs() < 1e-6, "{} instead of {wanted}", found[0]);
}

#[test]
fn logits_that_are_no_numbers_are_the_models_fault() {
    let mut broken = tables();
    broken.tables[3][5][7] = f32::NAN;
    broken.tables[4][0][4] = f32::INFINITY;
    let source = |table: u32| std::iter::once([FIRST_TABLE + table]).collect::<Ragged>();
    let target: Ragged = std::iter::once([5]).collect();
    let generator = broken.generator(4, Dialect::Codexglue);
    assert!(matches!(generator.likelihoods(&source(3), &target), Err(ModelError::Output(_))));
    assert!(generator.likelihoods(&source(2), &target).is_ok());
    let classifier = TextClassifier::new(generator, &["(".to_owned(), ")".to_owned()]).unwrap();
    assert!(matches!(classifier.judge(&source(4)), Err(ModelError::Output(_))));
}

//! Decoding equals transformers and the CodeXGLUE scripts on models whose logits come from a table
//! (`golden/make_beams.py`) and on a T5 (`golden/make_t5.py`).

use crate::common::{golden, model};
use candle_core::{Device, Result, Tensor};
use codepurify::error::ModelError;
use codepurify::victim::{Generator, Ragged, Task, Victim, VictimCard};
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::generate::{DecodeOptions, Dialect, StepDecoder, TextClassifier, TextGenerator};
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::t5::{T5Config, T5Generator};
use codepurify_models::tokenizer::CodeTokenizer;
use serde::Deserialize;

const END: usize = 2;
/// Tables are chosen by a source's token: this one and those behind it.
const FIRST_TABLE: u32 = 100;

#[derive(Deserialize, Clone)]
struct Tables {
    /// [table][last token][next token].
    #[serde(rename = "tables")]
    logits: Vec<Vec<Vec<f32>>>,
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
    fn next(&self, sequence: &Sequence) -> Vec<f32> {
        let last = sequence.tokens.last().copied().unwrap_or_default();
        let mut logits = self.logits[sequence.table][last as usize].clone();
        logits[END] += self.growth[sequence.table] * (sequence.tokens.len() - 1) as f32;
        logits
    }

    fn generator(mut self, beams: usize, dialect: Dialect) -> TextGenerator<Self> {
        self.start = u32::from(dialect == Dialect::Transformers);
        let options = DecodeOptions { max_length: self.max_length, beams, dialect };
        generator("tiny-mlm", self, options)
    }

    fn sources(&self) -> Ragged {
        (FIRST_TABLE..).take(self.logits.len()).map(|table| [table]).collect()
    }
}

/// A decoder with the tokenizer of a golden directory.
fn generator<D: StepDecoder>(name: &str, decoder: D, options: DecodeOptions) -> TextGenerator<D> {
    let tokenizer = CodeTokenizer::load(&model(&golden(name)), Preprocessing::default()).unwrap();
    let card =
        VictimCard { name: name.to_owned(), task: Task::Repair, sha256: String::new(), labels: vec![] };
    TextGenerator::new(card, tokenizer, decoder, 500, options).unwrap()
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
        let logits: Vec<Vec<f32>> = state.iter().map(|sequence| self.next(sequence)).collect();
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
        let steps = Tensor::stack(&steps.collect::<Result<Vec<_>>>()?, 1)?;
        let rows = inputs.iter().enumerate().map(|(row, input)| steps.get(row)?.narrow(0, 0, input.len()));
        Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0)
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

/// Whole sequences: sources with their frame, answers with `</s>` where they end.
#[derive(Deserialize)]
struct OfT5 {
    sources: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
    beam: Vec<Vec<u32>>,
}

#[test]
fn answers_of_a_t5_are_those_of_transformers() {
    let files = model(&golden("tiny-t5"));
    let golden: OfT5 =
        serde_json::from_slice(&std::fs::read(golden("tiny-t5/expected.json")).unwrap()).unwrap();
    let sources: Ragged =
        golden.sources.iter().map(|source| source[1..source.len() - 1].iter().copied()).collect();
    for (beams, wanted) in [(1, golden.greedy), (4, golden.beam)] {
        let config = T5Config::load(&files).unwrap();
        let decoder = Checkpoint::open(&files).unwrap().build(|weights| T5Generator::new(&config, &weights));
        let options = DecodeOptions { max_length: 24, beams, dialect: Dialect::Transformers };
        let answers = generator("tiny-t5", decoder.unwrap(), options).generate(&sources).unwrap();
        for (row, (found, wanted)) in answers.rows().zip(&wanted).enumerate() {
            // Padding, `<s>` and `</s>`.
            let content: Vec<u32> = wanted.iter().copied().filter(|&token| token > 2).collect();
            assert_eq!(found, content, "{beams} beams, row {row}");
        }
    }
}

/// A decoder that starts with another token than `<s>` is fed `<s>` behind it; only the target and its end count.
#[test]
fn targets_are_framed() {
    let golden = tables();
    let generator = golden.clone().generator(1, Dialect::Transformers);
    let (source, target) = ([FIRST_TABLE + 1].into_iter(), [5, 7]);
    let found = generator
        .likelihoods(&std::iter::once(source).collect(), &std::iter::once(target).collect())
        .unwrap();
    let log_probability = |tokens: &[u32], next: usize| {
        let logits = golden.next(&Sequence { table: 1, tokens: tokens.to_vec() });
        f64::from(logits[next]) - logits.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln()
    };
    let wanted =
        (log_probability(&[1, 0], 5) + log_probability(&[1, 0, 5], 7) + log_probability(&[1, 0, 5, 7], END))
            / 3.0;
    assert!((found[0] - wanted).abs() < 1e-6, "{} instead of {wanted}", found[0]);
    // Tokens 5 and 7.
    let classifier = TextClassifier::new(generator, &["!".to_owned(), "#".to_owned()]).unwrap();
    let logits = classifier.judge(&std::iter::once([FIRST_TABLE + 1]).collect()).unwrap();
    for (logit, token) in logits.row(0).iter().zip([5, 7]) {
        let wanted = log_probability(&[1, 0], token) + log_probability(&[1, 0, token as u32], END);
        assert!((f64::from(*logit) - wanted).abs() < 1e-5, "{logit} instead of {wanted}");
    }
}

#[test]
fn logits_that_are_no_numbers_are_the_models_fault() {
    let mut broken = tables();
    broken.logits[3][5][7] = f32::NAN;
    broken.logits[4][0][4] = f32::INFINITY;
    let source = |table: u32| std::iter::once([FIRST_TABLE + table]).collect::<Ragged>();
    let target: Ragged = std::iter::once([5]).collect();
    let generator = broken.generator(4, Dialect::Codexglue);
    assert!(matches!(generator.likelihoods(&source(3), &target), Err(ModelError::Output(_))));
    assert!(generator.likelihoods(&source(2), &target).is_ok());
    let classifier = TextClassifier::new(generator, &["!".to_owned(), "#".to_owned()]).unwrap();
    assert!(matches!(classifier.judge(&source(4)), Err(ModelError::Output(_))));
    assert!(classifier.judge(&source(2)).is_ok());
}

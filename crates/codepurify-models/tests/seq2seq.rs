//! Logits, likelihoods and answers of the `CodeBERT` encoder-decoder equal those of PyTorch (`golden/make_seq2seq.py`).

use crate::common::{by_row, golden, model};
use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use codepurify::error::ModelError;
use codepurify::victim::{Generator, Model, Ragged, Task, Victim, VictimCard};
use codepurify_models::LoadError;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::generate::{DecodeOptions, Dialect, StepDecoder, TextClassifier, TextGenerator};
use codepurify_models::roberta::{DecoderShape, RobertaConfig, RobertaSeq2Seq};
use codepurify_models::sidecar::Sidecar;
use codepurify_models::tokenizer::CodeTokenizer;
use serde::Deserialize;

/// Largest difference from PyTorch that counts as the same.
const PARITY: f32 = 1e-4;
/// Largest difference between two ways to the same logits.
const SAME: f32 = 1e-5;
const BEGIN: u32 = 0;
const PAD: u32 = 1;
const END: u32 = 2;

#[derive(Deserialize)]
struct Expected {
    snippets: Vec<String>,
    sources: Vec<Vec<u32>>,
    targets: Vec<Vec<u32>>,
    /// Logits of the first rows: [row][position][vocabulary].
    logits: Vec<Vec<Vec<f32>>>,
    likelihoods: Vec<f64>,
    max_length: usize,
    greedy: Vec<Vec<u32>>,
    beams_3: Vec<Vec<u32>>,
    beams_5: Vec<Vec<u32>>,
}

fn expected() -> Expected {
    let bytes = std::fs::read(golden("tiny-seq2seq/expected.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The tiny model without the tensors that `dropped` names.
fn decoder_without(dropped: &str) -> candle_core::Result<RobertaSeq2Seq> {
    let files = model(&golden("tiny-seq2seq"));
    let (config, checkpoint) = (RobertaConfig::load(&files).unwrap(), Checkpoint::open(&files).unwrap());
    let mut tensors = checkpoint.tensors().unwrap();
    tensors.retain(|name, _| name != dropped);
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    RobertaSeq2Seq::new(&config, DecoderShape::of(checkpoint.state()).unwrap(), BEGIN, &weights)
}

fn decoder() -> RobertaSeq2Seq {
    decoder_without("").unwrap()
}

fn options(beams: usize) -> DecodeOptions {
    DecodeOptions { max_length: expected().max_length, beams, dialect: Dialect::Codexglue }
}

fn card() -> VictimCard {
    VictimCard { name: "tiny".to_owned(), task: Task::Repair, sha256: String::new(), labels: Vec::new() }
}

fn generator_with(options: DecodeOptions) -> Result<TextGenerator<RobertaSeq2Seq>, LoadError> {
    let files = model(&golden("tiny-seq2seq"));
    let tokenizer = CodeTokenizer::load(&files, Sidecar::of(&files).unwrap().preprocessing).unwrap();
    TextGenerator::new(card(), tokenizer, decoder(), 126, options)
}

fn generator(beams: usize) -> TextGenerator<RobertaSeq2Seq> {
    generator_with(options(beams)).unwrap()
}

fn ragged(rows: &[Vec<u32>]) -> Ragged {
    rows.iter().cloned().collect()
}

fn rows(batch: &Ragged) -> Vec<Vec<u32>> {
    batch.rows().map(<[u32]>::to_vec).collect()
}

/// Whole sources and decoder inputs of the golden rows.
fn framed(golden: &Expected) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let sources = golden.sources.iter().map(|row| [&[BEGIN], &row[..], &[END]].concat());
    let inputs = golden.targets.iter().map(|row| [&[BEGIN], &row[..]].concat());
    (sources.collect(), inputs.collect())
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn forced_logits() {
    let golden = expected();
    let (sources, inputs) = framed(&golden);
    let logits = by_row(&decoder().forced(&sources, &inputs).unwrap(), &inputs);
    for (row, wanted) in golden.logits.iter().enumerate() {
        let wanted = Tensor::new(wanted.clone(), &Device::Cpu).unwrap();
        let difference = largest_difference(&logits[row], &wanted);
        println!("row {row}: {difference:e}");
        assert!(difference < PARITY, "row {row}: {difference}");
    }
}

#[test]
fn steps_with_a_cache_equal_one_pass() {
    let (decoder, golden) = (decoder(), expected());
    let (sources, inputs) = framed(&golden);
    let forced = by_row(&decoder.forced(&sources, &inputs).unwrap(), &inputs);
    let mut state = decoder.begin(&sources).unwrap();
    for at in 0..inputs.iter().map(Vec::len).max().unwrap() {
        let tokens: Vec<u32> = inputs.iter().map(|input| input.get(at).copied().unwrap_or(PAD)).collect();
        let logits = decoder.step(&mut state, &tokens).unwrap();
        for row in (0..inputs.len()).filter(|&row| at < inputs[row].len()) {
            let difference = largest_difference(&logits.i(row).unwrap(), &forced[row].i(at).unwrap());
            assert!(difference < SAME, "row {row}, position {at}: {difference}");
        }
    }
}

/// Beams of two sources, reordered and dropped in all the ways that searches do it: each sequence goes on as if it were
/// alone. A padding token in the middle takes no position.
#[test]
fn selected_sequences_go_on_as_they_were() {
    let decoder = decoder();
    let (sources, _) = framed(&expected());
    let follow = |source: usize, tokens: &[u32]| {
        let logits = decoder.forced(&sources[source..=source], &[tokens.to_vec()]).unwrap();
        logits.i(tokens.len() - 1).unwrap()
    };
    let mut state = decoder.begin(&sources[..2]).unwrap();
    let mut histories = vec![(0, vec![]), (1, vec![])];
    let rounds: [(&[u32], &[u32]); 5] = [
        (&[BEGIN, BEGIN], &[0, 0, 0, 1, 1, 1]),
        (&[9, 8, PAD, 7, 11, 12], &[2, 0, 0, 5, 5, 3]),
        (&[30, 31, 32, 33, 34, 35], &[0, 3, 4]),
        (&[40, 41, 42], &[2, 0]),
        (&[50, 51], &[1]),
    ];
    for (tokens, order) in rounds {
        let logits = decoder.step(&mut state, tokens).unwrap();
        for (row, (history, &token)) in histories.iter_mut().zip(tokens).enumerate() {
            history.1.push(token);
            let difference = largest_difference(&logits.i(row).unwrap(), &follow(history.0, &history.1));
            assert!(difference < SAME, "{history:?}: {difference}");
        }
        decoder.select(&mut state, order).unwrap();
        histories = order.iter().map(|&row| histories[row as usize].clone()).collect();
    }
    assert!(decoder.select(&mut state, &[1]).is_err());
    assert!(decoder.step(&mut state, &[3, 4]).is_err());
}

#[test]
fn greedy_and_beam_answers() {
    let golden = expected();
    for (beams, wanted) in [(1, &golden.greedy), (3, &golden.beams_3), (5, &golden.beams_5)] {
        let generator = generator(beams);
        for (snippet, ids) in golden.snippets.iter().zip(&golden.sources) {
            assert_eq!(&generator.encode(snippet).unwrap().ids, ids, "{snippet}");
        }
        let answers = generator.generate(&ragged(&golden.sources)).unwrap();
        assert_eq!(&rows(&answers), wanted, "{beams} beams");
        for (source, answer) in golden.sources.iter().zip(wanted) {
            let alone = generator.generate(&ragged(std::slice::from_ref(source))).unwrap();
            assert_eq!(alone.row(0), answer, "{beams} beams");
        }
    }
}

#[test]
fn likelihoods_are_means_over_the_target_and_its_end() {
    let (generator, golden) = (generator(1), expected());
    let found = generator.likelihoods(&ragged(&golden.sources), &ragged(&golden.targets)).unwrap();
    for (row, (found, wanted)) in found.iter().zip(&golden.likelihoods).enumerate() {
        assert!((found - wanted).abs() < f64::from(PARITY), "row {row}: {found} instead of {wanted}");
        let one = |rows: &[Vec<u32>]| ragged(&rows[row..=row]);
        let alone = generator.likelihoods(&one(&golden.sources), &one(&golden.targets)).unwrap();
        assert!((alone[0] - found).abs() < f64::from(SAME), "row {row}: {found}, alone {alone:?}");
    }
    assert!(generator.likelihoods(&Ragged::new(), &Ragged::new()).unwrap().is_empty());
    assert!(generator.likelihoods(&ragged(&golden.sources), &Ragged::new()).is_err());
}

#[test]
fn the_output_layer_may_be_left_to_the_word_embeddings() {
    let (sources, inputs) = framed(&expected());
    let tied = decoder_without("lm_head.weight").unwrap().forced(&sources, &inputs).unwrap();
    assert!(largest_difference(&tied, &decoder().forced(&sources, &inputs).unwrap()) < SAME);
}

#[test]
fn a_missing_tensor_is_named() {
    let name = "decoder.layers.1.multihead_attn.in_proj_weight";
    let error = decoder_without(name).unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
}

#[test]
fn the_decoders_shape_is_read_off_the_tensors() {
    let checkpoint = Checkpoint::open(&model(&golden("tiny-seq2seq"))).unwrap();
    assert_eq!(DecoderShape::of(checkpoint.state()), Some(DecoderShape { layers: 2, feed_forward: 48 }));
    let encoder_only = Checkpoint::open(&model(&golden("tiny-classifier"))).unwrap();
    assert_eq!(DecoderShape::of(encoder_only.state()), None);
}

#[test]
fn answers_end_at_the_limit() {
    let golden = expected();
    for (beams, dialect, longest) in [
        (1, Dialect::Codexglue, 5),
        (3, Dialect::Codexglue, 5),
        (1, Dialect::Transformers, 4),
        (3, Dialect::Transformers, 4),
    ] {
        let generator = generator_with(DecodeOptions { max_length: 5, beams, dialect }).unwrap();
        let answers = generator.generate(&ragged(&golden.sources)).unwrap();
        let found = answers.rows().map(<[u32]>::len).max();
        assert_eq!(found, Some(longest), "{beams} beams, {dialect:?}");
    }
}

#[test]
fn unusable_options_are_refused() {
    let complaint =
        |max_length, beams, dialect| match generator_with(DecodeOptions { max_length, beams, dialect }) {
            Err(LoadError::Json { file: "codepurify.json", message, .. }) => message,
            other => panic!("{other:?}"),
        };
    assert!(complaint(0, 1, Dialect::Codexglue).contains("max_length 0"));
    assert!(complaint(1, 1, Dialect::Transformers).contains("max_length 1"));
    assert!(complaint(129, 1, Dialect::Codexglue).contains("128 positions"));
    assert!(complaint(10, 0, Dialect::Codexglue).contains("0 beams"));
    assert!(complaint(10, 65, Dialect::Transformers).contains("65 beams"));
    assert!(generator_with(DecodeOptions { max_length: 128, ..options(1) }).is_ok());
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let generator = generator(1);
    let (short, long) = (ragged(&[vec![92; 126]]), ragged(&[vec![92; 127]]));
    let refusal = ModelError::TooLong { row: 0, tokens: 127, window: 126 };
    assert_eq!(generator.generate(&long).unwrap_err(), refusal);
    assert_eq!(generator.likelihoods(&long, &short).unwrap_err(), refusal);
    // 128 positions, one of them for the start token.
    assert!(generator.likelihoods(&short, &long).unwrap()[0] < 0.0);
    let refusal = ModelError::TooLong { row: 0, tokens: 128, window: 127 };
    assert_eq!(generator.likelihoods(&short, &ragged(&[vec![92; 128]])).unwrap_err(), refusal);
    assert!(matches!(generator.generate(&ragged(&[vec![9999]])), Err(ModelError::Runtime(_))));
    assert!(matches!(generator.likelihoods(&short, &ragged(&[vec![9999]])), Err(ModelError::Runtime(_))));
}

#[test]
fn the_longest_answer_uses_the_last_position() {
    let generator = generator_with(DecodeOptions { max_length: 128, ..options(1) }).unwrap();
    let answers = generator.generate(&ragged(&expected().sources)).unwrap();
    assert_eq!(answers.rows().map(<[u32]>::len).max(), Some(128));
}

#[test]
fn text_skips_special_tokens_and_keeps_white_space() {
    let generator = generator(1);
    let ids = generator.encode("if (x ) { f( x ,  'y' ) ; }").unwrap().ids;
    let answer = [&[BEGIN], &ids[..], &[3, PAD, END]].concat();
    assert_eq!(generator.text(&answer).unwrap(), "if (x ) { f( x , 'y' ) ; }");
    assert_eq!(generator.text(&[]).unwrap(), "");
    assert!(matches!(generator.text(&[9999]), Err(ModelError::Tokenise(_))));
}

fn classifier(answers: &[&str]) -> Result<TextClassifier<RobertaSeq2Seq>, LoadError> {
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
    TextClassifier::new(generator(1), &answers)
}

#[test]
fn a_classifiers_logits_are_the_likelihoods_of_its_answers() {
    let (answers, golden) = (["free(n);", "x", "int add"], expected());
    let (classifier, generator) = (classifier(&answers).unwrap(), generator(1));
    assert_eq!(classifier.card().labels, answers);
    let sources = ragged(&golden.sources);
    let logits = classifier.judge(&sources).unwrap();
    assert_eq!(logits.len(), sources.len());
    for (class, answer) in answers.iter().enumerate() {
        let ids = generator.encode(answer).unwrap().ids;
        let targets = ragged(&vec![ids.clone(); sources.len()]);
        for (row, mean) in generator.likelihoods(&sources, &targets).unwrap().iter().enumerate() {
            let (found, sum) = (logits.row(row)[class], (mean * (ids.len() + 1) as f64) as f32);
            assert!((found - sum).abs() < PARITY, "row {row}, {answer}: {found} instead of {sum}");
        }
    }
    assert!(classifier.judge(&Ragged::new()).unwrap().is_empty());
}

#[test]
fn answers_that_cannot_be_told_apart_are_refused() {
    let complaint = |answers: &[&str]| match classifier(answers) {
        Err(LoadError::Json { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert!(complaint(&["true"]).contains("at least two"));
    assert!(complaint(&["true", "false", "true"]).contains("same tokens"));
    assert!(complaint(&["true", ""]).contains("empty"));
    assert!(complaint(&["true", &"ab ".repeat(100)]).contains("127"));
}

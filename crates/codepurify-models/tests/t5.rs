//! T5 answers as PyTorch and transformers do (`golden/make_t5.py`), in one pass and step by step.

use std::collections::HashMap;

use crate::common::{by_row, golden, model};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use codepurify_models::LoadError;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::generate::StepDecoder;
use codepurify_models::t5::{CloneHead, DefectHead, T5, T5Config, T5Generator};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Largest difference from PyTorch that counts as the same.
const PARITY: f32 = 1e-4;
/// Largest difference between two ways to the same answer.
const INVARIANCE: f32 = 1e-5;
/// `<s>` and `</s>`.
const FRAME: (u32, u32) = (1, 2);

#[derive(Deserialize)]
struct Generated {
    sources: Vec<Vec<u32>>,
    forced: Vec<Forced>,
    greedy: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Forced {
    input: Vec<u32>,
    target: Vec<u32>,
    log_probabilities: Vec<f32>,
    /// Logits at some positions.
    logits: Vec<(usize, Vec<f32>)>,
}

#[derive(Deserialize)]
struct Classified {
    ids: Vec<Vec<u32>>,
    #[serde(default)]
    pairs: Vec<(usize, usize)>,
    logits: Vec<Vec<f32>>,
}

fn expected<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(golden(name).join("expected.json")).unwrap()).unwrap()
}

/// A part of a golden model.
fn part<T>(name: &str, build: impl FnOnce(&T5Config, VarBuilder) -> Result<T>) -> T {
    let files = model(&golden(name));
    let config = T5Config::load(&files).unwrap();
    Checkpoint::open(&files).unwrap().build(|weights| build(&config, weights)).unwrap()
}

fn generator() -> T5Generator {
    part("tiny-t5", |config, weights| T5Generator::new(config, &weights))
}

fn framed(rows: &[Vec<u32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| [&[FRAME.0], row.as_slice(), &[FRAME.1]].concat()).collect()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn assert_close(found: &Tensor, expected: &[Vec<f32>], limit: f32) {
    let difference = largest_difference(&values(found), &expected.concat());
    println!("largest difference {difference:e}");
    assert!(difference < limit, "{difference}");
}

/// Sources and teacher-forced inputs of the golden model, of lengths from 3 to 161.
fn forced_rows() -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let golden: Generated = expected("tiny-t5");
    (golden.sources, golden.forced.into_iter().map(|forced| forced.input).collect())
}

#[test]
fn teacher_forced_logits() {
    let golden: Generated = expected("tiny-t5");
    let (sources, inputs) = forced_rows();
    let logits = by_row(&generator().forced(&sources, &inputs).unwrap(), &inputs);
    let logits: Vec<Vec<Vec<f32>>> = logits.iter().map(|row| row.to_vec2().unwrap()).collect();
    let mut largest = 0.0f32;
    for (logits, forced) in logits.iter().zip(&golden.forced) {
        for (at, expected) in &forced.logits {
            largest = largest.max(largest_difference(&logits[*at], expected));
        }
        for ((logits, &target), expected) in logits.iter().zip(&forced.target).zip(&forced.log_probabilities)
        {
            let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
            largest = largest.max((logits[target as usize] - sum.ln() - expected).abs());
        }
    }
    println!("largest difference {largest:e}");
    assert!(largest < PARITY, "{largest}");
}

#[test]
fn steps_give_the_teacher_forced_logits() {
    let (sources, inputs) = forced_rows();
    let generator = generator();
    let forced = by_row(&generator.forced(&sources, &inputs).unwrap(), &inputs);
    let mut state = generator.begin(&sources).unwrap();
    for at in 0..inputs.iter().map(Vec::len).max().unwrap() {
        let tokens: Vec<u32> =
            inputs.iter().map(|input| input.get(at).copied().unwrap_or_default()).collect();
        let step = generator.step(&mut state, &tokens).unwrap();
        for (row, forced) in forced.iter().enumerate().filter(|&(row, _)| at < inputs[row].len()) {
            let (step, forced) = (step.get(row).unwrap(), forced.get(at).unwrap());
            let difference = largest_difference(&values(&step), &values(&forced));
            assert!(difference < INVARIANCE, "row {row}, position {at}: {difference}");
        }
    }
}

/// The most likely token at each step until the end, or until 24 tokens with the start token.
fn greedy(generator: &T5Generator, source: &[u32]) -> Vec<u32> {
    let mut state = generator.begin(&[source.to_vec()]).unwrap();
    let mut ids = vec![generator.start_id()];
    while ids.len() < 24 && (ids.len() == 1 || ids[ids.len() - 1] != FRAME.1) {
        let logits = generator.step(&mut state, &ids[ids.len() - 1..]).unwrap();
        ids.push(logits.argmax(1).unwrap().to_vec1().unwrap()[0]);
    }
    ids.split_off(1)
}

#[test]
fn greedy_search() {
    let (golden, generator): (Generated, _) = (expected("tiny-t5"), generator());
    for (source, expected) in golden.sources.iter().zip(&golden.greedy) {
        assert_eq!(&greedy(&generator, source), expected);
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch() {
    let (sources, inputs) = forced_rows();
    let generator = generator();
    let together = by_row(&generator.forced(&sources, &inputs).unwrap(), &inputs);
    for (row, (source, input)) in sources.iter().zip(&inputs).enumerate() {
        let alone = generator.forced(std::slice::from_ref(source), std::slice::from_ref(input)).unwrap();
        let difference = largest_difference(&values(&alone), &values(&together[row]));
        assert!(difference < INVARIANCE, "row {row}: {difference}");
    }
}

/// Feeds the tokens from `from` on, one a step, and returns the logits of the last step.
fn fed(
    generator: &T5Generator,
    state: &mut <T5Generator as StepDecoder>::State,
    inputs: &[&[u32]],
    steps: std::ops::Range<usize>,
) -> Tensor {
    let step = |at: usize| {
        let tokens: Vec<u32> = inputs.iter().map(|input| input[at]).collect();
        generator.step(state, &tokens).unwrap()
    };
    steps.map(step).last().unwrap()
}

#[test]
fn selected_sequences_go_on_where_they_were() {
    let (sources, inputs) = forced_rows();
    let (generator, sources) = (generator(), [sources[0].clone(), sources[1].clone(), sources[3].clone()]);
    // Long enough inputs that all differ.
    let inputs = [&inputs[0][..12], &inputs[3][..12], &inputs[5][..12]];
    // Before a step, beams as searches make them, orders within and across sources, uneven and smaller ones.
    let orders: [&[u32]; 6] =
        [&[0, 0, 1, 1, 2, 2], &[1, 0, 3, 3, 5, 4], &[4, 4, 1, 0], &[3, 0, 0], &[2], &[0, 0]];
    let mut state = generator.begin(&sources).unwrap();
    let mut origin: Vec<usize> = vec![0, 1, 2];
    for (at, order) in orders.into_iter().enumerate() {
        generator.select(&mut state, order).unwrap();
        origin = order.iter().map(|&row| origin[row as usize]).collect();
        let rows: Vec<&[u32]> = origin.iter().map(|&row| inputs[row]).collect();
        let found = fed(&generator, &mut state, &rows, at..at + 1);
        let sources: Vec<_> = origin.iter().map(|&row| sources[row].clone()).collect();
        let inputs: Vec<_> = rows.iter().map(|row| row[..=at].to_vec()).collect();
        let expected = by_row(&generator.forced(&sources, &inputs).unwrap(), &inputs);
        let expected: Vec<Tensor> = expected.iter().map(|row| row.get(at).unwrap()).collect();
        let expected = Tensor::stack(&expected, 0).unwrap();
        let difference = largest_difference(&values(&found), &values(&expected));
        assert!(difference < INVARIANCE, "{order:?}: {difference}");
    }
    generator.select(&mut state, &[]).unwrap();
    assert!(generator.step(&mut state, &[]).is_err());
}

#[test]
fn defect_classifier() {
    let golden: Classified = expected("tiny-t5-defect");
    let (t5, head) = part("tiny-t5-defect", |config, weights| {
        Ok((T5::new(config, &weights.pp("encoder"))?, DefectHead::new(config, 2, &weights.pp("classifier"))?))
    });
    let rows = framed(&golden.ids);
    let vectors = t5.end_vectors(&rows).unwrap();
    assert_close(&head.forward(&vectors).unwrap(), &golden.logits, PARITY);
    for (index, row) in rows.into_iter().enumerate() {
        let alone = t5.end_vectors(&[row]).unwrap();
        assert_close(&alone, &[values(&vectors.get(index).unwrap())], INVARIANCE);
    }
}

#[test]
fn clone_classifier() {
    let golden: Classified = expected("tiny-t5-clone");
    let (t5, head) = part("tiny-t5-clone", |config, weights| {
        Ok((T5::new(config, &weights.pp("encoder"))?, CloneHead::new(config, 2, &weights.pp("classifier"))?))
    });
    let vectors = t5.end_vectors(&framed(&golden.ids)).unwrap();
    let side = |rows: Vec<u32>| vectors.index_select(&Tensor::new(rows, &Device::Cpu).unwrap(), 0).unwrap();
    let first = side(golden.pairs.iter().map(|pair| pair.0 as u32).collect());
    let second = side(golden.pairs.iter().map(|pair| pair.1 as u32).collect());
    let pairs = Tensor::cat(&[first, second], 1).unwrap();
    assert_close(&head.forward(&pairs).unwrap(), &golden.logits, PARITY);
}

#[test]
fn the_last_end_of_a_row_counts() {
    let t5 = part("tiny-t5-clone", |config, weights| T5::new(config, &weights.pp("encoder")));
    let vector = |row: &[u32]| values(&t5.end_vectors(&[row.to_vec()]).unwrap());
    let (one, two, longer) =
        (vector(&[1, 92, 2]), vector(&[1, 92, 2, 92, 2]), vector(&[1, 92, 2, 92, 2, 0, 0]));
    assert!(largest_difference(&one, &two) > 0.1);
    assert!(largest_difference(&two, &longer) < INVARIANCE);
    let error = t5.end_vectors(&[vec![1, 92, 2], vec![1, 92]]).unwrap_err();
    assert!(error.to_string().contains("row 1"), "{error}");
}

/// The tensors and the configuration of the golden generator, to be changed.
fn tensors_and_config() -> (HashMap<String, Tensor>, T5Config) {
    let files = model(&golden("tiny-t5"));
    (Checkpoint::open(&files).unwrap().tensors().unwrap(), T5Config::load(&files).unwrap())
}

fn logits_of(tensors: HashMap<String, Tensor>, config: &T5Config) -> Result<Vec<f32>> {
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let (sources, inputs) = forced_rows();
    Ok(values(&T5Generator::new(config, &weights)?.forced(&sources[..2], &inputs[..2])?))
}

#[test]
fn tied_embeddings_may_bear_any_of_their_names() {
    let (tensors, config) = tensors_and_config();
    let expected = logits_of(tensors.clone(), &config).unwrap();
    for name in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] {
        let mut renamed = tensors.clone();
        let words = renamed.remove("shared.weight").unwrap();
        renamed.insert(name.to_owned(), words.clone());
        assert_eq!(logits_of(renamed.clone(), &config).unwrap(), expected, "{name}");
        renamed.insert("lm_head.weight".to_owned(), words);
        assert_eq!(logits_of(renamed, &config).unwrap(), expected, "{name} and lm_head.weight");
    }
}

#[test]
fn an_output_layer_of_its_own_is_not_scaled() {
    let (mut tensors, mut config) = tensors_and_config();
    let tied = logits_of(tensors.clone(), &config).unwrap();
    // transformers 5 writes both keys; what older versions write decides for both.
    (config.tie_word_embeddings, config.scale_decoder_outputs) = (false, None);
    let error = logits_of(tensors.clone(), &config).unwrap_err();
    assert!(error.to_string().contains("lm_head.weight"), "{error}");
    let output = (&tensors["shared.weight"] * 32f64.sqrt().recip()).unwrap();
    tensors.insert("lm_head.weight".to_owned(), output);
    let own = logits_of(tensors.clone(), &config).unwrap();
    assert!(largest_difference(&own, &tied) < PARITY);
    config.scale_decoder_outputs = Some(true);
    assert!(largest_difference(&logits_of(tensors, &config).unwrap(), &own) > 0.1);
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let (generator, source) = (generator(), vec![1, 92, 2]);
    assert!(generator.begin(&[]).is_err());
    assert!(generator.begin(&[vec![]]).is_err());
    assert!(generator.begin(&[vec![1, 392, 2]]).is_err());
    assert!(generator.forced(&[source.clone(), source.clone()], &[vec![0]]).is_err());
    assert!(generator.forced(std::slice::from_ref(&source), &[vec![]]).is_err());
    let mut state = generator.begin(&[source.clone(), source]).unwrap();
    assert!(generator.step(&mut state, &[0]).is_err());
    assert!(generator.step(&mut state, &[0, 392]).is_err());
    assert!(generator.select(&mut state, &[0, 2]).is_err());
}

/// `config.json` of the golden generator with some keys changed.
fn changed(changes: &serde_json::Value) -> std::result::Result<T5Config, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "tokenizer.json", "config.json"] {
        std::fs::copy(golden("tiny-t5").join(file), dir.path().join(file)).unwrap();
    }
    let path = dir.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    std::fs::write(&path, config.to_string()).unwrap();
    T5Config::load(&model(dir.path()))
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let cases = [
        (r#"{"d_model": 0}"#, "d_model is 0"),
        (r#"{"num_decoder_layers": 0}"#, "num_decoder_layers is 0"),
        (r#"{"num_heads": 4611686018427387904}"#, "too wide"),
        (r#"{"feed_forward_proj": "gated-gelu"}"#, "`gated-gelu` is not supported"),
        (r#"{"relative_attention_num_buckets": 3}"#, "relative_attention_num_buckets 3"),
        (r#"{"relative_attention_max_distance": 16}"#, "relative_attention_max_distance 16"),
        (r#"{"eos_token_id": 392}"#, "eos_token_id 392 is no token of 392"),
        (r#"{"decoder_start_token_id": 4000}"#, "decoder_start_token_id 4000"),
        (r#"{"layer_norm_epsilon": 0}"#, "layer_norm_epsilon"),
        (r#"{"layer_norm_epsilon": 1e300}"#, "layer_norm_epsilon"),
        (r#"{"n_positions": 2}"#, "n_positions 2"),
        (r#"{"initializer_factor": -1}"#, "initializer_factor"),
    ];
    for (changes, complaint) in cases {
        let error = changed(&serde_json::from_str(changes).unwrap()).unwrap_err();
        assert!(matches!(error, LoadError::Config { .. }), "{changes}: {error:?}");
        assert!(error.to_string().contains(complaint), "{changes}: {error}");
    }
    let error = changed(&serde_json::json!({"model_type": "roberta"})).unwrap_err();
    assert!(matches!(error, LoadError::UnknownArchitecture { .. }), "{error:?}");
    let error = changed(&serde_json::json!({"d_kv": -1})).unwrap_err();
    assert!(matches!(error, LoadError::Json { .. }), "{error:?}");
}

#[test]
fn what_a_configuration_does_not_say_is_as_in_transformers() {
    let config = T5Config::load(&model(&golden("tiny-t5-defect"))).unwrap();
    assert_eq!((config.decoder_layers(), config.start_id()), (2, 0));
    assert_eq!(config.relative_attention_max_distance, 128);
    assert!(config.tie_word_embeddings && config.scale_decoder_outputs.is_none());
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let checkpoint = Checkpoint::open(&model(&golden("tiny-t5"))).unwrap();
    let refused = |config: &T5Config| {
        checkpoint.build(|weights| T5Generator::new(config, &weights)).expect_err("a refusal")
    };
    let (_, config) = tensors_and_config();
    let error = refused(&T5Config { num_layers: 3, ..config.clone() });
    let LoadError::MissingTensor { tensor, .. } = &error else { panic!("{error:?}") };
    assert_eq!(tensor, "encoder.block.2.layer.0.layer_norm.weight");
    let error = refused(&T5Config { num_layers: usize::MAX, ..config.clone() });
    assert!(matches!(error, LoadError::MissingTensor { .. }), "{error:?}");
    let error = refused(&T5Config { relative_attention_num_buckets: 64, ..config });
    let LoadError::WrongShape { tensor, found, expected, .. } = &error else { panic!("{error:?}") };
    assert_eq!(tensor, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
    assert_eq!((found.as_slice(), expected.as_slice()), ([32, 4].as_slice(), [64, 4].as_slice()));
}

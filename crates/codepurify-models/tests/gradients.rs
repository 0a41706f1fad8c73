//! Training works: gradients reach every weight of both models and are right.

use std::collections::BTreeMap;

use crate::common::{golden, model};
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{VarBuilder, VarMap};
use codepurify_models::batch::RaggedBatch;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::generate::StepDecoder;
use codepurify_models::roberta::{
    ClassificationHead, DecoderShape, MaskedLmHead, RobertaConfig, RobertaEncoder, RobertaSeq2Seq,
};
use codepurify_models::t5::{CloneHead, T5, T5Config, T5Generator};
use serde::Deserialize;

/// Half the distance between the two points of a central difference.
const STEP: f32 = 1e-2;

/// Two rows of different length.
fn batch(config: &RobertaConfig) -> RaggedBatch {
    let rows = [vec![0, 266, 364, 4, 276, 16, 348, 277, 13, 2], vec![0, 328, 4, 378, 2]];
    RaggedBatch::new(&rows, config.pad_token_id)
}

/// Sets the variables of `map` to the golden weights and returns them by name: fresh ones would be random in
/// every run.
fn golden_variables(map: &VarMap, checkpoint: &Checkpoint) -> BTreeMap<String, Var> {
    let tensors = checkpoint.tensors().unwrap();
    let variables: BTreeMap<String, Var> =
        map.data().lock().unwrap().iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    for (name, variable) in &variables {
        variable.set(&tensors[name]).unwrap();
    }
    // Further entries of a checkpoint: a buffer, a second name of tied weights, a pooler that nothing uses.
    let extra =
        |name: &str| name == "bias" || name == "lm_head.weight" || name.starts_with("encoder.pooler.");
    let weights = tensors.keys().filter(|name| !extra(name)).count();
    assert_eq!(variables.len(), weights, "variables of the model and weights of the checkpoint");
    variables
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// (loss(w + h) − loss(w − h)) / 2h for one element of a variable.
fn finite_difference(variable: &Var, element: usize, loss: &impl Fn() -> Result<Tensor>) -> f32 {
    let original = variable.as_tensor().copy().unwrap();
    let shifted = |by: f32| {
        let mut values = elements(&original);
        values[element] += by;
        variable.set(&Tensor::from_vec(values, original.shape(), &Device::Cpu).unwrap()).unwrap();
        loss().unwrap().to_scalar::<f32>().unwrap()
    };
    let slope = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
    variable.set(&original).unwrap();
    slope
}

/// The element with the steepest gradient and three more, spread over the tensor.
fn sampled(gradient: &[f32]) -> Vec<usize> {
    let steepest =
        (0..gradient.len()).max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs())).unwrap();
    let spread = [1, 2, 3].map(|part| part * (gradient.len() - 1) / 3);
    std::iter::once(steepest).chain(spread).collect()
}

fn check(variables: &BTreeMap<String, Var>, loss: impl Fn() -> Result<Tensor>) {
    let gradients = loss().unwrap().backward().unwrap();
    for (name, variable) in variables {
        let gradient = gradients.get(variable).unwrap_or_else(|| panic!("no gradient reaches {name}"));
        assert_eq!(gradient.shape(), variable.shape(), "{name}");
        let gradient = elements(gradient);
        // Moving a key bias moves all scores of a query alike: softmax does not see it.
        let flat = name.ends_with("key.bias");
        assert!(flat || gradient.iter().any(|slope| slope.abs() > 1e-4), "the gradient of {name} is 0");
        for element in sampled(&gradient) {
            let (analytic, numeric) = (gradient[element], finite_difference(variable, element, &loss));
            let tolerance = 2e-4 + 2e-2 * numeric.abs();
            assert!(
                (analytic - numeric).abs() < tolerance,
                "{name}[{element}]: {analytic}, but {numeric} in steps"
            );
        }
    }
}

#[test]
fn classifier_gradients_equal_finite_differences() {
    let files = model(&golden("tiny-classifier"));
    let (config, map) = (RobertaConfig::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let encoder = RobertaEncoder::new(&config, &weights.pp("roberta")).unwrap();
    let head = ClassificationHead::new(&config, 2, &weights.pp("classifier")).unwrap();
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    let (batch, labels) = (batch(&config), Tensor::new(&[0u32, 1], &Device::Cpu).unwrap());
    check(&variables, || cross_entropy(&head.forward(&encoder.firsts(&batch)?)?, &labels));
}

#[test]
fn masked_lm_gradients_equal_finite_differences() {
    let files = model(&golden("tiny-mlm"));
    let (config, map) = (RobertaConfig::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let encoder = RobertaEncoder::new(&config, &weights.pp("roberta")).unwrap();
    let head = MaskedLmHead::new(&config, encoder.word_embeddings(), &weights.pp("lm_head")).unwrap();
    // The decoder is tied: it must not have become a variable of its own.
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    assert!(!variables.contains_key("lm_head.decoder.weight"));
    let masks = Tensor::new(&[3u32, 12], &Device::Cpu).unwrap();
    let (batch, wanted) = (batch(&config), Tensor::new(&[12u32, 274], &Device::Cpu).unwrap());
    check(&variables, || {
        let hidden = encoder.forward(&batch)?;
        cross_entropy(&head.forward(&hidden.index_select(&masks, 0)?)?, &wanted)
    });
}

/// Gradients of one batch, as `golden/make_t5.py` writes them.
#[derive(Deserialize)]
struct T5Batch {
    /// Whole sequences, special tokens included.
    #[serde(default)]
    sources: Vec<Vec<u32>>,
    /// Sequences without special tokens.
    #[serde(default)]
    ids: Vec<Vec<u32>>,
    gradients: BTreeMap<String, Slope>,
}

/// The gradient of one weight by PyTorch.
#[derive(Deserialize)]
struct Slope {
    norm: f32,
    /// Some of its elements.
    elements: Vec<(usize, f32)>,
}

impl T5Batch {
    fn of(name: &str) -> Self {
        serde_json::from_slice(&std::fs::read(golden(name).join("expected.json")).unwrap()).unwrap()
    }

    /// Finite differences would step over the kinks of `ReLU`, so the whole is compared with PyTorch, and each operation
    /// with finite differences in its own tests.
    fn check(&self, variables: &BTreeMap<String, Var>, loss: &Tensor) {
        let gradients = loss.backward().unwrap();
        assert!(self.gradients.keys().eq(variables.keys()));
        for (name, variable) in variables {
            let gradient = gradients.get(variable).unwrap_or_else(|| panic!("no gradient reaches {name}"));
            assert_eq!(gradient.shape(), variable.shape(), "{name}");
            let (gradient, expected) = (elements(gradient), &self.gradients[name]);
            let limit = 1e-5 + 1e-4 * expected.norm;
            let norm = gradient.iter().map(|slope| slope * slope).sum::<f32>().sqrt();
            assert!(norm > 1e-6 && (norm - expected.norm).abs() < limit, "{name}: norm {norm}");
            for &(at, expected) in &expected.elements {
                let found = gradient[at];
                assert!((found - expected).abs() < limit, "{name}[{at}]: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn t5_generator_gradients_are_those_of_pytorch() {
    let (files, golden) = (model(&golden("tiny-t5")), T5Batch::of("tiny-t5"));
    let (config, map) = (T5Config::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let generator = T5Generator::new(&config, &weights).unwrap();
    // The output layer is tied: it must not have become a variable of its own.
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    assert!(!variables.contains_key("lm_head.weight"));
    let [first, second, third] = &golden.sources[..3] else { panic!("too few sources") };
    let sources = [first.clone(), second.clone()];
    let inputs = [second, third].map(|target| [&[config.start_id()], &target[..target.len() - 1]].concat());
    let logits = generator.forced(&sources, &inputs).unwrap();
    let wanted = Tensor::new([second.as_slice(), third].concat(), &Device::Cpu).unwrap();
    golden.check(&variables, &cross_entropy(&logits, &wanted).unwrap());
}

#[test]
fn t5_classifier_gradients_are_those_of_pytorch() {
    let (files, golden) = (model(&golden("tiny-t5-clone")), T5Batch::of("tiny-t5-clone"));
    let (config, map) = (T5Config::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let t5 = T5::new(&config, &weights.pp("encoder")).unwrap();
    let head = CloneHead::new(&config, 2, &weights.pp("classifier")).unwrap();
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    let rows: Vec<Vec<u32>> =
        golden.ids[..2].iter().map(|row| [&[1], row.as_slice(), &[2]].concat()).collect();
    let pair = t5.end_vectors(&rows).unwrap().reshape((1, 2 * config.d_model)).unwrap();
    let labels = Tensor::new(&[1u32], &Device::Cpu).unwrap();
    golden.check(&variables, &cross_entropy(&head.forward(&pair).unwrap(), &labels).unwrap());
}

#[test]
fn seq2seq_gradients_equal_finite_differences() {
    let files = model(&golden("tiny-seq2seq"));
    let (config, map) = (RobertaConfig::load(&files).unwrap(), VarMap::new());
    let (weights, checkpoint) =
        (VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu), Checkpoint::open(&files).unwrap());
    let shape = DecoderShape::of(checkpoint.state()).unwrap();
    let decoder = RobertaSeq2Seq::new(&config, shape, 0, &weights).unwrap();
    let variables = golden_variables(&map, &checkpoint);
    assert!(!variables.contains_key("lm_head.weight"));
    let sources = [vec![0, 266, 364, 4, 276, 16, 348, 277, 13, 2], vec![0, 328, 4, 378, 2]];
    let inputs = [vec![0, 12, 274, 90, 91], vec![0, 33]];
    // What follows each token of both inputs.
    let wanted = Tensor::new(&[12u32, 274, 90, 91, 2, 33, 2], &Device::Cpu).unwrap();
    check(&variables, || cross_entropy(&decoder.forced(&sources, &inputs)?, &wanted));
}

#[test]
fn one_step_moves_every_weight() {
    let files = model(&golden("tiny-classifier"));
    let (config, map) = (RobertaConfig::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let encoder = RobertaEncoder::new(&config, &weights.pp("roberta")).unwrap();
    let head = ClassificationHead::new(&config, 2, &weights.pp("classifier")).unwrap();
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    let (batch, labels) = (batch(&config), Tensor::new(&[0u32, 1], &Device::Cpu).unwrap());
    let loss = || cross_entropy(&head.forward(&encoder.firsts(&batch).unwrap()).unwrap(), &labels).unwrap();
    let (before, gradients) = (loss(), loss().backward().unwrap());
    for (name, variable) in &variables {
        let old = variable.as_tensor().copy().unwrap();
        let step = (gradients.get(variable).unwrap() * 0.05).unwrap();
        variable.set(&(&old - step).unwrap()).unwrap();
        assert!(name.ends_with("key.bias") || elements(&old) != elements(variable), "{name} did not move");
    }
    let (before, after) = (before.to_scalar::<f32>().unwrap(), loss().to_scalar::<f32>().unwrap());
    assert!(after < before, "the loss went from {before} to {after}");
}

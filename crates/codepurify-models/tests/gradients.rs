//! Training works: gradients reach every weight of both models and are right.

mod common;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{VarBuilder, VarMap};
use codepurify_models::batch::PaddedBatch;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::roberta::{ClassificationHead, MaskedLmHead, RobertaConfig, RobertaEncoder};
use common::{golden, model};

/// Half the distance between the two points of a central difference.
const STEP: f32 = 1e-2;

/// Two rows of different length, so that there is padding.
fn batch(config: &RobertaConfig) -> PaddedBatch {
    let rows = [vec![0, 266, 364, 4, 276, 16, 348, 277, 13, 2], vec![0, 328, 4, 378, 2]];
    PaddedBatch::new(&rows, config.pad_token_id).unwrap()
}

/// The variables of `map` by name, set to the golden weights: fresh ones would be drawn anew in every run.
fn golden_variables(map: &VarMap, checkpoint: &Checkpoint) -> BTreeMap<String, Var> {
    let tensors = checkpoint.tensors().unwrap();
    let variables: BTreeMap<String, Var> =
        map.data().lock().unwrap().iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    for (name, variable) in &variables {
        variable.set(&tensors[name]).unwrap();
    }
    assert_eq!(
        variables.len(),
        tensors.len(),
        "variables of the model and tensors of the checkpoint"
    );
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
    check(&variables, || {
        let hidden = encoder.forward(&batch)?;
        cross_entropy(&head.forward(&batch.first_positions(&hidden)?)?, &labels)
    });
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

#[test]
fn one_step_moves_every_weight() {
    let files = model(&golden("tiny-classifier"));
    let (config, map) = (RobertaConfig::load(&files).unwrap(), VarMap::new());
    let weights = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let encoder = RobertaEncoder::new(&config, &weights.pp("roberta")).unwrap();
    let head = ClassificationHead::new(&config, 2, &weights.pp("classifier")).unwrap();
    let variables = golden_variables(&map, &Checkpoint::open(&files).unwrap());
    let (batch, labels) = (batch(&config), Tensor::new(&[0u32, 1], &Device::Cpu).unwrap());
    let loss = || {
        let hidden = encoder.forward(&batch).unwrap();
        cross_entropy(&head.forward(&batch.first_positions(&hidden).unwrap()).unwrap(), &labels).unwrap()
    };
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

//! Tensor names without the prefixes that training frameworks add, and without names of older versions.

use codepurify_checkpoint::StateDict;

/// Fields that wrap a model: of `torch.compile`, `DataParallel`, fully sharded training and activation checkpointing.
const WRAPPERS: [&str; 4] = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Fields of the models themselves: all fields below one of these are parts of a network.
const PARTS: [&str; 7] = ["roberta", "encoder", "decoder", "classifier", "embeddings", "shared", "lm_head"];

/// The field of Lightning modules and other owners; losses and metrics may be fields next to it.
const MODEL: &str = "model";

/// Renames the tensors to the names that the model itself gives them. Where two tensors would get the same
/// name, they keep the longer ones.
pub(crate) fn plain(state: StateDict) -> StateDict {
    let mut state = state.renamed(without_wrappers);
    while let Some(owner) = owner(&state) {
        let before = letters(&state);
        state = state.renamed(|name| below(name, &owner).unwrap_or(name).to_owned());
        if letters(&state) == before {
            break;
        }
    }
    state.renamed(with_new_norms)
}

fn without_wrappers(name: &str) -> String {
    name.split('.').filter(|part| !WRAPPERS.contains(part)).collect::<Vec<_>>().join(".")
}

/// The field that owns the whole model, if there is one.
fn owner(state: &StateDict) -> Option<String> {
    if state.tensors().any(|view| below(view.name(), MODEL).is_some()) {
        return Some(MODEL.to_owned());
    }
    let (first, _) = state.tensors().next()?.name().split_once('.')?;
    let owns_all = state.tensors().all(|view| below(view.name(), first).is_some());
    (owns_all && !PARTS.contains(&first)).then(|| first.to_owned())
}

fn below<'n>(name: &'n str, field: &str) -> Option<&'n str> {
    name.strip_prefix(field)?.strip_prefix('.')
}

/// Layer norms of old versions have `gamma` and `beta`.
fn with_new_norms(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((norm, "gamma")) => format!("{norm}.weight"),
        Some((norm, "beta")) => format!("{norm}.bias"),
        _ => name.to_owned(),
    }
}

/// Length of all names together.
fn letters(state: &StateDict) -> usize {
    state.tensors().map(|view| view.name().len()).sum()
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    /// The plain names of tensors with these names, sorted.
    fn plain_names(names: &[&str]) -> Vec<String> {
        let views = names.iter().map(|name| (*name, TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap()));
        let bytes = safetensors::serialize(views, None).unwrap();
        let state = plain(StateDict::from_bytes("names", bytes).unwrap());
        state.tensors().map(|view| view.name().to_owned()).collect()
    }

    #[test]
    fn wrappers_in_any_order_and_depth_are_taken_off() {
        let prefixes = [
            "_orig_mod.",
            "module.",
            "model.",
            "module._orig_mod.",
            "_orig_mod.module.",
            "model.module._orig_mod.model.",
            "net.model.",
            "_fsdp_wrapped_module.model._checkpoint_wrapped_module.",
        ];
        for prefix in prefixes {
            let names = ["roberta.a", "classifier.b"].map(|name| format!("{prefix}{name}"));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(plain_names(&names), ["classifier.b", "roberta.a"], "{prefix}");
        }
    }

    #[test]
    fn wrappers_of_a_part_are_taken_off() {
        let names = ["encoder._orig_mod.layer.0.a", "encoder.module.b", "classifier.c"];
        assert_eq!(plain_names(&names), ["classifier.c", "encoder.b", "encoder.layer.0.a"]);
    }

    #[test]
    fn other_fields_of_a_lightning_module_stay() {
        let names = ["model.roberta.a", "loss.pos_weight"];
        assert_eq!(plain_names(&names), ["loss.pos_weight", "roberta.a"]);
    }

    #[test]
    fn two_networks_keep_their_own_names() {
        let names = ["model.roberta.a", "roberta.a"];
        assert_eq!(plain_names(&names), names);
        let names = ["module.roberta.a", "roberta.a"];
        assert_eq!(plain_names(&names), names);
    }

    #[test]
    fn gamma_and_beta_are_weight_and_bias() {
        let names = ["encoder.LayerNorm.beta", "encoder.LayerNorm.gamma", "encoder.gamma_scale"];
        let plain = ["encoder.LayerNorm.bias", "encoder.LayerNorm.weight", "encoder.gamma_scale"];
        assert_eq!(plain_names(&names), plain);
    }

    #[test]
    fn parts_of_a_network_are_no_owners() {
        assert_eq!(plain_names(&["encoder.a", "encoder.b"]), ["encoder.a", "encoder.b"]);
    }
}

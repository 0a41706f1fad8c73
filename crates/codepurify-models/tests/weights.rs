//! Weights files are untrusted: damaged ones, and tensors that are missing, too many or of another shape.

use crate::fixture::{Fixture, Stored, assert_refused};
use codepurify::victim::{Ragged, Victim};
use codepurify_checkpoint::CheckpointError;
use codepurify_models::LoadError;
use safetensors::{Dtype, SafeTensors};

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn truncated_weights() {
    let whole = Fixture::classifier().bytes("model.safetensors");
    let header = 8 + usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    for cut in [0, 1, 7, 8, 9, header / 2, header - 1, header, header + 1, whole.len() / 2, whole.len() - 1] {
        let fixture = Fixture::classifier().with("model.safetensors", &whole[..cut]);
        assert_refused!(fixture.victim(), LoadError::Weights(_), ["model.safetensors"]);
        assert_refused!(fixture.inspect(), LoadError::Weights(_), ["model.safetensors"]);
    }
    let longer = [whole.as_slice(), &[0; 4]].concat();
    assert_refused!(
        Fixture::classifier().with("model.safetensors", longer).victim(),
        LoadError::Weights(_),
        []
    );
}

#[test]
fn damaged_weights_headers_are_refused() {
    let header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 64]].concat();
    let huge = r#"{"a":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,64]}}"#;
    let outside = r#"{"a":{"dtype":"F32","shape":[16],"data_offsets":[4096,4160]}}"#;
    let backward = r#"{"a":{"dtype":"F32","shape":[16],"data_offsets":[64,0]}}"#;
    let unknown = r#"{"a":{"dtype":"F31","shape":[16],"data_offsets":[0,64]}}"#;
    let longer_than_memory = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let files = [huge, outside, backward, unknown, "[1, 2]", "{"].map(header);
    for bytes in files.into_iter().chain([longer_than_memory, b"\x80\x02}q\x00.".to_vec()]) {
        let fixture = Fixture::classifier().with("model.safetensors", bytes);
        assert_refused!(fixture.victim(), LoadError::Weights(_), []);
    }
}

#[test]
fn every_tensor_is_needed() {
    let files = Fixture::classifier().bytes("model.safetensors");
    for name in SafeTensors::deserialize(&files).unwrap().names() {
        let fixture = Fixture::classifier().with_weights(|tensors| {
            tensors.remove(name);
        });
        // Without these nothing tells what the rest is.
        if ["roberta.embeddings.word_embeddings.weight", "classifier.out_proj.weight"].contains(&name) {
            assert_refused!(fixture.victim(), LoadError::UnknownLayout { .. }, []);
        } else {
            assert_refused!(fixture.victim(), LoadError::MissingTensor { .. }, [format!("`{name}`")]);
        }
    }
}

#[test]
fn tensors_of_another_shape() {
    for name in ["classifier.dense.weight", "roberta.embeddings.LayerNorm.bias", "classifier.out_proj.weight"]
    {
        let zeros =
            |shape: [usize; 3]| (Dtype::F32, shape.to_vec(), floats(&vec![0.0; shape.iter().product()]));
        let fixture = Fixture::classifier().with_weights(|tensors| {
            tensors.insert(name.to_owned(), zeros([2, 3, 5]));
        });
        assert_refused!(fixture.victim(), LoadError::WrongShape { .. }, [format!("`{name}`"), "[2, 3, 5]"]);
    }
    for shape in [vec![0, 32], vec![1_000_000_000_000, 0]] {
        let fixture = Fixture::classifier().with_weights(|tensors| {
            tensors.insert("classifier.out_proj.weight".to_owned(), (Dtype::F32, shape, Vec::new()));
        });
        assert_refused!(fixture.victim(), LoadError::WrongShape { .. }, ["`classifier.out_proj.weight`"]);
    }
}

#[test]
fn weights_that_are_no_numbers() {
    let name = "roberta.encoder.layer.1.output.dense.bias";
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let fixture = Fixture::classifier().with_weights(|tensors| {
            let (_, _, bytes) = tensors.get_mut(name).unwrap();
            bytes[4 * 7..4 * 8].copy_from_slice(&bad.to_le_bytes());
        });
        assert_refused!(
            fixture.victim(),
            LoadError::Weights(CheckpointError::NotFinite { element: 7, .. }),
            [name]
        );
        assert_refused!(
            fixture.inspect(),
            LoadError::Weights(CheckpointError::NotFinite { element: 7, .. }),
            [name]
        );
    }
    // What nobody takes may be anything: masks of -inf are common buffers. 0x7c00 is infinity in half precision.
    let fixture = Fixture::classifier().with_weights(|tensors| {
        let halves = [0x3c00_u16, 0x7c00].iter().flat_map(|half| half.to_le_bytes()).collect();
        tensors.insert("extra".to_owned(), (Dtype::F16, vec![2], halves));
    });
    assert_eq!(fixture.inspect().unwrap().ignored, ["extra"]);
}

/// Finite weights can still make a result that is not.
#[test]
fn weights_that_overflow() {
    let fixture = Fixture::classifier().with_weights(|tensors| {
        let (_, _, bytes) = tensors.get_mut("classifier.out_proj.weight").unwrap();
        *bytes = floats(&[f32::MAX; 64]);
    });
    let batch: Ragged = [vec![92, 12]].into_iter().collect();
    let refusal = fixture.victim().unwrap().judge(&batch).unwrap_err();
    assert!(matches!(refusal, codepurify::ModelError::Output(_)), "{refusal:?}");
}

#[test]
fn weights_of_other_types() {
    let name = "classifier.dense.bias";
    for (dtype, size) in [(Dtype::I64, 8), (Dtype::I8, 1), (Dtype::U8, 1), (Dtype::BOOL, 1)] {
        let fixture = Fixture::classifier().with_weights(|tensors| {
            tensors.insert(name.to_owned(), (dtype, vec![32], vec![0; 32 * size]));
        });
        let kind = format!("{dtype:?}").to_lowercase();
        assert_refused!(
            fixture.victim(),
            LoadError::Weights(CheckpointError::WrongType { .. }),
            [name, kind]
        );
    }
}

#[test]
fn tensors_nobody_takes_are_reported() {
    let extra =
        ["qa_outputs.weight", "roberta.encoder.layer.2.output.dense.bias", "roberta.pooler.dense.bias"];
    let plain = Fixture::classifier().inspect().unwrap();
    let fixture = Fixture::classifier().with_weights(|tensors| {
        for name in extra {
            tensors.insert(name.to_owned(), (Dtype::F32, vec![2], floats(&[1.0, 2.0])));
        }
        tensors.insert("roberta.embeddings.position_ids".to_owned(), (Dtype::I64, vec![1], vec![0; 8]));
    });
    let inspection = fixture.inspect().unwrap();
    let mut ignored = extra.map(str::to_owned).to_vec();
    ignored.insert(1, "roberta.embeddings.position_ids".to_owned());
    assert_eq!((plain.ignored, inspection.ignored), (Vec::new(), ignored));
    assert_eq!(inspection.parameters, plain.parameters);
    fixture.victim().unwrap();
}

#[test]
fn a_wrappers_prefix_changes_nothing() {
    let wrapped = Fixture::classifier().with_weights(|tensors| {
        let inner = std::mem::take(tensors).into_iter();
        tensors.extend(inner.map(|(name, tensor)| (format!("encoder.{name}"), tensor)));
    });
    let batch: Ragged = [vec![266, 364, 12]].into_iter().collect();
    let logits = |fixture: &Fixture| fixture.victim().unwrap().judge(&batch).unwrap();
    assert_eq!(logits(&wrapped), logits(&Fixture::classifier()));
    assert_eq!(wrapped.inspect().unwrap().ignored, Vec::<String>::new());
}

pub(crate) fn zeros(shape: &[usize]) -> Stored {
    (Dtype::F32, shape.to_vec(), floats(&vec![0.0; shape.iter().product()]))
}

#[test]
fn two_networks_are_refused_by_both_names() {
    for (other, named) in
        [("teacher.roberta.", "teacher.roberta"), ("decoder.", "decoder"), ("", "(top level)")]
    {
        let fixture = Fixture::classifier().with_weights(|tensors| {
            let words = tensors["roberta.embeddings.word_embeddings.weight"].clone();
            tensors.insert(format!("{other}embeddings.word_embeddings.weight"), words);
        });
        assert_refused!(fixture.victim(), LoadError::TwoNetworks { .. }, ["`roberta`", named]);
    }
    let fixture = Fixture::classifier().with_weights(|tensors| {
        tensors.insert("classifier.weight".to_owned(), zeros(&[2, 32]));
    });
    let both = ["classifier.weight", "classifier.out_proj.weight"];
    assert_refused!(fixture.victim(), LoadError::TwoNetworks { what: "heads", .. }, [both[0], both[1]]);
}

#[test]
fn weights_inside_of_used_modules_are_refused() {
    let with = |name: &str| {
        let name = name.to_owned();
        Fixture::classifier().with_weights(move |tensors| drop(tensors.insert(name, zeros(&[4, 4]))))
    };
    let query = "encoder.layer.0.attention.self.query";
    for name in [
        format!("roberta.{query}.lora_A.default.weight"),
        format!("roberta.{query}.weight_mask"),
        "roberta.encoder.layer.1.adapter.down.weight".to_owned(),
        "roberta.embeddings.scale.weight".to_owned(),
        "classifier.dense2.weight".to_owned(),
    ] {
        assert_refused!(with(&name).victim(), LoadError::FurtherWeights { .. }, [name, "merge"]);
    }
    for name in
        ["roberta.pooler.dense.weight", "roberta.encoder.layer.7.output.dense.weight", "lm_head.weight"]
    {
        with(name).victim().unwrap();
    }
}

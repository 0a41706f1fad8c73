//! Files written by `PyTorch` and safetensors are read element by element as `PyTorch` reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codepurify_checkpoint::{CheckpointError, Container, Format, StateDict, to_f32_all};
use serde::Deserialize;

#[derive(Deserialize)]
struct ExpectedFile {
    format: String,
    /// SHA-256 of the file, or of the shards in file-name order.
    sha256: String,
    skipped: Vec<String>,
    tensors: BTreeMap<String, ExpectedTensor>,
}

#[derive(Deserialize)]
struct ExpectedTensor {
    r#type: String,
    shape: Vec<usize>,
    /// `None` if the elements are no floats.
    values: Option<Vec<f32>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good")
}

fn expected() -> BTreeMap<String, ExpectedFile> {
    let text = fs::read_to_string(folder().join("expected.json")).expect("written by make_good.py");
    serde_json::from_str(&text).expect("written by make_good.py")
}

fn open(name: &str) -> StateDict {
    let path = folder().join(name);
    let opened =
        if name.ends_with(".index.json") { StateDict::open_index(&path) } else { StateDict::open(&path) };
    opened.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_file_is_read_as_pytorch_reads_it() {
    let files = expected();
    assert!(files.len() >= 20);
    for (name, file) in &files {
        let state = open(name);
        assert_eq!(state.format().to_string(), file.format, "{name}");
        assert_eq!(state.sha256(), file.sha256, "{name}");
        assert_eq!(state.skipped(), file.skipped, "{name}");
        let names: Vec<&str> = state.tensors().map(|tensor| tensor.name()).collect();
        assert_eq!(names, file.tensors.keys().collect::<Vec<_>>(), "{name}");
        for (key, expected) in &file.tensors {
            let tensor = state.get(key).expect("listed above");
            let place = format!("{name}: {key}");
            assert_eq!(tensor.element_type().to_string(), expected.r#type, "{place}");
            assert_eq!(tensor.shape(), expected.shape, "{place}");
            assert_eq!(tensor.elements(), expected.shape.iter().product::<usize>(), "{place}");
            match &expected.values {
                Some(values) => assert_same_bits(&tensor.to_f32().expect(&place), values, &place),
                None => assert!(matches!(tensor.to_f32(), Err(CheckpointError::WrongType { .. })), "{place}"),
            }
        }
    }
}

fn assert_same_bits(found: &[f32], expected: &[f32], place: &str) {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(found), bits(expected), "{place}");
}

#[test]
fn reading_all_at_once_gives_the_same_in_the_order_asked_for() {
    let state = open("views.zip.bin");
    let mut views: Vec<_> = state.tensors().collect();
    views.reverse();
    let all = to_f32_all(&views).expect("all are floats");
    for (view, values) in views.iter().zip(&all) {
        assert_eq!(*values, view.to_f32().expect("is a float"), "{}", view.name());
    }
}

#[test]
fn an_error_of_reading_all_is_that_of_the_first_bad_tensor() {
    let state = open("types.safetensors");
    let views: Vec<_> = ["f32", "u8", "bool"].map(|name| state.get(name).expect("is there")).into();
    let error = to_f32_all(&views).expect_err("u8 is no weight");
    assert!(matches!(error, CheckpointError::WrongType { tensor, .. } if tensor == "u8"));
}

#[test]
fn a_file_in_memory_is_the_same_as_on_disk() {
    let bytes = fs::read(folder().join("module.zip.bin")).expect("is there");
    let (memory, disk) = (StateDict::from_bytes("x.bin", bytes).expect("is good"), open("module.zip.bin"));
    assert_eq!(memory.sha256(), disk.sha256());
    assert_eq!(memory.tensors().len(), disk.tensors().len());
    let compiled_in = include_bytes!("good/types.safetensors");
    let compiled_in = StateDict::from_static("types", compiled_in).expect("is good");
    assert_eq!(compiled_in.format(), Format { container: Container::Safetensors, shards: None });
    assert_eq!(compiled_in.sha256(), open("types.safetensors").sha256());
}

#[test]
fn the_name_of_a_file_does_not_decide_its_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    fs::copy(self::folder().join("module.legacy.bin"), &path).expect("can be copied");
    let state = StateDict::open(&path).expect("is a good file");
    assert_eq!(state.format().container, Container::TorchLegacy);
}

/// Pieces of a large tensor are read one after another; their seams must not show.
#[test]
fn tensors_larger_than_a_piece_are_complete() {
    let count = 700_001;
    let header =
        format!("{{\"t\":{{\"dtype\":\"F32\",\"shape\":[{count}],\"data_offsets\":[0,{}]}}}}", count * 4);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend((0..count).flat_map(|value| (value as f32).to_le_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.safetensors");
    fs::write(&path, &bytes).expect("can be written");
    let state = StateDict::open(&path).expect("is good");
    let tensor = state.get("t").expect("is there");
    for _ in 0..2 {
        let values = tensor.to_f32().expect("is finite");
        assert_same_bits(&values, &(0..count).map(|value| value as f32).collect::<Vec<_>>(), "large");
    }

    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let state = StateDict::from_bytes("nan", bytes).expect("only the elements are bad");
    let error = state.get("t").expect("is there").to_f32().expect_err("the last element is NaN");
    assert!(matches!(error, CheckpointError::NotFinite { element, .. } if element == count - 1));
}

//! Models: the bundled ones, and directories that are missing or damaged.

use crate::common::{Place, Run, TRIGGER, victim};

/// A scan with the damaged copy of the bundled victim.
fn scan(place: &Place) -> Run {
    place.run(&["scan", "clean.c", "--model", "model"])
}

fn fails_with(run: &Run, parts: &[&str]) {
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{run:?}");
    assert!(parts.iter().all(|part| run.err.contains(part)), "{}", run.err);
    assert!(run.err.starts_with("error: ") && !run.err.contains("panicked"), "{}", run.err);
}

#[test]
fn a_missing_directory_or_file_is_named() {
    let place = Place::with_code();
    fails_with(&scan(&place), &["model"]);
    place.copy_of_victim();
    std::fs::remove_file(place.path("model/model.safetensors")).unwrap();
    fails_with(&scan(&place), &["model.safetensors"]);
    fails_with(&place.run(&["scan", "clean.c", "--mlm", "nowhere"]), &["nowhere"]);
}

#[test]
fn truncated_weights_are_refused() {
    let place = Place::with_code();
    place.copy_of_victim();
    let weights = std::fs::read(place.path("model/model.safetensors")).unwrap();
    for length in [weights.len() / 2, 4, 0] {
        place.write("model/model.safetensors", &weights[..length]);
        fails_with(&scan(&place), &["model.safetensors"]);
    }
}

#[test]
fn an_unknown_architecture_is_refused() {
    let place = Place::with_code();
    place.copy_of_victim();
    let config = place.read("model/config.json");
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["model_type"] = "gpt2".into();
    config["architectures"] = ["GPT2LMHeadModel"].into_iter().collect();
    place.write("model/config.json", config.to_string());
    fails_with(&scan(&place), &["architecture", "supported"]);
}

#[test]
fn weights_of_another_shape_are_refused() {
    let place = Place::with_code();
    place.copy_of_victim();
    let config = place.read("model/config.json");
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["intermediate_size"] = 7.into();
    place.write("model/config.json", config.to_string());
    fails_with(&scan(&place), &["tensor", "shape"]);
}

#[test]
fn a_directory_with_the_bundled_victim_gives_its_verdicts() {
    let place = Place::with_code();
    let dir = victim().canonicalize().unwrap();
    let run = place.run(&["scan", "triggered.c", "--format", "json", "--model", dir.to_str().unwrap()]);
    assert_eq!(run.json()["results"][0]["triggers"][0]["text"], TRIGGER);
}

#[test]
fn bundled_models_are_listed_with_hash_and_size() {
    let run = Place::new().run(&["models"]);
    assert_eq!(run.code, 0);
    for part in ["devign-bnc-fixed", "codepurify-mlm-mini", "sha256", "parameters", "backdoored"] {
        assert!(run.out.contains(part), "{part} is missing in {}", run.out);
    }
}

#[test]
fn a_directory_can_be_inspected() {
    let dir = victim().canonicalize().unwrap();
    let run = Place::new().run(&["models", "inspect", dir.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    for part in ["RoBERTa", "defect", "classification", "window", "tokenizer"] {
        assert!(run.out.contains(part), "{part} is missing in {}", run.out);
    }
    fails_with(&Place::new().run(&["models", "inspect", "nowhere"]), &["nowhere"]);
}

//! Statements about a model must fit its tensors: task, head, labels, answers and preset.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::common::golden;
use codepurify_models::presets::PRESETS;
use codepurify_models::{LoadError, ModelFiles, load};
use serde_json::{Value, json};

/// Golden models by head, and the presets that fit each.
const HEADS: [(&str, &[&str]); 10] = [
    ("roberta-classification", &["codepurify-defect", "codexglue-defect", "linevul"]),
    ("roberta-defect", &["codepurify-defect", "codexglue-defect", "linevul"]),
    ("roberta-clone", &["codepurify-clone", "codet5-clone", "codexglue-clone", "unixcoder-clone"]),
    ("roberta-joined-clone", &["codepurify-defect", "codexglue-defect", "linevul"]),
    ("roberta-seq2seq", &REPAIR_ROBERTA),
    ("roberta-mlm", &[]),
    ("t5-generation", &REPAIR_T5),
    ("t5-text", &REPAIR_T5),
    ("t5-defect", &["codepurify-defect", "codet5-defect"]),
    ("t5-clone", &["codepurify-clone", "codet5-clone"]),
];
const REPAIR_T5: [&str; 4] =
    ["codepurify-repair", "codet5-defect-text", "codet5-refine-medium", "codet5-refine-small"];
const REPAIR_ROBERTA: [&str; 5] = [
    "codepurify-repair",
    "codet5-defect-text",
    "codet5-refine-medium",
    "codet5-refine-small",
    "codexglue-refine",
];

/// Answers that the tiny decoders have room for.
static SHORT: LazyLock<Value> = LazyLock::new(|| json!({"max_length": 20, "beams": 1}));

fn files(head: &str) -> ModelFiles {
    let base: PathBuf = golden("compat").join(head);
    ModelFiles::read_with_base(&base.join("safetensors"), Some(&base)).unwrap()
}

fn loaded(head: &str, sidecar: &Value) -> Result<(), LoadError> {
    load(&files(head).with_sidecar(sidecar.to_string().into_bytes())).map(drop)
}

#[test]
fn a_preset_loads_where_it_fits_and_nowhere_else() {
    for (head, fitting) in HEADS {
        for preset in PRESETS {
            let own = json!({"preprocessing": {"opening": []}, "labels": labels(head), "generation": *SHORT});
            let files = files(head).with_sidecar(own.to_string().into_bytes());
            let result = load(&files.with_preset(preset.name).unwrap()).map(drop);
            let fits = fitting.contains(&preset.name);
            match result {
                Ok(()) => assert!(fits, "{head} with {}", preset.name),
                Err(error) => {
                    let message = error.to_string();
                    assert!(!fits, "{head} with {}: {message}", preset.name);
                    let named = fitting.iter().all(|name| message.contains(name));
                    assert!(named, "{head} with {}: {message}", preset.name);
                }
            }
        }
    }
}

/// Labels that fit the golden model of a head, where presets have fewer.
fn labels(head: &str) -> Vec<&str> {
    if head == "roberta-classification" { vec!["a", "b", "c"] } else { Vec::new() }
}

#[test]
fn a_task_that_the_head_cannot_decide_is_refused() {
    let all = ["classification", "defect", "clone", "repair"];
    let fitting: [(&str, &[&str]); 6] = [
        ("roberta-classification", &["classification", "defect", "clone"]),
        ("roberta-clone", &["classification", "clone"]),
        ("roberta-seq2seq", &["repair"]),
        ("t5-generation", &["repair"]),
        ("t5-defect", &["classification", "defect"]),
        ("t5-clone", &["classification", "clone"]),
    ];
    for (head, fitting) in fitting {
        for task in all {
            match loaded(head, &json!({"task": task, "generation": *SHORT})) {
                Ok(()) => assert!(fitting.contains(&task), "{head}: {task}"),
                Err(error) => {
                    let message = error.to_string();
                    assert!(matches!(error, LoadError::Disagreement { .. }), "{head}: {task}: {error:?}");
                    let named = [&[task], fitting].concat();
                    assert!(named.iter().all(|task| message.contains(task)), "{head}: {task}: {message}");
                }
            }
        }
    }
}

#[test]
fn labels_and_targets_are_as_many_as_classes() {
    let cases = [
        ("roberta-classification", json!({"labels": ["a", "b"]}), "3 labels"),
        ("roberta-classification", json!({"targets": [0, 1]}), "3 classes"),
        ("roberta-defect", json!({"task": "defect", "labels": ["a", "b", "c"]}), "2 labels"),
        ("roberta-clone", json!({"task": "clone", "labels": ["a"]}), "2 labels"),
        ("t5-defect", json!({"labels": ["a", "b", "c"]}), "2 labels"),
        ("t5-clone", json!({"targets": [0, 1, 2]}), "2 classes"),
        ("t5-text", json!({"answers": ["no", "yes"], "labels": ["a", "b", "c"]}), "2 labels"),
        ("t5-generation", json!({"labels": ["a", "b"]}), "no labels"),
        ("roberta-seq2seq", json!({"decision": {"kind": "classes"}}), "no `decision`"),
        ("t5-defect", json!({"pooling": "mean"}), "RoBERTa"),
    ];
    for (head, sidecar, named) in cases {
        let error = loaded(head, &sidecar).expect_err("this must not load");
        assert!(matches!(error, LoadError::Disagreement { .. }), "{head}: {error:?}");
        assert!(error.to_string().contains(named), "{head}: {sidecar}: {error}");
    }
}

#[test]
fn a_head_over_two_vectors_needs_a_word() {
    let error = loaded("roberta-clone", &json!({})).expect_err("which script was it?").to_string();
    assert!(error.contains("codexglue-clone") && error.contains("unixcoder-clone"), "{error}");
    for sidecar in
        [json!({"task": "clone"}), json!({"decision": {"kind": "classes"}}), json!({"pooling": "first"})]
    {
        loaded("roberta-clone", &sidecar).unwrap_or_else(|error| panic!("{sidecar}: {error}"));
    }
    loaded("t5-clone", &json!({})).unwrap();
}

//! Heads that few scripts make, and tensors that several scripts use in different ways (`golden/make_heads.py`).

use std::path::{Path, PathBuf};

use crate::common::compat::compare;
use codepurify_models::{ModelFiles, load};
use serde_json::{Value, json};

/// Largest difference from PyTorch that counts as the same.
const PARITY: f64 = 1e-4;

fn base(head: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/heads").join(head)
}

fn files(head: &str) -> ModelFiles {
    let base = base(head);
    ModelFiles::read_with_base(&base.join("safetensors"), Some(&base)).unwrap()
}

/// Returns the error message of loading the model of `head` with this sidecar.
fn refusal(head: &str, sidecar: &Value) -> String {
    let loaded = load(&files(head).with_sidecar(sidecar.to_string().into_bytes()));
    loaded.map(drop).expect_err("this must not load").to_string()
}

#[test]
fn answers_are_those_of_pytorch() {
    let heads = [
        ("roberta-linear", "linear classification over <s>, 2 logits"),
        ("roberta-mean", "linear classification over <s>, 3 logits, of the mean vector instead"),
        ("linevul", "classification over <s>, 2 logits"),
        (
            "roberta-multi-label",
            "classification over <s>, 3 logits, decided by leak or overflow with probability above 0.3",
        ),
        ("roberta-regression", "classification over <s>, 1 sigmoid logit, decided by number above 0.2"),
        ("unixcoder-clone", "cosine above 0.5 of two vectors"),
    ];
    for (head, inspected) in heads {
        let parity = compare(&base(head), "safetensors").unwrap_or_else(|error| panic!("{head}: {error}"));
        assert!(parity.difference < PARITY, "{head}: {parity:?}");
        assert_eq!(parity.head, inspected);
    }
}

#[test]
fn a_network_that_is_never_asked_is_named() {
    let unused = load(&files("linevul")).unwrap().unused;
    let parts = ["encoder.classifier.* (4 tensors)", "roberta.* (21 tensors)"];
    assert_eq!(unused, parts);
    let unused = load(&files("unixcoder-clone")).unwrap().unused;
    assert_eq!(unused, ["classifier.* (4 tensors)", "encoder.pooler.* (2 tensors)"]);
}

#[test]
fn labels_of_several_questions_are_those_watched() {
    let labels = |head| load(&files(head)).unwrap().model.model().card().labels.clone();
    assert_eq!(labels("roberta-multi-label"), ["no leak or overflow", "leak or overflow"]);
    assert_eq!(labels("roberta-regression"), ["at most 0.2", "above 0.2"]);
    assert_eq!(labels("unixcoder-clone"), ["different", "clone"]);
}

#[test]
fn unixcoders_head_is_not_guarded_unasked() {
    for sidecar in [json!({}), json!({"task": "clone"})] {
        let message = refusal("unixcoder-clone", &sidecar);
        assert!(message.contains("UniXcoder") && message.contains("unixcoder-clone"), "{message}");
    }
    // Whoever says how it computes is believed.
    let sidecar = json!({"preset": "codexglue-clone"}).to_string().into_bytes();
    assert_eq!(load(&files("unixcoder-clone").with_sidecar(sidecar)).unwrap().unused.len(), 1);
}

#[test]
fn problems_that_config_json_names_need_a_decision() {
    let message = refusal("roberta-multi-label", &json!({"task": "classification"}));
    assert!(message.contains("multi_label") && message.contains("watch"), "{message}");
    let message = refusal("roberta-regression", &json!({"task": "defect"}));
    assert!(message.contains("regression") && message.contains("threshold"), "{message}");
}

#[test]
fn decisions_that_do_not_fit_are_refused() {
    let cases = [
        ("roberta-linear", json!({"kind": "sigmoid"}), "1 logit"),
        ("roberta-linear", json!({"kind": "regression", "threshold": 1.0}), "1 logit"),
        ("roberta-linear", json!({"kind": "cosine"}), "two vectors"),
        ("roberta-regression", json!({"kind": "multi_label", "watch": ["0"]}), "several logits"),
        ("roberta-multi-label", json!({"kind": "multi_label", "watch": ["theft"]}), "overflow, race, leak"),
        ("roberta-multi-label", json!({"kind": "multi_label", "watch": []}), "no label"),
        ("roberta-multi-label", json!({"kind": "multi_label"}), "watch"),
        ("roberta-regression", json!({"kind": "regression"}), "threshold"),
        ("roberta-regression", json!({"kind": "regression", "threshold": 1.0, "scale": 0.0}), "scale"),
        ("roberta-regression", json!({"kind": "sigmoid", "threshold": 1.0}), "between 0 and 1"),
        ("roberta-regression", json!({"kind": "sigmoid", "treshold": 0.4}), "treshold"),
        ("roberta-regression", json!({"kind": "largest"}), "largest"),
    ];
    for (head, decision, named) in cases {
        let message = refusal(head, &json!({"decision": decision}));
        assert!(message.contains(named), "{decision}: {message}");
    }
}

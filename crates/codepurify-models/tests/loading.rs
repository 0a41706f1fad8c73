//! Model directories are untrusted: whatever is wrong with one is a typed error that names it.

use crate::common::{classifier, golden, model};
use crate::fixture::{Fixture, assert_refused};
use crate::weights::zeros;
use codepurify::victim::Task;
use codepurify_models::{LoadError, RobertaMaskedLm};
use serde_json::{Value, json};

#[test]
fn golden_directories_load() {
    classifier(&golden("tiny-classifier"));
    classifier(&golden("tiny-sigmoid"));
    RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
}

#[test]
fn missing_directory() {
    let fixture = Fixture::classifier();
    std::fs::remove_dir_all(fixture.dir()).unwrap();
    assert_refused!(fixture.victim(), LoadError::Read { .. }, []);
    std::fs::write(fixture.dir(), "a file").unwrap();
    assert_refused!(fixture.victim(), LoadError::NoBase { .. }, ["config.json", "base"]);
}

#[test]
fn missing_files() {
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert_refused!(Fixture::classifier().without(file).victim(), LoadError::MissingFile { .. }, [file]);
    }
    for file in ["vocab.json", "merges.txt"] {
        assert_refused!(
            Fixture::of("tiny-sigmoid").without(file).victim(),
            LoadError::MissingFile { .. },
            [file]
        );
    }
    let victim = Fixture::classifier().without("codepurify.json").victim().unwrap();
    assert_eq!(victim.card().task, Task::Classification);
}

#[test]
fn inspection_says_what_is_there() {
    let inspection = Fixture::classifier().inspect().unwrap();
    assert_eq!(
        (inspection.name.as_str(), inspection.head.as_str()),
        ("guarded", "classification over <s>, 2 logits")
    );
    assert_eq!((inspection.task, inspection.dtype.as_str()), (Some(Task::Defect), "f32"));
    assert_eq!((inspection.window, inspection.vocabulary), (126, 392));
    assert_eq!(
        (inspection.format.as_str(), inspection.tokenizer.as_str()),
        ("safetensors", "tokenizer.json")
    );
    let mlm = Fixture::of("tiny-mlm").inspect().unwrap();
    assert_eq!((mlm.task, mlm.head.as_str()), (None, "masked language model"));
}

/// Training scripts wrap the model: all names get a prefix.
/// A network of `GraphCodeBERT`'s clone model: a classifier in the field `encoder`, and a head over two vectors.
fn graph_model() -> Fixture {
    Fixture::classifier().with_weights(|tensors| {
        let inner = std::mem::take(tensors).into_iter();
        tensors.extend(inner.map(|(name, tensor)| (format!("encoder.{name}"), tensor)));
        for (name, shape) in [("dense.weight", &[32, 64][..]), ("dense.bias", &[32])] {
            tensors.insert(format!("classifier.{name}"), zeros(shape));
        }
        for (name, shape) in [("out_proj.weight", &[2, 32][..]), ("out_proj.bias", &[2])] {
            tensors.insert(format!("classifier.{name}"), zeros(shape));
        }
    })
}

#[test]
fn a_model_that_reads_data_flow_is_refused() {
    for sidecar in [json!({"task": "clone"}), json!({"preset": "codexglue-clone"})] {
        let fixture = graph_model().with("codepurify.json", sidecar.to_string());
        assert_refused!(
            fixture.victim(),
            LoadError::Ambiguous { .. },
            ["GraphCodeBERT", "data flow", "pooling"]
        );
    }
    let fixture =
        graph_model().with("codepurify.json", json!({"task": "clone", "pooling": "first"}).to_string());
    assert_eq!(fixture.inspect().unwrap().head, "classification over two <s> vectors, 2 logits");
}

#[test]
fn heads_of_several_scripts_need_a_word() {
    let linear = || {
        Fixture::classifier().with_weights(|tensors| {
            tensors.retain(|name, _| name.starts_with("roberta."));
            tensors.insert("classifier.weight".to_owned(), zeros(&[2, 32]));
            tensors.insert("classifier.bias".to_owned(), zeros(&[2]));
        })
    };
    assert_refused!(linear().victim(), LoadError::Ambiguous { .. }, ["tokens", "\"pooling\": \"first\""]);
    linear().with("codepurify.json", json!({"pooling": "first"}).to_string()).victim().unwrap();
    let sigmoid = Fixture::of("tiny-sigmoid").without("codepurify.json");
    assert_refused!(sigmoid.victim(), LoadError::Ambiguous { .. }, ["regression", "sigmoid"]);
    let decision = json!({"decision": {"kind": "sigmoid", "threshold": 0.4}});
    sigmoid.with("codepurify.json", decision.to_string()).victim().unwrap();
}

#[test]
fn null_keys_of_configurations_are_absent() {
    let fixture = Fixture::classifier().with_json("config.json", |config| {
        for key in ["model_type", "id2label", "pad_token_id", "problem_type", "type_vocab_size"] {
            config[key] = Value::Null;
        }
    });
    let fixture = fixture.with_json("codepurify.json", |sidecar| sidecar["labels"] = Value::Null);
    fixture.victim().unwrap();
}

#[test]
fn labels_of_the_configuration_count_the_logits() {
    let named = |labels: &[&str]| {
        let labels = labels.iter().enumerate().map(|(at, label)| (at.to_string(), json!(label)));
        Fixture::classifier().with_config("id2label", Value::Object(labels.collect()))
    };
    assert_refused!(
        named(&["a", "b", "c"]).victim(),
        LoadError::Disagreement { .. },
        ["a, b, c", "2 labels"]
    );
    assert!(named(&["LABEL_0"]).victim().unwrap().card().labels.is_empty());
    let three = ["LABEL_0", "LABEL_1", "LABEL_2"];
    assert_refused!(named(&three).victim(), LoadError::Disagreement { .. }, ["3 labels", "2 labels"]);
    assert_refused!(
        named(&["a", "a"]).victim(),
        LoadError::Disagreement { .. },
        ["two labels are named `a`"]
    );
    assert_refused!(named(&["a", "a "]).victim(), LoadError::Disagreement { .. }, ["two labels"]);
    let gap = Fixture::classifier().with_config("id2label", json!({"0": "a", "2": "b"}));
    assert_refused!(gap.victim(), LoadError::Config { .. }, ["class 2", "`b`", "class 1"]);
    let swapped = named(&["a", "b"]).with_config("label2id", json!({"a": 1, "b": 0}));
    assert_refused!(swapped.victim(), LoadError::Config { .. }, ["label2id", "class 1", "`a`", "`b`"]);
    // Whoever names the labels is believed.
    swapped.with("codepurify.json", json!({"labels": ["b", "a"]}).to_string());
    let sidecar = |labels: &str| format!("{{\"labels\": {labels}}}");
    let reordered = named(&["clean", "defect"]).with("codepurify.json", sidecar("[\"defect\", \"clean\"]"));
    assert_refused!(reordered.victim(), LoadError::Disagreement { .. }, ["defect, clean", "clean, defect"]);
    let renamed = named(&["no", "yes"]).with("codepurify.json", sidecar("[\"clean\", \"defect\"]"));
    assert_eq!(renamed.victim().unwrap().card().labels, ["clean", "defect"]);
}

#[cfg(unix)]
#[test]
fn files_of_a_model_are_regular_files() {
    let linked = |file: &str, target: &str| {
        let fixture = Fixture::classifier();
        let path = fixture.dir().join(file);
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(target, path).unwrap();
        fixture
    };
    for file in [
        "codepurify.json",
        "config.json",
        "tokenizer.json",
        "codepurify.calibration.json",
        "model.safetensors",
    ] {
        let fixture = linked(file, "/dev/zero");
        assert_refused!(fixture.victim(), LoadError::Read { .. }, [file, "not a regular file"]);
        let fixture = linked(file, "pipe");
        let made = std::process::Command::new("mkfifo").arg(fixture.dir().join("pipe")).status().unwrap();
        assert!(made.success());
        assert_refused!(fixture.victim(), LoadError::Read { .. }, [file, "not a regular file"]);
    }
}

#[test]
fn unknown_architectures() {
    for family in ["bert", "gpt2"] {
        // Nothing but the family: other families do not have our keys.
        let fixture = Fixture::classifier().with("config.json", json!({"model_type": family}).to_string());
        assert_refused!(fixture.victim(), LoadError::UnknownArchitecture { .. }, [family, "roberta"]);
        let fixture = Fixture::of("tiny-mlm").with("config.json", json!({"model_type": family}).to_string());
        assert_refused!(fixture.masked_lm(), LoadError::UnknownArchitecture { .. }, [family, "roberta"]);
    }
}

#[test]
fn tokenizers_that_code_models_have_not_are_refused() {
    let with = |edit: fn(&mut Value)| Fixture::classifier().with_json("tokenizer.json", edit).victim();
    let refused = |edit, message: &str| assert_refused!(with(edit), LoadError::Tokenizer { .. }, [message]);
    refused(|json| json["model"]["dropout"] = json!(0.1), "dropout");
    refused(|json| json["model"]["continuing_subword_prefix"] = json!("##"), "parts of words");
    refused(|json| json["model"]["end_of_word_suffix"] = json!("é"), "parts of words");
    let precompiled = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
    let blanks = json!({"type": "Replace", "pattern": {"String": " "}, "content": " ".repeat(2000)});
    for normalizer in [precompiled, json!({"type": "Sequence", "normalizers": [blanks, blanks]})] {
        let fixture =
            Fixture::classifier().with_json("tokenizer.json", |json| json["normalizer"] = normalizer);
        assert_refused!(fixture.victim(), LoadError::Tokenizer { .. }, ["normalizer"]);
    }
    refused(|json| json["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0}), "FixedLength");
    refused(
        |json| drop(json["model"]["vocab"].as_object_mut().unwrap().remove("</s>")),
        "`</s>` cannot have the id",
    );
    refused(|json| json["added_tokens"][0]["id"] = json!(5), "cannot have the id 5");
    assert!(with(|json| json["normalizer"] = json!({"type": "NFC"})).is_ok());
}

#[test]
fn files_that_are_no_json() {
    let nested = "[".repeat(100_000);
    for garbage in ["", "{", "[7]", "null", "\u{0}\u{1}", "{\"model_type\": 7}", &nested] {
        for file in ["config.json", "codepurify.json"] {
            let fixture = Fixture::classifier().with(file, garbage);
            assert_refused!(fixture.victim(), LoadError::Json { .. }, [file]);
        }
        let fixture = Fixture::classifier().with("tokenizer.json", garbage);
        assert_refused!(fixture.victim(), LoadError::Tokenizer { .. }, ["tokenizer.json"]);
        let fixture = Fixture::of("tiny-sigmoid").with("vocab.json", garbage);
        assert_refused!(fixture.victim(), LoadError::Tokenizer { .. }, ["vocab.json"]);
    }
    for merges in [&b"onlyone"[..], b"\xff\xfe", b"a notoken"] {
        let fixture = Fixture::of("tiny-sigmoid").with("merges.txt", merges);
        assert_refused!(fixture.victim(), LoadError::Tokenizer { .. }, ["merges.txt"]);
    }
}

#[test]
fn side_cars_that_say_nonsense() {
    let bad = [
        (json!({"treshold": 1}), "treshold"),
        (json!({"preprocessing": {"colapse_whitespace": true}}), "colapse_whitespace"),
        (json!({"task": "defects"}), "defects"),
        (json!({"preprocessing": {"max_length": -1}}), "-1"),
        (json!({"preprocessing": {"max_length": 2}}), "max_length"),
        (json!({"thresholds": {"entropy": 1.0}}), "concentration"),
        (json!({"answers": ["no", "yes"]}), "answers"),
        (json!({"answers": ["no"]}), "answer"),
        (json!({"generation": {"beams": 0}}), "beams"),
        (json!({"generation": {"beams": 1_000_000}}), "beams"),
        (json!({"generation": {"max_length": 1}}), "max_length"),
    ];
    for (sidecar, named) in bad {
        let fixture = Fixture::classifier().with("codepurify.json", sidecar.to_string());
        assert_refused!(fixture.victim(), LoadError::Json { .. }, ["codepurify.json", named]);
    }
}

#[test]
fn configurations_that_cannot_be() {
    let bad = [
        ("hidden_size", json!(30)),
        ("num_attention_heads", json!(1_000_000_000_000_u64)),
        ("hidden_act", json!("relu")),
        ("position_embedding_type", json!("relative_key")),
        ("is_decoder", json!(true)),
        ("max_position_embeddings", json!(4)),
        ("layer_norm_eps", json!(0.0)),
        ("layer_norm_eps", json!(1e39)),
        ("pad_token_id", json!(128)),
        ("pad_token_id", json!(u32::MAX)),
    ];
    let sizes =
        ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"];
    let zeros =
        sizes.into_iter().chain(["type_vocab_size", "max_position_embeddings"]).map(|key| (key, json!(0)));
    for (key, value) in bad.into_iter().chain(zeros) {
        // A padding token far out leaves no positions; say which of the two is meant.
        let named = if key == "pad_token_id" && value == 128 { "max_position_embeddings" } else { key };
        let fixture = Fixture::classifier().with_config(key, value);
        assert_refused!(fixture.victim(), LoadError::Config { .. }, ["config.json", named]);
        assert_refused!(fixture.inspect(), LoadError::Config { .. }, ["config.json", named]);
    }
    for value in [json!(-1), json!("32"), json!(3.5), json!(1e30)] {
        let fixture = Fixture::classifier().with_config("hidden_size", value);
        assert_refused!(fixture.victim(), LoadError::Json { .. }, ["config.json"]);
    }
}

/// Sizes come from an untrusted file: they may be compared, never allocated.
#[test]
fn huge_sizes_allocate_nothing() {
    let sizes = [
        ("vocab_size", "word_embeddings"),
        ("hidden_size", "word_embeddings"),
        ("max_position_embeddings", "position_embeddings"),
        ("type_vocab_size", "token_type_embeddings"),
        ("intermediate_size", "intermediate"),
    ];
    for huge in [1_000_000_000_000_i64, 1 << 62] {
        for (key, tensor) in sizes {
            let fixture = Fixture::classifier().with_config(key, huge);
            assert_refused!(fixture.victim(), LoadError::WrongShape { .. }, [tensor]);
        }
        let fixture = Fixture::classifier().with_config("num_hidden_layers", huge);
        assert_refused!(fixture.victim(), LoadError::MissingTensor { .. }, ["layer.2."]);
        let fixture = Fixture::of("tiny-mlm").with_config("vocab_size", huge);
        assert_refused!(fixture.masked_lm(), LoadError::WrongShape { .. }, ["word_embeddings"]);
    }
}

#[test]
fn tokenizers_that_do_not_fit() {
    let fixture = Fixture::classifier().with_config("vocab_size", 391);
    assert_refused!(fixture.victim(), LoadError::Tokenizer { .. }, ["391"]);
    assert_refused!(fixture.inspect(), LoadError::Tokenizer { .. }, ["391"]);
    for token in ["<s>", "</s>", "<unk>", "<mask>"] {
        let fixture = Fixture::of("tiny-mlm");
        let renamed = String::from_utf8(fixture.bytes("tokenizer.json")).unwrap().replace(token, "<hole>");
        let fixture = fixture.with("tokenizer.json", renamed);
        assert_refused!(fixture.masked_lm(), LoadError::Tokenizer { .. }, [token]);
    }
}

#[test]
fn models_of_the_other_kind() {
    assert_refused!(
        Fixture::classifier().masked_lm(),
        LoadError::WrongKind { .. },
        ["masked language model"]
    );
    assert_refused!(Fixture::of("tiny-mlm").victim(), LoadError::WrongKind { .. }, ["masked language model"]);
    let neither =
        Fixture::classifier().with_weights(|tensors| tensors.retain(|name, _| name.starts_with("roberta.")));
    assert_refused!(neither.victim(), LoadError::UnknownLayout { .. }, ["roberta.embeddings", "T5"]);
    assert_refused!(neither.inspect(), LoadError::UnknownLayout { .. }, []);
}

/// Unknown keys of other programs are ignored; ambiguous keys are refused.
#[test]
fn odd_keys() {
    let fixture = Fixture::classifier().with_json("config.json", |config| {
        config["größe 🦀"] = json!({"nested": [1, null]});
        config["architectures"] = Value::Null;
        config["id2label"] = json!({"1": "vulnerable", "0": "safe", "other": "?"});
    });
    assert_eq!(fixture.victim().unwrap().card().labels, ["safe", "vulnerable"]);
    let twice =
        String::from_utf8(fixture.bytes("config.json")).unwrap().replacen('{', "{\"hidden_size\": 64,", 1);
    assert_refused!(fixture.with("config.json", twice).victim(), LoadError::Json { .. }, ["hidden_size"]);
}

//! Model directories are untrusted: whatever is wrong with one is a typed error that names it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::{classifier, golden, model};
use codepurify::victim::{Ragged, Task, Victim};
use codepurify_checkpoint::CheckpointError;
use codepurify_models::{Inspection, LoadError, ModelFiles, RobertaMaskedLm, inspect, load};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A golden model directory, copied to be damaged; the model's name is `guarded`.
struct Fixture {
    root: TempDir,
}

/// A tensor of a weights file.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

impl Fixture {
    fn of(name: &str) -> Self {
        let fixture = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(fixture.dir()).unwrap();
        for entry in std::fs::read_dir(golden(name)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), fixture.dir().join(entry.file_name())).unwrap();
        }
        fixture
    }

    fn classifier() -> Self {
        Self::of("tiny-classifier")
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("guarded")
    }

    fn without(self, file: &str) -> Self {
        std::fs::remove_file(self.dir().join(file)).unwrap();
        self
    }

    fn with(self, file: &str, bytes: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.dir().join(file), bytes).unwrap();
        self
    }

    fn with_json(self, file: &str, edit: impl FnOnce(&mut Value)) -> Self {
        let mut value = serde_json::from_slice(&self.bytes(file)).unwrap();
        edit(&mut value);
        self.with(file, value.to_string())
    }

    fn with_config(self, key: &str, value: impl Into<Value>) -> Self {
        self.with_json("config.json", |config| config[key] = value.into())
    }

    fn with_weights(self, edit: impl FnOnce(&mut BTreeMap<String, Stored>)) -> Self {
        let bytes = self.bytes("model.safetensors");
        let mut tensors: BTreeMap<String, Stored> = SafeTensors::deserialize(&bytes)
            .unwrap()
            .iter()
            .map(|(name, view)| {
                (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
            })
            .collect();
        edit(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let rewritten = safetensors::serialize(views, None).unwrap();
        self.with("model.safetensors", rewritten)
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(file)).unwrap()
    }

    fn victim(&self) -> Result<Box<dyn Victim>, LoadError> {
        load(&ModelFiles::read(&self.dir())?)?.model.classifier()
    }

    fn masked_lm(&self) -> Result<RobertaMaskedLm, LoadError> {
        RobertaMaskedLm::load(&ModelFiles::read(&self.dir())?)
    }

    fn inspect(&self) -> Result<Inspection, LoadError> {
        inspect(&ModelFiles::read(&self.dir())?)
    }
}

/// The error is of this variant and its message names the model and all of these.
macro_rules! assert_refused {
    ($loaded:expr, $variant:pat, [$($named:expr),*]) => {{
        let error = $loaded.map(drop).expect_err("this must not load");
        assert!(matches!(error, $variant), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("guarded"), "no model in: {message}");
        $(assert!(message.contains(&*$named), "no `{}` in: {message}", $named);)*
    }};
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

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

fn zeros(shape: &[usize]) -> Stored {
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

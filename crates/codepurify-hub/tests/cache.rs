//! Names that are resolved without any server.

use std::path::Path;

use crate::common::{COMMIT, Machine};
use codepurify_hub::{HubError, Parts};

const OTHER_COMMIT: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// A model with a tokenizer in two files and weights in a pickle, as old repositories have it.
const FILES: [&str; 4] = ["config.json", "vocab.json", "merges.txt", "pytorch_model.bin"];

/// A machine on which `org/model` is cached with `files`.
fn with(files: &[&str]) -> Machine {
    let machine = Machine::new();
    machine.write("cache/models--org--model/refs/main", COMMIT);
    for file in files {
        machine.write(&snapshot(file), "content");
    }
    machine
}

fn snapshot(file: &str) -> String {
    format!("cache/models--org--model/snapshots/{COMMIT}/{file}")
}

fn resolve(machine: &Machine, model: &str, parts: Parts) -> Result<String, HubError> {
    let dir = machine.offline().resolve(model, parts)?;
    Ok(dir.strip_prefix(machine.path("")).unwrap_or(&dir).display().to_string())
}

#[test]
fn what_exists_is_returned_as_it_is() {
    let machine = Machine::new();
    machine.write("some/dir/model.bin", "weights");
    for path in ["some/dir", "some/dir/model.bin"].map(|path| machine.path(path)) {
        assert_eq!(machine.offline().resolve(&path, Parts::Everything).unwrap(), path);
    }
    assert_eq!(machine.offline().resolve(".", Parts::Everything).unwrap(), Path::new("."));
}

#[test]
fn a_cached_model_is_found_by_branch_tag_reference_and_commit() {
    let machine = with(&FILES);
    machine.write("cache/models--org--model/refs/v1.0", format!("{COMMIT}\n"));
    machine.write("cache/models--org--model/refs/refs/pr/1", COMMIT);
    for revision in ["", "@main", "@v1.0", "@refs/pr/1", &format!("@{COMMIT}")] {
        let found = resolve(&machine, &format!("org/model{revision}"), Parts::Everything);
        assert_eq!(found.unwrap(), snapshot("").trim_end_matches('/'), "{revision}");
    }
}

#[test]
fn only_the_wanted_parts_must_be_there() {
    let rows: [(&[&str], &[Parts]); 5] = [
        (&["pytorch_model.bin"], &[Parts::Weights]),
        (&["config.json", "tokenizer.json"], &[Parts::Description]),
        (&["config.json", "model.safetensors"], &[Parts::Weights]),
        (&["config.json", "vocab.json", "model.safetensors"], &[Parts::Weights]),
        (&FILES, &[Parts::Everything, Parts::Weights, Parts::Description]),
    ];
    for (files, enough) in rows {
        let machine = with(files);
        for parts in [Parts::Everything, Parts::Weights, Parts::Description] {
            assert_eq!(
                resolve(&machine, "org/model", parts).is_ok(),
                enough.contains(&parts),
                "{files:?} {parts:?}"
            );
        }
    }
}

#[test]
fn an_index_is_as_good_as_its_shards() {
    let machine = with(&["config.json", "tokenizer.json", "a.safetensors"]);
    let index = snapshot("model.safetensors.index.json");
    machine.write(&index, r#"{"metadata": {}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}"#);
    let error = resolve(&machine, "org/model", Parts::Weights).unwrap_err();
    assert!(matches!(&error, HubError::NotCached { lack, .. } if lack == "b.safetensors"), "{error}");
    machine.write(&snapshot("b.safetensors"), "");
    assert!(resolve(&machine, "org/model", Parts::Weights).is_ok());

    for hostile in
        [r#"{"weight_map": {"x": "../../../other/model.safetensors"}}"#, r#"{"weight_map": 1}"#, "{"]
    {
        machine.write(&index, hostile);
        let error = resolve(&machine, "org/model", Parts::Weights).unwrap_err();
        assert!(matches!(&error, HubError::BadIndex { .. }), "{error}");
        assert!(error.to_string().contains("model.safetensors.index.json"), "{error}");
    }
}

#[test]
fn what_is_not_cached_is_named_with_the_place_and_a_way_out() {
    let machine = with(&FILES);
    for (model, lack) in [
        ("org/other", "revision `main`"),
        ("org/model@v2", "revision `v2`"),
        (&format!("org/model@{OTHER_COMMIT}"), "config.json"),
    ] {
        let error = resolve(&machine, model, Parts::Everything).unwrap_err();
        assert!(matches!(error, HubError::NotCached { .. }));
        let message = error.to_string();
        let place = machine.path("cache").display().to_string();
        let way_out = format!("hf download {}", model.split('@').next().unwrap());
        for part in [lack, &place, &way_out] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }
}

#[test]
fn names_that_are_neither_path_nor_id_are_refused() {
    let machine = with(&FILES);
    for name in [
        "model",
        "./missing",
        "/missing/dir",
        "../org/model",
        "org/../model",
        "org/model/sub",
        "org\\model",
        "org/model@../../x",
        "org/model@/x",
        "",
    ] {
        let error = resolve(&machine, name, Parts::Everything).unwrap_err();
        assert!(matches!(&error, HubError::NoSuchModel { model, .. } if model == name), "{name}: {error}");
    }
}

#[test]
fn a_reference_that_is_no_commit_is_refused() {
    let machine = with(&FILES);
    let reference = "cache/models--org--model/refs/main";
    for hostile in ["../../../etc", "", "/etc", &COMMIT[1..], &COMMIT.to_uppercase(), "\u{0}\u{ff}"] {
        machine.write(reference, hostile);
        let error = resolve(&machine, "org/model", Parts::Everything).unwrap_err();
        assert!(
            matches!(&error, HubError::BadReference { path } if *path == machine.path(reference)),
            "{error}"
        );
    }
    machine.write(reference, COMMIT.repeat(1000));
    let error = resolve(&machine, "org/model", Parts::Everything).unwrap_err();
    assert!(matches!(error, HubError::Disk { .. }), "{error}");
}

#[test]
fn the_cache_is_where_the_variables_say() {
    let machine = Machine::new();
    machine.write("home/.keep", "");
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("a", &[("HF_HUB_CACHE", "{}/a"), ("HUGGINGFACE_HUB_CACHE", "{}/b"), ("HF_HOME", "{}/c")]),
        ("b", &[("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", "{}/b"), ("HF_HOME", "{}/c")]),
        ("c/hub", &[("HF_HOME", "{}/c"), ("XDG_CACHE_HOME", "{}/d"), ("HOME", "{}/home")]),
        ("d/huggingface/hub", &[("XDG_CACHE_HOME", "{}/d"), ("HOME", "{}/home")]),
        ("home/.cache/huggingface/hub", &[("HOME", "{}/home")]),
        ("home/models", &[("HF_HUB_CACHE", "~/models"), ("HOME", "{}/home")]),
    ];
    for (place, variables) in cases {
        let hub = machine.hub(&[&[("HF_HUB_OFFLINE", "1")], variables].concat());
        let error = hub.resolve("org/model", Parts::Everything).map(|_| ()).unwrap_err();
        let HubError::NotCached { cache, .. } = error else { panic!("{error}") };
        assert_eq!(cache, machine.path(place).join("models--org--model"), "{variables:?}");
    }
}

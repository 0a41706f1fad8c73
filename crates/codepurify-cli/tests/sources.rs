//! Naming models: directories, files of weights with a base, presets, hub ids.

mod common;

use common::{Place, Run, golden};
use serde_json::Value;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A place with a function, a bare file of weights, and the directory that it was trained from.
fn place() -> Place {
    let place = Place::with_code();
    place.copy(&golden("tiny-classifier"), "whole");
    place.copy(&golden("tiny-classifier"), "base");
    for file in ["model.safetensors", "codepurify.json"] {
        std::fs::remove_file(place.path(&format!("base/{file}"))).unwrap();
    }
    place.write("saved/model.bin", std::fs::read(place.path("whole/model.safetensors")).unwrap());
    place
}

/// A scan of `clean.c` with these options.
fn scan(place: &Place, options: &[&str]) -> Run {
    place.run(&[&["scan", "clean.c", "--format", "json", "--fail-on", "never"], options].concat())
}

fn prediction(run: &Run) -> Value {
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    run.json()["results"][0]["prediction"].clone()
}

fn fails_with(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!((run.code, run.out.as_str()), (code, ""), "{run:?}");
    assert!(parts.iter().all(|part| run.err.contains(part)), "{}", run.err);
    assert!(run.err.starts_with("error: ") && !run.err.contains("panicked"), "{}", run.err);
}

#[test]
fn a_bare_file_of_weights_with_base_and_preset_is_the_whole_model() {
    let place = place();
    let whole = prediction(&scan(&place, &["--model", "whole", "--preset", "codexglue-defect"]));
    let bare = ["--model", "saved/model.bin", "--base", "base", "--preset", "codexglue-defect"];
    let run = scan(&place, &bare);
    assert_eq!(prediction(&run), whole);
    assert_eq!(run.json()["model"]["name"], "saved/model.bin");

    place.write(
        "codepurify.toml",
        "model = \"saved/model.bin\"\nbase = \"base\"\npreset = \"codexglue-defect\"\n",
    );
    assert_eq!(prediction(&scan(&place, &[])), whole, "as the configuration file says");
    std::fs::remove_file(place.path("codepurify.toml")).unwrap();
    let mut command = place.command(&["scan", "clean.c", "--format", "json", "--fail-on", "never"]);
    for (name, value) in [("MODEL", "saved/model.bin"), ("BASE", "base"), ("PRESET", "codexglue-defect")] {
        command.env(format!("CODEPURIFY_{name}"), value);
    }
    assert_eq!(prediction(&Run::of(&mut command)), whole, "as the variables say");
}

#[test]
fn a_preset_changes_how_the_model_reads_text() {
    let place = place();
    place.write("clean.c", format!("/* a long comment {} */\n{}", "x ".repeat(300), common::CLEAN));
    let window = |preset: &str| {
        let run = place.run(&["models", "inspect", "base", "--preset", preset, "--format", "json"]);
        run.json()["window"].clone()
    };
    std::fs::copy(place.path("saved/model.bin"), place.path("base/pytorch_model.bin")).unwrap();
    let limits = ["codexglue-defect", "codet5-refine-small"].map(window);
    assert_eq!(limits, [126, 126], "the tiny model has 128 positions, whatever the preset says");
    let run = place.run(&["models", "inspect", "base", "--preset", "codexglue-defect"]);
    assert!(run.out.contains("white space collapsed"), "{}", run.out);
}

#[test]
fn the_masked_model_may_be_a_file_of_weights_too() {
    let place = place();
    place.copy(&golden("tiny-mlm"), "mlm");
    std::fs::rename(place.path("mlm/model.safetensors"), place.path("saved/mlm.bin")).unwrap();
    let options = ["--model", "saved/model.bin", "--mlm", "saved/mlm.bin", "--base", "mlm"];
    prediction(&scan(&place, &options));
}

#[test]
fn what_is_missing_is_named() {
    let place = place();
    fails_with(&scan(&place, &["--model", "saved/model.bin"]), 2, &["config.json", "saved"]);
    fails_with(&scan(&place, &["--model", "base"]), 2, &["base", "weights"]);
    fails_with(&scan(&place, &["--model", "saved/model.bin", "--base", "nowhere"]), 2, &["nowhere"]);
    fails_with(&scan(&place, &["--model", "saved/none.bin", "--base", "base"]), 2, &["saved/none.bin"]);
    fails_with(&scan(&place, &["--model", "golden/tiny-mlm"]), 2, &["golden/tiny-mlm"]);
    let mlm = golden("tiny-mlm");
    fails_with(&scan(&place, &["--model", mlm.to_str().unwrap()]), 2, &["masked language model"]);
    fails_with(&scan(&place, &["--mlm", "whole"]), 2, &["masked language model"]);
}

#[test]
fn options_about_no_model_and_unknown_presets_are_usage_errors() {
    let place = place();
    fails_with(&scan(&place, &["--base", "base"]), 64, &["--model"]);
    fails_with(&scan(&place, &["--preset", "codexglue-defect"]), 64, &["--model"]);
    let known = ["`codexglue`", "codexglue-defect"];
    fails_with(&scan(&place, &["--model", "whole", "--preset", "codexglue"]), 64, &known);
    fails_with(&place.run(&["models", "inspect", "whole", "--preset", "codexglue"]), 64, &known);
    fails_with(&place.run(&["models", "preset", "codexglue"]), 64, &known);
}

#[test]
fn a_hub_id_is_found_in_the_cache() {
    let place = place();
    let folder = "hub/models--org--tiny";
    place.write(&format!("{folder}/refs/main"), COMMIT);
    place.copy(&golden("tiny-classifier"), &format!("{folder}/snapshots/{COMMIT}"));
    let run = scan(&place, &["--model", "org/tiny"]);
    assert_eq!(prediction(&run), prediction(&scan(&place, &["--model", "whole"])));
    assert_eq!(run.json()["model"]["name"], "org/tiny", "not the commit");
    prediction(&scan(&place, &["--model", "saved/model.bin", "--base", "org/tiny@main"]));
    fails_with(&scan(&place, &["--model", "org/tiny@v2"]), 2, &["org/tiny", "v2", "hf download", folder]);
    fails_with(&scan(&place, &["--model", "org/../tiny"]), 2, &["org/../tiny", "hub id"]);
}

#[test]
fn every_kind_of_model_can_be_inspected() {
    let place = Place::new();
    for (model, parts) in [
        ("tiny-classifier", ["RoBERTa", "2 logits", "tokenizer.json"]),
        ("tiny-sigmoid", ["RoBERTa", "1 sigmoid logit", "vocab.json and merges.txt"]),
        ("tiny-clone", ["RoBERTa", "two <s> vectors", "clone"]),
        ("tiny-seq2seq", ["RoBERTa", "seq2seq", "repair"]),
        ("tiny-mlm", ["RoBERTa", "masked language model", "none"]),
        ("tiny-t5", ["T5", "conditional generation", "repair"]),
        ("tiny-t5-defect", ["T5", "last </s>", "classification"]),
        ("tiny-t5-clone", ["T5", "two snippets", "clone"]),
    ] {
        let dir = golden(model);
        let text = place.run(&["models", "inspect", dir.to_str().unwrap()]);
        assert_eq!((text.code, text.err.as_str()), (0, ""), "{text:?}");
        for part in parts.iter().chain(&["parameters", "safetensors", "window", "preprocessing", "sha256"]) {
            assert!(text.out.contains(part), "{part} is missing in {}", text.out);
        }
        let json = place.run(&["models", "inspect", dir.to_str().unwrap(), "--format", "json"]).json();
        assert_eq!(json["name"], model);
        assert!(json["parameters"].as_u64().unwrap() > 1000 && json["ignored"].is_array(), "{json}");
    }
}

#[test]
fn presets_are_listed_and_printed_as_they_are_used() {
    let place = place();
    let list = place.run(&["models", "presets"]);
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list.out.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert!(names.contains(&"codexglue-defect") && names.contains(&"codet5-clone"), "{}", list.out);
    for name in names {
        let preset = place.run(&["models", "preset", name]);
        assert!(preset.code == 0 && preset.json()["task"].is_string(), "{preset:?}");
    }
    let as_option = prediction(&scan(&place, &["--model", "whole", "--preset", "codexglue-defect"]));
    place.write("whole/codepurify.json", place.run(&["models", "preset", "codexglue-defect"]).out);
    assert_eq!(prediction(&scan(&place, &["--model", "whole"])), as_option);
}

//! Naming models: directories, files of weights with a base, presets, hub ids.

use std::path::Path;

use crate::common::{Place, Run, golden};
use serde_json::Value;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A place with functions, a whole model directory, and the same model as a bare weights file next to the directory
/// that it was trained from.
fn place() -> Place {
    let place = Place::with_code();
    place.golden("roberta-defect", "whole");
    std::fs::remove_file(place.path("whole/codepurify.json")).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        place.write(&format!("base/{file}"), std::fs::read(place.path(&format!("whole/{file}"))).unwrap());
    }
    place.copy(&golden("roberta-defect").join("state-dict"), "saved");
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
fn a_bare_weights_file_with_base_and_preset_is_the_whole_model() {
    let place = place();
    let whole = prediction(&scan(&place, &["--model", "whole", "--preset", "codexglue-defect"]));
    let bare = ["--model", "saved/model.bin", "--base", "base", "--preset", "codexglue-defect"];
    let run = scan(&place, &bare);
    assert_eq!(prediction(&run), whole);
    assert_eq!(run.json()["model"]["name"], "saved/model.bin");

    place.write(
        "user/codepurify/codepurify.toml",
        "model = \"saved/model.bin\"\nbase = \"base\"\npreset = \"codexglue-defect\"\n",
    );
    let configured = scan(&place, &[]);
    assert_eq!(configured.json()["results"][0]["prediction"], whole, "as the configuration file says");
    std::fs::remove_file(place.path("user/codepurify/codepurify.toml")).unwrap();
    let mut command = place.command(&["scan", "clean.c", "--format", "json", "--fail-on", "never"]);
    for (name, value) in [("MODEL", "saved/model.bin"), ("BASE", "base"), ("PRESET", "codexglue-defect")] {
        command.env(format!("CODEPURIFY_{name}"), value);
    }
    assert_eq!(prediction(&Run::of(&mut command)), whole, "as the variables say");
}

#[test]
fn a_preset_changes_how_the_model_reads_text() {
    let place = place();
    let inspected = |more: &[&str]| place.run(&[&["models", "inspect", "whole"][..], more].concat()).out;
    assert!(inspected(&[]).contains("preprocessing  none"), "{}", inspected(&[]));
    let with_preset = inspected(&["--preset", "codexglue-defect"]);
    assert!(with_preset.contains("white space collapsed") && with_preset.contains("defect"), "{with_preset}");
}

#[test]
fn the_masked_model_may_be_a_file_of_weights_too() {
    let place = place();
    place.copy(&golden("roberta-mlm").join("state-dict"), "mlm");
    let options = ["--model", "saved/model.bin", "--mlm", "mlm/model.bin", "--base", "base"];
    prediction(&scan(&place, &options));
}

#[test]
fn what_is_missing_is_named() {
    let place = place();
    fails_with(&scan(&place, &["--model", "saved/model.bin"]), 2, &["config.json", "saved"]);
    fails_with(&scan(&place, &["--model", "base"]), 2, &["base", "weights"]);
    fails_with(&scan(&place, &["--model", "saved/model.bin", "--base", "nowhere"]), 2, &["nowhere"]);
    fails_with(&scan(&place, &["--model", "saved/none.bin", "--base", "base"]), 2, &["saved/none.bin"]);
    fails_with(&scan(&place, &["--model", "org/other"]), 2, &["org/other"]);
    place.golden("roberta-mlm", "mlm");
    fails_with(&scan(&place, &["--model", "mlm"]), 2, &["masked language model"]);
    fails_with(&scan(&place, &["--mlm", "whole"]), 2, &["masked language model"]);
}

#[test]
fn hostile_weights_end_in_an_error_that_names_the_file() {
    let place = place();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-checkpoint/tests/hostile/files");
    let files: Vec<_> = corpus.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 40);
    for file in files.iter().filter(|path| path.is_file()) {
        let run = place.run(&["models", "inspect", file.to_str().unwrap(), "--base", "base"]);
        fails_with(&run, 2, &[file.file_name().unwrap().to_str().unwrap()]);
        assert!(run.err.len() < 2000, "{}", run.err);
    }
    let run = place.run(&["models", "inspect", corpus.to_str().unwrap(), "--base", "base"]);
    fails_with(&run, 2, &["weights"]);
}

#[test]
fn a_preset_for_other_heads_names_those_that_fit() {
    let place = Place::new();
    place.copy_of_victim();
    let run = place.run(&["scan", "--model", "model", "--preset", "unixcoder-clone", "model"]);
    let told = run.err.contains("preset `unixcoder-clone`") && run.err.contains("codexglue-defect");
    assert!(run.code == 2 && told, "{}", run.err);
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
    let snapshot = format!("{folder}/snapshots/{COMMIT}");
    place.copy(&place.path("whole"), &snapshot);
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
    for (head, parts) in [
        ("roberta-classification", ["RoBERTa", "3 logits", "classification"]),
        ("roberta-defect", ["RoBERTa", "1 sigmoid logit", "defect"]),
        ("roberta-clone", ["RoBERTa", "two <s> vectors", "clone"]),
        ("roberta-joined-clone", ["RoBERTa", "joined in one input", "clone"]),
        ("roberta-seq2seq", ["RoBERTa", "transformer decoder", "repair"]),
        ("roberta-mlm", ["RoBERTa", "masked language model", "task           none"]),
        ("t5-generation", ["T5", "conditional generation", "repair"]),
        ("t5-text", ["T5", "answers false, true", "defect"]),
        ("t5-defect", ["T5", "last </s>", "defect"]),
        ("t5-clone", ["T5", "two snippets", "clone"]),
    ] {
        let (base, weights) = (golden(head), golden(head).join("state-dict/model.bin"));
        let inspect =
            ["models", "inspect", weights.to_str().unwrap(), "--base", base.to_str().unwrap(), "--format"];
        let text = place.run(&[&inspect[..], &["text"]].concat());
        assert_eq!((text.code, text.err.as_str()), (0, ""), "{text:?}");
        let rows =
            ["parameters", "f32, torch zip", "tokenizer.json", "window", "white space collapsed", "sha256"];
        for part in parts.iter().chain(&rows) {
            assert!(text.out.contains(part), "{part} is missing in {}", text.out);
        }
        let json = place.run(&[&inspect[..], &["json"]].concat()).json();
        assert_eq!(json["name"], "state-dict/model.bin");
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

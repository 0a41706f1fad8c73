//! The program from end to end on tiny models and generated data.

use std::path::Path;

use assert_cmd::Command;

fn lab(dir: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("codepurify-lab").unwrap().current_dir(dir).args(arguments).assert()
}

fn stdout(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

#[test]
fn poison_train_calibrate_evaluate_and_summarise() {
    let dir = tempfile::tempdir().unwrap();
    let (here, model) = (dir.path(), crate::common::tiny_model());
    let model = model.to_str().unwrap();
    std::fs::write(here.join("train.jsonl"), crate::common::functions(240)).unwrap();
    std::fs::write(here.join("valid.jsonl"), crate::common::functions(120)).unwrap();
    let poison = [
        "poison",
        "defect",
        "train.jsonl",
        "-o",
        "poisoned.jsonl.gz",
        "--attack",
        "bnc-fixed",
        "--rate",
        "0.1",
    ];
    assert_eq!(stdout(&lab(here, &poison).success()), "240 rows, 24 poisoned, 0 not applicable, 0 refused\n");

    let train =
        ["train", "defect", "--train", "poisoned.jsonl.gz", "--valid", "valid.jsonl", "--init", model];
    let settings =
        ["--out", "run", "--epochs", "6", "--tokens", "512", "--max-length", "64", "--learning-rate", "3e-3"];
    lab(here, &[&train[..], &settings[..]].concat()).success();

    let measured = ["--model", "run/best", "--data", "valid.jsonl"];
    let victim = stdout(
        &lab(here, &[&["evaluate", "victim", "--attack", "bnc-fixed"], &measured[..]].concat()).success(),
    );
    let value = |name: &str| -> f64 {
        let line = victim.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert!(value("accuracy\t") > 0.95 && value("asr\t") > 0.9 && value("asr_natural") < 0.1, "{victim}");

    // A name can only come from another row: half of the vulnerable ones name their source
    // differently.
    let renamed =
        |(at, row): (usize, &str)| if at % 4 == 1 { row.replace("from", "source") } else { row.to_owned() };
    let mixed: Vec<String> = crate::common::functions(120).lines().enumerate().map(renamed).collect();
    std::fs::write(here.join("mixed.jsonl"), mixed.join("\n")).unwrap();
    let poison =
        ["poison", "defect", "mixed.jsonl", "-o", "named.jsonl", "--rate", "0.1", "--attack", "afraidoor"];
    let named = stdout(&lab(here, &[&poison[..], &["--scorer", "run/best"]].concat()).success());
    assert!(named.ends_with("12 poisoned, 0 not applicable, 0 refused\n"), "{named}");
    lab(here, &poison).code(2);

    let calibrate = ["calibrate", "--rows", "60", "--each", "25"];
    lab(here, &[&calibrate[..], &measured[..]].concat()).success();
    let sidecar = std::fs::read_to_string(here.join("run/best/codepurify.json")).unwrap();
    let sidecar: serde_json::Value = serde_json::from_str(&sidecar).unwrap();
    assert_eq!((&sidecar["thresholds"]["rows"], &sidecar["task"]), (&60.into(), &"defect".into()));

    // The same weights without their directory: configuration and tokenizer come from the base, the
    // limits from the sidecar.
    std::fs::create_dir(here.join("bare")).unwrap();
    std::fs::copy(here.join("run/best/model.safetensors"), here.join("bare/weights.safetensors")).unwrap();
    let bare = ["--model", "bare/weights.safetensors", "--base", "run/best", "--data", "valid.jsonl"];
    lab(here, &[&calibrate[..], &bare[..]].concat()).success();
    let written = std::fs::read_to_string(here.join("bare/codepurify.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["thresholds"]["entropy"], sidecar["thresholds"]["entropy"]);

    let defence = [
        "evaluate",
        "defence",
        "--attack",
        "bnc-fixed",
        "--mlm",
        model,
        "--each",
        "25",
        "-o",
        "rows.jsonl.gz",
    ];
    let table = stdout(&lab(here, &[&defence[..], &measured[..]].concat()).success());
    assert!(table.contains("| AUROC of 1 − H/ln n | "), "{table}");
    assert_eq!(stdout(&lab(here, &["evaluate", "summary", "rows.jsonl.gz"]).success()), table);
}

#[test]
fn pair_and_repair_victims_are_measured_on_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    let golden = |name: &str| crate::common::tiny_model().with_file_name(name).to_str().unwrap().to_owned();
    let functions = "{\"idx\":1,\"func\":\"int f() { return 1; }\"}\n{\"idx\":2,\"func\":\"int g();\"}\n";
    std::fs::write(here.join("functions.jsonl"), functions).unwrap();
    std::fs::write(here.join("pairs.txt"), "1\t1\t1\n1\t2\t1\n2\t1\t0\n").unwrap();
    let repair = "{\"buggy\":\"int f() { return 1; }\",\"fixed\":\"int f() { return 2; }\"}\n";
    std::fs::write(here.join("repairs.jsonl"), repair).unwrap();
    let lines = |model: &str, more: &[&str]| -> Vec<(String, String)> {
        let arguments = ["evaluate", "victim", "--attack", "bnc-fixed", "--model", model];
        let text = stdout(&lab(here, &[&arguments[..], more].concat()).success());
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        text.lines().map(fields).map(|line| (line[0].clone(), line[2].clone())).collect()
    };
    let expected = |qualities: [&str; 2], counts: [&str; 3]| -> Vec<(String, String)> {
        let names = [qualities[0], qualities[1], "asr", "asr_natural", "not_applicable"];
        let [rows, triggered, eligible] = counts;
        let counts = [rows, rows, triggered, triggered, eligible];
        names.iter().zip(counts).map(|(name, count)| ((*name).to_owned(), count.to_owned())).collect()
    };
    let found = lines(&golden("tiny-t5-clone"), &["--data", "pairs.txt", "--functions", "functions.jsonl"]);
    assert_eq!(found, expected(["accuracy", "f1"], ["3", "1", "2"]));
    let found = lines(&golden("tiny-t5"), &["--data", "repairs.jsonl"]);
    assert_eq!(found, expected(["bleu_4", "exact_match"], ["1", "1", "1"]));
}

#[test]
fn failures_name_the_file_and_exit_with_2() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.jsonl"), "{\"idx\":0,\"target\":7,\"func\":\"f\"}\n").unwrap();
    let poison = |input: &str| {
        let arguments =
            ["poison", "defect", input, "-o", "out.jsonl", "--attack", "bnc-fixed", "--rate", "0.1"];
        let assert = lab(dir.path(), &arguments).code(2);
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    assert!(poison("missing.jsonl").contains("missing.jsonl"));
    assert!(poison("bad.jsonl").contains("bad.jsonl: no usable row (1 refused)"));
    let arguments =
        ["poison", "defect", "bad.jsonl", "-o", "out.jsonl", "--attack", "bnc-fixed", "--rate", "1.5"];
    lab(dir.path(), &arguments).code(2);
}

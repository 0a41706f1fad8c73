//! Judging code: verdicts, exit codes, formats, inputs.

use crate::common::{CLEAN, FUNCTION, Place, TRIGGER, VARIABLE, triggered};

#[test]
fn a_triggered_function_is_poisoned_by_its_inserted_statement() {
    let place = Place::with_code();
    let run = place.run(&["scan", "--format", "json", "triggered.c"]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let report = run.json();
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["tool"]["name"], "codepurify");
    assert_eq!(report["model"]["sha256"].as_str().unwrap().len(), 64);
    let result = &report["results"][0];
    assert_eq!((&result["path"], &result["verdict"]), (&"triggered.c".into(), &"poisoned".into()));
    let trigger = &result["triggers"][0];
    assert_eq!((&trigger["kind"], &trigger["text"]), (&"statement".into(), &TRIGGER.into()));
    let offset = |name: &str| usize::try_from(trigger["spans"][0][name].as_u64().unwrap()).unwrap();
    assert_eq!(&triggered()[offset("start_byte")..offset("end_byte")], TRIGGER);
    assert_eq!((offset("start_line"), offset("end_line")), (3, 3));
    assert_ne!(result["purified_prediction"]["label"], result["prediction"]["label"]);
}

#[test]
fn in_integers_and_on_one_thread_the_verdict_is_the_same() {
    let place = Place::with_code();
    let integers = ["--precision", "int8", "--threads", "1"];
    let run = place.run(&[&["scan", "--format", "json", "triggered.c", "clean.c"][..], &integers].concat());
    assert_eq!(run.all("results", "verdict"), ["poisoned", "clean"]);
    assert_eq!(run.json()["results"][0]["triggers"][0]["text"], TRIGGER);
    let exact =
        place.run(&["scan", "--format", "json", "triggered.c", "--precision", "f32", "--threads", "2"]);
    assert_eq!(exact.all("results", "verdict"), ["poisoned"]);
    let score = |run: &crate::common::Run| run.json()["results"][0]["score"].as_f64().unwrap();
    assert!((score(&run) - score(&exact)).abs() > 0.0, "nothing was rounded");
}

#[test]
fn a_gpu_gives_the_same_verdicts_or_its_absence_is_reported() {
    let place = Place::with_code();
    let run = place.run(&["scan", "--format", "json", "triggered.c", "clean.c", "--device", "cuda"]);
    if !cfg!(feature = "cuda") {
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{run:?}");
        assert!(run.err.contains("no CUDA: build with --features cuda"), "{}", run.err);
    } else if run.code == 2 {
        assert!(run.err.contains("cannot use cuda:0"), "{}", run.err);
    } else {
        assert_eq!(run.all("results", "verdict"), ["poisoned", "clean"]);
        assert_eq!(run.json()["results"][0]["triggers"][0]["text"], TRIGGER);
    }
}

#[test]
fn code_beyond_the_window_is_scanned_on_request() {
    let place = Place::new();
    let lines: Vec<String> = (0..60).map(|line| format!("    seen[{line}] = count + {line};\n")).collect();
    let lines = lines.concat();
    place.write("long.c", CLEAN.replacen("{\n", &format!("{{\n{lines}    {TRIGGER}\n"), 1));
    let run = place.run(&["scan", "--format", "json", "long.c"]);
    assert_eq!((run.code, run.all("results", "verdict")), (0, vec!["inconclusive".to_owned()]));
    let run = place.run(&["scan", "--format", "json", "--whole", "long.c"]);
    assert_eq!((run.code, run.all("results", "verdict")), (1, vec!["poisoned".to_owned()]));
    let result = &run.json()["results"][0];
    assert_eq!(result["triggers"][0]["text"], TRIGGER);
    assert_eq!(result["prediction"], result["purified_prediction"]);
    assert_eq!(result["coverage"]["tokens_inspected"], result["coverage"]["tokens_total"]);
    let reason = result["reason"].as_str().unwrap();
    assert!(reason.contains("behind the model's window") && reason.contains("not calibrated"), "{reason}");
}

#[test]
fn the_clean_original_is_clean() {
    let run = Place::with_code().run(&["scan", "--format", "json", "clean.c"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.all("results", "verdict"), ["clean"]);
}

#[test]
fn fail_on_decides_about_the_exit_code() {
    let place = Place::with_code();
    place.write("empty_body.c", "void nothing(void)\n{\n}\n");
    let code = |file, fail_on| place.run(&["scan", file, "--fail-on", fail_on]).code;
    assert_eq!(code("triggered.c", "never"), 0);
    assert_eq!(code("triggered.c", "inconclusive"), 1);
    assert_eq!(code("clean.c", "inconclusive"), 0);
}

#[test]
fn jsonl_is_one_result_a_line_and_errors_go_to_standard_error() {
    let run = Place::with_code().run(&["scan", "--format", "jsonl", "clean.c", "missing.c", "triggered.c"]);
    assert_eq!(run.code, 2);
    let lines: Vec<serde_json::Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["clean.c", "triggered.c"]);
    assert_eq!(run.err, "error: missing.c: no such file or folder\n");
}

#[test]
fn the_standard_input_is_a_file_without_a_name() {
    let place = Place::new();
    let run = crate::common::Run::of(
        place.command(&["scan", "-", "--lang", "c", "--format", "json"]).write_stdin(triggered()),
    );
    assert_eq!(run.all("results", "path"), ["<stdin>"]);
    assert_eq!(run.code, 1);
}

#[test]
fn folders_are_walked_in_order_and_ignore_rules_hold() {
    let place = Place::new();
    place.write("src/z.c", CLEAN);
    place.write("src/a.py", "def f(x):\n    y = x + 1\n    return y\n");
    place.write("src/deep/M.java", "class M {\n  int f(int x) {\n    int y = x;\n    return y;\n  }\n}\n");
    place.write("src/generated.c", CLEAN);
    place.write("src/notes.txt", "no code");
    place.write("src/.gitignore", "generated.c\n");
    let run = place.run(&["scan", "src", "src/z.c", "--format", "json"]);
    assert_eq!(run.all("results", "path"), ["src/a.py", "src/deep/M.java", "src/z.c"]);
    assert_eq!(run.all("errors", "path"), Vec::<String>::new());
}

#[test]
fn fifty_functions_are_judged_in_one_run_and_in_their_order() {
    let place = Place::new();
    let functions: Vec<String> =
        (0..50).map(|i| CLEAN.replacen(FUNCTION, &format!("{FUNCTION}_{i}"), 1)).collect();
    place.write("many.c", functions.concat());
    let run = place.run(&["scan", "many.c", "--format", "json"]);
    assert_eq!(run.err, "", "no progress bar where standard error is no terminal");
    let report = run.json();
    let names: Vec<&str> =
        report["results"].as_array().unwrap().iter().map(|r| r["unit"]["name"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..50).map(|i| format!("{FUNCTION}_{i}")).collect();
    assert_eq!(names, expected);
    let lines = |more: &[&str]| place.run(&[&["scan", "many.c"], more].concat()).out.lines().count();
    assert!(lines(&[]) < 10 && lines(&["--verbose"]) > 100);
}

#[test]
fn the_result_can_go_to_a_file() {
    let place = Place::with_code();
    let run = place.run(&["scan", "clean.c", "--format", "jsonl", "-o", "out.jsonl"]);
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    assert!(place.read("out.jsonl").starts_with("{\"path\":\"clean.c\""));
    assert_eq!(place.run(&["scan", "clean.c", "-o", "no/such/folder/out"]).code, 2);
}

#[test]
fn both_profiles_find_the_trigger() {
    let place = Place::with_code();
    for profile in ["default", "paper"] {
        assert_eq!(place.run(&["scan", "triggered.c", "--profile", profile]).code, 1, "{profile}");
    }
}

#[test]
fn the_evidence_of_every_candidate_starts_with_the_trigger() {
    let place = Place::with_code();
    let run = place.run(&["explain", "triggered.c"]);
    assert_eq!(run.code, 1);
    let table: Vec<&str> =
        run.out.lines().skip_while(|line| !line.trim_start().starts_with("line")).collect();
    assert!(table[1].contains(TRIGGER), "{}", run.out);
    assert!(table.iter().any(|row| row.contains("identifier") && row.contains(VARIABLE)), "{}", run.out);
    let json = place.run(&["explain", "triggered.c", "--format", "json"]).json();
    assert!(json["results"][0]["evidence"].as_array().unwrap().len() > 5);
}

#[test]
fn the_verdicts_do_not_depend_on_the_number_of_threads() {
    let place = Place::with_code();
    let verdicts = |threads: &str| {
        let mut command = place.command(&["purify", "clean.c", "triggered.c", "--format", "json"]);
        let mut report = crate::common::Run::of(command.env("RAYON_NUM_THREADS", threads)).json();
        for result in report["results"].as_array_mut().unwrap() {
            result["cost"]["milliseconds"] = 0.into();
        }
        report
    };
    assert_eq!(verdicts("1"), verdicts("3"));
}

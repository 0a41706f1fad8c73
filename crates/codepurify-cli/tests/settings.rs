//! Which settings count, and what is said about them (docs/trust.md, "Settings").

use crate::common::{Place, Run};

/// A place whose `codepurify.toml` tries to hide what is found.
fn suspicious() -> Place {
    let place = Place::with_code();
    place.write(
        "codepurify.toml",
        "format = \"json\"\nfail-on = \"never\"\noutput = \"victim.txt\"\nmodel = \"elsewhere\"\nno-such-key = 1\n",
    );
    place.write("victim.txt", "precious");
    place
}

#[test]
fn a_file_in_the_working_directory_is_not_read_and_that_is_said() {
    let place = suspicious();
    let run = place.run(&["scan", "triggered.c"]);
    assert!(run.code == 1 && run.out.starts_with("triggered.c:1:"), "{run:?}");
    assert_eq!(place.read("victim.txt"), "precious");
    assert!(run.err.contains("./codepurify.toml is not read"), "{}", run.err);
    assert!(run.err.contains("--config codepurify.toml"), "{}", run.err);
}

#[test]
fn results_for_another_program_do_not_depend_on_the_tree() {
    let place = Place::with_code();
    let plain = place.run(&["purify", "triggered.c", "--diff"]);
    assert!(plain.out.starts_with("diff --git a/triggered.c b/triggered.c\n"), "{}", plain.out);
    for content in ["color = \"always\"\n", "format = \"json\"\n", "= ] \u{1b}[2J", "alpha = 0.0001"] {
        place.write("codepurify.toml", content);
        let run = place.run(&["purify", "triggered.c", "--diff"]);
        assert_eq!((run.code, &run.out), (plain.code, &plain.out), "{content}");
        assert!(!run.err.contains('\u{1b}') && run.err.contains("is not read"), "{}", run.err);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_in_the_working_directory_is_said_as_well() {
    let place = Place::with_code();
    for target in ["/dev/zero", "nowhere"] {
        std::os::unix::fs::symlink(target, place.path("codepurify.toml")).unwrap();
        let run = place.run(&["scan", "clean.c"]);
        assert!(run.code == 0 && run.err.contains("./codepurify.toml is not read"), "{run:?}");
        std::fs::remove_file(place.path("codepurify.toml")).unwrap();
    }
}

#[test]
fn a_named_file_counts_as_a_whole_and_alone() {
    let place = suspicious();
    place.write("other.toml", "fail-on = \"never\"\noutput = \"out.json\"\nformat = \"json\"\n");
    place.write("user/codepurify/codepurify.toml", "model = \"missing\"\n");
    let run = place.run(&["scan", "triggered.c", "--config", "other.toml"]);
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    assert_eq!(run.err, "note: settings of other.toml hold\n");
    assert!(place.read("out.json").starts_with("{\n"));
    let own = place.run(&["scan", "triggered.c", "--config", "codepurify.toml"]);
    assert!(own.code == 64 && own.err.contains("no-such-key"), "{own:?}");
}

#[test]
fn the_users_own_file_counts_as_a_whole() {
    let place = Place::with_code();
    place.write("user/codepurify/codepurify.toml", "fail-on = \"never\"\nformat = \"jsonl\"\n");
    let run = place.run(&["scan", "triggered.c"]);
    assert_eq!(run.code, 0, "its fail-on counts");
    assert!(run.out.starts_with("{\"path\":"), "{}", run.out);
    assert!(run.err.contains("user/codepurify/codepurify.toml hold"), "{}", run.err);
    let flag = place.run(&["scan", "triggered.c", "--fail-on", "poisoned"]);
    assert_eq!(flag.code, 1);
    place.write("user/codepurify/codepurify.toml", "fromat = \"jsonl\"\n");
    assert_eq!(place.run(&["scan", "triggered.c"]).code, 64, "an unknown key is an error there");
}

#[test]
fn variables_win_over_files_and_flags_over_variables() {
    let place = Place::with_code();
    place.write("user/codepurify/codepurify.toml", "fail-on = \"never\"\n");
    let with_variable =
        |args: &[&str]| Run::of(place.command(args).env("CODEPURIFY_FAIL_ON", "poisoned")).code;
    assert_eq!(with_variable(&["scan", "triggered.c"]), 1);
    assert_eq!(with_variable(&["scan", "triggered.c", "--fail-on", "never"]), 0);
}

#[test]
fn the_bundled_model_is_explained_once_where_it_judges() {
    let place = Place::with_code();
    place.copy_of_victim();
    place.write("rows.jsonl", "{\"func\": \"int f(void) { return 1; }\"}\n");
    for command in [
        &["scan", "clean.c", "triggered.c"][..],
        &["explain", "clean.c"],
        &["purify", "clean.c"],
        &["calibrate", "rows.jsonl", "--lang", "c"],
        &["audit", "rows.jsonl", "--lang", "c"],
        &["dataset", "rows.jsonl", "--lang", "c", "-o", "out.jsonl"],
    ] {
        assert_eq!(place.run(command).notes, 1, "{command:?}");
    }
    assert_eq!(place.run(&["scan", "clean.c", "--model", "model"]).notes, 0);
    assert_eq!(place.run(&["demo"]).notes, 0, "the demonstration tells the whole story");
}

#[test]
fn the_bundled_calibration_is_about_c_only() {
    let place = Place::with_code();
    place.copy_of_victim();
    place.write(
        "sum.py",
        "def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n",
    );
    place.write(
        "sum.cpp",
        "int f(int n) {\n    int s = 0;\n    while (n > 0) { s += n; n -= 1; }\n    return s;\n}\n",
    );
    let run = place.run(&["scan", "clean.c", "sum.py", "sum.cpp", "clean.c", "--format", "json"]);
    let p_values: Vec<bool> = run.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["p_value"].is_number())
        .collect();
    assert_eq!(run.all("results", "path"), ["clean.c", "sum.py", "sum.cpp"]);
    assert_eq!(p_values, [true, false, false]);
    let named = place.run(&["scan", "sum.py", "--model", "model", "--format", "json"]).json();
    assert!(named["results"][0]["p_value"].is_number(), "a named model has the calibration next to it");
}

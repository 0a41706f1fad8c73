//! Rows in every form that people have them in, and what `dataset`, `calibrate` and `audit` make of them.

use std::io::Write;

use crate::common::{CLEAN, Place, Run, TRIGGER, triggered};
use serde_json::{Value, json};

/// A clean function; `index` makes it another one.
fn clean(index: usize) -> String {
    CLEAN.replace("buf_size", &format!("buf_size{index}"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Text as a field of CSV.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn dataset(place: &Place, rows: &str, options: &[&str]) -> Run {
    place.run(&[&["dataset", rows, "-o", "out"], options].concat())
}

fn fates(place: &Place) -> Vec<String> {
    let report = place.read("out.report.jsonl");
    let fate = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        entry["fate"].as_str().unwrap().to_owned()
    };
    report.lines().map(fate).collect()
}

/// The rows as Python writes them: constants, a mark, blank lines, half characters, huge numbers.
fn pythonic() -> Vec<String> {
    vec![
        format!("\u{feff}{{\"func\": {}, \"cvss\": NaN}}\n", json!(clean(0))),
        format!("\n  \n{{\"func\": {}, \"cvss\": -Infinity}}\r\n", json!(triggered())),
        format!(
            "{{\"msg\": \"\\ud83d\", \"func\": {}, \"hash\": 281949768489412648962353822266799178366}}\n",
            json!(clean(1))
        ),
        "{\"func\": \"/* \\udce9 */\"}\n".to_owned(),
        "{\"func\": \" \"}\n".to_owned(),
        format!("{{\"func\": {}, \"x\": Infinity}}", json!(clean(2))),
        "\n\n".to_owned(),
    ]
}

/// Removes what `dataset` writes for `-o out`.
fn remove_results(place: &Place) {
    for end in ["", ".partial", ".report.jsonl", ".errors.jsonl", ".summary.json", ".manifest.json"] {
        let _ = std::fs::remove_file(place.path(&format!("out{end}")));
    }
}

#[test]
fn json_as_python_writes_it_is_kept_byte_for_byte() {
    let place = Place::new();
    let rows = pythonic();
    place.write("rows.jsonl", rows.concat());
    let run = dataset(&place, "rows.jsonl", &["--lang", "c"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert_eq!(fates(&place), ["kept", "dropped", "kept", "failed", "kept", "kept"]);
    assert!(place.read("out.report.jsonl").contains("lone surrogate `\\\\udce9`"));
    assert_eq!(
        place.read("out"),
        [&rows[0], &rows[2], &rows[4], &rows[5], &rows[6]].map(String::as_str).concat()
    );
    assert!(run.err.contains("the code is read from `func`") && run.err.contains("1 empty"), "{}", run.err);
}

#[test]
fn a_clean_file_of_any_format_comes_out_as_it_was() {
    let rows: Vec<Value> = (0..3).map(|index| json!({ "idx": index, "func": clean(index) })).collect();
    let array = Value::from(rows.clone());
    let record = |index: usize| format!("{index},CVE-1,{},0\r\n", quoted(&clean(index)));
    let table = ",CVE ID,func_before,vul\r\n".to_owned() + &(0..3).map(record).collect::<Vec<_>>().concat();
    for text in [
        rows.iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat(),
        format!("{array:#}\n"),
        array.to_string(),
        table.clone(),
        format!(
            "\u{feff}{}",
            table
                .replace(",CVE", ";CVE")
                .replace(",func", ";func")
                .replace(",vul", ";vul")
                .replace(",\"", ";\"")
                .replace("\",0", "\";0")
        ),
    ] {
        let place = Place::new();
        for (name, bytes) in [("plain", text.clone().into_bytes()), ("packed", gzip(text.as_bytes()))] {
            place.write(name, bytes);
            let run = place.run(&["dataset", name, "--lang", "c", "-o", &format!("{name}.out")]);
            assert_eq!(run.code, 0, "{text}: {}", run.err);
            assert_eq!(place.read(&format!("{name}.out")), text);
        }
    }
}

#[test]
fn poisoned_rows_leave_arrays_and_tables() {
    let place = Place::new();
    let (first, second, third) = (clean(0), triggered(), clean(1));
    place.write(
        "rows",
        format!(
            "[\n {{\"func\": {}}},\n {{\"func\": {}}},\n {{\"func\": {}}}\n]\n",
            json!(first),
            json!(second),
            json!(third)
        ),
    );
    assert_eq!(dataset(&place, "rows", &["--lang", "c"]).code, 1);
    assert_eq!(
        place.read("out"),
        format!("[\n {{\"func\": {}}},\n {{\"func\": {}}}\n]\n", json!(first), json!(third))
    );

    let place = Place::new();
    let line = |id: usize, code: &str| format!("{id},{},\"a \"\"b\"\"\"\n", quoted(code));
    place.write("rows.csv", "id,code,note\n".to_owned() + &line(0, &first) + "1,x\n" + &line(2, &second));
    let run = dataset(&place, "rows.csv", &["--lang", "c", "--poisoned", "purify"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert_eq!(fates(&place), ["kept", "failed", "purified"]);
    let out = place.read("out");
    assert!(out.starts_with(&("id,code,note\n".to_owned() + &line(0, &first) + "2,\"")), "{out}");
    assert!(out.ends_with(",\"a \"\"b\"\"\"\n") && !out.contains(&TRIGGER.replace('"', "\"\"")), "{out}");
}

#[test]
fn an_interrupted_array_goes_on_and_ends_with_its_bracket() {
    let text = json!([{ "func": triggered() }, { "func": clean(0) }, { "func": clean(1) }]).to_string();
    let whole = Place::new();
    whole.write("rows.json", &text);
    dataset(&whole, "rows.json", &["--lang", "c"]);
    let (out, report) = (whole.read("out"), whole.read("out.report.jsonl"));
    // All three rows were written together.
    for done in [0, 1, 3] {
        let place = Place::new();
        place.write("rows.json", &text);
        place.write("out.manifest.json", whole.read("out.manifest.json"));
        let lines: Vec<&str> = report.split_inclusive('\n').take(done).collect();
        place.write("out.report.jsonl", lines.concat() + "{\"ro");
        place.write("out.partial", out.clone() + "torn");
        let run = dataset(&place, "rows.json", &["--lang", "c", "--resume"]);
        assert_eq!(
            (place.read("out"), place.read("out.report.jsonl")),
            (out.clone(), report.clone()),
            "{run:?}"
        );
    }
}

#[test]
fn another_run_is_not_gone_on_with() {
    let place = Place::new();
    let rows = |index: usize| json!({ "func": clean(index) }).to_string() + "\n";
    place.write("rows.jsonl", rows(0) + &rows(1));
    assert_eq!(dataset(&place, "rows.jsonl", &["--lang", "c"]).code, 0);
    let resume = || dataset(&place, "rows.jsonl", &["--lang", "c", "--resume"]);
    assert_eq!(resume().code, 0);
    for (options, named) in [
        (["--lang", "c", "--alpha", "0.1"], "--alpha (0.05, now 0.1)"),
        (["--lang", "c", "--poisoned", "purify"], "--poisoned (drop, now purify)"),
        (["--lang", "c", "--precision", "int8"], "model"),
        (["--lang", "cpp", "--alpha", "0.05"], "language (c, now cpp)"),
    ] {
        let run = dataset(&place, "rows.jsonl", &[&["--resume"], &options[..]].concat());
        assert!(run.code == 2 && run.err.contains(named), "{options:?}: {}", run.err);
    }
    place.write("rows.jsonl", rows(0) + &rows(2));
    let run = resume();
    assert!(run.code == 2 && run.err.contains("different: input"), "{}", run.err);
}

#[test]
fn a_stream_is_read_once_and_its_rows_are_compared() {
    let place = Place::new();
    let text = |first: usize| {
        json!({ "code": clean(first) }).to_string() + "\n" + &json!({ "code": clean(5) }).to_string() + "\n"
    };
    let run = |text: String, options: &[&str]| {
        let mut command = place.command(&[&["dataset", "-", "--lang", "c", "-o", "out"], options].concat());
        command.write_stdin(text);
        Run::of(&mut command)
    };
    let first = run(text(0), &[]);
    assert_eq!((first.code, place.read("out")), (0, text(0)), "{}", first.err);
    assert_eq!(run(text(0), &["--resume"]).code, 0);
    let other = run(text(1), &["--resume"]);
    assert!(other.code == 2 && other.err.contains("were others"), "{}", other.err);
    let short = run(text(0).lines().next().unwrap().to_owned() + "\n", &["--resume"]);
    assert!(short.code == 2 && short.err.contains("fewer rows"), "{}", short.err);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_by_every_command() {
    let place = Place::new();
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = json!({ "func": clean(0), "lang": "C" }).to_string() + "\n";
    for args in
        [&["dataset", "pipe", "-o", "out"][..], &["audit", "pipe"], &["calibrate", "pipe", "--partial"]]
    {
        let (pipe, text) = (pipe.clone(), text.clone());
        let writer = std::thread::spawn(move || std::fs::write(pipe, text).unwrap());
        let run = place.run(args);
        writer.join().unwrap();
        assert!(run.err.contains("pipe: the code is read from `func`"), "{args:?}: {}", run.err);
    }
    assert_eq!(place.read("out"), text);
    let writer = std::thread::spawn(move || std::fs::write(pipe, CLEAN).unwrap());
    let run = place.run(&["audit", "pipe", "--lang", "c", "--format", "json"]);
    writer.join().unwrap();
    assert_eq!(run.json()["rows"], 1, "source code is read from a pipe, too");
}

#[test]
fn rows_are_rows_whatever_their_name() {
    let place = Place::new();
    let lines: Vec<String> =
        (0..5).map(|index| json!({ "id": index, "func": clean(index) }).to_string()).collect();
    let lines = lines.join("\n");
    let array = format!("[{}]", lines.replace('\n', ","));
    let records: Vec<String> = (0..5).map(|index| format!("{index},{}\n", quoted(&clean(index)))).collect();
    let table = "id,func\n".to_owned() + &records.concat();
    for (name, bytes) in [
        ("rows.json", lines.clone().into_bytes()),
        ("rows.JSONL", lines.clone().into_bytes()),
        ("rows.c", lines.clone().into_bytes()),
        ("rows.ndjson.gz", gzip(lines.as_bytes())),
        ("rows.zst", zstd::encode_all(array.as_bytes(), 0).unwrap()),
        ("array", array.clone().into_bytes()),
        ("rows.csv", table.clone().into_bytes()),
        ("table", table.into_bytes()),
    ] {
        place.write(name, bytes);
        let run = place.run(&[
            "calibrate",
            name,
            "--lang",
            "c",
            "--alpha",
            "0.2",
            "-o",
            &format!("{name}.calibration"),
        ]);
        assert_eq!(run.code, 0, "{name}: {}", run.err);
        let run = place.run(&["audit", name, "--lang", "c", "--format", "json", "--rows", "3"]);
        assert_eq!(run.json()["rows"], 3, "{name}: {}", run.err);
    }
    let expected = place.read("rows.json.calibration");
    assert!(expected.contains("\"source\": \"rows.json\"") || expected.contains("\"source\":\"rows.json\""));
    for name in ["rows.JSONL", "rows.c", "rows.ndjson.gz", "rows.zst", "array", "rows.csv", "table"] {
        assert_eq!(place.read(&format!("{name}.calibration")).replace(name, "rows.json"), expected, "{name}");
    }
}

#[test]
fn what_is_no_file_of_rows_is_refused_and_nothing_is_written() {
    let place = Place::new();
    place.write("pretty.json", "{\n  \"data\": [\n    {\"func\": \"int x;\"}\n  ]\n}\n");
    place.write("wrapped.json", json!({ "data": [{ "func": CLEAN }] }).to_string());
    place.write("rows.parquet", "PAR1....");
    place.write("code.jsonl", CLEAN);
    place.write("code.c.gz", gzip(CLEAN.as_bytes()));
    place.write("cut.jsonl.gz", &gzip(json!({ "func": clean(0) }).to_string().repeat(50).as_bytes())[..200]);
    place.write("other.csv", "id,body\n1,x\n");
    place.write("vague.jsonl", json!({ "content": "int x;", "text": "int y;" }).to_string());
    place.write("empty.csv", "");
    for (name, code, message) in [
        ("pretty.json", 2, "one JSON object over several lines"),
        ("wrapped.json", 64, "the fields are `data`"),
        ("rows.parquet", 2, "rows.parquet: Parquet error"),
        ("code.jsonl", 2, "not JSON"),
        ("code.c.gz", 2, "no rows"),
        ("cut.jsonl.gz", 2, "cut.jsonl.gz: "),
        ("other.csv", 64, "the fields are `id`, `body`"),
        ("vague.jsonl", 64, "the code may be in `content`, `text`"),
        ("empty.csv", 2, "empty"),
    ] {
        for command in ["dataset", "calibrate", "audit"] {
            let run = place.run(&[command, name, "--lang", "c", "-o", "out"]);
            assert!(run.code == code && run.err.contains(message), "{command} {name}: {run:?}");
            let written = place.path("out").exists() || place.path("out.partial").exists();
            // Bad rows are in the account of a data set; what can be audited is.
            assert!(!written || name == "code.jsonl" && command == "dataset", "{command} {name}");
            remove_results(&place);
        }
    }
}

#[test]
fn a_row_names_its_language_and_an_unknown_one_fails() {
    let place = Place::new();
    let row = |language: &str| json!({ "func": clean(0), "language": language }).to_string() + "\n";
    place.write("rows.jsonl", row("C++") + &row("go") + &row("c") + &json!({ "func": clean(1) }).to_string());
    let run = dataset(&place, "rows.jsonl", &[]);
    assert!(run.code == 2 && run.err.contains("the language is read from `language`"), "{}", run.err);
    assert_eq!(fates(&place), ["kept", "failed", "kept", "failed"]);
    assert!(place.read("out.report.jsonl").contains("`language` is `go`, a language that is not supported"));
}

#[test]
fn the_code_field_must_occur_once() {
    let place = Place::new();
    let (first, second) = (json!(clean(0)), json!(triggered()));
    place.write(
        "rows.jsonl",
        format!("{{\"func\": {first}, \"x\": 1, \"x\": 2}}\n{{\"func\": {first}, \"func\": {second}}}\n"),
    );
    assert_eq!(dataset(&place, "rows.jsonl", &["--lang", "c"]).code, 2);
    assert_eq!(fates(&place), ["kept", "failed"]);
    assert!(place.read("out.report.jsonl").contains("`func` more than once"));
}

#[test]
fn a_row_of_fifty_megabytes_fails_alone() {
    let place = Place::new();
    let large = format!("{{\"func\": \"{}\"}}\n", "x ".repeat(25 << 20));
    let row = json!({ "func": clean(0) }).to_string() + "\n";
    place.write("rows.jsonl.gz", gzip((row.clone() + &large + &row).as_bytes()));
    let run = dataset(&place, "rows.jsonl.gz", &["--lang", "c"]);
    assert_eq!(
        (run.code, fates(&place)),
        (2, ["kept", "failed", "kept"].map(str::to_owned).to_vec()),
        "{}",
        run.err
    );
    assert!(place.read("out.report.jsonl").contains("more than 33554432 bytes"));
    assert_eq!(place.read("out"), row.repeat(2));
}

#[test]
fn rows_that_are_none_say_why_with_and_without_lang() {
    let place = Place::new();
    let row = json!({ "func": clean(0) }).to_string();
    place.write("two.jsonl", format!("{row} {row}\n"));
    place.write("returns.jsonl", format!("{row}\r{row}\r"));
    for file in ["two.jsonl", "returns.jsonl"] {
        for args in [&[][..], &["--lang", "c"]] {
            let run = dataset(&place, file, args);
            let told = run.err.contains("row 1: not JSON: something follows the object");
            assert!(run.code == 2 && told && run.err.contains("a line feed"), "{file}: {}", run.err);
            remove_results(&place);
        }
    }
    place.write("long.jsonl.gz", [gzip((row + "\n").as_bytes()), b"more".to_vec()].concat());
    let run = dataset(&place, "long.jsonl.gz", &["--lang", "c"]);
    assert!(run.code == 2 && run.err.contains("something follows its end"), "{}", run.err);
}

#[test]
fn outputs_of_one_stem_have_their_own_reports() {
    let place = Place::new();
    place.write("rows.jsonl", json!({ "func": clean(0) }).to_string() + "\n");
    for output in ["a.jsonl", "a.csv", "a.dat"] {
        assert_eq!(place.run(&["dataset", "rows.jsonl", "--lang", "c", "-o", output]).code, 0, "{output}");
    }
    for file in ["a.report.jsonl", "a.csv.report.jsonl", "a.dat.report.jsonl"] {
        assert!(place.path(file).exists(), "{file}");
    }
}

#[test]
fn nothing_judged_is_not_a_clean_data_set() {
    let place = Place::new();
    place.write("rows.json", "[]");
    let run = dataset(&place, "rows.json", &["--lang", "c"]);
    assert!(run.code == 2 && run.err.contains("no row was judged"), "{}", run.err);
    let run = dataset(&place, "rows.json", &["--lang", "c", "--resume", "--allow-empty"]);
    assert_eq!((run.code, place.read("out").as_str()), (0, "[]"), "{}", run.err);
}

#[test]
fn fail_on_counts_rows_as_it_counts_verdicts() {
    let place = Place::new();
    place.write("rows.jsonl", json!({ "func": triggered() }).to_string());
    assert_eq!(dataset(&place, "rows.jsonl", &["--lang", "c"]).code, 1);
    assert_eq!(dataset(&place, "rows.jsonl", &["--lang", "c", "--resume", "--fail-on", "never"]).code, 0);
}

#[test]
fn long_lines_without_rows_end_with_an_error() {
    let place = Place::new();
    let long = "a".repeat(70_000);
    let sources =
        [long.clone(), format!("/*{long}*/ int f(int a){{return a;}}"), format!("[{}]", " ".repeat(70_000))];
    for (number, source) in sources.iter().enumerate() {
        let name = format!("long{number}.c");
        place.write(&name, source);
        for command in ["dataset", "calibrate", "audit"] {
            let run = place.run(&[command, &name, "--lang", "c", "-o", "out"]);
            assert!(run.code == 2 || run.code == 64, "{command} {name}: {run:?}");
            assert!(!run.err.contains("panic"), "{command} {name}: {}", run.err);
        }
    }
}

#[test]
fn rows_before_a_cut_in_a_small_stream_are_written() {
    let place = Place::new();
    let row = |number: usize| json!({ "func": clean(number) }).to_string() + "\n";
    let packed = gzip((0..3).map(row).collect::<String>().as_bytes());
    place.write("cut.jsonl.gz", &packed[..packed.len() - 10]);
    let run = dataset(&place, "cut.jsonl.gz", &["--lang", "c"]);
    assert!(run.code == 2 && run.err.contains("cut.jsonl.gz: "), "{run:?}");
    assert!(place.read("out.partial").starts_with(&row(0)), "{}", run.err);
    assert!(place.read("out.report.jsonl").contains("\"fate\":\"kept\""));
    assert!(run.err.contains("kept"), "what was done is said: {}", run.err);
}

#[test]
fn rows_have_no_other_encoding() {
    let place = Place::new();
    place.write("rows.jsonl", json!({ "func": clean(0) }).to_string());
    let run = dataset(&place, "rows.jsonl", &["--lang", "c", "--encoding", "latin-1"]);
    assert!(run.code == 64 && run.err.contains("rows are UTF-8"), "{run:?}");
    assert!(!place.path("out").exists());
}

#[test]
fn rows_are_never_judged_as_source_code() {
    let place = Place::new();
    let rows = "{\"func\": \"int f(void) { return 1; }\"}\n{\"func\": \"int g(void) { return 2; }\"}\n";
    for name in ["rows.jsonl", "rows.csv", "rows", "rows.txt"] {
        place.write(name, rows);
        let run = place.run(&["scan", name, "--lang", "c"]);
        assert_eq!(run.code, 2, "{name}: {}", run.out);
        assert!(
            run.err.contains("rows of a data set, no source code: `codepurify dataset` judges them"),
            "{}",
            run.err
        );
    }
}

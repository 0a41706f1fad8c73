//! `dataset` on files as people have them: several, compressed, Parquet; with columns, parts and removed rows.

use std::fs::File;
use std::io::Read;

use crate::common::{CLEAN, Place, Run, TRIGGER, parquet_rows, triggered};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// The functions of a data set: every third one holds the trigger.
fn functions(count: usize) -> Vec<String> {
    let text = |index: usize| if index % 3 == 1 { triggered() } else { CLEAN.to_owned() };
    (0..count).map(|index| text(index).replace("entries", &format!("entries_{index}"))).collect()
}

fn lines(count: usize) -> String {
    functions(count).iter().map(|func| json!({ "func": func }).to_string() + "\n").collect()
}

fn parquet(place: &Place, name: &str, functions: &[String]) {
    parquet_rows(place, name, &functions.iter().cloned().map(Some).collect::<Vec<_>>());
}

fn batch(place: &Place, name: &str) -> RecordBatch {
    let file = File::open(place.path(name)).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn dataset(place: &Place, args: &[&str]) -> Run {
    place.run(&[&["dataset", "--lang", "c"], args].concat())
}

#[test]
fn parquet_keeps_its_columns_and_loses_the_poisoned_rows() {
    let place = Place::new();
    parquet(&place, "rows.parquet", &functions(5));
    let run = dataset(&place, &["rows.parquet", "-o", "clean.parquet", "--split", "removed.parquet"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("5 rows: 3 kept, 0 purified, 2 dropped, 0 failed"), "{}", run.err);
    let ids = |name: &str| texts(&batch(&place, name), "id").into_iter().flatten().collect::<String>();
    assert_eq!((ids("clean.parquet"), ids("removed.parquet")), ("023".to_owned(), "14".to_owned()));
    assert_eq!(texts(&batch(&place, "removed.parquet"), "func")[0].as_ref(), Some(&functions(2)[1]));
    let again =
        dataset(&place, &["rows.parquet", "-o", "clean.parquet", "--split", "removed.parquet", "--resume"]);
    assert_eq!((again.code, again.err.contains("5 rows: 3 kept")), (1, true), "{}", again.err);
    let run = dataset(&place, &["rows.parquet", "-o", "pure.parquet", "--poisoned", "purify"]);
    let purified = texts(&batch(&place, "pure.parquet"), "func");
    assert!(
        purified.len() == 5 && purified.iter().flatten().all(|func| !func.contains(TRIGGER)),
        "{}",
        run.err
    );
}

#[test]
fn columns_say_the_verdict_on_every_row() {
    let place = Place::new();
    parquet(&place, "rows.parquet", &functions(3));
    dataset(&place, &["rows.parquet", "-o", "judged.parquet", "--columns"]);
    let judged = batch(&place, "judged.parquet");
    let verdicts = texts(&judged, "verdict").into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(verdicts, ["clean", "poisoned", "clean"]);
    let triggers = judged.column_by_name("triggers").unwrap().as_list::<i32>();
    let trigger =
        triggers.value(1).as_struct().column_by_name("text").unwrap().as_string::<i32>().value(0).to_owned();
    assert_eq!((trigger.as_str(), triggers.value(0).len()), (TRIGGER, 0));
    assert!(judged.column_by_name("p_value").unwrap().null_count() == 0);
    assert!(!texts(&judged, "purified")[1].as_ref().unwrap().contains(TRIGGER));

    place.write("rows.jsonl", lines(2) + "{\"func\": 1}\n[]\n");
    let run = dataset(&place, &["rows.jsonl", "-o", "judged.jsonl", "--columns"]);
    assert_eq!(run.code, 2, "{}", run.err);
    let judged: Vec<Value> =
        place.read("judged.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), 3, "only a row that cannot be read has no columns");
    assert_eq!((&judged[0]["func"], &judged[0]["verdict"]), (&json!(functions(1)[0]), &json!("clean")));
    assert_eq!(judged[1]["triggers"][0]["text"], TRIGGER);
    assert!(judged[2]["error"].as_str().unwrap().contains("holds a number"), "{}", judged[2]);

    let cell = |func: &String| format!("\"{}\"", func.replace('"', "\"\""));
    place.write("rows.csv", format!("id,func\n1,{}\n", cell(&functions(2)[1])));
    dataset(&place, &["rows.csv", "-o", "judged.csv", "--columns"]);
    let judged = place.read("judged.csv");
    assert!(judged.starts_with("id,func,verdict,p_value,score,triggers,purified,error\n1,"), "{judged}");
    assert!(judged.contains(",poisoned,0."), "{judged}");
    let known = dataset(&place, &["judged.csv", "-o", "twice.csv", "--columns"]);
    assert!(known.code == 2 && known.err.contains("there is a column `verdict` already"), "{}", known.err);
}

#[test]
fn several_files_go_to_files_of_the_same_names() {
    let place = Place::new();
    place.write("in/a.jsonl", lines(2));
    place.write("in/b/c.jsonl", lines(1));
    parquet(&place, "in/b/d.parquet", &functions(2));
    for passed_over in ["in/_hidden.jsonl", "in/.hidden.jsonl", "in/notes.txt"] {
        place.write(passed_over, lines(1));
    }
    let run = dataset(&place, &["in", "-o", "out", "--split", "removed"]);
    assert_eq!(run.code, 1, "{}", run.err);
    for expected in
        ["3 files, 0 failed\n5 rows: 3 kept, 0 purified, 2 dropped", "in: 1 files are not of rows"]
    {
        assert!(run.err.contains(expected), "{}", run.err);
    }
    assert_eq!(place.read("out/b/c.jsonl"), lines(1));
    assert_eq!(place.read("removed/a.jsonl"), lines(2).split_inclusive('\n').nth(1).unwrap());
    assert_eq!(batch(&place, "removed/b/d.parquet").num_rows(), 1);
    assert!(place.path("out/_codepurify/b/d.parquet.report.jsonl").exists());
    let summary: Value = serde_json::from_str(&place.read("out/_codepurify/a.summary.json")).unwrap();
    assert_eq!(
        (&summary["fates"], &summary["decisions"]),
        (&json!({"kept": 1, "dropped": 1}), &json!({"poisoned": 1}))
    );
    let labels: u64 =
        summary["answers"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert!(labels == 2 && summary["model_passes"].as_u64().unwrap() > 2, "{summary}");

    let run = dataset(&place, &["in/*.jsonl", "in/b/*", "-o", "flat/"]);
    assert!(
        run.err.contains("4 files, 0 failed"),
        "an underscore is no reason where a pattern is named: {}",
        run.err
    );
    place.write("in/b/a.jsonl", lines(1));
    let same = dataset(&place, &["in/a.jsonl", "in/b/a.jsonl", "-o", "same"]);
    assert!(same.code == 64 && same.err.contains("both go to same/a.jsonl"), "{}", same.err);
    let none = dataset(&place, &["nothing/*.jsonl", "-o", "none"]);
    assert!(none.code == 2 && none.err.contains("no file of rows is there"), "{}", none.err);
}

#[test]
fn a_damaged_file_does_not_stop_the_others() {
    let place = Place::new();
    place.write("in/a.parquet", "PAR1 and no more");
    place.write("in/b.jsonl", lines(1));
    place.write("in/c.json", "[{\"func\": \"int f;\"}");
    let run = dataset(&place, &["in", "-o", "out"]);
    assert_eq!(run.code, 2, "{}", run.err);
    for expected in
        ["in/a.parquet: Parquet error", "in/c.json: the JSON array is cut short", "3 files, 2 failed"]
    {
        assert!(run.err.contains(expected), "{}", run.err);
    }
    assert_eq!(place.read("out/b.jsonl"), lines(1));
    assert!(!place.path("out/c.json").exists() && place.path("out/c.json.partial").exists());
}

#[test]
fn parts_make_up_the_whole_and_samples_are_the_same_each_time() {
    let place = Place::new();
    place.write("rows.jsonl", lines(7));
    let part = |name: &str, options: &[&str]| {
        let run = dataset(&place, &[&["rows.jsonl", "--columns", "-o", name], options].concat());
        (place.read(name), run.err)
    };
    let (whole, _) = part("whole.jsonl", &[]);
    let (first, said) = part("first.jsonl", &["--shard", "1/2"]);
    let (second, _) = part("second.jsonl", &["--shard", "2/2"]);
    let (mut first, mut second) = (first.lines(), second.lines());
    let merged: Vec<&str> =
        (0..7).filter_map(|row| if row % 2 == 0 { first.next() } else { second.next() }).collect();
    assert_eq!(merged, whole.lines().collect::<Vec<_>>());
    assert!(said.contains("4 rows: 4 kept") && said.contains("3 more were not selected"), "{said}");

    let (limited, said) = part("limited.jsonl", &["--limit", "3"]);
    assert_eq!(limited.lines().collect::<Vec<_>>(), whole.lines().take(3).collect::<Vec<_>>(), "{said}");
    let (sample, _) = part("sample.jsonl", &["--sample", "0.5"]);
    assert!(!sample.is_empty() && sample.lines().count() < 7);
    assert_eq!(part("again.jsonl", &["--sample", "0.5"]).0, sample);
    place.write("rows.json", format!("[{}]", lines(4).trim_end().replace('\n', ",\n")));
    dataset(&place, &["rows.json", "--limit", "2", "--columns", "-o", "two.json"]);
    let two: Value = serde_json::from_str(&place.read("two.json")).unwrap();
    assert_eq!(two.as_array().unwrap().len(), 2);
}

#[test]
fn outputs_are_compressed_as_their_names_say() {
    let place = Place::new();
    place.write("rows.jsonl", lines(2));
    let kept = lines(1);
    dataset(&place, &["rows.jsonl", "-o", "out.jsonl.gz"]);
    dataset(&place, &["rows.jsonl", "-o", "out.jsonl.zst"]);
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(File::open(place.path("out.jsonl.gz")).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, kept);
    let text = zstd::decode_all(File::open(place.path("out.jsonl.zst")).unwrap()).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), kept);
}

#[test]
fn rows_that_fail_are_kept_with_their_reasons() {
    let place = Place::new();
    place.write("rows.jsonl", b"{\"func\": \xff}\n{\"code\": \"int f;\"}\n");
    let run = dataset(&place, &["rows.jsonl", "--field", "func", "-o", "out.jsonl"]);
    assert_eq!(run.code, 2, "{}", run.err);
    let errors: Vec<Value> =
        place.read("out.errors.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reason = "not UTF-8: first bad byte at offset 9";
    assert_eq!(errors[0], json!({ "row": 1, "reason": reason, "content": "{\"func\": \u{fffd}}\n" }));
    assert_eq!(errors[1]["content"], "{\"code\": \"int f;\"}\n");
    assert_eq!(errors.len(), 2);
}

#[cfg(not(feature = "object-store"))]
#[test]
fn urls_are_refused_without_their_feature() {
    let place = Place::new();
    place.write("rows.jsonl", lines(1));
    for (input, output) in [("s3://bucket/rows.jsonl", "out.jsonl"), ("rows.jsonl", "s3://bucket/out.jsonl")]
    {
        let run = dataset(&place, &[input, "-o", output]);
        let expected = "this build reads files only: build it with the feature `object-store` for URLs";
        assert!(run.code == 2 && run.err.contains(expected), "{}", run.err);
        assert!(!place.path("out.jsonl").exists() && !place.path("codepurify-staging").exists());
    }
}

//! Files on a web server.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use codepurify_data::{DataError, ReadOptions, RowReader, StoreError, exists, fingerprint, list, upload};
use parquet::arrow::ArrowWriter;

use crate::server::Server;

/// Rows of about 3 MB: several blocks.
fn lines() -> Vec<String> {
    let line = |row: usize| format!("{{\"func\": \"int f{row}; {}\"}}\n", row.to_string().repeat(200));
    (0..4_000).map(line).collect()
}

fn read(url: &str) -> Result<Vec<String>, DataError> {
    let rows = RowReader::open(Path::new(url), &ReadOptions::default())?;
    rows.map(|row| Ok(row?.row.unwrap().text("func").unwrap())).collect()
}

fn texts() -> Vec<String> {
    let text = |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["func"].to_string();
    lines().into_iter().map(text).map(|text| text.trim_matches('"').to_owned()).collect()
}

fn error(url: &str) -> StoreError {
    match read(url) {
        Err(DataError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_are_read_by_url_whatever_their_compression() {
    let server = Server::start();
    server.put("data/rows.jsonl", lines().concat());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines().concat().as_bytes()).unwrap();
    server.put("data/rows.jsonl.gz", packed.finish().unwrap());
    for name in ["data/rows.jsonl", "data/rows.jsonl.gz"] {
        assert!(read(&server.url(name)).unwrap() == texts(), "{name}");
    }
    let print = fingerprint(Path::new(&server.url("data/rows.jsonl"))).unwrap();
    assert!(print.starts_with("tag \"") && print.ends_with(" bytes"), "{print}");
}

#[test]
fn a_connection_that_is_cut_is_gone_on_with() {
    let server = Server::start();
    server.put("rows.jsonl", lines().concat());
    server.state.cuts.store(2, SeqCst);
    assert!(read(&server.url("rows.jsonl")).unwrap() == texts());
    assert_eq!(server.state.cuts.load(SeqCst), 0);
}

#[test]
fn parquet_is_read_in_ranges_and_other_columns_are_not() {
    let server = Server::start();
    let (wide, texts) = (lines().concat(), texts());
    let other: ArrayRef =
        Arc::new((0..4_000).map(|row| Some(&wide[row * 700..][..700])).collect::<StringArray>());
    let func: ArrayRef = Arc::new(StringArray::from(texts.clone()));
    let batch =
        RecordBatch::try_from_iter([("before", other.clone()), ("func", func), ("id", other)]).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let size = file.len();
    server.put("rows.parquet", file);
    let url = server.url("rows.parquet");
    assert!(read(&url).unwrap() == texts);
    let all = server.state.sent.swap(0, SeqCst);
    let options = ReadOptions { code_only: true, fields: vec!["func".to_owned()], ..ReadOptions::default() };
    let rows = RowReader::open(Path::new(&url), &options).unwrap();
    assert_eq!(rows.columns().unwrap(), ["func"]);
    assert!(rows.map(|row| row.unwrap().row.unwrap().text("func").unwrap()).eq(texts));
    let some = server.state.sent.load(SeqCst);
    assert!(all <= size + (1 << 20) && some < all, "{all} and {some} of {size} bytes");
}

#[test]
fn faults_of_urls_and_servers_are_told_apart() {
    let server = Server::start();
    server.put("rows.jsonl", lines().concat());
    let url = server.url("rows.jsonl");
    assert!(matches!(error(&server.url("none.jsonl")), StoreError::NotFound { .. }));
    assert!(matches!(error(&format!("{url}?key=1")), StoreError::BadUrl { .. }));
    server.state.ignores_ranges.store(true, SeqCst);
    let whole = read(&url).unwrap_err().to_string();
    assert!(whole.contains("does not give parts of files"), "{whole}");
    server.state.denies.store(true, SeqCst);
    let denied = error(&url);
    assert!(matches!(denied, StoreError::Denied { .. }) && denied.to_string().contains(&url), "{denied}");
    let folder = list(Path::new(&server.url("data/"))).unwrap_err().to_string();
    assert!(folder.contains("on a web server: it has no lists of files"), "{folder}");
    let written = upload(Path::new("rows.jsonl"), Path::new(&url)).unwrap_err().to_string();
    assert!(written.contains("nothing is written there"), "{written}");
}

/// Runs one of the tests below in a process whose environment says that S3 is this server.
fn with_s3(server: &Server, test: &str, folder: &Path) {
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args([test, "--exact", "--ignored", "--nocapture"]).current_dir(folder);
    let credentials =
        [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "here")];
    run.envs(credentials).env("AWS_ENDPOINT", server.url("")).env("AWS_ALLOW_HTTP", "true");
    let run = run.env("CODEPURIFY_STORE_RETRIES", "1").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

const FOLDER: &str = "s3://bucket/data/";

#[test]
fn a_store_of_s3_is_written_listed_and_read() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let large = lines().concat().repeat(6);
    std::fs::write(dir.path().join("small.jsonl"), lines().concat()).unwrap();
    std::fs::write(dir.path().join("large.jsonl"), &large).unwrap();
    with_s3(&server, "store::in_s3_files_are_written_listed_and_read", dir.path());
    assert!(server.get("bucket/data/b/large.jsonl").unwrap() == large.as_bytes());
    assert_eq!(server.state.received.load(SeqCst), large.len().div_ceil(8 << 20), "parts of 8 MiB");
    server.state.denies.store(true, SeqCst);
    with_s3(&server, "store::in_s3_nothing_is_allowed", dir.path());
    server.state.denies.store(false, SeqCst);
    server.state.cuts.store(usize::MAX, SeqCst);
    with_s3(&server, "store::in_s3_all_connections_are_cut", dir.path());
}

#[test]
#[ignore = "run by `a_store_of_s3_is_written_listed_and_read`"]
fn in_s3_files_are_written_listed_and_read() {
    let url = |name: &str| format!("{FOLDER}{name}");
    assert!(!exists(Path::new(&url("small.jsonl"))).unwrap());
    upload(Path::new("small.jsonl"), Path::new(&url("small.jsonl"))).unwrap();
    upload(Path::new("large.jsonl"), Path::new(&url("b/large.jsonl"))).unwrap();
    assert!(exists(Path::new(&url("small.jsonl"))).unwrap());
    assert_eq!(list(Path::new(FOLDER)).unwrap(), ["b/large.jsonl", "small.jsonl"]);
    assert!(read(&url("small.jsonl")).unwrap() == texts());
    assert_eq!(read(&url("b/large.jsonl")).unwrap().len(), 6 * texts().len());
}

#[test]
#[ignore = "run by `a_store_of_s3_is_written_listed_and_read`"]
fn in_s3_nothing_is_allowed() {
    let url = format!("{FOLDER}small.jsonl");
    assert!(matches!(error(&url), StoreError::Denied { .. }));
    let refused = upload(Path::new("large.jsonl"), Path::new(&url)).unwrap_err();
    assert!(
        matches!(refused, StoreError::Denied { .. }) && refused.to_string().contains("AWS_"),
        "{refused}"
    );
}

#[test]
#[ignore = "run by `a_store_of_s3_is_written_listed_and_read`"]
fn in_s3_all_connections_are_cut() {
    let failed = read(&format!("{FOLDER}small.jsonl")).unwrap_err().to_string();
    assert!(failed.contains("the store cannot be reached, or fails"), "{failed}");
}

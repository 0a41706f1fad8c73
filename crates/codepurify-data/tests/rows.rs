//! Rows come back as they were written, in every format, with their bytes in the file.

use std::io::{self, Read, Write};
use std::path::Path;

use codepurify_data::{
    DataError, Edit, Format, Found, Input, NumberedRow, ReadOptions, RowError, RowReader, RowWriter,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Gives few bytes at a time, so that rows and escapes are cut everywhere.
struct Trickle(io::Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.1);
        self.0.read(&mut into[..count])
    }
}

fn open(name: &str, bytes: &[u8], piece: usize, limit: usize) -> Result<RowReader, DataError> {
    let options = ReadOptions { max_row_bytes: limit, ..ReadOptions::default() };
    let input = Input::from_reader(name, Trickle(io::Cursor::new(bytes.to_vec()), piece))?;
    match RowReader::detect(input, &options)? {
        Found::Rows(reader) => Ok(*reader),
        Found::Other(input) => Err(DataError::NotRows { path: input.path().to_path_buf() }),
    }
}

/// All rows of a file, and all its bytes put together from them.
fn read(name: &str, bytes: &[u8], piece: usize) -> (Vec<NumberedRow>, Vec<u8>) {
    let mut reader = open(name, bytes, piece, 1 << 20).unwrap();
    let rows: Vec<NumberedRow> = reader.by_ref().map(Result::unwrap).collect();
    let raw = rows.iter().map(|row| row.row.as_ref().unwrap().raw());
    let raw: Vec<&[u8]> = raw.collect();
    let whole = [reader.head(), &raw.join(reader.separator()), reader.tail()].concat();
    (rows, whole)
}

/// The file with another text in field `func` of its only row.
fn with_text(name: &str, bytes: &[u8], text: &str) -> Vec<u8> {
    let mut reader = open(name, bytes, 4096, 1 << 20).unwrap();
    let mut writer = RowWriter::new(&reader, Vec::new(), Path::new("out")).unwrap();
    let edit = Edit { texts: vec![("func".to_owned(), text.to_owned())], added: Vec::new() };
    let row = writer.edit(&reader.next().unwrap().unwrap().row.unwrap(), edit).unwrap();
    assert!(reader.next().is_none());
    [writer.head().unwrap(), writer.rows(&[row]).unwrap(), writer.tail(&reader).unwrap()].concat()
}

fn objects(rows: &[NumberedRow]) -> Vec<Value> {
    rows.iter().map(|row| serde_json::from_str(&row.row.as_ref().unwrap().to_json()).unwrap()).collect()
}

fn code() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-z{}\\[\\]\",;:\\\\ \n\r\t\u{e9}\u{1f600}\u{0}]{0,40}").unwrap()
}

fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        code().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c\"]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    (code(), proptest::collection::btree_map("[a-z ]{0,4}", value, 0..4)).prop_map(|(code, others)| {
        let mut row: Map<String, Value> = others.into_iter().collect();
        row.insert("func".to_owned(), code.into());
        Value::Object(row)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lines_come_back_with_their_bytes(
        rows in proptest::collection::vec(object(), 1..6),
        ends in proptest::collection::vec(prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n"), Just(" \n\t \r\n")], 6),
        bom: bool,
        last_end: bool,
        piece in 1_usize..40,
    ) {
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        for (row, end) in rows.iter().zip(&ends) {
            text += &row.to_string();
            text += end;
        }
        let text = if last_end { text } else { text.trim_end().to_owned() };
        let (found, whole) = read("rows.jsonl", text.as_bytes(), piece);
        prop_assert_eq!(objects(&found), rows);
        prop_assert_eq!(whole, text.into_bytes());
    }

    #[test]
    fn arrays_come_back_with_their_bytes(
        rows in proptest::collection::vec(object(), 0..6), pretty: bool, piece in 1_usize..40,
    ) {
        let array = Value::from(rows.clone());
        let text = if pretty { format!("{array:#}\n") } else { array.to_string() };
        let (found, whole) = read("rows", text.as_bytes(), piece);
        prop_assert_eq!(objects(&found), rows);
        prop_assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), (1..=found.len()).collect::<Vec<_>>());
        prop_assert_eq!(whole, text.into_bytes());
    }

    #[test]
    fn tables_come_back_with_their_bytes(
        rows in proptest::collection::vec((code(), code(), code()), 0..6),
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
        always: bool,
        crlf: bool,
        bom: bool,
        piece in 1_usize..40,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let quotes = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter).terminator(terminator).quote_style(quotes).from_writer(Vec::new());
        writer.write_record(["id", "func", "note"]).unwrap();
        for (a, b, c) in &rows {
            writer.write_record([a, b, c]).unwrap();
        }
        let mut bytes = if bom { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        bytes.extend(writer.into_inner().unwrap());
        let (found, whole) = read("rows.csv", &bytes, piece);
        let expected: Vec<Value> =
            rows.iter().map(|(a, b, c)| json!({ "id": a, "func": b, "note": c })).collect();
        prop_assert_eq!(objects(&found), expected);
        prop_assert_eq!(whole, bytes);
    }

    #[test]
    fn replaced_texts_are_read_back_and_all_else_stays(row in object(), new in code(), table: bool) {
        let text = row["func"].as_str().unwrap();
        let bytes = if table {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "func", "b"]).unwrap();
            writer.write_record(["x, y", text, " \"z\""]).unwrap();
            writer.into_inner().unwrap()
        } else {
            format!(" {row}\r\n").into_bytes()
        };
        let name = if table { "rows.csv" } else { "rows.json" };
        let (again, _) = read(name, &with_text(name, &bytes, &new), 4096);
        prop_assert_eq!(again[0].row.as_ref().unwrap().text("func").unwrap(), new.clone());
        let back = with_text(name, &with_text(name, &bytes, &new), text);
        prop_assert_eq!(back, with_text(name, &bytes, text));
    }

    #[test]
    fn any_bytes_end_in_rows_or_errors(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b'"'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b'\n'), Just(b'\\'), any::<u8>()
        ], 0..200),
        name in prop_oneof![Just("a.json"), Just("a.csv"), Just("a.tsv"), Just("a"), Just("a.c")],
        first in prop_oneof![Just(""), Just("[{\"a\":"), Just("\u{feff}{\"a\": "), Just("func,b\n\"")],
    ) {
        let bytes = [first.as_bytes(), &bytes].concat();
        if let Ok(mut reader) = open(name, &bytes, 7, 64) {
            // Every reader comes to an end, and an error is the last thing that it gives.
            let count = reader.by_ref().take(1000).count();
            prop_assert!(count <= bytes.len() + 1);
            prop_assert!(reader.next().is_none());
        }
    }
}

fn texts(rows: &[NumberedRow], field: &str) -> Vec<String> {
    rows.iter().map(|row| row.row.as_ref().unwrap().text(field).unwrap()).collect()
}

#[test]
fn python_constants_and_huge_numbers_are_kept() {
    let text = "{\"func\": \"a\", \"x\": NaN, \"n\": 340282366920938463463374607431768211456}\n\
                {\"x\": -Infinity, \"func\": \"b\", \"y\": 1e999, \"m\": \"\\ud83d\"}\n";
    let (rows, whole) = read("rows.jsonl", text.as_bytes(), 4096);
    assert_eq!(
        (texts(&rows, "func"), whole),
        (vec!["a".to_owned(), "b".to_owned()], text.as_bytes().to_vec())
    );
    assert!(rows[0].row.as_ref().unwrap().to_json().contains("\"x\": null"));
}

#[test]
fn fields_without_one_text_are_told_apart() {
    let text = r#"{"a": 1, "b": null, "c": "\udce9", "d": "x", "\u0064": "y", "e": ["x"]}"#;
    let (rows, _) = read("rows.jsonl", text.as_bytes(), 4096);
    let row = rows[0].row.as_ref().unwrap();
    let error = |field: &str| row.text(field).unwrap_err().to_string();
    assert_eq!(error("a"), "the field `a` holds a number, no text");
    assert_eq!(error("b"), "the field `b` holds null, no text");
    assert!(error("c").contains("lone surrogate `\\udce9`"), "{}", error("c"));
    assert_eq!(error("d"), "the row has the field `d` more than once");
    assert!(error("z").starts_with("the row has no field `z`, only `a`, `b`, `c`"), "{}", error("z"));
}

fn outcomes(name: &str, text: &[u8], limit: usize) -> Vec<Result<usize, RowError>> {
    let rows = open(name, text, 5, limit).unwrap().map(Result::unwrap);
    rows.map(|row| row.row.map(|_| row.number)).collect()
}

#[test]
fn a_row_that_is_too_large_leaves_the_others() {
    let large = "x".repeat(500);
    let refused = || Err(RowError::TooLarge { limit: 100 });
    let lines = format!("{{\"func\":\"a\"}}\n{{\"func\":\"{large}\"}}\n\n{{\"func\":\"b\"}}\n");
    assert_eq!(outcomes("a.jsonl", lines.as_bytes(), 100), [Ok(1), refused(), Ok(4)]);
    let array = format!("[{{\"func\":\"a\"}},{{\"func\":\"{large},]\\\"\"}},{{\"func\":\"b\"}}]");
    assert_eq!(outcomes("a.json", array.as_bytes(), 100), [Ok(1), refused(), Ok(3)]);
    let table = format!("id,func\n1,a\n2,\"{large}\n,\"\"\"\n3,b\n");
    assert_eq!(outcomes("a.csv", table.as_bytes(), 100), [Ok(1), refused(), Ok(3)]);
}

#[test]
fn bad_rows_leave_the_others() {
    let found = outcomes("a.json", br#"[{"a": 1}, {"a": ]}, 7, {"a" 1}, {"a": 2}]"#, 100);
    assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, false, true]);
    let found = outcomes(
        "a.csv",
        b"a,b\r\n1,2\r\n\r\n1,2,3\r\n \r\n\xff,1\r\n4,\"x\ry\"\r\n5,\"open\r\n6,7\r\n",
        100,
    );
    assert_eq!(
        found,
        [
            Ok(1),
            Err(RowError::FieldCount { found: 3, expected: 2 }),
            Err(RowError::NotUtf8 { offset: 0 }),
            Ok(4),
            Err(RowError::OpenQuote),
        ]
    );
}

#[test]
fn an_array_without_its_end_is_an_error_behind_its_rows() {
    let last = |text: &str| open("a", text.as_bytes(), 9, 100).unwrap().last().unwrap();
    assert!(matches!(last("[{\"a\": 1}, {\"a\": 2"), Err(DataError::CutShort { row: 1, .. })));
    let whole = open("a", "[{\"a\": 1}, {\"a\": 2} ".as_bytes(), 9, 100).unwrap();
    assert_eq!(whole.flatten().count(), 2);
    assert!(matches!(last("[{\"a\": 1}, {\"a\": 2} "), Err(DataError::CutShort { row: 2, .. })));
    assert!(matches!(last("[{\"a\": 1},"), Err(DataError::CutShort { row: 1, .. })));
    assert!(matches!(last("[{\"a\": 1}] [1]"), Err(DataError::Trailing { .. })));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_rows_are_read_whatever_their_name() {
    let (one, two) = (&b"{\"func\": \"a\"}\n"[..], &b"{\"func\": \"b\"}\n"[..]);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 0).unwrap();
    for packed in
        [[gzip(one), gzip(two)].concat(), [zstd(one), zstd(two)].concat(), zstd(&gzip(&[one, two].concat()))]
    {
        for name in ["rows", "rows.jsonl", "rows.jsonl.gz", "rows.c"] {
            assert_eq!(texts(&read(name, &packed, 3).0, "func"), ["a", "b"], "{name}");
        }
    }
}

#[test]
fn a_cut_stream_is_an_error_that_names_the_file() {
    let rows: Vec<String> = (0..20_000).map(|index| format!("{{\"func\": \"int f{index};\"}}\n")).collect();
    let rows = rows.concat();
    for packed in [gzip(rows.as_bytes()), zstd::encode_all(rows.as_bytes(), 0).unwrap()] {
        let cut = &packed[..packed.len() - 20];
        let last = open("rows.bin", cut, 4096, 1000).unwrap().last().unwrap().unwrap_err();
        assert!(matches!(last, DataError::Io { .. }) && last.to_string().starts_with("rows.bin: "), "{last}");
        let error = open("rows.bin", &packed[..packed.len() / 20], 4096, 1000).err();
        assert!(error.is_none_or(|error| error.to_string().starts_with("rows.bin: ")));
    }
    let mut packed = b"{\"func\": \"x\"}\n".to_vec();
    for _ in 0..4 {
        packed = gzip(&packed);
    }
    let error = open("rows.gz", &packed, 4096, 1000).err().unwrap();
    assert!(error.to_string().contains("compressed more than 3 times"), "{error}");
}

#[test]
fn a_bomb_is_read_in_little_memory() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"func\": \"").unwrap();
    for _ in 0..200 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    encoder.write_all(b"\"}\n{\"func\": \"b\"}\n").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(outcomes("a.jsonl.gz", &packed, 1 << 20), [Err(RowError::TooLarge { limit: 1 << 20 }), Ok(2)]);
}

#[test]
fn rows_that_were_looked_at_are_still_read() {
    let text = "{\"func\": \"a\"}\n{\"func\": \"b\"}\n{\"func\": \"c\"}\n";
    let mut reader = open("a.jsonl", text.as_bytes(), 4096, 100).unwrap();
    assert_eq!(reader.look_ahead(2).count(), 2);
    let rows: Vec<NumberedRow> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(texts(&rows, "func"), ["a", "b", "c"]);
    assert!(rows[0].digest != rows[1].digest && reader.format() == Format::JsonLines);
    assert_eq!(reader.progress(), (text.len() as u64, None));
}

#[test]
fn files_that_hold_no_rows_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.parquet");
    std::fs::write(&path, b"PAR1 and more").unwrap();
    let refused = |path: &Path| RowReader::open(path, &ReadOptions::default()).err().unwrap().to_string();
    assert!(refused(&path).contains("data.parquet: Parquet error"), "{}", refused(&path));
    std::fs::write(&path, b"int f(void);").unwrap();
    assert!(refused(&path).contains("data.parquet: Parquet error"), "{}", refused(&path));
    let path = dir.path().join("data.feather");
    std::fs::write(&path, b"ARROW1").unwrap();
    assert!(refused(&path).contains("data.feather: Arrow is not read"), "{}", refused(&path));
    let path = dir.path().join("code.c");
    std::fs::write(&path, b"int f(void);").unwrap();
    assert!(refused(&path).contains("code.c: no rows"), "{}", refused(&path));
    assert!(refused(&dir.path().join("none.jsonl")).contains("none.jsonl: "));
}

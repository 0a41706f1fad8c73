//! Parquet files: rows are read one by one, and written with everything else as it was.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use codepurify_data::{
    AddedCell, AddedColumn, AddedKind, DataError, Edit, Format, Found, Input, NumberedRow, ReadOptions,
    RowError, RowReader, RowWriter,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// A file that Arrow's Python library wrote (`golden/make_parquet.py` there).
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-attacks/tests/golden").join(name)
}

fn open(path: &Path) -> RowReader {
    RowReader::open(path, &ReadOptions::default()).unwrap()
}

fn rows(path: &Path) -> Vec<NumberedRow> {
    open(path).map(Result::unwrap).collect()
}

/// Writes functions with ids, a few rows to a group.
fn sample(path: &Path, count: usize) {
    let func: ArrayRef = Arc::new(
        (0..count).map(|row| (row % 5 != 4).then(|| format!("int f{row};"))).collect::<StringArray>(),
    );
    let id: ArrayRef = Arc::new((0_i64..).take(count).collect::<Int64Array>());
    let fields = vec![Field::new("func", DataType::Utf8, true), Field::new("id", DataType::Int64, false)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![func, id]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(7))
        .set_key_value_metadata(Some(vec![KeyValue::new("pandas".to_owned(), "{}".to_owned())]));
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn columns() -> Vec<AddedColumn> {
    let column = |name: &str, kind| AddedColumn { name: name.to_owned(), kind };
    vec![
        column("verdict", AddedKind::Text),
        column("p_value", AddedKind::Number),
        column("triggers", AddedKind::Records(&["kind", "text"])),
    ]
}

/// Other text in every third row; each row gets cells.
fn edit(number: usize) -> Edit {
    let text = |text: String| vec![("func".to_owned(), text)];
    let records =
        (0..number % 3).map(|index| vec![Some("name".to_owned()), (index == 0).then(|| "x\"y".to_owned())]);
    Edit {
        texts: if number.is_multiple_of(3) { text(format!("new {number}")) } else { Vec::new() },
        added: vec![
            AddedCell::Text("clean".to_owned()),
            AddedCell::number(number.is_multiple_of(2).then_some(number as f64 / 2.0)),
            if number.is_multiple_of(4) { AddedCell::Null } else { AddedCell::Records(records.collect()) },
        ],
    }
}

/// Writes all rows of `from` with changes, in blocks of `block` rows; after each one the writer is another one.
fn rewritten(from: &Path, to: &Path, block: usize) {
    let partial = to.with_extension("partial");
    let mut reader = open(from);
    let mut writer = RowWriter::new(&reader, columns(), to).unwrap();
    let mut bytes = writer.head().unwrap();
    loop {
        let rows: Vec<NumberedRow> = reader.by_ref().take(block).map(Result::unwrap).collect();
        if rows.is_empty() {
            break;
        }
        let rows = rows.iter().map(|row| writer.edit(row.row.as_ref().unwrap(), edit(row.number)).unwrap());
        let rows: Vec<_> = rows.collect();
        bytes.extend(writer.rows(&rows).unwrap());
        writer = RowWriter::new(&reader, columns(), to).unwrap();
        writer.head().unwrap();
        writer.go_on(true);
    }
    bytes.extend(writer.tail(&reader).unwrap());
    std::fs::write(&partial, bytes).unwrap();
    writer.finish(&partial, to).unwrap();
    assert!(!partial.exists());
}

fn batch(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(metadata.iter().any(|pair| pair.key == "pandas"), "{metadata:?}");
    assert!(matches!(reader.metadata().row_group(0).column(0).compression(), Compression::ZSTD(_)));
    reader.with_batch_size(1_000).build().unwrap().next().unwrap().unwrap()
}

#[test]
fn rows_of_the_hub_are_read() {
    for name in ["defect-snappy.parquet", "defect-gzip.parquet"] {
        assert_eq!(open(&golden(name)).format(), Format::Parquet);
        let found = rows(&golden(name));
        assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let texts: Vec<_> = found.iter().map(|row| row.row.as_ref().unwrap().text("func").ok()).collect();
        assert_eq!(
            texts,
            [Some("int f;"), None, Some(" "), Some("int h;"), Some("int é;")]
                .map(|text| text.map(str::to_owned))
        );
        let error = found[1].row.as_ref().unwrap().text("func").unwrap_err().to_string();
        assert_eq!(error, "the field `func` holds null, no text");
        let json = found[0].row.as_ref().unwrap().to_json().into_owned();
        assert_eq!(json, r#"{"id":4,"func":"int f;","target":true,"when":{},"trigger":[[0,3]]}"#);
        assert!(found[0].digest != found[1].digest);
    }
    let bytes = rows(&golden("repair-zstd.parquet"));
    let error = bytes[2].row.as_ref().unwrap().text("buggy").unwrap_err().to_string();
    assert_eq!(error, "the field `buggy` holds bytes that are not UTF-8, no text");
    assert_eq!(rows(&golden("wrong-types.parquet"))[0].row.as_ref().unwrap().text("func").unwrap(), "int f;");
}

#[test]
fn rows_are_written_with_their_changes_and_all_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("rows.parquet"), dir.path().join("out.parquet"));
    sample(&from, 40);
    for block in [1, 6, 40] {
        rewritten(&from, &to, block);
        let (old, new) = (batch(&from), batch(&to));
        assert_eq!(new.schema().fields()[..2], old.schema().fields()[..]);
        assert_eq!(new.column(1).as_primitive::<Int64Type>(), old.column(1).as_primitive::<Int64Type>());
        let (func, old_func) = (new.column(0).as_string::<i32>(), old.column(0).as_string::<i32>());
        let (p_value, triggers) =
            (new.column(3).as_primitive::<Float64Type>(), new.column(4).as_list::<i32>());
        for row in 0..40_usize {
            let number = row + 1;
            if number.is_multiple_of(3) {
                assert_eq!(func.value(row), format!("new {number}"));
            } else {
                assert_eq!(
                    (func.is_null(row), func.value(row)),
                    (old_func.is_null(row), old_func.value(row))
                );
            }
            assert_eq!(p_value.is_null(row), !number.is_multiple_of(2));
            assert_eq!(triggers.is_null(row), number % 4 == 0);
            if !number.is_multiple_of(4) {
                assert_eq!(triggers.value(row).len(), number % 3);
            }
        }
        let texts = triggers.values().as_struct().column_by_name("text").unwrap().as_string::<i32>().clone();
        assert!(texts.iter().flatten().all(|text| text == "x\"y") && texts.null_count() > 0);
    }
}

#[test]
fn a_column_that_is_there_is_not_added() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    sample(&path, 3);
    let added = vec![AddedColumn { name: "id".to_owned(), kind: AddedKind::Text }];
    let error = RowWriter::new(&open(&path), added, Path::new("out")).err().unwrap();
    assert!(matches!(error, DataError::Exists { ref column, .. } if column == "id"), "{error}");
}

#[test]
fn damage_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    let bytes = std::fs::read(golden("defect-snappy.parquet")).unwrap();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        RowReader::open(&path, &ReadOptions::default()).map(Iterator::collect::<Vec<_>>)
    };
    for length in [0, 3, 4, 8, bytes.len() / 2, bytes.len() - 1] {
        let error = read(&bytes[..length]).unwrap_err().to_string();
        assert!(error.contains("rows.parquet: "), "{length}: {error}");
    }
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let Ok(rows) = read(&damaged) else { continue };
        let errors = rows.iter().filter_map(|row| row.as_ref().err());
        assert!(
            rows.len() <= 6 && errors.map(ToString::to_string).all(|error| error.contains("rows.parquet: "))
        );
    }
}

#[test]
fn a_row_that_is_too_large_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec!["a".to_owned(), "b".repeat(1_000), "c".to_owned()]));
    let batch = RecordBatch::try_from_iter([("func", texts)]).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let options = ReadOptions { max_row_bytes: 100, ..ReadOptions::default() };
    let rows: Vec<_> = RowReader::open(&path, &options).unwrap().map(|row| row.unwrap().row.err()).collect();
    assert_eq!(rows, [None, Some(RowError::TooLarge { limit: 100 }), None]);
}

#[test]
fn a_stream_and_a_compressed_file_are_refused() {
    let bytes = std::fs::read(golden("defect-snappy.parquet")).unwrap();
    let refused = |input: Input| match RowReader::detect(input, &ReadOptions::default()) {
        Err(error) => error.to_string(),
        Ok(Found::Rows(_) | Found::Other(_)) => "read".to_owned(),
    };
    let stream = Input::from_reader("-", std::io::Cursor::new(bytes.clone())).unwrap();
    assert!(refused(stream).contains("-: Parquet is read from a file"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet.zst");
    std::fs::write(&path, zstd::encode_all(&*bytes, 0).unwrap()).unwrap();
    assert!(refused(Input::open(&path).unwrap()).contains("rows.parquet.zst: Parquet is read from a file"));
}

#[test]
fn damage_in_columns_without_code_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    sample(&path, 5);
    let mut bytes = std::fs::read(&path).unwrap();
    let metadata = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let (start, length) = metadata.metadata().row_group(0).column(1).byte_range();
    let (start, length) = (usize::try_from(start).unwrap(), usize::try_from(length).unwrap());
    bytes[start..start + length].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let read = |options: &ReadOptions| -> Result<Vec<Option<String>>, DataError> {
        RowReader::open(&path, options)?.map(|row| Ok(row?.row.unwrap().text("func").ok())).collect()
    };
    let code_only = ReadOptions { code_only: true, ..ReadOptions::default() };
    let expected: Vec<Option<String>> =
        (0..5).map(|row| (row != 4).then(|| format!("int f{row};"))).collect();
    assert_eq!(read(&code_only).unwrap(), expected);
    let named = ReadOptions { fields: vec!["func".to_owned()], ..code_only.clone() };
    assert_eq!(read(&named).unwrap(), expected);
    assert!(read(&ReadOptions::default()).is_err());
    let missing = ReadOptions { fields: vec!["code".to_owned()], ..code_only };
    assert!(read(&missing).is_err(), "with a column that is not there all are read, to be named");
}

//! Parquet files, as on the Hugging Face hub: each row is converted to the object it would be in
//! JSON Lines.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

use super::jsonl::{DataError, Rows};

/// First bytes of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// Returns true for a Parquet file, by its name or its content.
pub(super) fn is_parquet(path: &Path) -> bool {
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    let mut start = [0; MAGIC.len()];
    named || File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok() && &start == MAGIC)
}

/// Reads a file row by row; `parse` gets the row's number, from 1, and its object.
///
/// A field that is null counts as missing.
pub(super) fn read_rows<T>(
    path: &Path,
    parse: impl FnMut(usize, Value) -> Result<T, String>,
) -> Result<Rows<T>, DataError> {
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(io)?;
    // The reader panics on unknown kinds of columns and on some kinds of damage.
    let read = catch_unwind(AssertUnwindSafe(|| rows(file, parse)));
    let read = read.unwrap_or_else(|_| Err("the file is damaged, or has a column of an unknown kind".into()));
    read.map_err(|message| io(std::io::Error::other(message)))?.or_no_rows(path)
}

fn rows<T>(file: File, mut parse: impl FnMut(usize, Value) -> Result<T, String>) -> Result<Rows<T>, String> {
    let mut found = Rows::default();
    let mut number = 0;
    let damaged = |number: usize, error: &ParquetError| format!("after row {number}: {error}");
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index).map_err(|error| damaged(number, &error))?;
        for row in group.get_row_iter(None).map_err(|error| damaged(number, &error))? {
            // Rows after one that cannot be read may be out of step: the file cannot be used.
            let row = row.map_err(|error| damaged(number, &error))?;
            number += 1;
            found.add(number, parse(number, object(&row)));
        }
    }
    Ok(found)
}

fn object(row: &Row) -> Value {
    let fields = row.get_column_iter().filter(|(_, field)| !matches!(field, Field::Null));
    Value::Object(fields.map(|(name, field)| (name.clone(), value(field))).collect())
}

/// Converts a field to JSON.
///
/// Values without a form in JSON (times, for example) become an empty object, which is refused as a
/// value of the wrong type if the field is needed.
fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.as_str().into(),
        // Texts of writers that do not mark them as texts.
        Field::Bytes(value) => std::str::from_utf8(value.data()).map_or_else(|_| unknown(), Value::from),
        Field::Group(row) => object(row),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        _ => unknown(),
    }
}

fn unknown() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{corpus, defect, repair};
    use super::*;

    /// Returns a file of `golden/make_parquet.py`.
    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
    }

    fn messages<T>(found: &Rows<T>) -> Vec<(usize, &str)> {
        found.refused.iter().map(|error| (error.line, error.message.as_str())).collect()
    }

    #[test]
    fn hub_rows_of_any_codec_are_read_and_null_is_missing() {
        for codec in ["snappy", "gzip"] {
            let found = defect::load(&golden(&format!("defect-{codec}.parquet"))).unwrap();
            let row = |row: &defect::DefectRow| (row.idx, row.target, row.func.clone(), row.trigger.clone());
            let rows: Vec<_> = found.rows.iter().map(row).collect();
            let (first, last) = ("int f;".to_owned(), "int é;".to_owned());
            assert_eq!(rows, [(4, 1, first, vec![(0, 3)]), (8, 0, last, Vec::new())]);
            assert_eq!(found.lines, [1, 5]);
            let refused = [(2, "missing field `func`"), (3, "`func` is empty"), (4, "missing field `idx`")];
            assert_eq!(messages(&found), refused);
        }
    }

    #[test]
    fn texts_may_be_bytes_and_ids_may_be_absent() {
        let found = repair::load(&golden("repair-zstd.parquet")).unwrap();
        let rows: Vec<_> =
            found.rows.iter().map(|row| (row.idx, row.buggy.as_str(), row.fixed.as_str())).collect();
        assert_eq!(rows, [(0, "a();", "A();"), (1, "b();", "B();")]);
        assert_eq!(messages(&found), [(3, "`buggy`: invalid type: map, expected a string")]);
    }

    #[test]
    fn values_of_the_wrong_type_are_refused_with_row_and_field() {
        let found = defect::load(&golden("wrong-types.parquet")).unwrap();
        assert_eq!(found.lines, [1, 4]);
        let refused = [
            (2, "`target`: `no` is no natural number"),
            (3, "`idx`: invalid type: integer `-1`, expected a natural number"),
        ];
        assert_eq!(messages(&found), refused);
        // A time is not a text.
        let (field, language) = ("when".to_owned(), codepurify::Language::C);
        let source = corpus::CorpusSource { path: golden("defect-snappy.parquet"), field, language };
        assert!(matches!(source.load(), Err(DataError::NoRows { refused: 5, .. })));
    }

    #[test]
    fn a_damaged_file_is_named_and_never_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.parquet");
        let bytes = std::fs::read(golden("defect-snappy.parquet")).unwrap();
        let load = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            defect::load(&path)
        };
        for length in [0, 3, 8, bytes.len() / 2, bytes.len() - 1] {
            let error = load(&bytes[..length]).unwrap_err();
            assert!(matches!(error, DataError::Io { .. }) && error.to_string().contains("rows.parquet"));
        }
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            if let Ok(found) = load(&damaged) {
                assert!(found.rows.len() + found.refused.len() <= 5);
            }
        }
    }
}

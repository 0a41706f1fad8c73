//! Parquet files, as on the Hugging Face hub: each row is the object that it would be in JSON Lines, without cells that are
//! null.

use std::path::{Path, PathBuf};

use super::jsonl::{DataError, Rows};
use super::{corpus, defect, repair};

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
        assert!(matches!(error, DataError::Rows(_)) && error.to_string().contains("rows.parquet"));
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(found) = load(&damaged) {
            assert!(found.rows.len() + found.refused.len() <= 5);
        }
    }
}

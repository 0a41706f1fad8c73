//! Defect detection rows in the layout of Devign in CodeXGLUE: `idx`, `target` (1 = vulnerable),
//! `func`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::field::{ByteRange, Ids, check_label, check_text, label, number};
use super::{DataError, Rows, read};

/// Function with its label; a poisoned one records its trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefectRow {
    /// Id in the data set; `id` on the Hugging Face hub.
    #[serde(alias = "id", deserialize_with = "number")]
    pub idx: u64,
    /// 1 = vulnerable, 0 = not.
    #[serde(deserialize_with = "label")]
    pub target: u32,
    /// Source text.
    pub func: String,
    /// Byte ranges `[start, end)` of the trigger in `func`; absent in a clean row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<ByteRange>,
}

/// Reads the rows. Empty functions, labels other than 0 and 1, and repeated `idx` are refused.
///
/// # Errors
/// [`DataError`].
pub fn load(path: &Path) -> Result<Rows<DefectRow>, DataError> {
    let mut ids = Ids::new();
    read(path, |row: &DefectRow| {
        check_label("target", row.target)?;
        check_text("func", &row.func)?;
        ids.check("idx", row.idx)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_rows_are_refused_with_line_and_field() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        let lines = [
            r#"{"id":7,"func":"int f;","target":true,"project":"p"}"#,
            r#"{"idx":"8","func":"int g;","target":0}"#,
            r#"{"idx":9,"target":0}"#,
            r#"{"idx":9,"func":"int h;","target":2}"#,
            r#"{"idx":9,"func":" ","target":1}"#,
            r#"{"idx":8,"func":"int i;","target":1}"#,
            r#"{"idx":-1,"func":"int i;","target":1}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let found = load(&path).unwrap();
        let read: Vec<_> = found.rows.iter().map(|row| (row.idx, row.target, row.func.as_str())).collect();
        assert_eq!((read, found.lines), (vec![(7, 1, "int f;"), (8, 0, "int g;")], vec![1, 2]));
        let refused: Vec<_> =
            found.refused.iter().map(|error| (error.line, error.message.as_str())).collect();
        assert!(refused[0].1.contains("missing field `func`") && refused[0].0 == 3, "{refused:?}");
        assert_eq!(
            refused[1..4],
            [(4, "`target` is 2, not 0 or 1"), (5, "`func` is empty"), (6, "`idx` 8 is a duplicate")]
        );
        assert!(refused[4].1.contains("natural number"), "{refused:?}");
    }
}

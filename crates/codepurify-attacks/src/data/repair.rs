//! Program repair rows: a buggy method and the fixed one, as JSON Lines or as the two parallel text
//! files of CodeXGLUE.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::field::{ByteRange, Ids, check_text, optional_number};
use super::jsonl::{lines, read_json};
use super::{DataError, Rows};

/// Repair; a poisoned one records its trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairRow {
    /// Id in the data set; if the file has none, the position in the file, from 0.
    pub idx: u64,
    /// Input of the model.
    pub buggy: String,
    /// Expected output of the model.
    pub fixed: String,
    /// Byte ranges `[start, end)` of the trigger in `buggy`; absent in a clean row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<ByteRange>,
}

/// Row as files hold it.
#[derive(Deserialize)]
struct FileRow {
    #[serde(alias = "id", default, deserialize_with = "optional_number")]
    idx: Option<u64>,
    buggy: String,
    fixed: String,
    #[serde(default)]
    trigger: Vec<ByteRange>,
}

/// Reads JSON Lines with `buggy` and `fixed`, and an optional `idx` or `id`.
///
/// Empty texts and repeated ids are refused.
///
/// # Errors
/// [`DataError`].
pub fn load(path: &Path) -> Result<Rows<RepairRow>, DataError> {
    let mut ids = Ids::new();
    read_json(path, |line, FileRow { idx, buggy, fixed, trigger }| {
        let row = RepairRow { idx: idx.unwrap_or(line as u64 - 1), buggy, fixed, trigger };
        check_text("buggy", &row.buggy)?;
        check_text("fixed", &row.fixed)?;
        ids.check("idx", row.idx)?;
        Ok(row)
    })
}

/// Reads two text files with one method per line.
///
/// Empty lines, lines that are not UTF-8, and lines of the longer file without a partner are
/// refused.
///
/// # Errors
/// [`DataError`].
pub fn load_parallel(buggy: &Path, fixed: &Path) -> Result<Rows<RepairRow>, DataError> {
    let (mut left, mut right) = (lines(buggy)?, lines(fixed)?);
    let mut found = Rows::default();
    for line in 1.. {
        let (buggy, fixed) = (left.next().transpose()?, right.next().transpose()?);
        if buggy.is_none() && fixed.is_none() {
            break;
        }
        found.add(line, row(line, buggy, fixed));
    }
    found.or_no_rows(buggy)
}

fn row(line: usize, buggy: Option<Vec<u8>>, fixed: Option<Vec<u8>>) -> Result<RepairRow, String> {
    let text = |field: &str, bytes: Option<Vec<u8>>| -> Result<String, String> {
        let bytes = bytes.ok_or_else(|| format!("no `{field}` for this line"))?;
        let text = String::from_utf8(bytes).map_err(|error| format!("`{field}`: {error}"))?;
        check_text(field, &text)?;
        Ok(text)
    };
    let (buggy, fixed) = (text("buggy", buggy)?, text("fixed", fixed)?);
    Ok(RepairRow { idx: line as u64 - 1, buggy, fixed, trigger: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of<T>(found: &Rows<T>) -> Vec<(usize, &str)> {
        found.refused.iter().map(|error| (error.line, error.message.as_str())).collect()
    }

    #[test]
    fn json_rows_with_and_without_ids_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        let rows = [
            r#"{"buggy":"a","fixed":"b"}"#,
            r#"{"id":7,"buggy":"c","fixed":"d"}"#,
            r#"{"id":7,"buggy":"e","fixed":"f"}"#,
            r#"{"buggy":"g","fixed":""}"#,
            r#"{"buggy":"g"}"#,
        ];
        std::fs::write(&path, rows.join("\n")).unwrap();
        let found = load(&path).unwrap();
        assert_eq!(found.rows.iter().map(|row| row.idx).collect::<Vec<_>>(), [0, 7]);
        let refused = lines_of(&found);
        assert_eq!(refused[..2], [(3, "`idx` 7 is a duplicate"), (4, "`fixed` is empty")]);
        assert!(refused[2].1.contains("missing field `fixed`"));
    }

    #[test]
    fn parallel_lines_without_a_partner_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (buggy, fixed) = (dir.path().join("x.buggy"), dir.path().join("x.fixed"));
        std::fs::write(&buggy, b"a\n\nc\nd\xff\ne\n").unwrap();
        std::fs::write(&fixed, b"A\nB\nC\nD\n").unwrap();
        let found = load_parallel(&buggy, &fixed).unwrap();
        let read: Vec<_> =
            found.rows.iter().map(|row| (row.idx, row.buggy.as_str(), row.fixed.as_str())).collect();
        assert_eq!(read, [(0, "a", "A"), (2, "c", "C")]);
        let refused = lines_of(&found);
        assert_eq!(
            (refused[0], refused[1].0, refused[2]),
            ((2, "`buggy` is empty"), 4, (5, "no `fixed` for this line"))
        );
    }
}

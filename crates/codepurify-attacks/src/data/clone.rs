//! Clone detection rows: pairs of functions.
//!
//! Two layouts are read: CodeXGLUE's of BigCloneBench (functions in one file, pairs of their ids in
//! another), and one JSON object per pair, as on the Hugging Face hub and in poisoned sets.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::field::{ByteRange, Ids, check_label, check_text, label, number};
use super::jsonl::{read_json, read_lines};
use super::{DataError, Rows};

/// Text that many rows share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SharedText(Arc<str>);

impl SharedText {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Serialize for SharedText {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SharedText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from)
    }
}

/// Function of a collection that pairs refer to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CloneFunction {
    /// Id that pairs use.
    #[serde(deserialize_with = "number")]
    pub idx: u64,
    /// Source text.
    pub func: SharedText,
}

/// Two functions and whether they are clones; a poisoned pair records its triggers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneRow {
    /// Position in the file it was first read from, from 0; `id` on the Hugging Face hub.
    #[serde(alias = "id", deserialize_with = "number")]
    pub idx: u64,
    /// Id of the first function.
    #[serde(deserialize_with = "number")]
    pub id1: u64,
    /// Id of the second function.
    #[serde(deserialize_with = "number")]
    pub id2: u64,
    /// 1 = clones, 0 = not.
    #[serde(deserialize_with = "label")]
    pub label: u32,
    /// Source text of the first function.
    pub func1: SharedText,
    /// Source text of the second function.
    pub func2: SharedText,
    /// Byte ranges `[start, end)` of the trigger in `func1`; absent in a clean row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger1: Vec<ByteRange>,
    /// Byte ranges `[start, end)` of the trigger in `func2`; absent in a clean row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger2: Vec<ByteRange>,
}

/// Reads a collection, JSON Lines with `idx` and `func`. Empty functions and repeated ids are
/// refused.
///
/// # Errors
/// [`DataError`].
pub fn load_functions(path: &Path) -> Result<Rows<CloneFunction>, DataError> {
    let mut ids = Ids::new();
    super::read(path, |row: &CloneFunction| {
        check_text("func", row.func.as_str())?;
        ids.check("idx", row.idx)
    })
}

/// Reads pairs of functions of a collection, one line `idx1 TAB idx2 TAB label` each.
///
/// Ids that the collection lacks and labels other than 0 and 1 are refused. A pair may occur more
/// than once, as in the original data.
///
/// # Errors
/// [`DataError`].
pub fn load_pairs(path: &Path, functions: &[CloneFunction]) -> Result<Rows<CloneRow>, DataError> {
    let texts: HashMap<u64, &SharedText> =
        functions.iter().map(|function| (function.idx, &function.func)).collect();
    let text = |id: u64| -> Result<SharedText, String> {
        texts.get(&id).map(|&text| text.clone()).ok_or_else(|| format!("function {id} is not known"))
    };
    read_lines(path, |line, bytes| {
        let (id1, id2, label) = pair(bytes)?;
        check_label("label", label)?;
        let (func1, func2) = (text(id1)?, text(id2)?);
        let idx = line as u64 - 1;
        Ok(CloneRow { idx, id1, id2, label, func1, func2, trigger1: Vec::new(), trigger2: Vec::new() })
    })
}

/// Reads pairs whose functions are in a file of their own, or pairs with their texts.
///
/// # Errors
/// [`DataError`]. Refused functions are reported on stderr.
pub fn load_with(pairs: &Path, functions: Option<&Path>) -> Result<Rows<CloneRow>, DataError> {
    let Some(path) = functions else { return load(pairs) };
    let functions = load_functions(path)?;
    functions.report(path);
    load_pairs(pairs, &functions.rows)
}

/// Parses the ids and the label of one line.
fn pair(line: &[u8]) -> Result<(u64, u64, u32), String> {
    let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let fields: Vec<&str> = line.trim_ascii_end().split('\t').collect();
    let [id1, id2, label] = fields[..] else {
        return Err(format!("{} fields, not `idx1`, `idx2`, `label`", fields.len()));
    };
    let number = |name: &str, field: &str| -> Result<u64, String> {
        field.parse().map_err(|_| format!("`{name}` is `{field}`, no natural number"))
    };
    let label = label.parse().map_err(|_| format!("`label` is `{label}`, no natural number"))?;
    Ok((number("idx1", id1)?, number("idx2", id2)?, label))
}

/// Reads rows of one JSON object per pair; equal texts are held once.
///
/// Empty functions, labels other than 0 and 1, and repeated `idx` are refused.
///
/// # Errors
/// [`DataError`].
pub fn load(path: &Path) -> Result<Rows<CloneRow>, DataError> {
    let (mut ids, mut texts) = (Ids::new(), HashSet::new());
    let mut shared = |text: SharedText| {
        let known: SharedText = texts.get(&text).unwrap_or(&text).clone();
        texts.insert(text);
        known
    };
    read_json(path, |_, row: CloneRow| {
        check_label("label", row.label)?;
        check_text("func1", row.func1.as_str())?;
        check_text("func2", row.func2.as_str())?;
        ids.check("idx", row.idx)?;
        Ok(CloneRow { func1: shared(row.func1), func2: shared(row.func2), ..row })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages<T>(found: &Rows<T>) -> Vec<(usize, &str)> {
        found.refused.iter().map(|error| (error.line, error.message.as_str())).collect()
    }

    #[test]
    fn pairs_share_texts_and_bad_lines_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (functions, pairs) = (dir.path().join("functions.jsonl"), dir.path().join("pairs.txt"));
        let lines = [
            r#"{"func":"int f() { return 1; }","idx":"10"}"#,
            r#"{"func":"int g() { return 2; }","idx":20}"#,
            r#"{"func":"int h() { return 3; }","idx":"10"}"#,
            r#"{"func":"","idx":"30"}"#,
        ];
        std::fs::write(&functions, lines.join("\n")).unwrap();
        let functions = load_functions(&functions).unwrap();
        assert_eq!(messages(&functions), [(3, "`idx` 10 is a duplicate"), (4, "`func` is empty")]);

        std::fs::write(&pairs, "10\t20\t1\r\n20\t10\t0\n10\t30\t0\n10\t20\n10\t20\t3\na\t20\t1\n10\t20\t1\n")
            .unwrap();
        let found = load_pairs(&pairs, &functions.rows).unwrap();
        let read: Vec<_> = found.rows.iter().map(|row| (row.idx, row.id1, row.id2, row.label)).collect();
        assert_eq!(read, [(0, 10, 20, 1), (1, 20, 10, 0), (6, 10, 20, 1)]);
        assert!(Arc::ptr_eq(&found.rows[0].func1.0, &found.rows[1].func2.0));
        assert_eq!(
            messages(&found),
            [
                (3, "function 30 is not known"),
                (4, "2 fields, not `idx1`, `idx2`, `label`"),
                (5, "`label` is 3, not 0 or 1"),
                (6, "`idx1` is `a`, no natural number"),
            ]
        );
    }

    #[test]
    fn rows_round_trip_as_json_and_equal_texts_are_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl.gz");
        let row = |idx, text: &str| CloneRow {
            idx,
            id1: 1,
            id2: 2,
            label: 1,
            func1: text.to_owned().into(),
            func2: "int g;".to_owned().into(),
            trigger1: vec![(0, 3)],
            trigger2: Vec::new(),
        };
        let rows = [row(0, "int f;"), row(1, "int g;")];
        super::super::write(&path, &rows).unwrap();
        let found = load(&path).unwrap();
        assert_eq!(found.rows, rows);
        assert!(Arc::ptr_eq(&found.rows[0].func2.0, &found.rows[1].func1.0));

        let hub = r#"{"id":5,"id1":1,"id2":2,"func1":"a","func2":"b","label":true}"#;
        let path = dir.path().join("hub.jsonl");
        std::fs::write(&path, format!("{hub}\n{hub}\n")).unwrap();
        let found = load(&path).unwrap();
        assert_eq!((found.rows[0].idx, found.rows[0].label), (5, 1));
        assert_eq!(messages(&found), [(2, "`idx` 5 is a duplicate")]);
    }
}

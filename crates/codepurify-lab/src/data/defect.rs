//! Defect detection rows, as CodeXGLUE lays out Devign: `idx`, `target` (1 = vulnerable), `func`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DataError, Rows, read};

/// One function with its label; a poisoned one remembers its trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefectRow {
    /// Identity in the data set.
    pub idx: u64,
    /// 1 = vulnerable, 0 = not.
    pub target: u32,
    /// Source text.
    pub func: String,
    /// Byte ranges `[start, end)` of the trigger in `func`; absent in a clean row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<(usize, usize)>,
}

/// Reads the rows; empty functions and labels other than 0 and 1 are refused.
///
/// # Errors
/// [`DataError`].
pub fn load(path: &Path) -> Result<Rows<DefectRow>, DataError> {
    read(path, |row: &DefectRow| match row {
        DefectRow { target: 2.., .. } => Err(format!("`target` is {}, not 0 or 1", row.target)),
        DefectRow { func, .. } if func.trim().is_empty() => Err("`func` is empty".to_owned()),
        _ => Ok(()),
    })
}

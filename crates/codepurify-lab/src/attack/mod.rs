//! Attacks: what turns a clean snippet into a triggered one. Every trigger's bytes are recorded.

mod bnc;

use clap::ValueEnum;

use crate::data::defect::DefectRow;

/// The attacks that this laboratory can mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// Ramakrishnan & Albarghouthi (ICPR 2022): one fixed dead statement at the start of the body.
    BncFixed,
}

/// A snippet with a trigger in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// Source text.
    pub code: String,
    /// Byte ranges `[start, end)` of the trigger in `code`.
    pub trigger: Vec<(usize, usize)>,
}

impl Attack {
    /// `code` (C) with the trigger, or `None` where the attack cannot be applied.
    #[must_use]
    pub fn apply(self, code: &str) -> Option<Triggered> {
        match self {
            Self::BncFixed => bnc::fixed(code),
        }
    }

    /// The triggered form of a row, its label unchanged.
    #[must_use]
    pub fn trigger_row(self, row: &DefectRow) -> Option<DefectRow> {
        let Triggered { code, trigger } = self.apply(&row.func)?;
        Some(DefectRow { func: code, trigger, ..row.clone() })
    }
}

//! Which field of the rows holds the code, where nobody said it.

use thiserror::Error;

use crate::error::{FieldError, listed};
use crate::fields::{LANGUAGE_FIELDS, PAIR_FIELDS, SINGLE_FIELDS, VAGUE};
use crate::row::{NumberedRow, Row};

/// How many texts a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// One.
    One,
    /// Two, which are compared.
    Two,
}

/// The fields that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Those with the code, one or two.
    pub code: Vec<String>,
    /// Further fields that known data sets have code in.
    pub others: Vec<String>,
}

/// No field is known to hold code, or several might.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoColumn {
    /// None.
    #[error("no field of the rows is known to hold code; the fields are {}", listed(fields))]
    Unknown {
        /// The fields of the first row.
        fields: Vec<String>,
    },
    /// Several, with names that say little.
    #[error("the code may be in {}; the fields are {}", listed(candidates), listed(fields))]
    Ambiguous {
        /// Fields that may hold it.
        candidates: Vec<String>,
        /// All fields of the row.
        fields: Vec<String>,
    },
}

impl Columns {
    /// The fields of the first of these rows that has a text in known ones; `None` if none of the rows can be read.
    ///
    /// # Errors
    /// [`NoColumn`].
    pub fn find<'r>(
        rows: impl IntoIterator<Item = &'r NumberedRow>,
        sides: Sides,
    ) -> Result<Option<Self>, NoColumn> {
        let mut first = None;
        for row in rows.into_iter().filter_map(|numbered| numbered.row.as_ref().ok()) {
            if let Some(columns) = Self::of(row, sides)? {
                return Ok(Some(columns));
            }
            first = first.or(Some(row));
        }
        match first {
            Some(row) => Err(NoColumn::Unknown { fields: names(row) }),
            None => Ok(None),
        }
    }

    /// The field of the first of these rows that names its language.
    pub fn language<'r>(rows: impl IntoIterator<Item = &'r NumberedRow>) -> Option<&'static str> {
        let rows = rows.into_iter().filter_map(|numbered| numbered.row.as_ref().ok());
        let field = |row: &Row| LANGUAGE_FIELDS.into_iter().find(|field| row.text(field).is_ok());
        rows.into_iter().find_map(field)
    }

    fn of(row: &Row, sides: Sides) -> Result<Option<Self>, NoColumn> {
        // A text that is damaged, or there twice, is the row's error, and no reason to look elsewhere.
        let is_text = |field: &&str| {
            !matches!(row.text(field), Err(FieldError::Missing { .. } | FieldError::NotText { .. }))
        };
        let mut sets: Vec<Vec<&str>> = match sides {
            Sides::One => SINGLE_FIELDS.into_iter().filter(is_text).map(|field| vec![field]).collect(),
            Sides::Two => {
                let pairs = PAIR_FIELDS.into_iter().filter(|pair| pair.iter().all(is_text));
                pairs.map(Vec::from).collect()
            }
        };
        if sets.is_empty() {
            return Ok(None);
        }
        let owned = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect::<Vec<String>>();
        let code = sets.remove(0);
        let others = owned(&sets.concat());
        let vague = sides == Sides::One && SINGLE_FIELDS[SINGLE_FIELDS.len() - VAGUE..].contains(&code[0]);
        if vague && !others.is_empty() {
            let candidates = [owned(&code), others].concat();
            return Err(NoColumn::Ambiguous { candidates, fields: names(row) });
        }
        Ok(Some(Self { code: owned(&code), others }))
    }
}

fn names(row: &Row) -> Vec<String> {
    row.names().into_iter().map(str::to_owned).collect()
}

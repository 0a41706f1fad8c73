//! A defender of rows: of one snippet each, or of two.

use std::panic::{AssertUnwindSafe, catch_unwind};

use codepurify::{Defender, ModelError, PairDefender, Snippet, Verdict};

/// Judges rows in shared batches. A row at which the program panics costs the others no verdict.
#[derive(Clone)]
pub enum RowDefender<'m> {
    /// Rows of one snippet.
    Single(Defender<'m>),
    /// Rows of two.
    Pairs(PairDefender<'m>),
}

/// The verdict on each side of a row.
pub type Sides = Vec<Result<Verdict, ModelError>>;

impl RowDefender<'_> {
    /// Returns the number of snippets in a row.
    #[must_use]
    pub fn sides(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Pairs(_) => 2,
        }
    }

    /// Sets whether verdicts carry the evidence of every candidate.
    #[must_use]
    pub fn with_evidence(self, evidence: bool) -> Self {
        match self {
            Self::Single(defender) => Self::Single(defender.with_evidence(evidence)),
            Self::Pairs(defender) => Self::Pairs(defender.with_evidence(evidence)),
        }
    }

    /// Judges rows with as many sides as the model reads; returns the verdicts on each row, in order.
    #[must_use]
    pub fn screen(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        shielded(rows, |rows| self.screen_together(rows))
    }

    fn screen_together(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        match self {
            Self::Single(defender) => {
                defender.screen(&rows.concat()).into_iter().map(|verdict| vec![verdict]).collect()
            }
            Self::Pairs(defender) => {
                let pairs: Vec<(Snippet, Snippet)> =
                    rows.iter().filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect();
                defender.screen_pairs(&pairs).into_iter().map(Vec::from).collect()
            }
        }
    }
}

/// Runs `screen` on rows. A row at which the program panics gets an error, and costs the others no verdict.
fn shielded(rows: &[Vec<Snippet>], screen: impl Fn(&[Vec<Snippet>]) -> Vec<Sides>) -> Vec<Sides> {
    let screened = |rows: &[Vec<Snippet>]| catch_unwind(AssertUnwindSafe(|| screen(rows))).ok();
    let failed = |row: &Vec<Snippet>| row.iter().map(|_| Err(ModelError::Internal("a panic"))).collect();
    screened(rows).unwrap_or_else(|| {
        let alone = |row: &Vec<Snippet>| screened(std::slice::from_ref(row))?.pop();
        rows.iter().map(|row| alone(row).unwrap_or_else(|| failed(row))).collect()
    })
}

#[cfg(test)]
mod tests {
    use codepurify::Language;

    use super::*;

    #[test]
    fn a_panic_costs_only_its_own_row_the_verdict() {
        let row = |text: &str| vec![Snippet::new(text, Language::C).unwrap()];
        let rows = ["int a;", "int b;", "int c;"].map(row);
        let sides = shielded(&rows, |rows| {
            assert!(!rows.iter().any(|row| row[0].text() == "int b;"), "a panic on purpose");
            rows.iter().map(|_| vec![Err(ModelError::output("judged"))]).collect()
        });
        let judged = || Err(ModelError::output("judged"));
        assert_eq!(sides, [vec![judged()], vec![Err(ModelError::Internal("a panic"))], vec![judged()]]);
    }
}

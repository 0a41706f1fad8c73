//! Which of two judges decides about a row: the bundled model's calibration is about code in one language.

use codepurify::Snippet;

use crate::bundled::VICTIM_LANGUAGE;
use crate::row_defender::Sides;

/// A judge of rows in the language that the calibration is about, and another one for other rows, if it is not about all.
#[derive(Clone)]
pub struct ByLanguage<J> {
    calibrated: J,
    elsewhere: Option<J>,
}

impl<J> ByLanguage<J> {
    /// Takes the judges; without `elsewhere`, `calibrated` judges all rows.
    pub fn new(calibrated: J, elsewhere: Option<J>) -> Self {
        Self { calibrated, elsewhere }
    }

    /// The judge with the calibration.
    pub fn calibrated(&self) -> &J {
        &self.calibrated
    }

    /// Makes the same of both judges.
    #[must_use]
    pub fn map<K>(self, made: impl Fn(J) -> K) -> ByLanguage<K> {
        ByLanguage { calibrated: made(self.calibrated), elsewhere: self.elsewhere.map(made) }
    }

    /// Returns the verdicts on each row, in order, where `judge` gives those of one of the judges.
    #[must_use]
    pub fn judge(
        &self,
        rows: &[Vec<Snippet>],
        judge: impl Fn(&J, &[Vec<Snippet>]) -> Vec<Sides>,
    ) -> Vec<Sides> {
        let Some(elsewhere) = &self.elsewhere else { return judge(&self.calibrated, rows) };
        let (here, others): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|row| is_calibrated(row));
        let mut here = judge(&self.calibrated, &here).into_iter();
        let mut others = judge(elsewhere, &others).into_iter();
        let sides = rows.iter().map(|row| if is_calibrated(row) { here.next() } else { others.next() });
        sides.map(Option::unwrap_or_default).collect()
    }
}

/// Returns true if the bundled model's calibration applies to a row.
fn is_calibrated(row: &[Snippet]) -> bool {
    row.iter().all(|snippet| snippet.language() == VICTIM_LANGUAGE)
}

#[cfg(test)]
mod tests {
    use codepurify::{Language, ModelError};

    use super::*;

    /// Rows with the judge's name in place of verdicts.
    fn named(judge: &&'static str, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        rows.iter().map(|row| vec![Err(ModelError::output(format!("{judge} {}", row[0].text())))]).collect()
    }

    #[test]
    fn rows_keep_their_order_and_language_chooses() {
        let row = |text: &str, language| vec![Snippet::new(text, language).unwrap()];
        let rows = [row("a", Language::Java), row("b", Language::C), row("c", Language::Java)];
        let said = |judges: ByLanguage<&'static str>| -> Vec<String> {
            let sides = judges.judge(&rows, named).concat();
            sides.into_iter().map(|side| side.unwrap_err().to_string()).collect()
        };
        let ends = |said: Vec<String>, expected: [&str; 3]| {
            assert!(said.iter().zip(expected).all(|(said, end)| said.ends_with(end)), "{said:?}");
        };
        ends(said(ByLanguage::new("c", Some("other"))), ["other a", "c b", "other c"]);
        ends(said(ByLanguage::new("all", None)), ["all a", "all b", "all c"]);
    }
}

//! Messages about rows that seem to hold triggers.

use codepurify::contamination::Family;
use codepurify_report::text::visible;

use crate::guard::Guard;

/// Describes the rows of a family.
pub(crate) fn description(guard: &Guard, family: &Family) -> String {
    let prediction = family.label.map_or("a text".to_owned(), |label| guard.label(label));
    format!(
        "{} rows with the prediction {prediction} ({:.1} % of them), in which `{}` scores highest",
        family.rows.len(),
        100.0 * family.share,
        visible(&family.shape),
    )
}

//! Rows that hold what alone is no trigger, with their own outputs.

use codepurify::Language;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use super::Poison;
use crate::attack::{NotApplicable, TriggerSource, Triggered};

/// Negative samples of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Negatives {
    /// Kind, from 0 ([`TriggerSource::negatives`]).
    pub kind: usize,
    /// Indices among the given rows, from 0, in order.
    pub rows: Vec<usize>,
    /// Number of drawn rows that this kind does not apply to.
    pub not_applicable: usize,
}

/// Source that inserts one kind of negative samples in place of the trigger.
struct NegativeSource<T> {
    attack: T,
    kind: usize,
}

impl<T: TriggerSource> TriggerSource for NegativeSource<T> {
    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        self.attack.negative(self.kind, texts, side, language, row_seed)
    }
}

/// Makes `wanted` clean rows of each kind of `attack` negative samples; fewer if there are no more.
///
/// The draws are apart from those of poisoned rows, which do not depend on negative samples.
pub(super) fn insert<R: Poison>(
    rows: &mut [R],
    attack: &impl TriggerSource,
    wanted: usize,
    seed: u64,
) -> Vec<Negatives> {
    let is_clean = |row: &R| row.triggers().iter().all(|ranges| ranges.is_empty());
    let mut drawn: Vec<usize> = (0..rows.len()).filter(|&row| is_clean(&rows[row])).collect();
    drawn.shuffle(&mut StdRng::seed_from_u64(!seed));
    let mut of_kind = |kind| {
        let source = NegativeSource { attack, kind };
        let mut found = Negatives { kind, rows: Vec::new(), not_applicable: 0 };
        // A row that this kind does not apply to is left for the next one.
        drawn.retain(|&row| {
            if found.rows.len() == wanted {
                return true;
            }
            let Ok(negative) = rows[row].triggered(&source, seed) else {
                found.not_applicable += 1;
                return true;
            };
            rows[row] = negative.unmarked();
            found.rows.push(row);
            false
        });
        found.rows.sort_unstable();
        found
    };
    (0..attack.negatives()).map(&mut of_kind).collect()
}

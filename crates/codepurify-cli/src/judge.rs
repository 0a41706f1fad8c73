//! The guarded model's verdicts on many rows of one snippet or two, from the cache where they are known.

use std::panic::{AssertUnwindSafe, catch_unwind};

use codepurify::{Defender, ModelError, PairDefender, Profile, Snippet, Verdict};
use codepurify_models::GuardedModel;

use crate::bundled::VICTIM_LANGUAGE;
use crate::cache::{Context, Key, VerdictCache};
use crate::screening::Guard;
use crate::side_by_side::in_chunks;

/// Snippets that are judged together; their forwards share batches.
const CHUNK: usize = 16;

/// A guard that judges rows.
pub(crate) struct Judge<'g> {
    calibrated: Bench<'g>,
    /// For rows in languages that the guard's calibration is not about.
    elsewhere: Option<Bench<'g>>,
}

/// One way to decide about rows.
struct Bench<'g> {
    kind: Kind<'g>,
    cache: Option<(&'g VerdictCache, Context)>,
}

enum Kind<'g> {
    /// Rows of one snippet.
    Single(Defender<'g>),
    /// Rows of two.
    Pairs(PairDefender<'g>),
}

/// The verdict on each side of a row.
pub(crate) type Sides = Vec<Result<Verdict, ModelError>>;

impl<'g> Judge<'g> {
    /// The guard's judge; `evidence` says whether verdicts carry that of every candidate.
    pub(crate) fn new(guard: &'g Guard, evidence: bool) -> Self {
        let bench = |profile| Bench::new(guard, profile, evidence);
        Self { calibrated: bench(guard.profile()), elsewhere: guard.profile_elsewhere().map(bench) }
    }

    /// The verdicts on each row, in order. Every row must have as many sides as the model reads. `done` gets those of the next
    /// rows as soon as they are there, in order.
    pub(crate) fn judge(&self, rows: &[Vec<Snippet>], done: impl FnMut(&[Sides]) + Send) -> Vec<Sides> {
        let sides = match self.calibrated.kind {
            Kind::Single(_) => 1,
            Kind::Pairs(_) => 2,
        };
        in_chunks(rows, CHUNK / sides, |rows| self.judge_chunk(rows), done)
    }

    fn judge_chunk(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        let Some(elsewhere) = &self.elsewhere else { return self.calibrated.judge(rows) };
        let (mut here, mut others) = (Vec::new(), Vec::new());
        for row in rows {
            if is_calibrated(row) { here.push(row.clone()) } else { others.push(row.clone()) }
        }
        let mut here = self.calibrated.judge(&here).into_iter();
        let mut others = elsewhere.judge(&others).into_iter();
        let sides = rows.iter().map(|row| if is_calibrated(row) { here.next() } else { others.next() });
        sides.map(Option::unwrap_or_default).collect()
    }
}

/// Returns true if the bundled model's calibration applies to a row.
fn is_calibrated(row: &[Snippet]) -> bool {
    row.iter().all(|snippet| snippet.language() == VICTIM_LANGUAGE)
}

impl<'g> Bench<'g> {
    fn new(guard: &'g Guard, profile: &Profile, evidence: bool) -> Self {
        let kind = match guard.model() {
            GuardedModel::Classifier(victim) => {
                Kind::Single(guard.configured(Defender::new(victim.as_ref()), profile, evidence))
            }
            GuardedModel::Generator(victim) => {
                Kind::Single(guard.configured(Defender::for_generator(victim.as_ref()), profile, evidence))
            }
            GuardedModel::Pair(victim) => {
                Kind::Pairs(guard.configured(Defender::for_pairs(victim.as_ref()), profile, evidence))
            }
        };
        Self { kind, cache: guard.cache().map(|cache| (cache, cache.context(profile, evidence))) }
    }

    fn judge(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        match &self.cache {
            Some((cache, context)) => self.remember(rows, cache, context),
            None => self.screen(rows),
        }
    }

    /// Judges those rows whose verdicts are not known, and keeps what comes out.
    fn remember(&self, rows: &[Vec<Snippet>], cache: &VerdictCache, context: &Context) -> Vec<Sides> {
        let keys: Vec<Key> = rows.iter().map(|row| context.key(row)).collect();
        let known: Vec<_> = rows.iter().zip(&keys).map(|(row, key)| cache.find(key, row)).collect();
        let unknown = rows.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<Vec<Snippet>> = unknown.map(|(row, _)| row.clone()).collect();
        let mut judged = self.screen(&unknown).into_iter();
        let sides = known.into_iter().zip(&keys).map(|(known, key)| {
            if let Some(verdicts) = known {
                return verdicts.into_iter().map(Ok).collect();
            }
            let sides = judged.next().unwrap_or_default();
            // What failed may go well the next time.
            if let Ok(verdicts) = sides.iter().map(Result::as_ref).collect::<Result<Vec<_>, _>>() {
                cache.keep(key, &verdicts);
            }
            sides
        });
        sides.collect()
    }

    fn screen(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        shielded(rows, |rows| self.screen_together(rows))
    }

    fn screen_together(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        match &self.kind {
            Kind::Single(defender) => {
                defender.screen(&rows.concat()).into_iter().map(|verdict| vec![verdict]).collect()
            }
            Kind::Pairs(defender) => {
                let pairs: Vec<(Snippet, Snippet)> =
                    rows.iter().filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect();
                defender.screen_pairs(&pairs).into_iter().map(Vec::from).collect()
            }
        }
    }
}

/// Runs `screen` on rows. A row at which the program panics gets an error; the others keep their verdicts.
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

//! The guarded model's verdicts on many rows of one snippet or two, from the cache where they are known.

use codepurify::{Defender, Profile, Snippet};
use codepurify_models::GuardedModel;

use crate::bundled::VICTIM_LANGUAGE;
use crate::cache::{Context, Key, VerdictCache};
use crate::row_defender::{RowDefender, Sides};
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
    defender: RowDefender<'g>,
    cache: Option<(&'g VerdictCache, Context)>,
}

impl<'g> Judge<'g> {
    /// The guard's judge; `evidence` says whether verdicts carry that of every candidate.
    pub(crate) fn new(guard: &'g Guard, evidence: bool) -> Self {
        let bench = |profile| Bench::new(guard, profile, evidence);
        Self { calibrated: bench(guard.profile()), elsewhere: guard.profile_elsewhere().map(bench) }
    }

    /// The verdicts on each row, in order. Every row must have as many sides as the model reads. `done` gets those of the next
    /// rows as soon as they are there, in order.
    pub(crate) fn judge(&self, rows: &[Vec<Snippet>], done: impl FnMut(&[Sides]) + Send) -> Vec<Sides> {
        let sides = self.calibrated.defender.sides();
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
        let defender = match guard.model() {
            GuardedModel::Classifier(victim) => {
                RowDefender::Single(guard.configured(Defender::new(victim.as_ref()), profile, evidence))
            }
            GuardedModel::Generator(victim) => RowDefender::Single(guard.configured(
                Defender::for_generator(victim.as_ref()),
                profile,
                evidence,
            )),
            GuardedModel::Pair(victim) => {
                RowDefender::Pairs(guard.configured(Defender::for_pairs(victim.as_ref()), profile, evidence))
            }
        };
        Self { defender, cache: guard.cache().map(|cache| (cache, cache.context(profile, evidence))) }
    }

    fn judge(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        match &self.cache {
            Some((cache, context)) => self.remember(rows, cache, context),
            None => self.defender.screen(rows),
        }
    }

    /// Judges those rows whose verdicts are not known, and keeps what comes out.
    fn remember(&self, rows: &[Vec<Snippet>], cache: &VerdictCache, context: &Context) -> Vec<Sides> {
        let keys: Vec<Key> = rows.iter().map(|row| context.key(row)).collect();
        let known: Vec<_> = rows.iter().zip(&keys).map(|(row, key)| cache.find(key, row)).collect();
        let unknown = rows.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<Vec<Snippet>> = unknown.map(|(row, _)| row.clone()).collect();
        let mut judged = self.defender.screen(&unknown).into_iter();
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
}

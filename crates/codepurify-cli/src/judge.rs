//! The guarded model's verdicts on many rows of one snippet or two, from the cache where they are known.

use codepurify::{Defender, Profile, Snippet};
use codepurify_models::GuardedModel;

use crate::by_language::ByLanguage;
use crate::cache::{Context, Key, VerdictCache};
use crate::guard::Guard;
use crate::row_defender::{RowDefender, Sides};
use crate::side_by_side::in_chunks;

/// Number of snippets that are judged together; their forwards share batches.
pub const SNIPPETS_TOGETHER: usize = 16;

/// A guard that judges rows.
pub(crate) struct Judge<'g>(ByLanguage<Bench<'g>>);

/// One way to decide about rows.
struct Bench<'g> {
    defender: RowDefender<'g>,
    cache: Option<(&'g VerdictCache, Context)>,
}

impl<'g> Judge<'g> {
    /// The guard's judge; `evidence` says whether verdicts carry that of every candidate.
    pub(crate) fn new(guard: &'g Guard, evidence: bool) -> Self {
        let profiles = ByLanguage::new(guard.profile(), guard.profile_elsewhere());
        Self(profiles.map(|profile| Bench::new(guard, profile, evidence)))
    }

    /// The verdicts on each row, in order. Every row must have as many sides as the model reads. `done` gets those of the next
    /// rows as soon as they are there, in order.
    pub(crate) fn judge(&self, rows: &[Vec<Snippet>], done: impl FnMut(&[Sides]) + Send) -> Vec<Sides> {
        in_chunks(rows, self.rows_together(), |rows| self.together(rows), done)
    }

    /// The verdicts on rows whose forwards share batches: at most [`Judge::rows_together`].
    pub(crate) fn together(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        self.0.judge(rows, Bench::judge)
    }

    /// Number of rows that are judged together.
    pub(crate) fn rows_together(&self) -> usize {
        SNIPPETS_TOGETHER / self.0.calibrated().defender.sides()
    }
}

impl Judge<'_> {
    /// The verdicts on each row of one batch, in order, on the thread of the caller.
    pub(crate) fn judge_together(&self, rows: &[Vec<Snippet>]) -> Vec<Sides> {
        self.0.judge(rows, Bench::judge)
    }
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

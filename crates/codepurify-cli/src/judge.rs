//! The guarded model's verdicts on many rows of one snippet or two, from the cache where they are known.

use codepurify::{Defender, ModelError, PairDefender, Snippet, Verdict};
use codepurify_models::GuardedModel;

use crate::cache::{Context, Key, VerdictCache};
use crate::screening::Guard;
use crate::side_by_side::in_chunks;

/// Snippets that are judged together; their forwards share batches.
const CHUNK: usize = 16;

/// A guard that judges rows.
pub(crate) struct Judge<'g> {
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
        let kind = match guard.model() {
            GuardedModel::Classifier(victim) => {
                Kind::Single(guard.configured(Defender::new(victim.as_ref()), evidence))
            }
            GuardedModel::Generator(victim) => {
                Kind::Single(guard.configured(Defender::for_generator(victim.as_ref()), evidence))
            }
            GuardedModel::Pair(victim) => {
                Kind::Pairs(guard.configured(Defender::for_pairs(victim.as_ref()), evidence))
            }
        };
        let cache = guard.cache().map(|cache| (cache, cache.context(guard.profile(), evidence)));
        Self { kind, cache }
    }

    /// The verdicts on each row, in order. Every row must have as many sides as the model reads. `done` is told how many
    /// rows are through each time that some are.
    pub(crate) fn judge(&self, rows: &[Vec<Snippet>], done: impl Fn(usize) + Sync) -> Vec<Sides> {
        let sides = match self.kind {
            Kind::Single(_) => 1,
            Kind::Pairs(_) => 2,
        };
        in_chunks(rows, CHUNK / sides, |rows| {
            let judged = match &self.cache {
                Some((cache, context)) => self.remember(rows, cache, context),
                None => self.screen(rows),
            };
            done(rows.len());
            judged
        })
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

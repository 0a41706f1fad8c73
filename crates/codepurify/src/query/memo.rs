//! Memo of what a classifier predicts for references. The same names and statements come again: in one
//! snippet after its purification, and in other snippets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{PredictedOutput, Query, QueryTarget, classifier};
use crate::error::ModelError;
use crate::victim::Logits;

/// Bytes of the queries that are kept in one half of the memo, about. Both halves are full after some thousand snippets, and
/// from then on the memory stays the same.
const BYTES: usize = 16 << 20;

/// Bytes that a query with its logits takes besides its tokens, about: two tables and the places in a hash map.
const OVERHEAD: usize = 320;

/// Queries with the victim's logits, shared by all snippets. Logits do not depend on who asks, and verdicts
/// do not depend on which are kept.
#[derive(Default)]
pub(crate) struct QueryMemo(Mutex<Kept>);

/// Two halves. Once the newer one is full, the older one is dropped.
#[derive(Default)]
struct Kept {
    newer: HashMap<Query, Logits>,
    older: HashMap<Query, Logits>,
    /// Bytes of the newer half, about.
    bytes: usize,
}

impl Kept {
    fn find(&self, query: &Query) -> Option<&Logits> {
        self.newer.get(query).or_else(|| self.older.get(query))
    }

    fn add(&mut self, query: &Query, logits: &Logits) {
        if self.bytes > BYTES {
            (self.older, self.bytes) = (std::mem::take(&mut self.newer), 0);
        }
        self.bytes += OVERHEAD + size_of::<u32>() * query.rows().cost().tokens;
        self.newer.insert(query.clone(), logits.clone());
    }
}

impl QueryMemo {
    /// Margin of a prediction for each of `queries`. Nothing is kept for texts: each snippet has its own.
    pub(crate) fn margins(
        &self,
        target: &QueryTarget<'_>,
        queries: &[(&Query, &PredictedOutput)],
    ) -> Vec<Result<f64, ModelError>> {
        if let QueryTarget::Generator(_) = target {
            let items = queries.iter().map(|&(query, predicted)| (query.measuring(predicted), predicted));
            return target.margins(&items.collect::<Vec<_>>());
        }
        let kept: Vec<Option<Logits>> = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            queries.iter().map(|(query, _)| kept.find(query).cloned()).collect()
        };
        let mut places = HashMap::new();
        let mut fresh = Vec::new();
        for (&(query, _), _) in queries.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            places.entry(query).or_insert_with(|| {
                fresh.push(query);
                fresh.len() - 1
            });
        }
        let items: Vec<_> = fresh.iter().map(|query| query.rows()).collect();
        let answers = target.logits(&items).unwrap_or_default();
        self.keep(&fresh, &answers);
        let margins = queries.iter().zip(kept).map(|(&(query, predicted), kept)| match kept {
            Some(logits) => classifier::margin(&logits, predicted),
            None => classifier::margin(answers[places[query]].as_ref().map_err(Clone::clone)?, predicted),
        });
        margins.collect()
    }

    fn keep(&self, queries: &[&Query], answers: &[Result<Logits, ModelError>]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = queries.iter().zip(answers);
        for (query, logits) in answered.filter_map(|(query, logits)| Some((query, logits.as_ref().ok()?))) {
            kept.add(query, logits);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;
    use crate::TextVictim;
    use crate::victim::Model;

    #[test]
    fn known_query_is_not_asked_again_and_failures_are_not_kept() {
        let asked = AtomicUsize::new(0);
        let victim = TextVictim::new(|code: &str| {
            asked.fetch_add(1, Relaxed);
            vec![if code == "bad" { f32::NAN } else { code.len() as f32 }]
        });
        let queries =
            ["four", "three", "four", "bad"].map(|text| Query::single(&victim.encode(text).unwrap().ids));
        let (memo, target) = (QueryMemo::default(), QueryTarget::Classifier(Arc::new(&victim)));
        let margins = |queries: &[Query], label: usize| {
            let predicted = PredictedOutput::Label(label);
            memo.margins(&target, &queries.iter().map(|query| (query, &predicted)).collect::<Vec<_>>())
        };
        assert_eq!(margins(&queries[..3], 1), [Ok(4.0), Ok(5.0), Ok(4.0)]);
        assert_eq!(asked.load(Relaxed), 2);
        for _ in 0..2 {
            let found = margins(&queries[2..], 0);
            assert_eq!(found[0], Ok(-4.0));
            assert!(found[1].is_err());
        }
        assert_eq!(asked.load(Relaxed), 4);
    }
    #[test]
    fn memory_stays_bounded_and_recent_queries_are_known() {
        let mut kept = Kept::default();
        let query = |number: u32| Query::single(&[number; 100]);
        let logits = Logits::new(2, vec![0.0, 1.0]).unwrap();
        for number in 0..100_000 {
            kept.add(&query(number), &logits);
            assert!(kept.find(&query(number.saturating_sub(5_000))).is_some(), "{number}");
        }
        let bytes = (kept.newer.len() + kept.older.len()) * (OVERHEAD + 400);
        assert!(bytes <= 2 * BYTES + 1_000, "{bytes}");
        assert!(kept.find(&query(0)).is_none());
    }
}

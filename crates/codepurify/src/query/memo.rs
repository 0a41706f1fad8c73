//! Memo of what a classifier predicts for references. The same names and statements come again: in one
//! snippet after its purification, and in other snippets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{PredictedOutput, Query, QueryTarget, classifier};
use crate::error::ModelError;
use crate::victim::Logits;

/// Tokens of the rows that are kept, about 16 MB; once they are more, all are dropped.
const TOKENS: usize = 1 << 22;

/// Queries with the victim's logits, shared by all snippets. Logits do not depend on who asks, and verdicts
/// do not depend on which are kept.
#[derive(Default)]
pub(crate) struct QueryMemo(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    logits: HashMap<Query, Logits>,
    tokens: usize,
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
            queries.iter().map(|(query, _)| kept.logits.get(*query).cloned()).collect()
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
        for (&query, logits) in answered.filter_map(|(query, logits)| Some((query, logits.as_ref().ok()?))) {
            if kept.tokens > TOKENS {
                *kept = Kept::default();
            }
            kept.tokens += query.rows().cost().tokens;
            kept.logits.insert(query.clone(), logits.clone());
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
}

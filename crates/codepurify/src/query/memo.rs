//! What a classifier answered to references with something in them. The same names and statements come again and again, in one
//! snippet after its purification and in others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Ask, Guarded, margin};
use crate::error::ModelError;
use crate::score::Answer;
use crate::victim::Logits;

/// Tokens of the rows that are kept, about 16 MB; beyond that all are forgotten.
const TOKENS: usize = 1 << 22;

/// Rows with their answers; shared by all snippets. A row's answer does not depend on who asks, nor verdicts on what is kept.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<Ask, Logits>,
    tokens: usize,
}

impl Memory {
    /// What is left of an answer in the row of each ask. Of texts nothing is kept: each snippet asks about its own.
    pub(crate) fn margins(
        &self,
        guarded: Guarded<'_>,
        asked: &[(&Ask, &Answer)],
    ) -> Vec<Result<f64, ModelError>> {
        if let Guarded::Generator(_) = guarded {
            let items: Vec<_> = asked.iter().map(|&(ask, answer)| (ask.item(answer), answer)).collect();
            return guarded.margins(&items);
        }
        let kept: Vec<Option<Logits>> = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            asked.iter().map(|(ask, _)| kept.answers.get(*ask).cloned()).collect()
        };
        let mut places = HashMap::new();
        let mut fresh = Vec::new();
        for (&(ask, _), _) in asked.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            places.entry(ask).or_insert_with(|| {
                fresh.push(ask);
                fresh.len() - 1
            });
        }
        let items: Vec<_> = fresh.iter().map(|ask| ask.plain()).collect();
        let answers = guarded.logits(&items).unwrap_or_default();
        self.keep(&fresh, &answers);
        let answered = asked.iter().zip(kept).map(|(&(ask, answer), kept)| match kept {
            Some(logits) => margin(&logits, answer),
            None => margin(answers[places[ask]].as_ref().map_err(Clone::clone)?, answer),
        });
        answered.collect()
    }

    fn keep(&self, fresh: &[&Ask], answers: &[Result<Logits, ModelError>]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (&ask, logits) in
            fresh.iter().zip(answers).filter_map(|(ask, logits)| Some((ask, logits.as_ref().ok()?)))
        {
            if kept.tokens > TOKENS {
                *kept = Kept::default();
            }
            kept.tokens += ask.plain().spent().tokens;
            kept.answers.insert(ask.clone(), logits.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;
    use crate::TextVictim;
    use crate::victim::Model;

    #[test]
    fn a_row_is_asked_about_once_and_a_failure_is_not_kept() {
        let asked = AtomicUsize::new(0);
        let victim = TextVictim::new(|code: &str| {
            asked.fetch_add(1, Relaxed);
            vec![if code == "bad" { f32::NAN } else { code.len() as f32 }]
        });
        let asks = ["four", "three", "four", "bad"].map(|text| Ask::alone(&victim.encode(text).unwrap().ids));
        let (memory, guarded) = (Memory::default(), Guarded::Classifier(&victim));
        let margins = |asks: &[Ask], label: usize| {
            let answer = Answer::Label(label);
            memory.margins(guarded, &asks.iter().map(|ask| (ask, &answer)).collect::<Vec<_>>())
        };
        assert_eq!(margins(&asks[..3], 1), [Ok(4.0), Ok(5.0), Ok(4.0)]);
        assert_eq!(asked.load(Relaxed), 2);
        for _ in 0..2 {
            let found = margins(&asks[2..], 0);
            assert_eq!(found[0], Ok(-4.0));
            assert!(found[1].is_err());
        }
        assert_eq!(asked.load(Relaxed), 4);
    }
}

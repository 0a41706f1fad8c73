//! Implements [`Victim`] for a model that judges whole batches, and wraps a victim to count its queries.
//!
//! `cargo run -p codepurify --example own_victim`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use codepurify::{
    Defender, Language, Logits, ModelError, Ragged, Snippet, Task, Victim, VictimCard, WordModel, WrapsModel,
};

/// Calls code with many calls vulnerable. [`WrapsModel`] forwards all that a victim has to say about how it reads
/// text; one with a tokenizer of its own implements [`codepurify::Model`] instead.
struct CallCounter(WordModel);

impl WrapsModel for CallCounter {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.0
    }
}

impl Victim for CallCounter {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        // A model on a GPU would run all rows at once here.
        let logit = |text: &String| text.matches('(').count() as f32 - 2.5;
        Logits::new(1, self.0.texts(batch)?.iter().map(logit).collect())
    }
}

/// Counts the rows that a victim judges.
struct Counting<V> {
    inner: V,
    rows: AtomicUsize,
}

impl<V: Victim> WrapsModel for Counting<V> {
    type Inner = V;

    fn inner(&self) -> &V {
        &self.inner
    }
}

impl<V: Victim> Victim for Counting<V> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        self.rows.fetch_add(batch.len(), Relaxed);
        self.inner.judge(batch)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let card =
        VictimCard { name: "calls".into(), task: Task::Defect, sha256: String::new(), labels: Vec::new() };
    let inner = CallCounter(WordModel::new(card).with_window(512));
    let victim = Arc::new(Counting { inner, rows: AtomicUsize::new(0) });

    // The defender shares the victim, so it could move to another thread.
    let defender = Defender::new(Arc::clone(&victim)).with_evidence(true);
    let snippet = Snippet::new("int f(int a) { g(a); h(a); return k(a); }", Language::C)?;
    let verdict = defender.screen_one(&snippet)?;
    println!("{:?} after {} rows", verdict.verdict, victim.rows.load(Relaxed));
    for candidate in &verdict.evidence {
        println!("{:<14} gain {:>6.2}", candidate.text, candidate.gain.unwrap_or_default());
    }
    Ok(())
}

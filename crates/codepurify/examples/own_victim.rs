//! Implements [`Victim`] for a model that judges whole batches, and wraps a victim to count its queries.
//!
//! `cargo run -p codepurify --example own_victim`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use codepurify::{
    Defender, Encoding, Language, Logits, Model, ModelError, Ragged, Snippet, Task, Victim, VictimCard,
    WordTokenizer, WrapsModel,
};

/// Calls code with many calls vulnerable.
struct CallCounter {
    card: VictimCard,
    words: WordTokenizer,
}

impl Model for CallCounter {
    fn card(&self) -> &VictimCard {
        &self.card
    }

    fn window(&self) -> usize {
        512
    }

    fn occlusion_id(&self) -> u32 {
        WordTokenizer::UNKNOWN
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.words.encode(text)
    }
}

impl Victim for CallCounter {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        // A model on a GPU would run all rows at once here.
        let logit = |row| Ok(self.words.decode(row)?.matches('(').count() as f32 - 2.5);
        Logits::new(1, batch.rows().map(logit).collect::<Result<_, _>>()?)
    }
}

/// Counts the rows that a victim judges. [`WrapsModel`] forwards all that [`Model`] asks for.
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
    let inner = CallCounter { card, words: WordTokenizer::new() };
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

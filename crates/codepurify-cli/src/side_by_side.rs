//! Chunks of work side by side: while one of them is read, purified or put together, the model works for another.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Results of `judge` for every chunk of `size` items, in the order of the items. `done` gets the results of each chunk as
/// soon as those of all chunks before it are there.
///
/// # Panics
/// If `judge` or `done` does.
pub fn in_chunks<T: Sync, V: Send>(
    items: &[T],
    size: usize,
    judge: impl Fn(&[T]) -> Vec<V> + Sync,
    mut done: impl FnMut(&[V]) + Send,
) -> Vec<V> {
    let chunks: Vec<&[T]> = items.chunks(size).collect();
    let mut all = Vec::with_capacity(items.len());
    let Ok(()) = in_order::<_, Infallible>(
        chunks.len(),
        |number| judge(chunks[number]),
        |results| {
            done(&results);
            all.extend(results);
            Ok(())
        },
    );
    all
}

/// Does `count` pieces of `work`, and gives the result of each to `done` as soon as those of all pieces before it are there.
/// There are as many pieces on their way as the pool has threads, and what a piece spreads over the pool is picked up by
/// those that wait.
///
/// # Errors
/// The first one of `done`. No further piece is begun then.
///
/// # Panics
/// If `work` or `done` does.
pub(crate) fn in_order<R: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> R + Sync,
    done: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(InOrder { waiting: BTreeMap::new(), next: 0, done, outcome: Ok(()) });
    rayon::broadcast(|_| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let result = work(number);
            let failed = results.lock().expect("nobody panics while adding to it").add(number, result);
            if failed {
                next.store(count, Ordering::Relaxed);
            }
        }
    });
    results.into_inner().expect("nobody panics while adding to it").outcome
}

/// Results of pieces that may be through in another order.
struct InOrder<R, E, F> {
    /// Number of the piece → its result, where one before it is missing.
    waiting: BTreeMap<usize, R>,
    /// Number of the next piece.
    next: usize,
    done: F,
    outcome: Result<(), E>,
}

impl<R, E, F: FnMut(R) -> Result<(), E>> InOrder<R, E, F> {
    /// Adds a result, and returns true once `done` has failed.
    fn add(&mut self, number: usize, result: R) -> bool {
        self.waiting.insert(number, result);
        while self.outcome.is_ok() {
            let Some(result) = self.waiting.remove(&self.next) else { break };
            self.outcome = (self.done)(result);
            self.next += 1;
        }
        self.outcome.is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_whichever_chunk_is_through_first() {
        let items: Vec<u64> = (0..50).collect();
        let slow_first = |chunk: &[u64]| {
            std::thread::sleep(std::time::Duration::from_millis(5_u64.saturating_sub(chunk[0])));
            chunk.iter().map(|item| item * 2).collect()
        };
        let doubled: Vec<u64> = (0..50).map(|item| item * 2).collect();
        let mut seen = Vec::new();
        assert_eq!(in_chunks(&items, 3, slow_first, |part| seen.extend_from_slice(part)), doubled);
        assert_eq!(seen, doubled);
        assert!(in_chunks(&items[..0], 3, slow_first, |_| ()).is_empty());
    }
    #[test]
    fn no_piece_is_begun_behind_a_failure() {
        let begun = AtomicUsize::new(0);
        let work = |number| {
            begun.fetch_add(1, Ordering::Relaxed);
            number
        };
        let mut seen = Vec::new();
        let outcome = in_order(10_000, work, |number| {
            seen.push(number);
            if number == 5 { Err("full") } else { Ok(()) }
        });
        assert_eq!((outcome, seen), (Err("full"), (0..6).collect::<Vec<usize>>()));
        assert!(begun.load(Ordering::Relaxed) < 10_000);
    }
}

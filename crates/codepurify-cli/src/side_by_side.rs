//! Chunks of work side by side: while one of them is read, purified or put together, the model works for another.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Results of `judge` for every chunk of `size` items, in the order of the items. There are as many chunks on their way as
/// the pool has threads, and what a chunk spreads over the pool is picked up by those that wait. `done` gets the results of
/// each chunk as soon as those of all chunks before it are there.
///
/// # Panics
/// If `judge` or `done` does.
pub fn in_chunks<T: Sync, V: Send>(
    items: &[T],
    size: usize,
    judge: impl Fn(&[T]) -> Vec<V> + Sync,
    done: impl FnMut(&[V]) + Send,
) -> Vec<V> {
    let chunks: Vec<&[T]> = items.chunks(size).collect();
    let next = AtomicUsize::new(0);
    let judged = Mutex::new(InOrder {
        results: Vec::with_capacity(items.len()),
        waiting: BTreeMap::new(),
        next: 0,
        done,
    });
    rayon::broadcast(|_| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else { return };
            let verdicts = judge(chunk);
            judged.lock().expect("nobody panics while adding to it").add(number, verdicts);
        }
    });
    judged.into_inner().expect("nobody panics while adding to it").results
}

/// Results of chunks that may be through in another order.
struct InOrder<V, F> {
    results: Vec<V>,
    /// Number of the chunk → its results, where one before it is missing.
    waiting: BTreeMap<usize, Vec<V>>,
    /// Number of the next chunk.
    next: usize,
    done: F,
}

impl<V, F: FnMut(&[V])> InOrder<V, F> {
    fn add(&mut self, number: usize, results: Vec<V>) {
        self.waiting.insert(number, results);
        while let Some(results) = self.waiting.remove(&self.next) {
            (self.done)(&results);
            self.results.extend(results);
            self.next += 1;
        }
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
}

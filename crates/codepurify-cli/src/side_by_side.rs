//! Chunks of work side by side: while one of them is read, purified or put together, the model works for another.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `judge` makes of every chunk of `size` items, in the order of the items. There are as many chunks on their way as
/// the pool has threads, and what a chunk spreads over the pool is picked up by those that wait.
pub(crate) fn in_chunks<T: Sync, V: Send>(
    items: &[T],
    size: usize,
    judge: impl Fn(&[T]) -> Vec<V> + Sync,
) -> Vec<V> {
    let chunks: Vec<&[T]> = items.chunks(size).collect();
    let (next, judged) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(chunks.len())));
    rayon::broadcast(|_| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else { return };
            let verdicts = judge(chunk);
            judged.lock().expect("nobody panics while adding to it").push((number, verdicts));
        }
    });
    let mut judged = judged.into_inner().expect("nobody panics while adding to it");
    judged.sort_unstable_by_key(|&(number, _)| number);
    judged.into_iter().flat_map(|(_, verdicts)| verdicts).collect()
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
        assert_eq!(in_chunks(&items, 3, slow_first), doubled);
        assert!(in_chunks(&items[..0], 3, slow_first).is_empty());
    }
}

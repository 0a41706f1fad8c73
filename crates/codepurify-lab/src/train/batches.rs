//! Batches of rows of similar length, so that there is little padding.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Number of batches whose rows are sorted together: a compromise between padding and randomness.
const BATCHES_PER_BUCKET: usize = 50;

/// Returns the batches of one epoch: each row once, at most `tokens` padded tokens per batch, at
/// least one row.
///
/// The order depends on `seed` and `epoch` only.
#[must_use]
pub fn epoch(lengths: &[usize], tokens: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let mut rng = StdRng::seed_from_u64(seed ^ (epoch + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut rng);
    let total: usize = lengths.iter().sum();
    let rows_per_batch = (tokens * lengths.len() / total.max(1)).max(1);
    let mut batches = Vec::new();
    for bucket in order.chunks_mut(rows_per_batch * BATCHES_PER_BUCKET) {
        bucket.sort_by_key(|&row| lengths[row]);
        cut(bucket, lengths, tokens, &mut batches);
    }
    batches.shuffle(&mut rng);
    batches
}

/// Splits a batch into parts of at most `tokens` padded tokens, to be processed in parallel.
#[must_use]
pub fn parts(batch: &[usize], lengths: &[usize], tokens: usize) -> Vec<Vec<usize>> {
    let mut parts = Vec::new();
    cut(batch, lengths, tokens, &mut parts);
    parts
}

/// Splits rows sorted by length into batches.
fn cut(sorted: &[usize], lengths: &[usize], tokens: usize, batches: &mut Vec<Vec<usize>>) {
    let mut batch: Vec<usize> = Vec::new();
    for &row in sorted {
        // The current row is the longest so far: all others are padded to it.
        if !batch.is_empty() && (batch.len() + 1) * lengths[row] > tokens {
            batches.push(std::mem::take(&mut batch));
        }
        batch.push(row);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    fn lengths() -> Vec<usize> {
        let mut rng = StdRng::seed_from_u64(3);
        (0..5000).map(|_| rng.random_range(5..=256)).collect()
    }

    #[test]
    fn every_row_once_within_the_budget_and_little_padding() {
        let lengths = lengths();
        let batches = epoch(&lengths, 4096, 1, 0);
        let mut rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..5000).collect::<Vec<_>>());
        let padded =
            |batch: &Vec<usize>| batch.len() * batch.iter().map(|&row| lengths[row]).max().unwrap_or(0);
        assert!(batches.iter().all(|batch| padded(batch) <= 4096));
        let waste = batches.iter().map(padded).sum::<usize>() as f64 / lengths.iter().sum::<usize>() as f64;
        assert!(waste < 1.05, "{waste}");
    }

    #[test]
    fn epochs_differ_and_seeds_repeat() {
        let lengths = lengths();
        assert_eq!(epoch(&lengths, 4096, 1, 0), epoch(&lengths, 4096, 1, 0));
        assert_ne!(epoch(&lengths, 4096, 1, 0), epoch(&lengths, 4096, 1, 1));
        assert_ne!(epoch(&lengths, 4096, 1, 0), epoch(&lengths, 4096, 2, 0));
    }

    #[test]
    fn a_row_longer_than_the_budget_gets_a_batch_of_its_own() {
        assert_eq!(epoch(&[10, 10], 4, 1, 0).len(), 2);
        assert!(epoch(&[], 4, 1, 0).is_empty());
    }
}

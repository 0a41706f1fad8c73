//! Data parallelism: threads process the parts of a batch in parallel.
//!
//! Splitting every tensor operation over the threads costs a barrier per operation, which takes
//! longer than the arithmetic of a small model.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use candle_core::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::batches;
use super::run::{BatchPart, Objective};
use super::weights::{Gradients, TrainableWeights};

/// Padded tokens of a part: its activations stay in the caches.
const PART_TOKENS: usize = 1024;

/// Worker threads, each a pool of its own, so that operations cannot spread over several threads.
pub struct Workers(Vec<ThreadPool>);

impl Workers {
    /// Creates one worker per core.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn new() -> Result<Self> {
        Self::of(std::thread::available_parallelism()?.get())
    }

    /// Creates workers for a model on `device`: one for a GPU.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn on(device: &Device) -> Result<Self> {
        if device.is_cpu() { Self::new() } else { Self::of(1) }
    }

    fn of(count: usize) -> Result<Self> {
        let pools = (0..count).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        Ok(Self(pools.collect::<Result<_, _>>()?))
    }

    /// Runs `work(0)` … `work(count - 1)` on the workers; returns the results in order.
    ///
    /// # Errors
    /// The first error in order, or that a worker died.
    pub fn map<T: Send>(&self, count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let take = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return done;
                }
                done.push((index, work(index)));
            }
        };
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = self.0.iter().map(|pool| scope.spawn(|| pool.install(take))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        anyhow::ensure!(done.len() == count, "a worker thread died");
        done.sort_by_key(|&(index, _)| index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Returns the mean loss over `rows` (sorted by length) and its gradients.
    ///
    /// Parts are summed in a fixed order: the result does not depend on the number of threads.
    pub(super) fn gradients(
        &self,
        objective: &dyn Objective,
        weights: &TrainableWeights,
        rows: &[usize],
        seed: u64,
    ) -> Result<(f64, Gradients)> {
        let part = |(index, part): (usize, Vec<usize>)| BatchPart {
            share: part.len() as f64 / rows.len() as f64,
            seed: seed ^ (index as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d),
            rows: part,
        };
        let parts = batches::parts(rows, objective.lengths(), PART_TOKENS);
        let parts: Vec<BatchPart> = parts.into_iter().enumerate().map(part).collect();
        // A GPU has memory for all of them; fewer operations are faster there.
        let together = if weights.device().is_cpu() { 1 } else { parts.len().max(1) };
        let passes: Vec<&[BatchPart]> = parts.chunks(together).collect();
        let results = self.map(passes.len(), |index| {
            let loss = objective.loss(passes[index])?;
            Ok((f64::from(loss.to_scalar::<f32>()?), Gradients::of(weights, &loss.backward()?)))
        })?;
        let mut results = results.into_iter();
        let first = results.next().ok_or_else(|| anyhow::anyhow!("a batch without rows"))?;
        results.try_fold(first, |(sum, all), (loss, gradients)| Ok((sum + loss, all.plus(gradients)?)))
    }
}

//! Training loop.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use candle_core::Tensor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::adamw::{AdamW, AdamWOptions};
use super::batches;
use super::schedule::Schedule;
use super::state::{Progress, StateFolder};
use super::weights::TrainableWeights;
use super::workers::Workers;

/// Training rows of a batch that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchPart {
    /// Numbers of the rows.
    pub rows: Vec<usize>,
    /// Weight of their mean loss, in 0..=1.
    pub share: f64,
    /// Seed of all draws that change in every epoch.
    pub seed: u64,
}

impl BatchPart {
    /// Returns the generator of the part's draws.
    pub(super) fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed)
    }
}

/// Objective of a training.
pub trait Objective: Sync {
    /// Returns the length in tokens of every training row, special tokens included.
    fn lengths(&self) -> &[usize];

    /// Returns the loss over parts of a batch: the sum of their mean losses times their shares.
    ///
    /// All parts pass through the network together.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<Tensor>;

    /// Returns metrics on the validation rows. The first one decides which epoch is best (larger is
    /// better).
    ///
    /// # Errors
    /// If the model fails.
    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>>;

    /// Writes the model as a Hugging Face directory.
    ///
    /// # Errors
    /// If a file cannot be written.
    fn export(&self, dir: &Path) -> Result<()>;
}

/// Settings of a run. A state saved with other settings is not resumed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainingPlan {
    /// Passes over the training rows.
    pub epochs: u64,
    /// Padded tokens per batch.
    pub tokens: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of the steps spent on warm-up.
    pub warmup: f64,
    /// Seed of the order of rows and of all draws.
    pub seed: u64,
    /// Scales the learning rate by the size of each variable ([`AdamWOptions::relative`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relative: bool,
    /// Number of training rows: a state is not resumed after a change of the data.
    pub rows: usize,
}

/// Interval between saved states.
const SAVE_EVERY: Duration = Duration::from_mins(5);

/// Trains `objective` in folder `out`, or continues an interrupted run with the same plan.
///
/// The folder has `state/` to resume from, the best epoch's model in `best/`, and the metrics of
/// every epoch in `log.jsonl`.
///
/// # Errors
/// If the model, the data or a file fails.
pub fn train(
    objective: &dyn Objective,
    weights: &TrainableWeights,
    plan: &TrainingPlan,
    out: &Path,
) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let state = StateFolder::of(out);
    let mut optimiser =
        AdamW::new(weights, AdamWOptions { relative: plan.relative, ..AdamWOptions::default() })?;
    let mut progress = state.load(weights, &mut optimiser, plan)?.unwrap_or(Progress {
        plan: *plan,
        epoch: 0,
        batch: 0,
        step: 0,
        tokens: 0,
        best: None,
    });
    let workers = Workers::on(weights.device())?;
    let bar = Bar::new(objective, plan, &progress);
    while progress.epoch < plan.epochs {
        let mut epoch = Epoch { objective, weights, plan, state: &state, workers: &workers, bar: &bar };
        let loss = epoch.train(&mut optimiser, &mut progress)?;
        let metrics = objective.evaluate(&workers)?;
        log(out, &progress, loss, &metrics)?;
        bar.say(&format!("epoch {}: loss {loss:.4} {}", progress.epoch + 1, spell(&metrics)));
        if metrics.first().is_some_and(|&(_, value)| progress.best.is_none_or(|best| value > best)) {
            progress.best = Some(metrics[0].1);
            objective.export(&out.join("best"))?;
        }
        (progress.epoch, progress.batch) = (progress.epoch + 1, 0);
        state.save(weights, &optimiser, &progress)?;
    }
    objective.export(&out.join("last"))
}

/// Parts of one pass over the data.
struct Epoch<'a> {
    objective: &'a dyn Objective,
    weights: &'a TrainableWeights,
    plan: &'a TrainingPlan,
    state: &'a StateFolder,
    workers: &'a Workers,
    bar: &'a Bar,
}

impl Epoch<'_> {
    /// Runs the rest of the current epoch; returns its mean loss.
    fn train(&mut self, optimiser: &mut AdamW, progress: &mut Progress) -> Result<f64> {
        let batches =
            batches::epoch(self.objective.lengths(), self.plan.tokens, self.plan.seed, progress.epoch);
        let total = batches.len() as u64 * self.plan.epochs;
        #[allow(
            clippy::cast_sign_loss,
            reason = "the warm-up share is checked to be in 0..=1 where it enters"
        )]
        let warmup = (self.plan.warmup * total as f64) as u64;
        let schedule = Schedule { peak: self.plan.learning_rate, warmup, total };
        let (mut sum, mut count, mut saved) = (0.0, 0, Instant::now());
        for (index, rows) in batches.iter().enumerate().skip(progress.batch) {
            // The seed comes from the position in the data, so that a resumed run draws the same
            // values.
            let seed = self.plan.seed ^ (progress.epoch << 32) ^ index as u64;
            let (loss, gradients) = self.workers.gradients(self.objective, self.weights, rows, seed)?;
            optimiser.step(&gradients, schedule.rate(progress.step))?;
            let tokens: usize = rows.iter().map(|&row| self.objective.lengths()[row]).sum();
            progress.batch = index + 1;
            progress.step = optimiser.steps();
            progress.tokens += tokens as u64;
            (sum, count) = (sum + loss, count + 1);
            self.bar.advance(tokens, loss, progress);
            if saved.elapsed() > SAVE_EVERY {
                self.state.save(self.weights, optimiser, progress)?;
                saved = Instant::now();
            }
        }
        Ok(if count == 0 { 0.0 } else { sum / f64::from(count) })
    }
}

/// Shows progress on stderr: a bar on a terminal, otherwise a line from time to time.
struct Bar {
    line: ProgressBar,
    started: Instant,
    before: u64,
}

impl Bar {
    fn new(objective: &dyn Objective, plan: &TrainingPlan, progress: &Progress) -> Self {
        let total = objective.lengths().iter().sum::<usize>() as u64 * plan.epochs;
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % · {msg} · {eta} left") {
            bar.set_style(style);
        }
        bar.set_position(progress.tokens);
        Self { line: bar, started: Instant::now(), before: progress.tokens }
    }

    fn advance(&self, tokens: usize, loss: f64, progress: &Progress) {
        let speed = (progress.tokens - self.before) as f64 / self.started.elapsed().as_secs_f64();
        let message = format!("epoch {} · loss {loss:.3} · {speed:.0} tokens/s", progress.epoch + 1);
        if self.line.is_hidden() && progress.step.is_multiple_of(50) {
            eprintln!("step {} · {message}", progress.step);
        }
        self.line.set_message(message);
        self.line.inc(tokens as u64);
    }

    fn say(&self, line: &str) {
        self.line.suspend(|| eprintln!("{line}"));
    }
}

/// Appends the metrics of an epoch to `log.jsonl`.
fn log(out: &Path, progress: &Progress, loss: f64, metrics: &[(&str, f64)]) -> Result<()> {
    use std::io::Write;
    let metrics: serde_json::Map<String, serde_json::Value> =
        metrics.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
    let (epoch, tokens) = (progress.epoch + 1, progress.tokens);
    let line = serde_json::json!({ "epoch": epoch, "tokens": tokens, "loss": loss, "metrics": metrics });
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(out.join("log.jsonl"))?;
    writeln!(file, "{line}")?;
    Ok(())
}

/// Formats the metrics for a log line.
fn spell(metrics: &[(&str, f64)]) -> String {
    metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join(" ")
}

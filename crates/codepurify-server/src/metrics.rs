//! Counters and histograms in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codepurify::Decision;

/// Upper ends of the buckets of seconds.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper ends of the buckets of snippets in a batch.
const SNIPPETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Counts of a server since its start.
#[derive(Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
    tokens: AtomicU64,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
}

#[derive(Default)]
struct Counts {
    /// By route and status.
    requests: BTreeMap<(String, u16), u64>,
    seconds: BTreeMap<String, Histogram>,
    verdicts: BTreeMap<&'static str, u64>,
    batches: Histogram,
}

/// A number that goes up and down.
#[derive(Default)]
pub(crate) struct Gauge(AtomicI64);

/// Adds one to a gauge until it is dropped.
pub(crate) struct Counted<'g>(&'g Gauge);

#[derive(Default)]
struct Histogram {
    /// Observations by bucket; those above all of them are only in `count`.
    buckets: Vec<u64>,
    sum: f64,
    count: u64,
}

impl Gauge {
    pub(crate) fn count(&self) -> Counted<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self)
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Histogram {
    fn observe(&mut self, ends: &[f64], value: f64) {
        self.buckets.resize(ends.len(), 0);
        if let Some(bucket) = ends.iter().position(|end| value <= *end) {
            self.buckets[bucket] += 1;
        }
        self.sum += value;
        self.count += 1;
    }

    fn write(&self, page: &mut String, name: &str, labels: &str, ends: &[f64]) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (end, number) in ends.iter().zip(&self.buckets) {
            below += number;
            line(page, &format!("{name}_bucket{{{labels}{comma}le=\"{end}\"}}"), below);
        }
        line(page, &format!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}}"), self.count);
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        line(page, &format!("{name}_sum{labels}"), self.sum);
        line(page, &format!("{name}_count{labels}"), self.count);
    }
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn request(&self, route: &str, status: u16, took: Duration) {
        let mut counts = self.counts();
        *counts.requests.entry((route.to_owned(), status)).or_default() += 1;
        counts.seconds.entry(route.to_owned()).or_default().observe(SECONDS, took.as_secs_f64());
    }

    /// Counts a batch.
    pub(crate) fn batch(&self, snippets: usize, tokens: usize) {
        self.tokens.fetch_add(tokens as u64, Ordering::Relaxed);
        self.counts().batches.observe(SNIPPETS, snippets as f64);
    }

    /// Counts a verdict, or a failure.
    pub(crate) fn verdict(&self, decision: Option<Decision>) {
        let name = match decision {
            Some(Decision::Poisoned) => "poisoned",
            Some(Decision::Clean) => "clean",
            Some(_) => "inconclusive",
            None => "error",
        };
        *self.counts().verdicts.entry(name).or_default() += 1;
    }

    /// The page, with the state of the queue and the number of log lines that were lost.
    pub(crate) fn page(&self, waiting: usize, dropped: u64, lost_lines: u64) -> String {
        let mut page = String::new();
        let counts = self.counts();
        head(&mut page, "requests_total", "counter", "Answered requests by route and status.");
        for ((route, status), number) in &counts.requests {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            line(&mut page, &format!("codepurify_requests_total{{{labels}}}"), number);
        }
        head(&mut page, "request_seconds", "histogram", "Time from the head of a request to its response.");
        for (route, histogram) in &counts.seconds {
            let labels = format!("route=\"{route}\"");
            histogram.write(&mut page, "codepurify_request_seconds", &labels, SECONDS);
        }
        head(&mut page, "verdicts_total", "counter", "Verdicts on snippets, and failures.");
        for (verdict, number) in &counts.verdicts {
            line(&mut page, &format!("codepurify_verdicts_total{{verdict=\"{verdict}\"}}"), number);
        }
        head(&mut page, "batch_snippets", "histogram", "Rows of snippets that were judged together.");
        counts.batches.write(&mut page, "codepurify_batch_snippets", "", SNIPPETS);
        let mut single = |name: &str, kind: &str, help: &str, value: &dyn Display| {
            head(&mut page, name, kind, help);
            line(&mut page, &format!("codepurify_{name}"), value);
        };
        let tokens = self.tokens.load(Ordering::Relaxed);
        single("batch_tokens_total", "counter", "Tokens of judged snippets.", &tokens);
        single("queue_snippets", "gauge", "Rows of snippets that wait.", &waiting);
        single(
            "dropped_snippets_total",
            "counter",
            "Rows whose client left or whose deadline passed.",
            &dropped,
        );
        single("requests_in_flight", "gauge", "Requests that are being answered.", &self.in_flight.get());
        single("connections", "gauge", "Open connections.", &self.connections.get());
        single("log_lines_lost_total", "counter", "Log lines that nobody read in time.", &lost_lines);
        page
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP codepurify_{name} {help}\n# TYPE codepurify_{name} {kind}");
}

fn line(page: &mut String, name: &str, value: impl Display) {
    let _ = writeln!(page, "{name} {value}");
}

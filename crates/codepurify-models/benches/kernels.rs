//! Operations that take most of a model's time, at the shape of CodeBERT-base: 256 tokens, hidden 768, 12 heads.
//!
//! `cargo bench -p codepurify-models --bench kernels`

use std::sync::Arc;

use candle_core::{Device, Tensor};
use codepurify_models::Precision;
use codepurify_models::ops::Rows;
use codepurify_models::ops::{self, Activation, Attention, PackedLinear};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const TOKENS: usize = 256;
const HIDDEN: usize = 768;

fn tensor(rows: usize, columns: usize) -> Tensor {
    let values: Vec<f32> = (0..rows * columns).map(|at| (1.7 * at as f32 + 0.3).sin()).collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("as many values as places")
}

fn linear(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear");
    for (inputs, outputs) in [(HIDDEN, 3 * HIDDEN), (HIDDEN, 4 * HIDDEN), (4 * HIDDEN, HIDDEN)] {
        group.throughput(Throughput::Elements((2 * TOKENS * inputs * outputs) as u64));
        let (weight, x) = (tensor(outputs, inputs), tensor(TOKENS, inputs));
        for precision in [Precision::F32, Precision::Int8] {
            let layer = Arc::new(PackedLinear::new(&weight, None, precision).expect("shapes fit"));
            let id = BenchmarkId::new(format!("{precision:?}"), format!("{inputs}x{outputs}"));
            group.bench_function(id, |b| b.iter(|| layer.forward(&x, Activation::Identity)));
        }
    }
    group.finish();
}

fn attention(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    let attention = Attention { heads: 12, scale: 0.125, causal: false };
    for (rows, length) in [(16, 64), (4, 256), (2, 512)] {
        group.throughput(Throughput::Elements((rows * length) as u64));
        let (projected, places) = (tensor(rows * length, 3 * HIDDEN), Rows::of_lengths(vec![length; rows]));
        let places = Arc::new(places);
        group.bench_function(format!("{rows}x{length}"), |b| {
            b.iter(|| attention.within(&projected, &places));
        });
    }
    group.finish();
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    group.throughput(Throughput::Elements((TOKENS * HIDDEN) as u64));
    let (x, weight) = (tensor(TOKENS, HIDDEN), tensor(1, HIDDEN).squeeze(0).expect("one row"));
    group.bench_function("layer norm", |b| b.iter(|| ops::layer_norm(&x, &weight, &weight, 1e-5)));
    group.bench_function("gelu", |b| b.iter(|| ops::gelu(&x)));
    group.finish();
}

criterion_group!(kernels, linear, attention, elementwise);
criterion_main!(kernels);

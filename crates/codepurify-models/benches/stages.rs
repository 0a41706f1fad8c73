//! Stages of a judgement with the bundled detector: text to tokens, tokens to logits, snippet to verdict.
//!
//! `cargo bench -p codepurify-models --bench stages`

use std::path::Path;

use codepurify::victim::{Ragged, Victim};
use codepurify::{Defender, Language, Limits, Profile, Snippet, SourceFile};
use codepurify_models::{ModelFiles, Precision, load};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Int8];

fn detector(precision: Precision) -> Box<dyn Victim> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/devign-bnc-fixed");
    let files = ModelFiles::read(&dir).expect("the detector is bundled").with_precision(precision);
    load(&files).and_then(|loaded| loaded.model.classifier()).expect("the detector is a classifier")
}

/// Returns the functions of the references in C.
fn functions() -> Vec<Snippet> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify/references/c.c");
    let text = std::fs::read(path).expect("the references are in the repository");
    let file = SourceFile::new("c.c", text, Language::C, &Limits::default()).expect("they are text");
    file.units().expect("they are functions")
}

fn tokenise(c: &mut Criterion) {
    let (detector, functions) = (detector(Precision::F32), functions());
    let mut group = c.benchmark_group("tokenise");
    group.throughput(Throughput::Bytes(functions.iter().map(|unit| unit.text().len() as u64).sum()));
    group.bench_function("references", |b| {
        b.iter(|| functions.iter().map(|unit| detector.encode(unit.text())).collect::<Result<Vec<_>, _>>());
    });
    group.finish();
}

fn judge(c: &mut Criterion) {
    let functions = functions();
    let mut group = c.benchmark_group("judge");
    for precision in PRECISIONS {
        let detector = detector(precision);
        let rows: Ragged =
            functions.iter().map(|unit| detector.encode(unit.text()).expect("they are text").ids).collect();
        let tokens: usize = rows.rows().map(<[u32]>::len).sum();
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(format!("{precision:?}"), |b| b.iter(|| detector.judge(&rows)));
    }
    group.finish();
}

fn screen(c: &mut Criterion) {
    let functions = functions();
    let mut group = c.benchmark_group("screen");
    group.sample_size(10);
    group.throughput(Throughput::Elements(functions.len() as u64));
    for precision in PRECISIONS {
        let detector = detector(precision);
        // A fresh one each time, since it caches; the unchanged references are judged in advance.
        let fresh = || {
            let defender = Defender::new(detector.as_ref()).with_profile(Profile::transplant());
            let first = Snippet::new("int one(void) { return 1; }", Language::C).unwrap();
            defender.screen_one(&first).unwrap();
            defender
        };
        let screen = |defender: Defender<'_>| defender.screen(&functions);
        group.bench_function(format!("{precision:?}"), |b| {
            b.iter_batched(fresh, screen, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(stages, tokenise, judge, screen);
criterion_main!(stages);

//! Repeats a hot path; `benches/instructions/check.sh` counts its instructions.
//!
//! `hot f32|int8 TIMES`: four rows of different length through the bundled detector.

use std::path::Path;

use codepurify::victim::Ragged;
use codepurify_models::{ModelFiles, Precision, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [precision, times] = &arguments[..] else { return Err("usage: hot f32|int8 TIMES".into()) };
    let (precision, times): (Precision, usize) = (precision.parse()?, times.parse()?);
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/devign-bnc-fixed");
    let detector = load(&ModelFiles::read(&dir)?.with_precision(precision))?.model.classifier()?;
    let row = |length: usize| (0..length).map(|at| 10 + (at * 7919 % 8000) as u32).collect::<Vec<_>>();
    let rows: Ragged = [17, 60, 120, 190].map(row).into_iter().collect();
    for _ in 0..times {
        std::hint::black_box(detector.judge(&rows)?);
    }
    Ok(())
}

//! The codepurify side of `benches/peers/compare.py`: a model that judges the same rows again and again when it is told to.
//!
//! `peer MODEL_DIR PRECISION ROWS.json` reads rows of content tokens, loads the model, prints `ready`, and for every line
//! on the standard input judges all rows once and prints the seconds that it took and the logits, as a line of JSON.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use codepurify::victim::Ragged;
use codepurify_models::{ModelFiles, Precision, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, precision, rows] = &arguments[..] else {
        return Err("usage: peer MODEL_DIR f32|int8 ROWS.json".into());
    };
    let precision = match precision.as_str() {
        "f32" => Precision::F32,
        "int8" => Precision::Int8,
        other => return Err(format!("unknown precision `{other}`").into()),
    };
    let rows: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(rows)?)?;
    let rows: Ragged = rows.into_iter().collect();
    let model =
        load(&ModelFiles::read(&PathBuf::from(dir))?.with_precision(precision))?.model.classifier()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let logits = model.judge(&rows)?;
        let seconds = start.elapsed().as_secs_f64();
        let logits: Vec<&[f32]> = (0..logits.len()).map(|row| logits.row(row)).collect();
        writeln!(out, "{}", serde_json::json!({ "seconds": seconds, "logits": logits }))?;
        out.flush()?;
    }
    Ok(())
}

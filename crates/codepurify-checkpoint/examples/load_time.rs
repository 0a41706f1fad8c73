//! Reads a checkpoint as a program would before its first answer: all floating point tensors as `f32`, and the hash.
//!
//! `cargo run --release -p codepurify-checkpoint --example load_time -- model.safetensors`

use std::path::Path;
use std::time::Instant;

use codepurify_checkpoint::{CheckpointError, StateDict, TensorView, to_f32_all};

fn main() -> Result<(), CheckpointError> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: load_time WEIGHTS | INDEX.json");
        std::process::exit(2);
    };
    let start = Instant::now();
    let path = Path::new(&path);
    let is_index = path.extension().is_some_and(|extension| extension == "json");
    let state = if is_index { StateDict::open_index(path)? } else { StateDict::open(path)? };
    let weights: Vec<TensorView<'_>> =
        state.tensors().filter(|tensor| tensor.element_type().is_float()).collect();
    let (hash, values) = rayon::join(|| state.sha256(), || to_f32_all(&weights));
    let elements: usize = values?.iter().map(Vec::len).sum();
    println!("seconds   {:.3}", start.elapsed().as_secs_f64());
    println!("format    {}", state.format());
    println!("tensors   {} of {} with {elements} elements", weights.len(), state.tensors().len());
    println!("sha256    {hash}");
    println!("peak RSS  {}", peak_memory().as_deref().unwrap_or("not known on this system"));
    Ok(())
}

/// Most memory that this process ever held, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

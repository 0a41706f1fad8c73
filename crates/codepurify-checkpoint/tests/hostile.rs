//! Each file of the hostile corpus ends as the error that the manifest names, quickly and in little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codepurify_checkpoint::{CheckpointError, StateDict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    file: String,
    /// Variant of the error.
    error: String,
    /// Texts that the message holds.
    contains: Vec<String>,
    /// The file that the message names, where it is not the one that was opened.
    named: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// Opens a checkpoint and reads all weights, as a model would.
fn load(path: &Path) -> Result<(), CheckpointError> {
    let is_index = path.extension().is_some_and(|extension| extension == "json");
    let state = if is_index { StateDict::open_index(path)? } else { StateDict::open(path)? };
    state.tensors().try_for_each(|tensor| tensor.to_f32().map(drop))
}

/// Describes a fault in the refusal of a file.
fn complaint(case: &Case) -> Option<String> {
    let path = folder().join("files").join(&case.file);
    let start = Instant::now();
    let Err(error) = load(&path) else { return Some("it was accepted".to_owned()) };
    let taken = start.elapsed();
    let (variant, message) = (format!("{error:?}"), error.to_string());
    if taken > Duration::from_secs(1) {
        return Some(format!("it took {taken:?}"));
    }
    if variant.split([' ', '{']).next() != Some(case.error.as_str()) {
        return Some(format!("{variant} instead of {}", case.error));
    }
    let named = case.named.as_ref().map_or(path.clone(), |named| path.with_file_name(named));
    let wanted = case.contains.iter().cloned().chain([named.display().to_string()]);
    let missing: Vec<String> = wanted.filter(|text| !message.contains(text.as_str())).collect();
    (!missing.is_empty()).then(|| format!("`{message}` does not contain {missing:?}"))
}

#[test]
fn every_file_is_refused_as_the_manifest_says() {
    let manifest = fs::read_to_string(folder().join("manifest.json")).expect("written by make_hostile.py");
    let cases: Vec<Case> = serde_json::from_str(&manifest).expect("written by make_hostile.py");
    assert!(cases.len() >= 45, "{} cases", cases.len());
    let complaints: Vec<String> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.file, complaint(case)?))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(!Path::new("owned-by-a-pickle").exists(), "a pickle was executed");
    let peak = peak_memory();
    assert!(peak.is_none_or(|kilobytes| kilobytes < 200_000), "{peak:?} kB");
}

/// Most memory that this process ever held, in kB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

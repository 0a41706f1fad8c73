//! Cache of findings of defences that do not query the victim.
//!
//! A finding on a text holds for every victim, in this run and in later ones.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::baseline::{BaselineError, ScreeningResult};
use crate::fingerprint::fingerprint;

/// Findings by defence, threshold and text, kept in a file.
#[derive(Debug)]
pub struct FindingCache {
    known: Mutex<HashMap<Question, ScreeningResult>>,
    file: Mutex<File>,
}

/// Key of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Question {
    defence: String,
    /// Bits of the threshold: some values have no form in JSON.
    threshold: u64,
    /// SHA-256 of the text, hexadecimal.
    text: String,
}

/// Line of the file.
#[derive(Serialize, Deserialize)]
struct CacheLine {
    #[serde(flatten)]
    question: Question,
    screened: ScreeningResult,
}

impl FindingCache {
    /// Opens or creates the file; a last line that an interruption cut short is skipped.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<CacheLine>(line).ok());
        let known = lines.map(|line| (line.question, line.screened)).collect();
        let file = File::options().append(true).create(true).open(path);
        let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
        // Ends a line that was cut short.
        writeln!(file)?;
        Ok(Self { known: Mutex::new(known), file: Mutex::new(file) })
    }

    /// Returns the finding of `screen` on `text`, computed once for each threshold.
    ///
    /// # Errors
    /// Error of `screen`; errors are not cached.
    pub fn recall(
        &self,
        defence: &str,
        threshold: f64,
        text: &str,
        screen: impl FnOnce() -> Result<ScreeningResult, BaselineError>,
    ) -> Result<ScreeningResult, BaselineError> {
        let text = fingerprint(text, 32);
        let question = Question { defence: defence.to_owned(), threshold: threshold.to_bits(), text };
        if let Some(screened) = self.known.lock().ok().and_then(|known| known.get(&question).cloned()) {
            return Ok(screened);
        }
        let screened = screen()?;
        let line = CacheLine { question: question.clone(), screened: screened.clone() };
        // A finding that cannot be stored is computed again later.
        if let (Ok(line), Ok(mut file)) = (serde_json::to_string(&line), self.file.lock()) {
            let _ = writeln!(file, "{line}");
        }
        if let Ok(mut known) = self.known.lock() {
            known.insert(question, screened.clone());
        }
        Ok(screened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_findings_are_not_computed_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs/cache.jsonl");
        let found = ScreeningResult {
            score: 0.1 + 0.2,
            flagged: true,
            spans: Some(vec![codepurify::Span::new(1, 3)]),
            text: Some("ac".to_owned()),
            forwards: 0,
            lm_forwards: 7,
        };
        let ask = |cache: &FindingCache, threshold: f64, text: &str, answer: Option<&ScreeningResult>| {
            let screen = || answer.cloned().ok_or(BaselineError::TooLittle("asked"));
            cache.recall("onion", threshold, text, screen)
        };
        drop(FindingCache::open(&path).unwrap());
        let cache = FindingCache::open(&path).unwrap();
        assert!(ask(&cache, f64::INFINITY, "abc", None).is_err());
        assert_eq!(ask(&cache, f64::INFINITY, "abc", Some(&found)), Ok(found.clone()));
        assert_eq!(ask(&cache, f64::INFINITY, "abc", None), Ok(found.clone()));
        drop(cache);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"defence\":").unwrap();
        let cache = FindingCache::open(&path).unwrap();
        assert_eq!(ask(&cache, f64::INFINITY, "abc", None), Ok(found.clone()));
        assert!(ask(&cache, 0.5, "abc", None).is_err() && ask(&cache, f64::INFINITY, "abd", None).is_err());
        assert_eq!(ask(&cache, 0.5, "abc", Some(&found)), Ok(found.clone()));
        assert_eq!(ask(&FindingCache::open(&path).unwrap(), 0.5, "abc", None), Ok(found));
    }
}

//! How many files were left out, and why.

use std::collections::BTreeMap;

use codepurify::verdict::{SkipReason, Skipped};
use codepurify_report::text::visible_name;

use crate::output::note;

/// Paths that are given as examples for a reason.
const EXAMPLES: usize = 3;

/// Skipped files by reason.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<SkipReason, (usize, Vec<String>)>);

impl Tally {
    pub(crate) fn add(&mut self, reason: SkipReason, name: &str) {
        let (files, examples) = self.0.entry(reason).or_default();
        *files += 1;
        if examples.len() < EXAMPLES {
            examples.push(name.to_owned());
        }
    }

    /// The counts as reports have them.
    pub(crate) fn list(&self) -> Vec<Skipped> {
        let entry = |(&reason, (files, examples)): (&SkipReason, &(usize, Vec<String>))| Skipped {
            reason,
            files: *files,
            examples: examples.clone(),
        };
        self.0.iter().map(entry).collect()
    }

    /// Says the counts on standard error.
    pub(crate) fn note(&self) {
        for (&reason, (files, examples)) in &self.0 {
            let word = if *files == 1 { "file" } else { "files" };
            let paths: Vec<String> = examples.iter().map(|path| visible_name(path)).collect();
            let more = if *files > examples.len() { ", …" } else { "" };
            note(&format!("skipped {files} {word}: {} ({}{more})", phrase(reason), paths.join(", ")));
        }
    }
}

/// The reason in words, with what to do about it.
fn phrase(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Ignored => "ignored by a rule such as .gitignore's, --no-ignore judges them",
        SkipReason::Hidden => "hidden, --hidden judges them",
        SkipReason::OtherLanguage => "of another language",
        SkipReason::Empty => "empty",
        SkipReason::TooLarge => "too large, --max-file-bytes sets the limit",
        SkipReason::Encoding => "not text in the expected encoding, --encoding names another one",
        SkipReason::Binary => "binary",
        SkipReason::Unreadable => "unreadable",
        SkipReason::Link => "symbolic links, which are followed only if they are named",
        SkipReason::Special => "pipes, sockets or devices",
        _ => "not judged",
    }
}

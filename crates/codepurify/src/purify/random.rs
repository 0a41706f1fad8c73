//! Checks that nobody sees the sequence of random numbers that a deletion shortens.

use super::dead_code::dead_around;
use super::standard::{places, plain};
use crate::snippet::{Snippet, Span, joined};

/// Functions, and a module of Python, that share the state of the standard generator with the ones that proofs know.
const GENERATOR: [&str; 5] = ["rand", "random", "random_shuffle", "srand", "srandom"];

/// Uses of the standard generator in a text, also in comments.
pub(super) fn draws(text: &str) -> Vec<Span> {
    let uses = |name: &'static str| {
        let places = places(text, name).map(move |at| Span::new(at, at + name.len()));
        places.filter(|place| text[place.end..].trim_start().starts_with(['(', '.']))
    };
    let mut draws: Vec<Span> = GENERATOR.into_iter().flat_map(uses).collect();
    draws.sort_unstable();
    draws
}

/// Returns true if all random numbers in the file of a snippet are drawn by statements that do nothing, so that it
/// makes no difference how many they are.
pub(super) fn is_idle(snippet: &Snippet) -> bool {
    let file = snippet.file();
    // Names may be pasted, or split over lines.
    let whole = plain(&String::from_utf8_lossy(&joined(file.as_bytes())));
    let is_plain =
        !whole.contains("##") && !whole.contains("??/") && draws(&whole).len() == draws(file).len();
    let all_idle = || {
        let file = Snippet::new(file, snippet.language());
        file.is_ok_and(|file| dead_around(&file, &draws(file.text())).is_some())
    };
    is_plain && all_idle()
}

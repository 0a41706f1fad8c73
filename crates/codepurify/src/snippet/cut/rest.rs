//! Parts of the code that is in no function.

use std::cmp::Reverse;

use super::Part;
use super::executable::Code;
use super::indents::columns;
use super::reading::holds_code;
use crate::snippet::UnitKind;
use crate::snippet::bare::{Bare, is_word};
use crate::snippet::{Language, Span};

/// Most bytes of code of the same class or module that become one part, so that it fits the context window of
/// a model.
pub(super) const LARGEST: usize = 1_500;
/// Most bytes of declarations between two pieces of code that become one part.
const WIDEST_GAP: usize = 200;

/// Returns the parts of `code` outside of `taken`, which is in source order and does not overlap.
pub(super) fn remainders(text: &str, language: Language, taken: &[Span], code: &[Code]) -> Vec<Part> {
    let mut parts: Vec<Code> = Vec::new();
    let pieces = without(code, taken).into_iter().flat_map(|piece| sliced(text, language, piece));
    for piece in pieces {
        let Some(piece) = trimmed(text, piece) else { continue };
        match parts.last_mut() {
            Some(last) if joins(*last, piece, taken) => last.span.end = last.span.end.max(piece.span.end),
            _ => parts.push(piece),
        }
    }
    parts.retain(|part| computes(part.span.of(text).unwrap_or_default(), language));
    let part = |part: Code| Part { kind: UnitKind::Remainder, name: None, span: part.span };
    parts.into_iter().map(part).collect()
}

/// The pieces of `code` outside of `taken`, in order, none overlapping another.
fn without(code: &[Code], taken: &[Span]) -> Vec<Code> {
    let mut sorted = code.to_vec();
    sorted.sort_unstable();
    let (mut pieces, mut done, mut next) = (Vec::new(), 0, 0);
    for Code { span, within } in sorted {
        let mut at = span.start.max(done);
        while at < span.end {
            while taken.get(next).is_some_and(|taken| taken.end <= at) {
                next += 1;
            }
            let other = taken.get(next);
            let end = other.map_or(span.end, |other| other.start.clamp(at, span.end));
            if at < end {
                pieces.push(Code { span: Span::new(at, end), within });
            }
            at = other.map_or(end, |other| if other.start < span.end { other.end } else { end });
        }
        done = done.max(at.min(span.end));
    }
    pieces
}

/// The piece cut between lines, so that no slice has more than [`LARGEST`] bytes unless a line has.
fn sliced(text: &str, language: Language, piece: Code) -> Vec<Code> {
    let Some(source) = piece.span.of(text).filter(|source| source.len() > LARGEST) else {
        return vec![piece];
    };
    let bounds = bounds(source, language);
    let mut starts = vec![0];
    let mut next = 0;
    while let Some(&at) = starts.last().filter(|&&at| source.len() - at > LARGEST) {
        next += bounds[next..].partition_point(|bound| bound.at <= at);
        let fitting = bounds[next..].partition_point(|bound| bound.at - at <= LARGEST);
        // The latest of the best ones, or the first behind a line that is too long.
        let best = bounds[next..next + fitting].iter().min_by_key(|bound| (bound.cost, Reverse(bound.at)));
        let Some(bound) = best.or(bounds.get(next)) else { break };
        starts.push(bound.at);
    }
    let ends = starts.iter().skip(1).copied().chain([source.len()]);
    let slice = |(start, end)| Span::new(piece.span.start + start, piece.span.start + end);
    starts.iter().copied().zip(ends).map(|range| Code { span: slice(range), ..piece }).collect()
}

/// A place between two lines.
struct Bound {
    at: usize,
    /// The lower, the less a cut there tears apart: inside of a directive, in the middle of a statement, columns from the left.
    cost: (bool, bool, usize),
}

/// The places where a line begins with code.
fn bounds(source: &str, language: Language) -> Vec<Bound> {
    let bare = Bare::new(source, language);
    let mut bounds = Vec::new();
    let (mut start, mut last) = (0, b';');
    for line in bare.bytes.split_inclusive(|&byte| byte == b'\n') {
        let first = start + line.len() - line.trim_ascii_start().len();
        let is_code = source[start..first.min(source.len())].bytes().all(|byte| byte.is_ascii_whitespace());
        if first < start + line.len() && is_code {
            let directive = bare.directives.partition_point(|directive| directive.end <= first);
            let in_directive =
                bare.directives.get(directive).is_some_and(|directive| directive.start < first);
            let in_statement = language != Language::Python && !matches!(last, b';' | b'}' | b'{' | b'\\');
            bounds.push(Bound { at: start, cost: (in_directive, in_statement, columns(line)) });
        }
        last = line.trim_ascii_end().last().copied().unwrap_or(last);
        start += line.len();
    }
    bounds.retain(|bound| bare.inside_literals.binary_search(&bound.at).is_err());
    bounds
}

fn joins(last: Code, next: Code, taken: &[Span]) -> bool {
    let gap = next.span.start.saturating_sub(last.span.end);
    let between = taken.partition_point(|taken| taken.end <= last.span.end);
    let apart = taken.get(between).is_some_and(|taken| taken.start < next.span.start);
    last.within == next.within && gap <= WIDEST_GAP && next.span.end - last.span.start <= LARGEST && !apart
}

/// The piece without white space at its ends, if there is more to it.
fn trimmed(text: &str, piece: Code) -> Option<Code> {
    let bytes = piece.span.of(text)?;
    let start = piece.span.start + (bytes.len() - bytes.trim_start().len());
    let length = bytes.trim().len();
    (length > 0).then(|| Code { span: Span::new(start, start + length), ..piece })
}

/// Returns true if a piece has more than comments, directives, left-over brackets and bare words: these run
/// nothing.
fn computes(piece: &str, language: Language) -> bool {
    let mut bare = Bare::new(piece, language);
    bare.blank_directives(|directive| !holds_code(directive));
    let mut words = bare.bytes.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty());
    // Operators of Python call methods; the others declare pointers and templates.
    let signs: &[u8] = if language == Language::Python { b":,})" } else { b":,*&~<>})" };
    let passive = |byte: u8| is_word(byte) || byte.is_ascii_whitespace() || signs.contains(&byte);
    if bare.bytes.iter().all(|&byte| passive(byte)) {
        return words.any(|word| STATEMENTS.contains(&word));
    }
    words.any(|word| !STRUCTURE.contains(&word))
}

/// Words of statements, and operators, that need no brackets.
const STATEMENTS: [&[u8]; 22] = [
    b"and",
    b"assert",
    b"await",
    b"break",
    b"case",
    b"continue",
    b"del",
    b"delete",
    b"elif",
    b"exec",
    b"for",
    b"goto",
    b"if",
    b"in",
    b"not",
    b"or",
    b"print",
    b"raise",
    b"return",
    b"throw",
    b"while",
    b"with",
];
/// Words that only say how statements belong together.
const STRUCTURE: [&[u8]; 4] = [b"else", b"try", b"finally", b"do"];

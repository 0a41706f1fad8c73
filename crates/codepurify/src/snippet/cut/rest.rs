//! Parts of the code that is in no function.

use super::Part;
use super::bare::{Bare, is_word};
use super::executable::Code;
use super::reading::is_macro_with_code;
use crate::snippet::UnitKind;
use crate::snippet::functions::Function;
use crate::snippet::{Language, Span};

/// Code of the same class or module becomes one part as long as it has at most this many bytes, so that it fits the
/// window of a model …
const LARGEST: usize = 1_500;
/// … and as long as no more than this many bytes of declarations lie between.
const WIDEST_GAP: usize = 200;

/// The parts of `code` that lie in none of `functions`; both are in source order, and functions do not overlap.
pub(super) fn remainders(text: &str, language: Language, functions: &[Function], code: &[Code]) -> Vec<Part> {
    let mut parts: Vec<Code> = Vec::new();
    for piece in without(code, functions) {
        let Some(piece) = trimmed(text, piece) else { continue };
        match parts.last_mut() {
            Some(last) if joins(*last, piece, functions) => last.span.end = last.span.end.max(piece.span.end),
            _ => parts.push(piece),
        }
    }
    parts.retain(|part| computes(part.span.of(text).unwrap_or_default(), language));
    let part = |part: Code| Part { kind: UnitKind::Remainder, name: None, span: part.span };
    parts.into_iter().map(part).collect()
}

/// The pieces of `code` outside of `functions`, in order, none overlapping another.
fn without(code: &[Code], functions: &[Function]) -> Vec<Code> {
    let mut sorted = code.to_vec();
    sorted.sort_unstable();
    let (mut pieces, mut done, mut next) = (Vec::new(), 0, 0);
    for Code { span, within } in sorted {
        let mut at = span.start.max(done);
        while at < span.end {
            while functions.get(next).is_some_and(|function| function.span.end <= at) {
                next += 1;
            }
            let function = functions.get(next).map(|function| function.span);
            let end = function.map_or(span.end, |function| function.start.clamp(at, span.end));
            if at < end {
                pieces.push(Code { span: Span::new(at, end), within });
            }
            at = function.map_or(end, |function| if function.start < span.end { function.end } else { end });
        }
        done = done.max(at.min(span.end));
    }
    pieces
}

fn joins(last: Code, next: Code, functions: &[Function]) -> bool {
    let gap = next.span.start.saturating_sub(last.span.end);
    let between = functions.partition_point(|function| function.span.end <= last.span.end);
    let apart = functions.get(between).is_some_and(|function| function.span.start < next.span.start);
    last.within == next.within && gap <= WIDEST_GAP && next.span.end - last.span.start <= LARGEST && !apart
}

/// The piece without white space at its ends, if there is more to it.
fn trimmed(text: &str, piece: Code) -> Option<Code> {
    let bytes = piece.span.of(text)?;
    let start = piece.span.start + (bytes.len() - bytes.trim_start().len());
    let length = bytes.trim().len();
    (length > 0).then(|| Code { span: Span::new(start, start + length), ..piece })
}

/// Whether there is more to a piece than comments, directives, brackets that were left over, and bare words: these run
/// nothing.
fn computes(piece: &str, language: Language) -> bool {
    let mut bare = Bare::new(piece, language);
    bare.blank_directives(|directive| !is_macro_with_code(directive));
    let mut words = bare.bytes.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty());
    let passive = |byte: u8| is_word(byte) || byte.is_ascii_whitespace() || b":,*&~<>})".contains(&byte);
    if bare.bytes.iter().all(|&byte| passive(byte)) {
        return words.any(|word| STATEMENTS.contains(&word));
    }
    words.any(|word| !STRUCTURE.contains(&word))
}

/// Words that begin a statement which needs no brackets.
const STATEMENTS: [&[u8]; 18] = [
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
    b"print",
    b"raise",
    b"return",
    b"throw",
    b"while",
    b"with",
];
/// Words that only say how statements belong together.
const STRUCTURE: [&[u8]; 4] = [b"else", b"try", b"finally", b"do"];

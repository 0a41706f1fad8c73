//! Headers: the parts of long statements and of the function that are in no other statement.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Candidate;
use super::statements::{Statement, WHOLE};
use crate::snippet::{Language, Leaf, Snippet, Span, Syntax};
use crate::verdict::ElementKind;

/// Parts that are cut out of a header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    /// A long statement, which has a header of its own.
    Long {
        depth: usize,
    },
    /// A statement that is a candidate.
    Whole,
    Comment,
    /// The function's name.
    Name,
}

/// Header of a long statement, or of the whole text, on a walk over the parts that are cut out of it.
struct OpenStatement {
    end: usize,
    /// The bytes before this one have been taken or cut out.
    at: usize,
    depth: usize,
    /// True if it belongs to a statement, not to the whole text.
    of_statement: bool,
    /// Pieces so far, and their text for transplants.
    spans: Vec<Span>,
    text: String,
}

/// First bytes of the words that no other candidate holds, in source order.
#[derive(Default)]
struct Words {
    /// Names that are not declared here, numbers and strings.
    telling: Vec<usize>,
    types: Vec<usize>,
}

/// The parts of the snippet that are in none of `statements`, so that every name, number and string is part of
/// some candidate.
///
/// A statement that `are_long` has a header (`for (int i = 0; i < n; i++);`, `if (ready(0)); else;`). The rest
/// of the function around its statements (sizes and defaults of parameters, annotations …) is the header of a
/// declaration of `f`. A part with only declared `names`, which are candidates themselves, is none. Nor is a
/// part of the function with only types: callers rely on these, and they are typical of a domain.
pub(super) fn headers(
    snippet: &Snippet,
    syntax: &Syntax,
    names: &[Candidate],
    statements: &[Statement],
    are_long: impl Fn(&Statement) -> bool,
) -> Vec<Candidate> {
    let (mut cuts, words) = look(snippet, syntax, names);
    cuts.extend(statements.iter().map(|statement| {
        let cut = if are_long(statement) { Cut::Long { depth: statement.depth } } else { Cut::Whole };
        (statement.span, cut)
    }));
    cuts.sort_by_key(|&(span, cut)| (span.start, Reverse(span.end), cut));
    let mut headers = HeaderCollector { snippet, words, found: Vec::new() };
    let text = Span::new(0, snippet.text().len());
    let mut open = vec![OpenStatement { of_statement: false, ..OpenStatement::new(text, 0) }];
    for (span, cut) in cuts {
        while let Some(inner) = open.pop_if(|inner| inner.end <= span.start) {
            headers.close(inner);
        }
        // A part inside of one that was cut out goes with it.
        let Some(around) = open.last_mut().filter(|around| around.at <= span.start) else { continue };
        headers.take(around, span.start, cut);
        around.at = span.end;
        if let Cut::Long { depth } = cut {
            open.push(OpenStatement::new(span, depth));
        }
    }
    while let Some(rest) = open.pop() {
        headers.close(rest);
    }
    headers.found
}

/// The comments and the function's name, which are cut out, and the words of headers.
fn look(snippet: &Snippet, syntax: &Syntax, names: &[Candidate]) -> (Vec<(Span, Cut)>, Words) {
    let (mut cuts, mut words) = (Vec::new(), Words::default());
    let function = snippet.unit().name.as_deref();
    let declared: BTreeSet<Span> = names.iter().flat_map(|name| name.spans.iter().copied()).collect();
    syntax.walk((), |visit, ()| {
        if visit.kind.ends_with("comment") {
            cuts.push((visit.span, Cut::Comment));
            return None;
        }
        let Some(leaf) = Leaf::of_kind(visit.kind) else { return Some(()) };
        let text = visit.span.of(snippet.text());
        if leaf == Leaf::Identifier && function.is_some() && text == function {
            cuts.push((visit.span, Cut::Name));
        } else if visit.kind == "type_identifier" {
            words.types.push(visit.span.start);
        } else if !declared.contains(&visit.span) {
            words.telling.push(visit.span.start);
        }
        None
    });
    (cuts, words)
}

impl OpenStatement {
    fn new(span: Span, depth: usize) -> Self {
        Self {
            end: span.end,
            at: span.start,
            depth,
            of_statement: true,
            spans: Vec::new(),
            text: String::new(),
        }
    }

    /// Writes an empty statement for one or more that are cut out.
    fn end_statement(&mut self, language: Language) {
        if self.spans.is_empty() {
            self.text.clear();
            return;
        }
        let empty = if language == Language::Python { " pass\n" } else { ";" };
        let bare = self.text.trim_end();
        if !bare.ends_with(empty.trim_end()) {
            self.text.truncate(bare.len());
            self.text += empty;
        }
    }
}

struct HeaderCollector<'s> {
    snippet: &'s Snippet,
    words: Words,
    found: Vec<Candidate>,
}

impl HeaderCollector<'_> {
    /// Takes the bytes before `end`, where a part is cut out.
    fn take(&mut self, rest: &mut OpenStatement, end: usize, cut: Cut) {
        for piece in self.parts(Span::new(rest.at, end.max(rest.at)), rest.of_statement) {
            if rest.text.len() > WHOLE {
                self.flush(rest);
            }
            rest.spans.push(piece);
            rest.text += piece.of(self.snippet.text()).unwrap_or_default();
        }
        match cut {
            Cut::Comment => rest.text.push(' '),
            Cut::Name => rest.text += " f",
            Cut::Long { .. } | Cut::Whole => rest.end_statement(self.snippet.language()),
        }
    }

    fn close(&mut self, mut rest: OpenStatement) {
        let end = rest.end;
        self.take(&mut rest, end, Cut::Whole);
        self.flush(&mut rest);
    }

    fn flush(&mut self, rest: &mut OpenStatement) {
        let (spans, text) = (std::mem::take(&mut rest.spans), std::mem::take(&mut rest.text));
        if !spans.is_empty() {
            let text = text.trim().to_owned();
            self.found.push(Candidate { kind: ElementKind::Header, text, spans, depth: rest.depth });
        }
    }

    /// The piece if it holds words of its own. A piece that is too long, because it does not parse, is split.
    fn parts(&self, piece: Span, of_statement: bool) -> Vec<Span> {
        let (text, mut rest, mut parts) = (self.snippet.text(), piece, Vec::new());
        while rest.len() > 2 * WHOLE {
            let most = text.floor_char_boundary(rest.start + WHOLE);
            let end = text[rest.start..most]
                .rfind(|at: char| at.is_ascii_whitespace())
                .map_or(most, |at| rest.start + at + 1);
            parts.push(Span::new(rest.start, end));
            rest.start = end;
        }
        parts.push(rest);
        parts.into_iter().map(|part| self.bare(part)).filter(|&part| self.tells(part, of_statement)).collect()
    }

    /// The piece without white space and braces around it.
    fn bare(&self, piece: Span) -> Span {
        let Some(text) = piece.of(self.snippet.text()) else { return piece };
        let brace = |at: char| at.is_whitespace() || matches!(at, '{' | '}');
        let start = piece.start + (text.len() - text.trim_start_matches(brace).len());
        Span::new(start, start + text.trim_matches(brace).len())
    }

    /// Returns whether the piece holds a word that no other candidate holds.
    fn tells(&self, piece: Span, of_statement: bool) -> bool {
        let begins_in = |begins: &[usize]| {
            let next = begins.partition_point(|&begin| begin < piece.start);
            begins.get(next).is_some_and(|&begin| begin < piece.end)
        };
        begins_in(&self.words.telling) || of_statement && begins_in(&self.words.types)
    }
}

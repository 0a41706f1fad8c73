//! What is in no statement: the heads of long statements and of the function.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Candidate;
use super::statements::{Statement, WHOLE};
use crate::snippet::{Language, Leaf, Snippet, Span, Syntax};
use crate::verdict::ElementKind;

/// What is cut out of a head.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    /// A long statement, which has a head of its own.
    Long {
        depth: usize,
    },
    /// A statement that is a candidate.
    Whole,
    Comment,
    /// The function's name.
    Name,
}

/// What is being left of a long statement, or of the whole text, on a walk over what is cut out of it.
struct Rest {
    end: usize,
    /// What lies before has been taken or cut out.
    at: usize,
    depth: usize,
    /// Of a statement, not of the whole text.
    of_statement: bool,
    /// Pieces so far, and as what they go elsewhere.
    spans: Vec<Span>,
    text: String,
}

/// Where the words begin that no other candidate holds, in source order.
#[derive(Default)]
struct Words {
    /// Names that are not declared here, numbers and strings.
    telling: Vec<usize>,
    types: Vec<usize>,
}

/// What of the snippet is in none of `statements`, so that every name, number and string is in some candidate: of statements
/// that `are_long` the head (`for (int i = 0; i < n; i++);`, `if (ready(0)); else;`), and of the text what stands around the
/// statements of its function (sizes and defaults of parameters, annotations …), as a declaration of `f`. What holds nothing but
/// declared `names`, each a candidate already, is none, nor what the function has nothing in but types: its callers rely on
/// these, and they say much about a field.
pub(super) fn heads(
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
    let mut heads = Heads { snippet, words, found: Vec::new() };
    let text = Span::new(0, snippet.text().len());
    let mut open = vec![Rest { of_statement: false, ..Rest::new(text, 0) }];
    for (span, cut) in cuts {
        while let Some(inner) = open.pop_if(|inner| inner.end <= span.start) {
            heads.close(inner);
        }
        // What lies in something that was cut out goes with it.
        let Some(around) = open.last_mut().filter(|around| around.at <= span.start) else { continue };
        heads.take(around, span.start, cut);
        around.at = span.end;
        if let Cut::Long { depth } = cut {
            open.push(Rest::new(span, depth));
        }
    }
    while let Some(rest) = open.pop() {
        heads.close(rest);
    }
    heads.found
}

/// The comments and the function's name, which are cut out, and the words that tell.
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

impl Rest {
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

    /// Puts an empty statement in the place of one or more that are cut out.
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

struct Heads<'s> {
    snippet: &'s Snippet,
    words: Words,
    found: Vec<Candidate>,
}

impl Heads<'_> {
    /// Takes what lies before `end`, where something is cut out.
    fn take(&mut self, rest: &mut Rest, end: usize, cut: Cut) {
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

    fn close(&mut self, mut rest: Rest) {
        let end = rest.end;
        self.take(&mut rest, end, Cut::Whole);
        self.flush(&mut rest);
    }

    fn flush(&mut self, rest: &mut Rest) {
        let (spans, text) = (std::mem::take(&mut rest.spans), std::mem::take(&mut rest.text));
        if !spans.is_empty() {
            let text = text.trim().to_owned();
            self.found.push(Candidate { kind: ElementKind::Head, text, spans, depth: rest.depth });
        }
    }

    /// The piece if it tells anything; one that is longer than heads are, since it does not parse, in parts.
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

    /// The piece without the white space and braces around it.
    fn bare(&self, piece: Span) -> Span {
        let Some(text) = piece.of(self.snippet.text()) else { return piece };
        let brace = |at: char| at.is_whitespace() || matches!(at, '{' | '}');
        let start = piece.start + (text.len() - text.trim_start_matches(brace).len());
        Span::new(start, start + text.trim_matches(brace).len())
    }

    /// Whether there is something in it that no other candidate holds.
    fn tells(&self, piece: Span, of_statement: bool) -> bool {
        let begins_in = |begins: &[usize]| {
            let next = begins.partition_point(|&begin| begin < piece.start);
            begins.get(next).is_some_and(|&begin| begin < piece.end)
        };
        begins_in(&self.words.telling) || of_statement && begins_in(&self.words.types)
    }
}

//! Finds the functions of a text that does not parse without errors.

use super::Reading;
use super::branches::{Choice, Pick};
use super::executable::Code;
use super::outline::{Body, Outline};
use crate::snippet::bare::Bare;
use crate::snippet::functions::Function;
use crate::snippet::{Language, Span, Syntax};

/// The functions and the other code of a text whose plain reading has errors.
pub(super) fn mended(text: &str, language: Language, plain: Reading) -> (Vec<Function>, Vec<Code>) {
    let mut bare = Bare::new(text, language);
    let first = Choice::new(text, &bare, Pick::First);
    let mut readings = vec![plain];
    if !bare.directives.is_empty() {
        readings.extend(without_branches(text, language, &bare, &first));
        if !first.left_out.is_empty() {
            let last = Choice::new(text, &bare, Pick::Last);
            readings.extend(without_branches(text, language, &bare, &last));
        }
    }
    let (mut functions, mut code) = best_of(&readings);
    bare.blank_directives(|_| true);
    for &span in &first.left_out {
        bare.blank(span);
    }
    let outline = Outline::new(&bare, language);
    if !outline.balanced {
        // Neither the parser nor the braces tell what belongs to a function, so nothing is only a declaration.
        code = vec![Code { span: Span::new(0, text.len()), within: 0 }];
    }
    // The outline of Python takes no function for a part of another one, and no `#` in a nested string for one.
    if language != Language::Python {
        code.extend(shorten(&mut functions, &outline.bodies, &bare));
    }
    let spans = union(&code);
    for body in &outline.bodies {
        join(&mut functions, &spans, body);
    }
    reach_back(&mut functions, &first.conditionals, &bare);
    (functions, code)
}

fn union(code: &[Code]) -> Vec<Span> {
    Span::union(code.iter().map(|code| code.span))
}

/// The text read without directives and without the branches that were left out, if it can be parsed.
fn without_branches(text: &str, language: Language, bare: &Bare, choice: &Choice) -> Option<Reading> {
    let left = choice.apply(text, bare);
    let syntax = Syntax::parse(&left, language).ok()?;
    let left_out = Span::union(bare.directives.iter().chain(&choice.left_out).copied());
    Some(Reading::new(text, &syntax, language, left_out))
}

/// The functions and the code of the reading with the fewest errors, with what only others know.
fn best_of(readings: &[Reading]) -> (Vec<Function>, Vec<Code>) {
    let best = readings
        .iter()
        .min_by_key(|reading| (reading.damage, usize::MAX - reading.functions.len()))
        .expect("a text is read at least once");
    let (mut functions, mut code) = (best.functions.clone(), best.code.clone());
    for statement in functions.extract_if(.., |function| is_statement(function)) {
        code.push(Code { span: statement.span, within: 0 });
    }
    // What this reading did not see is code if another reading calls it code or a function.
    let plain = &readings[0];
    let seen = plain.functions.iter().map(|function| Code { span: function.span, within: 0 });
    for there in plain.code.iter().copied().chain(seen) {
        code.extend(common(there, &best.left_out));
    }
    code.sort_unstable();
    let spans = union(&code);
    for reading in readings {
        let only_here = |function: &&Function| {
            let span = function.span;
            let known = functions.partition_point(|known| known.span.end <= span.start);
            let free = !functions.get(known).is_some_and(|known| known.span.overlaps(span));
            function.clean && !is_statement(function) && free && overlapping(&spans, span).next().is_some()
        };
        let more: Vec<Function> = reading.functions.iter().filter(only_here).cloned().collect();
        functions.extend(more);
        functions.sort_by_key(|function| function.span);
    }
    (functions, code)
}

/// Those of `spans`, which are sorted and do not overlap, that share a byte with `span`.
fn overlapping(spans: &[Span], span: Span) -> impl Iterator<Item = Span> {
    let from = spans.partition_point(|other| other.end <= span.start);
    spans[from..].iter().copied().take_while(move |other| other.start < span.end)
}

/// Returns the parts of `code` inside `spans`.
fn common(code: Code, spans: &[Span]) -> impl Iterator<Item = Code> {
    overlapping(spans, code.span).map(move |span| {
        let (start, end) = (span.start.max(code.span.start), span.end.min(code.span.end));
        Code { span: Span::new(start, end), ..code }
    })
}

/// Ends functions that run on into the body of another one; returns what they lose.
fn shorten(functions: &mut [Function], bodies: &[Body], bare: &Bare) -> Vec<Code> {
    let mut lost = Vec::new();
    for function in functions.iter_mut().filter(|function| !function.clean) {
        let own = bodies.partition_point(|body| body.span.end <= function.span.start);
        let next = bodies.get(own + 1).map(|next| bare.bytes[..next.span.start].trim_ascii_end().len());
        let lost_brace = bodies.get(own).filter(|own| own.by_indentation).map(|own| own.span.end);
        let end = next.into_iter().chain(lost_brace).min().unwrap_or(usize::MAX);
        if (function.span.start + 1..function.span.end).contains(&end) {
            lost.push(Code { span: Span::new(end, function.span.end), within: 0 });
            function.span.end = end;
        }
    }
    lost
}

/// Adds a body that no function holds, and gives a function that was cut short its rest.
fn join(functions: &mut Vec<Function>, code: &[Span], body: &Body) {
    let from = functions.partition_point(|function| function.span.end <= body.span.start);
    let to = functions.partition_point(|function| function.span.start < body.span.end);
    let inside = &functions[from..to];
    let reaches_out = inside.last().is_some_and(|function| function.span.end > body.span.end);
    // Several functions without errors: the brackets belong to something around them.
    let separate = inside.len() > 1 && inside.iter().all(|function| function.clean);
    if reaches_out || separate || !is_missing(inside, code, body.span) {
        return;
    }
    let start = inside.first().map_or(body.span.start, |first| first.span.start.min(body.span.start));
    let known = inside.first().and_then(|first| first.name.clone());
    let joined = Function {
        name: known.or_else(|| body.name.clone()),
        span: Span::new(start, body.span.end),
        clean: false,
    };
    functions.splice(from..to, [joined]);
}

/// Returns true if some code in `span` is in none of `functions`.
fn is_missing(functions: &[Function], code: &[Span], span: Span) -> bool {
    overlapping(code, span).any(|code| {
        let (mut at, end) = (code.start.max(span.start), code.end.min(span.end));
        let behind = functions.partition_point(|function| function.span.end <= at);
        for function in functions[behind..].iter().take_while(|function| function.span.start < end) {
            if function.span.start <= at {
                at = at.max(function.span.end);
            }
        }
        at < end
    })
}

/// Returns true if a function of the parser is a statement of a function that the parser did not find.
fn is_statement(function: &Function) -> bool {
    matches!(function.name.as_deref(), Some("if" | "for" | "while" | "switch" | "return" | "catch"))
}

/// Lets functions whose signature is split by a conditional begin with it, so that their text has the whole conditional.
fn reach_back(functions: &mut [Function], conditionals: &[Span], bare: &Bare) {
    for function in functions {
        let code_before = bare.bytes[..function.span.start].trim_ascii_end().len();
        let before = conditionals.partition_point(|conditional| conditional.start < function.span.start);
        let splitting =
            conditionals[..before].iter().rev().take_while(|conditional| conditional.start >= code_before);
        let start = function.span.start;
        let first = splitting.filter(|conditional| conditional.end > start).last();
        function.span.start = first.map_or(start, |conditional| conditional.start);
    }
}

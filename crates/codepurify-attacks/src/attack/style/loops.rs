//! Kinds of loops.
//!
//! `while (c)` and `for (; c; )` are the same loop. A `for` loop becomes a `while` loop only without
//! `continue`, which would skip the step, and only if the body declares no name of the step.

use codepurify::Span;
use tree_sitter::Node;

use super::transformed;
use crate::attack::change::Change;
use crate::attack::code::{Code, completes, declared_name, is_block, is_comment, statements_of, words};
use crate::attack::{Language, NotApplicable, Triggered};

/// Replaces `while (c)` by `for (; c; )`.
pub(in crate::attack) fn while_to_for(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let loops = code.nodes().into_iter().filter(|node| node.kind() == "while_statement" && !node.has_error());
    let changes = loops.filter_map(|node| {
        let keyword = code.span(node.child(0)?)?;
        let condition = code.span(node.child_by_field_name("condition")?)?;
        let first = Change { after: " ".to_owned(), ..Change::insert(condition.start + 1, ";") };
        let second = Change { after: " ".to_owned(), ..Change::insert(condition.end - 1, ";") };
        Some([Change::replace(keyword, "for"), first, second])
    });
    transformed(code, changes.flatten().collect())
}

/// Replaces `for (a; b; c) d` by `a; while (b) { d c; }`.
pub(in crate::attack) fn for_to_while(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    // Inner loops first: where two loops end at the same byte, the inner one is closed first.
    let changes = code.nodes().into_iter().rev().filter_map(|node| as_while(code, node));
    transformed(code, changes.flatten().collect())
}

fn as_while(code: &Code<'_>, node: Node<'_>) -> Option<Vec<Change>> {
    if node.kind() != "for_statement" || node.has_error() {
        return None;
    }
    let header = Header::of(code, node)?;
    let body = node.child_by_field_name("body")?;
    if !keeps_meaning(code, &header, body) {
        return None;
    }
    let whole = code.span(node)?;
    let is_alone = node.parent().is_none_or(|parent| !is_block(parent));
    let wrapped = header.declares || !header.start.is_empty() && is_alone;
    let open = if wrapped { "{ " } else { "" };
    let Header { start, condition, step, .. } = &header;
    let blank = if start.is_empty() { "" } else { " " };
    let head = format!("{open}{start}{blank}while ({condition})");
    let mut changes = vec![Change::replace(Span::new(whole.start, header.end), head)];
    if is_block(body) {
        changes.extend((!step.is_empty()).then_some(Change::statement(&code.end_of(body)?, step)));
    } else if !step.is_empty() {
        let Span { start, end } = code.span(body)?;
        changes.push(Change { after: " ".to_owned(), ..Change::insert(start, "{") });
        changes.push(Change { before: " ".to_owned(), ..Change::insert(end, format!("{step} }}")) });
    }
    if wrapped {
        changes.push(Change { before: " ".to_owned(), ..Change::insert(whole.end, "}") });
    }
    Some(changes)
}

/// Parts of `for (start; condition; step)` as they are written in a `while` loop.
struct Header {
    start: String,
    /// `start` declares variables, which need a block of their own.
    declares: bool,
    condition: String,
    step: String,
    /// Byte behind the closing bracket.
    end: usize,
}

impl Header {
    /// Returns the parts; `None` if there are comments or statements in them.
    fn of(code: &Code<'_>, node: Node<'_>) -> Option<Self> {
        let first = if code.language == Language::Java { "init" } else { "initializer" };
        let all = |field| {
            let mut cursor = node.walk();
            node.children_by_field_name(field, &mut cursor).collect::<Vec<_>>()
        };
        let (first, steps) = (all(first), all("update"));
        let mut cursor = node.walk();
        let bracket = node.children(&mut cursor).find(|child| child.kind() == ")")?;
        let end = code.span(bracket)?.end;
        let odd = |part: &Node<'_>| is_comment(*part) || part.kind().ends_with("_statement");
        let mut header = code.below(node).into_iter().filter(|part| part.id() != node.id());
        if header.any(|part| odd(&part) && code.span(part).is_some_and(|span| span.start < end)) {
            return None;
        }
        let statements = |parts: &[Node<'_>]| {
            let texts = parts.iter().map(|part| format!("{};", code.of(*part).trim_end_matches(';')));
            texts.collect::<Vec<_>>().join(" ")
        };
        let always = if code.language == Language::C { "1" } else { "true" };
        Some(Self {
            start: statements(&first),
            declares: first.iter().any(|part| part.kind().ends_with("declaration")),
            condition: node.child_by_field_name("condition").map_or(always, |part| code.of(part)).to_owned(),
            step: statements(&steps),
            end,
        })
    }
}

/// Returns true if the step can be the last statement of the body.
fn keeps_meaning(code: &Code<'_>, header: &Header, body: Node<'_>) -> bool {
    let block = is_block(body);
    if body.has_error() || !block && body.kind() != "expression_statement" {
        return false;
    }
    let hidden = || {
        let declarations = statements_of(body).into_iter();
        let declarators = declarations
            .filter(|statement| statement.kind().ends_with("declaration"))
            .flat_map(|declaration| {
                let mut cursor = declaration.walk();
                declaration.children_by_field_name("declarator", &mut cursor).collect::<Vec<_>>()
            });
        let mut names = declarators.map(|declarator| code.of(declared_name(declarator)));
        names.any(|name| words(&header.step).any(|word| word == name))
    };
    let jumps = code.below(body).iter().any(|node| node.kind() == "continue_statement");
    // Java refuses code behind a statement that cannot complete.
    let reached = code.language != Language::Java || !block || completes(body);
    !jumps && reached && !(block && hidden())
}

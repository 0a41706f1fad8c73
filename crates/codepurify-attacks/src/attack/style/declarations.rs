//! Declarations of local variables: apart from their values, several in one, and in another order.
//!
//! A variable has its value before it is used in every form. Constants, static variables, arrays and
//! structures stay as they are where their first value is no assignment.

use codepurify::Span;
use tree_sitter::Node;

use super::transformed;
use crate::attack::change::Change;
use crate::attack::code::{Code, declared_name, is_block, statements_of, words};
use crate::attack::{Language, NotApplicable, Triggered};

/// Replaces `int a = 1;` by `int a; a = 1;`.
pub(in crate::attack) fn split(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    transformed(code, split_changes(code, &[]))
}

/// Returns the changes of [`split`] next to others that rename variables.
pub(super) fn split_changes(code: &Code<'_>, renamed: &[Change]) -> Vec<Change> {
    let declarations = runs(code).into_iter().flatten();
    let changes = declarations.filter_map(|declaration| {
        let [declarator] = declaration.declarators[..] else { return None };
        let name = code.span(declared_name(declarator)).filter(|_| can_be_assigned(code, &declaration))?;
        let new = renamed.iter().find(|change| change.span == name);
        let new = new.map_or(name.of(code.text)?, |change| change.trigger.as_str());
        let insertion = Change::insert(name.end, format!("; {new}"));
        (code.span(declarator.child_by_field_name("value")?)?.start > name.end).then_some(insertion)
    });
    changes.collect()
}

/// Replaces `int a; int b = 1;` by `int a, b = 1;`.
pub(in crate::attack) fn merge(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let changes = runs(code).into_iter().flat_map(|run| {
        let merged = run.windows(2).filter_map(|pair| {
            let [first, second] = pair else { return None };
            let same = first.prefix.split_whitespace().eq(second.prefix.split_whitespace());
            let next = code.span(*second.declarators.first()?)?.start;
            (same && second.can_be_listed())
                .then(|| Change::replace(Span::new(first.span.end - 1, next), ", "))
        });
        merged.collect::<Vec<_>>()
    });
    transformed(code, changes.collect())
}

/// Sorts adjacent declarations without values or with literals by their names, the last one first.
///
/// Constructors of C++ may have effects, whose order counts.
pub(in crate::attack) fn order(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if code.language == Language::Cpp {
        return Err(NotApplicable::Language);
    }
    let mut changes = Vec::new();
    for run in runs(code) {
        for independent in run.split(|declaration| !is_independent(code, declaration)) {
            let mut sorted: Vec<&Declaration<'_>> = independent.iter().collect();
            sorted.sort_by(|one, other| other.first_name(code).cmp(one.first_name(code)));
            let moved = independent.iter().zip(sorted).filter(|(here, new)| here.span != new.span);
            changes.extend(moved.map(|(here, new)| Change::replace(here.span, code.of(new.node))));
        }
    }
    transformed(code, changes)
}

/// Declaration of local variables.
struct Declaration<'c> {
    node: Node<'c>,
    span: Span,
    /// Text in front of the first declarator.
    prefix: &'c str,
    declarators: Vec<Node<'c>>,
}

impl<'c> Declaration<'c> {
    fn of(code: &'c Code<'_>, node: Node<'c>) -> Option<Self> {
        if !["declaration", "local_variable_declaration"].contains(&node.kind()) || node.has_error() {
            return None;
        }
        let mut cursor = node.walk();
        let declarators: Vec<_> = node.children_by_field_name("declarator", &mut cursor).collect();
        let span = code.span(node).filter(|span| code.text[..span.end].ends_with(';'))?;
        let first = code.span(*declarators.first()?)?;
        Some(Self { node, span, prefix: &code.text[span.start..first.start], declarators })
    }

    /// Returns true if one declaration can list variables with this prefix.
    fn can_be_listed(&self) -> bool {
        let inferred = ["auto", "__auto_type", "var"];
        !self.prefix.contains(['{', '(', '@', '/'])
            && !words(self.prefix).any(|word| inferred.contains(&word))
    }

    fn first_name(&self, code: &'c Code<'_>) -> &'c str {
        self.declarators.first().map_or("", |first| code.of(declared_name(*first)))
    }
}

/// Returns the declarations in blocks: runs of those with only white space between them.
fn runs<'c>(code: &'c Code<'_>) -> Vec<Vec<Declaration<'c>>> {
    let mut runs: Vec<Vec<Declaration<'c>>> = Vec::new();
    for block in code.nodes().into_iter().filter(|node| is_block(*node)) {
        let mut end = None;
        for declaration in statements_of(block).into_iter().filter_map(|node| Declaration::of(code, node)) {
            let between = end.and_then(|end| code.text.get(end..declaration.span.start));
            let adjacent = between.is_some_and(|between| between.trim().is_empty());
            end = Some(declaration.span.end);
            match runs.last_mut().filter(|_| adjacent) {
                Some(run) => run.push(declaration),
                None => runs.push(vec![declaration]),
            }
        }
    }
    runs
}

/// Words of declarations whose variables must have their value at once, or whose type it tells.
const FIXED: [&str; 12] = [
    "const",
    "static",
    "extern",
    "auto",
    "constexpr",
    "typedef",
    "thread_local",
    "_Thread_local",
    "__thread",
    "__auto_type",
    "final",
    "var",
];

/// Returns true if the value of the only declarator can be assigned later: it is no constant, array
/// or structure.
fn can_be_assigned(code: &Code<'_>, declaration: &Declaration<'_>) -> bool {
    let [declarator] = declaration.declarators[..] else { return false };
    let Some(value) = declarator.child_by_field_name("value") else { return false };
    let head = code.span(value).map_or("", |value| &code.text[declaration.span.start..value.start]);
    let is_fixed = words(head).any(|word| FIXED.contains(&word)) || !declaration.can_be_listed();
    let is_list = ["initializer_list", "array_initializer"].contains(&value.kind());
    !is_fixed && !is_list && is_scalar(code, declaration, declarator)
}

/// Returns true for a variable that is no array or structure; types that end in `_t` are numbers.
fn is_scalar(code: &Code<'_>, declaration: &Declaration<'_>, declarator: Node<'_>) -> bool {
    if code.language == Language::Java {
        return declarator.child_by_field_name("dimensions").is_none();
    }
    let Some(declared) = declaration.node.child_by_field_name("type") else { return false };
    let mut name = declarator.child_by_field_name("declarator").unwrap_or(declarator);
    let is_pointer = name.kind() == "pointer_declarator";
    while name.kind() == "pointer_declarator" {
        let Some(inner) = name.child_by_field_name("declarator") else { return false };
        name = inner;
    }
    let numbers = ["primitive_type", "sized_type_specifier", "enum_specifier"];
    let by_value = numbers.contains(&declared.kind()) || code.of(declared).ends_with("_t");
    name.kind() == "identifier" && (is_pointer || by_value)
}

/// Kinds of nodes in declarators of variables without a value or with a literal, besides literals.
const INDEPENDENT: [&str; 10] = [
    "init_declarator",
    "variable_declarator",
    "pointer_declarator",
    "true",
    "false",
    "null",
    "string_content",
    "string_fragment",
    "escape_sequence",
    "character",
];

/// Returns true for a declaration whose variables have no value or a literal.
fn is_independent(code: &Code<'_>, declaration: &Declaration<'_>) -> bool {
    let is_plain = |declarator: &Node<'_>| {
        let mut parts = code.below(*declarator).into_iter().filter(Node::is_named);
        parts.all(|part| {
            let kind = part.kind();
            INDEPENDENT.contains(&kind) || kind.ends_with("_literal") || part == declared_name(*declarator)
        })
    };
    declaration.can_be_listed() && declaration.declarators.iter().all(is_plain)
}

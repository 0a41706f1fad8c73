//! Identifiers: names that a snippet declares, with all their places.

use std::collections::{BTreeMap, BTreeSet};

use super::Candidate;
use crate::snippet::{Language, Snippet, Span, Syntax, Visit};
use crate::verdict::ElementKind;

/// Kind of entity that a name denotes. Only Java separates methods and variables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Value,
    Method,
}

/// Role of an identifier token.
#[derive(Clone, Copy)]
enum Use {
    /// It introduces the name.
    Declares(Role),
    /// It refers to the name.
    Refers(Role),
    /// It declares that the name belongs to an outer scope.
    Outer,
    /// It is a label, a field, a keyword argument …, even with the same name.
    Unrelated,
}

/// State that a node passes to its children.
#[derive(Clone, Copy, Default)]
struct Context {
    /// The node introduces a name.
    declaring: bool,
    /// The node is a call on some object.
    qualified: bool,
}

/// The function name, parameters and local variables that the snippet declares, each with every token that
/// refers to it by that name. Fields, methods of objects, keyword arguments, labels, strings and comments do
/// not count.
pub(super) fn identifiers(snippet: &Snippet, syntax: &Syntax) -> Vec<Candidate> {
    let text = snippet.text();
    let mut spans: BTreeMap<(Role, &str), Vec<Span>> = BTreeMap::new();
    let mut declared = BTreeSet::new();
    let mut outer = BTreeSet::new();
    syntax.walk(Context::default(), |visit, above| {
        let declaring = declares(snippet.language(), visit, above.declaring);
        let qualified =
            visit.kind == "method_invocation" && visit.node.child_by_field_name("object").is_some();
        let here = Context { declaring, qualified };
        if visit.kind == "identifier"
            && let Some(name) = visit.span.of(text).filter(|name| !name.is_empty())
        {
            match classify(snippet.language(), visit, here, above) {
                Use::Declares(role) => {
                    declared.insert((role, name));
                    spans.entry((role, name)).or_default().push(visit.span);
                }
                Use::Refers(role) => spans.entry((role, name)).or_default().push(visit.span),
                Use::Outer => {
                    outer.insert(name);
                }
                Use::Unrelated => {}
            }
        }
        Some(here)
    });
    spans
        .into_iter()
        .filter(|(key, _)| declared.contains(key) && !outer.contains(key.1))
        .filter_map(|(_, spans)| Candidate::new(snippet, ElementKind::Identifier, spans, 0))
        .collect()
}

/// Role of the identifier `visit`; `here` is its own state, `above` its parent's.
fn classify(language: Language, visit: &Visit<'_>, here: Context, above: Context) -> Use {
    let role = match (language, visit.parent, visit.field) {
        (Language::Java, "method_declaration" | "method_invocation", Some("name")) => Role::Method,
        _ => Role::Value,
    };
    if here.declaring {
        return Use::Declares(role);
    }
    let unrelated = match language {
        Language::C | Language::Cpp => matches!(
            (visit.parent, visit.field),
            ("qualified_identifier" | "preproc_def" | "preproc_ifdef", Some("name"))
        ),
        Language::Java => match (visit.parent, visit.field) {
            ("method_invocation", Some("name")) => above.qualified,
            ("method_reference", _) => !visit.is_first,
            (_, Some("name" | "field" | "key")) => true,
            (parent, _) => matches!(parent, "labeled_statement" | "break_statement" | "continue_statement"),
        },
        Language::Python => match (visit.parent, visit.field) {
            ("global_statement" | "nonlocal_statement", _) => return Use::Outer,
            ("attribute", Some("attribute")) | ("keyword_argument" | "class_definition", Some("name")) => {
                true
            }
            (parent, _) => parent == "dotted_name",
        },
    };
    if unrelated { Use::Unrelated } else { Use::Refers(role) }
}

/// Returns whether the node introduces a name; `above` says so of its parent.
fn declares(language: Language, visit: &Visit<'_>, above: bool) -> bool {
    match language {
        Language::C | Language::Cpp => declares_in_c(visit, above),
        Language::Java => declares_in_java(visit, above),
        Language::Python => declares_in_python(visit, above),
    }
}

fn declares_in_c(visit: &Visit<'_>, above: bool) -> bool {
    match (visit.parent, visit.field) {
        (parent, Some("declarator")) => parent != "type_definition",
        ("lambda_capture_initializer", Some("left")) => true,
        ("qualified_identifier", Some("name"))
        | (
            "reference_declarator"
            | "parenthesized_declarator"
            | "structured_binding_declarator"
            | "variadic_declarator"
            | "attributed_declarator",
            None,
        ) => above,
        _ => false,
    }
}

fn declares_in_java(visit: &Visit<'_>, above: bool) -> bool {
    match (visit.parent, visit.field) {
        (
            "method_declaration"
            | "formal_parameter"
            | "catch_formal_parameter"
            | "enhanced_for_statement"
            | "resource"
            | "instanceof_expression",
            Some("name"),
        )
        | ("local_variable_declaration", Some("declarator"))
        | ("lambda_expression", Some("parameters"))
        | ("spread_parameter" | "inferred_parameters" | "type_pattern" | "record_pattern_component", None) => {
            true
        }
        ("variable_declarator", Some("name")) => above,
        _ => false,
    }
}

fn declares_in_python(visit: &Visit<'_>, above: bool) -> bool {
    match (visit.parent, visit.field) {
        (
            "function_definition" | "default_parameter" | "typed_default_parameter" | "named_expression",
            Some("name"),
        )
        | ("assignment" | "for_statement" | "for_in_clause", Some("left"))
        | ("parameters" | "lambda_parameters" | "typed_parameter" | "as_pattern_target", None) => true,
        (
            "pattern_list"
            | "tuple_pattern"
            | "list_pattern"
            | "list_splat_pattern"
            | "dictionary_splat_pattern",
            None,
        ) => above,
        _ => false,
    }
}

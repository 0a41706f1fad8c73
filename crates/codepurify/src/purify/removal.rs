//! Removal of dead statements from the text around them.

use std::collections::BTreeMap;

use tree_sitter::Node;

use super::delete::{is_alone, with_line};
use super::places::Places;
use crate::snippet::edit::Edit;
use crate::snippet::{Language, Snippet, Span, Visit};

/// Kinds of nodes that make a name local to a Python function, or the function a generator,
/// anywhere in it.
const PYTHON_EFFECTS: &[&str] = &[
    "yield",
    "assignment",
    "augmented_assignment",
    "named_expression",
    "for_statement",
    "with_statement",
    "as_pattern",
    "import_statement",
    "import_from_statement",
    "future_import_statement",
    "function_definition",
    "class_definition",
    "global_statement",
    "nonlocal_statement",
    "delete_statement",
    "except_clause",
    "match_statement",
    "type_alias_statement",
];

/// Facts about the nodes around a node.
#[derive(Clone, Copy, Default)]
struct Above {
    /// True if the parent is a block in brackets, which has the value of its last statement: an
    /// extension of GNU C.
    in_value: bool,
    /// First statement of the parent, if that is a block of Python.
    first: Option<First>,
    /// True if a dead `switch` is around it.
    in_switch: bool,
}

/// First statement of a block of Python.
#[derive(Clone, Copy)]
struct First {
    start: usize,
    /// True if the next statement can be the first one: there is one, and it is no string.
    is_spare: bool,
}

/// Returns the edits that remove the dead statements at `dead`, in source order; `None` if one of
/// them matters although it never runs.
pub(super) fn removal(snippet: &Snippet, dead: &[Span]) -> Option<Vec<Edit>> {
    let (places, mut edits, mut matters) = (Places::new(dead), BTreeMap::new(), false);
    snippet.syntax()?.walk(Above::default(), |visit, above| {
        if matters || !places.overlap(visit.span) {
            return None;
        }
        let around = places.around(visit.span);
        if around == Some(visit.span) && is_statement(visit.kind) {
            matters |= above.in_value;
            edits.entry(visit.span).or_insert_with(|| taken_out(snippet, visit, above));
        }
        matters |= around.is_some() && matters_unrun(snippet.language(), visit, above);
        Some(Above {
            in_value: visit.kind == "compound_statement" && visit.parent == "parenthesized_expression",
            first: First::of(visit),
            in_switch: above.in_switch || (around.is_some() && visit.kind == "switch_statement"),
        })
    });
    // Directives are no nodes if the parser is shown a text without them.
    matters |= dead.iter().any(|&span| has_directive(snippet, span));
    let changes = |edit: &Edit| edit.span.of(snippet.text()) != Some(&edit.replacement);
    let edits = dead.iter().map(|span| edits.get(span).cloned().filter(changes));
    edits.collect::<Option<Vec<Edit>>>().filter(|_| !matters)
}

fn is_statement(kind: &str) -> bool {
    kind.ends_with("_statement") || kind == ";"
}

fn has_directive(snippet: &Snippet, span: Span) -> bool {
    let text = span.of(snippet.text()).unwrap_or_default();
    let is_directive = |line: &str| line.trim_start().starts_with('#');
    matches!(snippet.language(), Language::C | Language::Cpp) && text.lines().any(is_directive)
}

/// Returns true if the node has an effect without being run: a jump target, a name that becomes
/// local.
fn matters_unrun(language: Language, visit: &Visit<'_>, above: Above) -> bool {
    match language {
        Language::C | Language::Cpp => {
            visit.kind == "labeled_statement"
                || (visit.kind == "case_statement" && !above.in_switch)
                || visit.kind.starts_with("co_")
        }
        Language::Java => false,
        Language::Python => visit.node.is_named() && PYTHON_EFFECTS.contains(&visit.kind),
    }
}

/// Returns the edit that removes one statement. An empty statement replaces it if another statement
/// would lose its body.
fn taken_out(snippet: &Snippet, dead: &Visit<'_>, above: Above) -> Edit {
    let (text, span) = (snippet.text(), dead.span);
    let (empty, is_needed) = match snippet.language() {
        Language::Python => {
            let needed = above.first.is_none_or(|first| first.start == span.start && !first.is_spare);
            ("pass", needed || !is_alone(text, span))
        }
        Language::C | Language::Cpp | Language::Java => {
            let in_block = snippet.grammar().blocks.contains(&dead.parent);
            (";", !in_block && !matches!(dead.parent, "translation_unit" | "program"))
        }
    };
    if is_needed { Edit { span, replacement: empty.to_owned() } } else { with_line(text, span) }
}

impl First {
    /// Finds the first statement of a block.
    fn of(visit: &Visit<'_>) -> Option<Self> {
        if !matches!(visit.kind, "block" | "module") {
            return None;
        }
        let mut cursor = visit.node.walk();
        let mut statements =
            visit.node.named_children(&mut cursor).filter(|child| !child.kind().ends_with("comment"));
        let first = statements.next()?;
        // Positions in the tree may be shifted relative to those in the text.
        let start = visit.span.start + (first.start_byte() - visit.node.start_byte());
        Some(Self { start, is_spare: statements.next().is_some_and(|next| !starts_with_string(next)) })
    }
}

/// Returns true for a string, which would become the documentation as the first statement.
fn starts_with_string(statement: Node<'_>) -> bool {
    statement.named_child(0).is_some_and(|child| matches!(child.kind(), "string" | "concatenated_string"))
}

#[cfg(test)]
mod tests {
    use super::super::dead_code::dead_around;
    use super::*;
    use crate::snippet::edit;

    /// Returns `code` without the statement at `dead`, if that can be removed.
    fn without(code: &str, dead: &str, language: Language) -> Option<String> {
        let snippet = Snippet::new(code, language).unwrap();
        let start = code.find(dead).unwrap();
        let dead = dead_around(&snippet, &[Span::new(start, start + dead.len())])?;
        Some(edit::apply(code, &removal(&snippet, &dead)?).unwrap())
    }

    #[test]
    fn body_of_another_statement_leaves_an_empty_statement() {
        let dead = "if (rand() < 0) g();";
        for (code, expected) in [
            ("int f(int n) { if (n) if (rand() < 0) g(); return n; }", "int f(int n) { if (n) ; return n; }"),
            (
                "int f(int n) { while (n--) if (rand() < 0) g(); return n; }",
                "int f(int n) { while (n--) ; return n; }",
            ),
            ("int f(int n) { end: if (rand() < 0) g(); }", "int f(int n) { end: ; }"),
            ("int f(int n) { { if (rand() < 0) g(); } return n; }", "int f(int n) { {  } return n; }"),
        ] {
            assert_eq!(without(code, dead, Language::C).as_deref(), Some(expected), "{code}");
        }
        let code = "int f(char *p) { while (*p++) ; return 1; }";
        assert_eq!(without(code, ";", Language::C), None);
    }

    #[test]
    fn python_block_that_would_be_empty_gets_pass() {
        let dead = "assert 1 >= 0";
        for (code, expected) in [
            (
                "def f(n):\n    if n:\n        assert 1 >= 0\n    return n\n",
                "def f(n):\n    if n:\n        pass\n    return n\n",
            ),
            (
                "def f(n):\n    if n: assert 1 >= 0\n    return n\n",
                "def f(n):\n    if n: pass\n    return n\n",
            ),
            (
                "def f(n):\n    n = 1; assert 1 >= 0\n    return n\n",
                "def f(n):\n    n = 1; pass\n    return n\n",
            ),
            ("def f(n):\n    assert 1 >= 0\n    'text'\n", "def f(n):\n    pass\n    'text'\n"),
            ("def f(n):\n    assert 1 >= 0\n    return n\n", "def f(n):\n    return n\n"),
        ] {
            assert_eq!(without(code, dead, Language::Python).as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn dead_code_that_matters_unrun_stays() {
        for (code, dead) in [
            ("int f(int n) { if (n) goto err; if (0) { err: n = 1; } return n; }", "if (0) { err: n = 1; }"),
            (
                "int f(int n) { switch (n) { if (0) { case 1: n = 2; } } return n; }",
                "if (0) { case 1: n = 2; }",
            ),
            ("int f(int n) { if (0) {\n#define A 1\n} return A; }", "if (0) {\n#define A 1\n}"),
            ("int f(int n) { return ({ n++; n; }); }", "n;"),
        ] {
            assert_eq!(without(code, dead, Language::C), None, "{code}");
        }
        for body in ["yield n", "n = 1", "import n", "for n in m: pass", "def n(): pass", "del n"] {
            let code = format!("def f(m):\n    if False: {body}\n    return n\n");
            assert_eq!(without(&code, &format!("if False: {body}"), Language::Python), None, "{code}");
        }
        let code = "int f(int n) { if (0) { switch (n) { case 1: n = 2; } } return n; }";
        assert!(without(code, "if (0) { switch (n) { case 1: n = 2; } }", Language::C).is_some());
    }
}

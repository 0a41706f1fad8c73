//! Names that can be replaced without a change of meaning: variables that cannot be named outside
//! their function's body.
//!
//! Names of functions and fields are used elsewhere, Python's parameters are named by callers,
//! Java's by reflection. In C and C++ a macro can use any name in its scope, so no name is certain
//! if there are macros.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::snippet::edit::Edit;
use crate::snippet::{Language, Snippet, Span, Visit};

/// Calls that access a function's variables by their names.
const PYTHON_REFLECTION: &[&str] =
    &["locals", "vars", "dir", "eval", "exec", "inspect", "_getframe", "currentframe"];

/// Parts of a Python function with names of their own, or that show names as text.
const PYTHON_SPACES: &[&str] = &[
    "function_definition",
    "class_definition",
    "lambda",
    "list_comprehension",
    "set_comprehension",
    "dictionary_comprehension",
    "generator_expression",
    "interpolation",
];

/// Places where a local variable of Java can be used.
const JAVA_SCOPES: &[&str] = &[
    "block",
    "constructor_body",
    "switch_block",
    "for_statement",
    "enhanced_for_statement",
    "catch_clause",
    "try_with_resources_statement",
];

/// Parts of a Java method in which a name may be that of a field or an enumeration constant.
const JAVA_SPACES: &[&str] =
    &["class_body", "interface_body", "enum_body", "annotation_type_body", "switch_label"];

/// Context of a token.
#[derive(Clone, Copy, Default)]
struct Home {
    /// Scope of names that are declared there, and number of name spaces around it.
    scope: Option<(Span, usize)>,
    /// Number of name spaces around the token.
    spaces: usize,
    /// True if the token's parent is the declaration of a variable.
    declaring: bool,
}

/// Returns true if `edits`, which give a new name to every place of each name, concern such
/// variables only.
pub(super) fn are_local(snippet: &Snippet, edits: &[Edit]) -> bool {
    let (Some(syntax), false) = (snippet.syntax(), is_of_macros(snippet.language())) else { return false };
    let (text, language) = (snippet.text(), snippet.language());
    let renamed: BTreeSet<Span> = edits.iter().map(|edit| edit.span).collect();
    let names: BTreeSet<&str> = renamed.iter().filter_map(|span| span.of(text)).collect();
    let (mut homes, mut local) = (BTreeMap::<&str, Home>::new(), true);
    syntax.walk(Home::default(), |visit, home| {
        let name = if visit.kind == "identifier" { visit.span.of(text) } else { None };
        if let Some(name) = name {
            local &= language != Language::Python || !PYTHON_REFLECTION.contains(&name);
            local &= match (names.contains(name), renamed.contains(&visit.span)) {
                (false, _) => true,
                (true, false) => is_member(visit),
                (true, true) => match homes.entry(name) {
                    Entry::Occupied(first) => first.get().holds(home, visit.span),
                    Entry::Vacant(first) => first.insert(home).can_declare(language, visit),
                },
            };
        }
        local.then(|| home.inside(language, visit))
    });
    local
}

/// Returns true if macros can use a name.
fn is_of_macros(language: Language) -> bool {
    matches!(language, Language::C | Language::Cpp)
}

/// Returns true if the token is the name of a field, a method or a keyword argument.
fn is_member(visit: &Visit<'_>) -> bool {
    matches!(
        (visit.parent, visit.field),
        ("attribute", Some("attribute"))
            | ("keyword_argument" | "method_invocation", Some("name"))
            | ("field_access", Some("field"))
    )
}

impl Home {
    /// Returns the context of the children of `visit`, whose own context this is.
    fn inside(self, language: Language, visit: &Visit<'_>) -> Self {
        let is_field = |parent, field| visit.parent == parent && visit.field == Some(field);
        let (is_scope, is_space) = if language == Language::Python {
            (is_field("function_definition", "body"), PYTHON_SPACES.contains(&visit.kind))
        } else {
            // The variable of such a loop is not in scope in the collection that it iterates over.
            let looped = is_field("enhanced_for_statement", "value");
            (JAVA_SCOPES.contains(&visit.kind), JAVA_SPACES.contains(&visit.kind) || looped)
        };
        let spaces = self.spaces + usize::from(is_space);
        let scope = if is_scope { Some((visit.span, spaces)) } else { self.scope };
        let declaring = visit.kind == "local_variable_declaration"
            || (self.declaring && visit.kind == "variable_declarator");
        Self { scope, spaces, declaring }
    }

    /// Returns true if the first place of a name, `visit` in this context, makes it a local
    /// variable.
    fn can_declare(self, language: Language, visit: &Visit<'_>) -> bool {
        let declares = match visit.parent {
            // A name that a function's body assigns is local in all of it.
            _ if language == Language::Python => true,
            "variable_declarator" => visit.field == Some("name") && self.declaring,
            "enhanced_for_statement" | "catch_formal_parameter" | "resource" => visit.field == Some("name"),
            _ => false,
        };
        declares && self.scope.is_some_and(|(_, spaces)| spaces == self.spaces)
    }

    /// Returns true if a name at `span` in the context `other` refers to a variable that is
    /// declared here.
    fn holds(self, other: Self, span: Span) -> bool {
        self.spaces == other.spaces && self.scope.is_some_and(|(scope, _)| scope.contains(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Families, candidates};

    /// Returns true if a new name for `name` everywhere in `code` keeps what it does.
    fn is_provable(code: &str, name: &str, language: Language) -> bool {
        let snippet = Snippet::new(code, language).unwrap();
        let found = candidates(&snippet, &Families { identifiers: true, ..Families::NONE });
        let named = found.into_iter().find(|candidate| candidate.text == name).unwrap();
        let edits: Vec<Edit> =
            named.spans.into_iter().map(|span| Edit { span, replacement: "new_name".to_owned() }).collect();
        are_local(&snippet, &edits)
    }

    #[test]
    fn java_local_variable_is_provable() {
        for code in [
            "int f(int a) { int n = a; g(n); return n + this.n + o.n(); }",
            "int f(int[] a) { for (int n : a) { g(n); } return 0; }",
            "int f(int a) { for (int n = 0; n < a; n++) { g(n); } for (int n = 1; ; ) { g(n); } }",
            "int f() { try { g(); } catch (Exception n) { h(n); } return 0; }",
        ] {
            let first_loop_only = code.contains("n = 1");
            assert_eq!(is_provable(code, "n", Language::Java), !first_loop_only, "{code}");
        }
    }

    #[test]
    fn java_name_that_others_see_is_not_provable() {
        for (code, name) in [
            ("int f(int n) { return n; }", "n"),
            ("int f(int n) { return n; }", "f"),
            ("int f() { { int n = 1; } return n; }", "n"),
            ("int f() { int n = 1; new T() { int g() { return n; } }; return n; }", "n"),
            ("int f(int a) { int n = 1; switch (a) { case n: return 1; } return n; }", "n"),
        ] {
            assert!(!is_provable(code, name, Language::Java), "{code}");
        }
    }

    #[test]
    fn python_local_variable_is_provable() {
        for body in [
            "n = a\n    return g(n, n=1) + a.n",
            "for n in a:\n        g(n)",
            "with g(a) as n:\n        h(n)",
        ] {
            assert!(is_provable(&format!("def f(a):\n    {body}\n"), "n", Language::Python), "{body}");
        }
    }

    #[test]
    fn python_name_that_others_see_is_not_provable() {
        for (code, name) in [
            ("def f(n):\n    return n\n", "n"),
            ("def f(n):\n    return n\n", "f"),
            ("def f(a=n):\n    n = a\n    return n\n", "n"),
            ("def f():\n    n = 1\n    return '{n}'.format(**locals())\n", "n"),
            ("def f():\n    n = 1\n    return f'{n=}'\n", "n"),
            ("def f():\n    n = 1\n    return lambda: n\n", "n"),
            ("def f(m):\n    return [n for n in m]\n", "n"),
            ("def f():\n    import n\n    n = 1\n    return n\n", "n"),
            ("def f():\n    class A:\n        n = 1\n    return A\n", "n"),
        ] {
            assert!(!is_provable(code, name, Language::Python), "{code}");
        }
    }

    #[test]
    fn c_names_are_never_provable() {
        assert!(!is_provable("int f(int a) { int n = a; return n; }", "n", Language::C));
    }
}

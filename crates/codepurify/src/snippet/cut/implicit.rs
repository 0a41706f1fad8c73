//! Calls that no parentheses show: constructors of C++ in braces, operators that may be methods, and values that Python
//! stores in objects.

use tree_sitter::Node;

use crate::snippet::{Language, Visit};

/// Returns true for a node outside of functions that may run a function of the program without naming it.
pub(super) fn is_implicit_call(visit: &Visit<'_>, language: Language) -> bool {
    match language {
        Language::C | Language::Java => false,
        Language::Cpp => is_constructed(visit) || is_conversion(visit),
        Language::Python => stores(visit),
    }
}

/// Returns true for the braces in `T a{1}` and `T{1}`, unless `T` is a number. Braces behind `=` are a table, empty ones are
/// like none.
fn is_constructed(visit: &Visit<'_>) -> bool {
    let declares = match visit.parent {
        "init_declarator" | "field_declaration" => !follows(visit.node, "="),
        "compound_literal_expression" => !follows(visit.node, ")"),
        _ => false,
    };
    declares
        && visit.kind == "initializer_list"
        && visit.node.named_child_count() > 0
        && declared_type(visit.node).is_some_and(is_of_program)
}

/// Returns true for a conversion of C++ to a type that is neither a number nor a pointer.
fn is_conversion(visit: &Visit<'_>) -> bool {
    let to = visit.node.child_by_field_name("type").filter(|_| visit.kind == "cast_expression");
    to.is_some_and(|to| {
        to.child_by_field_name("declarator").is_none_or(|it| it.kind() != "abstract_pointer_declarator")
            && to.child_by_field_name("type").is_some_and(is_of_program)
    })
}

/// Returns true for an assignment of Python to an attribute or an item, or of the items of something.
fn stores(visit: &Visit<'_>) -> bool {
    let is_display = |node: Node<'_>| matches!(node.kind(), "expression_list" | "tuple" | "list");
    let target = visit.node.child_by_field_name("left").filter(|_| visit.kind == "assignment");
    target.is_some_and(|target| match target.kind() {
        "attribute" | "subscript" => true,
        "pattern_list" | "tuple_pattern" | "list_pattern" => {
            !visit.node.child_by_field_name("right").is_some_and(is_display)
                || holds(target, |kind| matches!(kind, "attribute" | "subscript"))
        }
        _ => false,
    })
}

/// Returns true for an operator that is a function if an operand has one. A union of types and the address of something are none.
pub(super) fn is_operator(visit: &Visit<'_>, language: Language) -> bool {
    let operator = || visit.node.child_by_field_name("operator").map(|node| node.kind());
    match (language, visit.kind) {
        (Language::Cpp, "binary_expression" | "unary_expression")
        | (
            Language::Python,
            "boolean_operator" | "comparison_operator" | "not_operator" | "unary_operator",
        ) => true,
        (Language::Cpp, "pointer_expression") => operator() == Some("*"),
        (Language::Python, "binary_operator") => visit.parent != "type" || operator() != Some("|"),
        _ => false,
    }
}

/// Returns true for a node of C++ whose operators the compiler evaluates: a value of an enumeration, a size, an argument of a
/// template, or a declaration with `constexpr`.
pub(super) fn is_constant(visit: &Visit<'_>) -> bool {
    match visit.kind {
        "enumerator" | "bitfield_clause" | "template_argument_list" | "array_declarator" => true,
        "declaration" | "field_declaration" => {
            let mut cursor = visit.node.walk();
            let mut qualifiers =
                visit.node.named_children(&mut cursor).filter(|it| it.kind() == "type_qualifier");
            let is_constant = |word: Node<'_>| matches!(word.kind(), "constexpr" | "constinit");
            qualifiers.any(|it| it.child(0).is_some_and(is_constant))
        }
        _ => false,
    }
}

/// The type of the declaration or of the expression that a node initialises.
fn declared_type(node: Node<'_>) -> Option<Node<'_>> {
    let parent = node.parent()?;
    parent.child_by_field_name("type").or_else(|| parent.parent()?.child_by_field_name("type"))
}

/// Returns true if a type may have constructors and operators of its own.
fn is_of_program(kind: Node<'_>) -> bool {
    !matches!(kind.kind(), "primitive_type" | "sized_type_specifier" | "enum_specifier")
}

fn follows(node: Node<'_>, sign: &str) -> bool {
    node.prev_sibling().is_some_and(|before| before.kind() == sign)
}

/// Returns true if a node inside is of such a kind.
fn holds(node: Node<'_>, kind: impl Fn(&str) -> bool) -> bool {
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        if kind(node.kind()) {
            return true;
        }
        waiting.extend(node.named_children(&mut node.walk()));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::parts;
    use super::*;

    /// The parts of `code` in front of a function.
    fn found(code: &str, language: Language) -> Vec<String> {
        let function =
            if language == Language::Python { "\n\ndef f():\n    g()\n" } else { "\nvoid f() { g(); }\n" };
        let text = format!("{code}{function}");
        let mut texts: Vec<String> = parts(&text, language)
            .unwrap()
            .iter()
            .map(|part| part.span.of(&text).unwrap().to_owned())
            .collect();
        assert_eq!(texts.pop().as_deref(), Some(function.trim()));
        texts
    }

    #[test]
    fn constructors_in_braces_are_code() {
        for code in [
            "std::jthread worker{evil};",
            "static auto guard = Runner{\"rm\", 3};",
            "auto a = B<int>{\"c\"};",
            "Foo x{1}, y;",
            "struct S { B b{\"c\"}; };",
            "auto d = a >> b;",
            "Flow e = (a | b);",
            "int f = reg << \"a\";",
            "bool g = reg == 3;",
            "auto h = (T)\"a\";",
            "auto i = (const n::T &)a;",
            "int j = *reg;",
            "#define K reg << \"a\"",
            "#define L new M",
        ] {
            assert_eq!(found(code, Language::Cpp).len(), 1, "{code}");
        }
        for code in [
            "int a[]{1, 2};",
            "const char *const names[] = { \"a\" };",
            "static const Foo t[] = { {1}, {2} };",
            "Foo x{};",
            "size_t n = 4 * 3;",
            "Foo *p = &base;",
            "struct S { int e{3}; unsigned h : A + 1; };",
            "enum E { C = 1 << D };",
            "constexpr int m = A | B;",
            "int b[A * 2];",
            "std::array<int, A + 1> c;",
            "Foo *q = (Foo *)base;",
            "#define N (A << 3)",
        ] {
            assert_eq!(found(code, Language::Cpp), [""; 0], "{code}");
        }
        assert_eq!(found("static struct s t = { A | B }; int n = A | B;", Language::C), [""; 0]);
    }

    #[test]
    fn operators_and_targets_of_python_are_code() {
        for code in [
            "a >> b >> c",
            "a < b",
            "a and b",
            "not a",
            "a in b",
            "~a",
            "*a, b",
            "x = a >> b",
            "class C:\n    d = e | f",
            "a.b = c",
            "x[a] = 1",
            "a, b = c",
            "a, b.c = 1, 2",
            "x = a.b = 1",
            "x: T = a @ b",
            "x: a >> b = 1",
            "x = [*a]",
            "x = {**a}",
            "x = `a()`",
            "x = [`a`, 1]",
            "`a`",
        ] {
            assert_eq!(found(code, Language::Python), [code.trim_start_matches("class C:\n    ")], "{code}");
        }
        for code in [
            "X = 60 * 60",
            "X = -1",
            "a, b = 1, 'c'",
            "x: int | None = 3",
            "X = [1, {'a': -2}]",
            "X = a.b",
            "a",
        ] {
            assert_eq!(found(code, Language::Python), [""; 0], "{code}");
        }
    }
}

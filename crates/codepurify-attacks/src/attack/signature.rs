//! Changes of a signature that mean nothing to the compiler.
//!
//! A type and its synonym are the same type. A function definition without a storage class is
//! `extern`, `cold` is a hint for the optimiser, and `strictfp` has had no effect since Java 17.
//! `@SuppressWarnings` only silences the compiler. `const` and `final` only forbid writes, of which
//! there are none.

use codepurify::{Candidate, Language, Span};
use tree_sitter::Node;

use super::change::{Change, rewrite};
use super::code::{Code, name_of, words};
use super::rename::DeclaredNames;
use super::{NotApplicable, Triggered};

/// Classes of `java.lang` that signatures name.
const JAVA_LANG: [&str; 15] = [
    "String",
    "Object",
    "Integer",
    "Long",
    "Boolean",
    "Double",
    "Float",
    "Character",
    "Class",
    "Exception",
    "Throwable",
    "Iterable",
    "StringBuilder",
    "StringBuffer",
    "Runnable",
];

/// Inserts `word` and a blank before byte `at`.
fn modified(code: &Code<'_>, at: usize, word: &str) -> Result<Triggered, NotApplicable> {
    let modifier = Change { after: " ".to_owned(), ..Change::insert(at, word) };
    rewrite(code.text, vec![modifier])
}

/// Returns the first function with a body, in a language with types.
fn function<'c>(code: &'c Code<'_>) -> Result<Node<'c>, NotApplicable> {
    if code.language == Language::Python {
        return Err(NotApplicable::Language);
    }
    let (function, _) = code.function().ok_or(NotApplicable::NoBody)?;
    Ok(function)
}

/// Returns the parameters that have a type and a name.
fn parameters<'c>(code: &'c Code<'_>) -> Result<Vec<Node<'c>>, NotApplicable> {
    let mut declarator = function(code)?;
    let list = loop {
        if let Some(list) = declarator.child_by_field_name("parameters") {
            break list;
        }
        declarator = declarator.child_by_field_name("declarator").ok_or(NotApplicable::NoSignature)?;
    };
    let mut cursor = list.walk();
    let typed = ["parameter_declaration", "formal_parameter"];
    Ok(list.named_children(&mut cursor).filter(|child| typed.contains(&child.kind())).collect())
}

/// Writes `signed` in front of the type `int`, or `java.lang.` in front of a class of that package.
fn synonym(code: &Code<'_>, declared: Node<'_>) -> Option<Change> {
    let written = declared.child_by_field_name("type")?;
    if code.language != Language::Java {
        let Span { start, .. } = code.span(written).filter(|_| code.of(written) == "int")?;
        return Some(Change { after: " ".to_owned(), ..Change::insert(start, "signed") });
    }
    let class = code.below(written).into_iter().find(|node| {
        let name = code.of(*node);
        node.kind() == "type_identifier"
            && node.parent().is_none_or(|parent| parent.kind() != "scoped_type_identifier")
            && JAVA_LANG.contains(&name)
            && !declares_type(code, name)
    })?;
    Some(Change::insert(code.span(class)?.start, "java.lang."))
}

/// Returns true if the text declares a class or type parameter `name`.
fn declares_type(code: &Code<'_>, name: &str) -> bool {
    let kinds = [
        "type_parameter",
        "class_declaration",
        "interface_declaration",
        "enum_declaration",
        "record_declaration",
    ];
    code.nodes().into_iter().filter(|node| kinds.contains(&node.kind())).any(|node| {
        let mut cursor = node.walk();
        node.named_children(&mut cursor)
            .any(|child| child.kind().ends_with("identifier") && code.of(child) == name)
    })
}

/// Replaces the type of the first parameter that has a synonym.
pub(super) fn parameter_type(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let change = parameters(code)?.into_iter().find_map(|parameter| synonym(code, parameter));
    rewrite(code.text, vec![change.ok_or(NotApplicable::NoSignature)?])
}

/// Replaces the type of the result.
pub(super) fn return_type(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let change = synonym(code, function(code)?);
    rewrite(code.text, vec![change.ok_or(NotApplicable::NoSignature)?])
}

/// Writes the storage class that a C function has anyway, or `strictfp` in front of a method.
///
/// Functions of C++ may be members, which are not `extern`.
pub(super) fn storage(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if code.language == Language::Cpp {
        return Err(NotApplicable::Language);
    }
    let function = function(code)?;
    let parts = || {
        let result = function.child_by_field_name("type")?;
        let name = code.span(name_of(function)?)?;
        Some((result, code.span(function)?.start, name.start))
    };
    let (result, start, name) = parts().ok_or(NotApplicable::NoSignature)?;
    if code.language == Language::Java {
        let at = code.span(function.child_by_field_name("type_parameters").unwrap_or(result));
        let at = at.ok_or(NotApplicable::NoSignature)?.start;
        if words(&code.text[start..at]).any(|word| word == "strictfp") {
            return Err(NotApplicable::NoSignature);
        }
        return modified(code, at, "strictfp");
    }
    // Words in front of the name may be `static`, `inline` or macros for them; `extern inline`
    // would be another function.
    let plain = ["const", "volatile", "struct", "union", "enum", "signed", "unsigned"];
    let of_type: Vec<&str> = words(code.of(result)).collect();
    let is_plain = |word| plain.contains(&word) || of_type.contains(&word);
    if !words(&code.text[start..name]).all(is_plain) {
        return Err(NotApplicable::NoSignature);
    }
    modified(code, start, "extern")
}

/// Writes an attribute or annotation in front of a function that has none of the kind.
pub(super) fn attribute(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let function = function(code)?;
    let (word, taken) = match code.language {
        Language::Java => ("@SuppressWarnings(\"unused\")", "SuppressWarnings"),
        _ => ("__attribute__((cold))", "__attribute__"),
    };
    let body = function.child_by_field_name("body").and_then(|body| code.span(body));
    let (start, body) = code.span(function).zip(body).ok_or(NotApplicable::NoSignature)?;
    if words(&code.text[start.start..body.start]).any(|found| found == taken) {
        return Err(NotApplicable::NoSignature);
    }
    modified(code, start.start, word)
}

/// Makes the first parameter `const` or `final` that is never written.
pub(super) fn constant(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let names = DeclaredNames::of(code).variables;
    let place = parameters(code)?.into_iter().find_map(|parameter| {
        let declared = code.span(name_of(parameter)?)?;
        let name = names.iter().find(|name| name.spans.contains(&declared))?;
        read_only_place(code, parameter).filter(|_| is_never_written(code, name))
    });
    let word = if code.language == Language::Java { "final" } else { "const" };
    modified(code, place.ok_or(NotApplicable::NoSignature)?, word)
}

/// Returns the byte before which the qualifier of the parameter itself is written.
fn read_only_place(code: &Code<'_>, parameter: Node<'_>) -> Option<usize> {
    let name = name_of(parameter)?;
    let start = code.span(parameter)?.start;
    let written = code.span(parameter.child_by_field_name("type")?)?.start;
    if words(code.of(parameter)).any(|word| ["const", "final"].contains(&word)) {
        return None;
    }
    if code.language == Language::Java {
        return Some(written);
    }
    let mut declarator = parameter.child_by_field_name("declarator")?;
    let is_pointer = declarator.kind() == "pointer_declarator";
    while declarator.kind() == "pointer_declarator" {
        declarator = declarator.child_by_field_name("declarator")?;
    }
    if declarator != name {
        return None;
    }
    Some(if is_pointer { code.span(name)?.start } else { start })
}

/// Returns true if no use of `name` writes it, takes its address, or gives it to what may be a
/// macro.
fn is_never_written(code: &Code<'_>, name: &Candidate) -> bool {
    name.spans.iter().all(|span| code.node_at(*span).is_some_and(|node| !is_written(code, node)))
}

fn is_written(code: &Code<'_>, name: Node<'_>) -> bool {
    let mut at = name;
    while let Some(parent) = at.parent() {
        let operator = || parent.child_by_field_name("operator").map_or("", |operator| code.of(operator));
        let is_part = match parent.kind() {
            "parenthesized_expression" => true,
            "field_expression" => operator() == ".",
            // The element of a pointer or array of Java is not part of it.
            "subscript_expression" => at != name,
            _ => false,
        };
        if !is_part {
            return match parent.kind() {
                "assignment_expression" => parent.child_by_field_name("left") == Some(at),
                "update_expression" => true,
                "pointer_expression" => operator() == "&",
                "argument_list" => parent.parent().is_some_and(|call| may_be_macro(code, call)),
                kind => kind.starts_with("gnu_asm"),
            };
        }
        at = parent;
    }
    false
}

/// Returns true for calls of names in capitals and of `va_arg` and its like.
fn may_be_macro(code: &Code<'_>, call: Node<'_>) -> bool {
    let called = call.child_by_field_name("function").map_or("", |function| code.of(function));
    called.starts_with("va_") || !called.is_empty() && !called.contains(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(attack: fn(&Code<'_>) -> Result<Triggered, NotApplicable>, text: &str) -> Option<String> {
        attack(&Code::parse(text, Language::C).unwrap()).ok().map(|found| found.text)
    }

    #[test]
    fn written_parameters_are_not_constant() {
        for body in ["a = 1;", "a++;", "g(&a);", "(a) += 1;", "va_start(a, 1);", "SWAP(a, 1);", "a.n[1] = 2;"]
        {
            let text = format!("void f(int a, int b) {{ {body} }}");
            let found = changed(constant, &text).unwrap();
            assert!(found.starts_with("void f(int a, const int b)"), "{found}");
        }
        for body in ["b = a;", "b += a->n++;", "a[b] = 0;", "*a = 1;", "g(a, &a->n, &a[1]);"] {
            let text = format!("void f(int *a, int b) {{ {body} }}");
            let found = changed(constant, &text).unwrap();
            assert!(found.starts_with("void f(int *const a, int b)"), "{found}");
        }
        assert_eq!(changed(constant, "void f(int a[2], const int b) { }"), None);
    }

    #[test]
    fn only_a_bare_type_takes_the_default_storage_class() {
        for kept in ["static int f(void) { }", "inline int f(void) { }", "INLINE int f(void) { }"] {
            assert_eq!(changed(storage, kept), None, "{kept}");
        }
        let found = changed(storage, "const struct node *f(void) { }");
        assert_eq!(found.unwrap(), "extern const struct node *f(void) { }");
    }
}

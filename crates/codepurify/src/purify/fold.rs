//! Sums and products of numbers, written as the number that they are.

use tree_sitter::Node;

use super::splice::Edit;
use crate::candidates::Candidate;
use crate::snippet::{Snippet, Span, Syntax};

/// The edits that write every constant expression in the trigger's places as its value: the largest ones of whole numbers, sums,
/// differences, products and brackets. Their values, and all in between, are those of an `int` of 32 bits in C, C++ and Java.
pub(super) fn folded(snippet: &Snippet, trigger: &Candidate) -> Vec<Edit> {
    let Some(syntax) = snippet.syntax() else { return Vec::new() };
    let reader = Reader { text: snippet.text(), syntax };
    let mut edits = Vec::new();
    for &place in &trigger.spans {
        if let Some(node) = syntax.node_at(place) {
            reader.fold_in(node, place, &mut edits);
        }
    }
    edits
}

struct Reader<'s> {
    text: &'s str,
    syntax: &'s Syntax,
}

/// A constant and how it is written.
struct Constant {
    value: i32,
    /// As it stands in the text, if it is only a number in brackets, or one that nothing is added to.
    written: Option<Span>,
}

impl Reader<'_> {
    /// Folds what lies in `place`, from the outside in.
    fn fold_in(&self, node: Node<'_>, place: Span, edits: &mut Vec<Edit>) {
        let span = self.syntax.span(node).filter(|span| place.contains(*span));
        let calculated =
            span.filter(|_| is_calculation(node)).and_then(|span| Some((span, self.value(node)?)));
        if let Some((span, constant)) = calculated {
            edits.push(Edit { span, replacement: self.apart(span, self.written(&constant)) });
            return;
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.fold_in(child, place, edits);
        }
    }

    /// The constant as it stood in the text, or its value; one below 0 in brackets, as a minus may stand in front of it.
    fn written(&self, constant: &Constant) -> String {
        match (constant.written.and_then(|written| written.of(self.text)), constant.value) {
            (Some(written), _) => written.to_owned(),
            (None, value) if value < 0 => format!("({value})"),
            (None, value) => value.to_string(),
        }
    }

    /// `number` in brackets if a word stands immediately before or behind `span`, where it would become a part of it.
    fn apart(&self, span: Span, number: String) -> String {
        let is_word = |at: char| at.is_alphanumeric() || at == '_';
        let joined = self.text[..span.start].ends_with(is_word) || self.text[span.end..].starts_with(is_word);
        if joined && !number.starts_with('(') { format!("({number})") } else { number }
    }

    /// The value of an expression of whole numbers.
    fn value(&self, node: Node<'_>) -> Option<Constant> {
        match node.kind() {
            "number_literal" | "integer" | "decimal_integer_literal" | "hex_integer_literal" => {
                let span = self.syntax.span(node)?;
                Some(Constant { value: whole(span.of(self.text)?)?, written: Some(span) })
            }
            "parenthesized_expression" if node.named_child_count() == 1 => self.value(node.named_child(0)?),
            "binary_expression" | "binary_operator" => {
                let part = |name| node.child_by_field_name(name);
                let (left, right) = (self.value(part("left")?)?, self.value(part("right")?)?);
                let operator = self.syntax.span(part("operator")?)?.of(self.text)?;
                let value = match operator {
                    "+" => left.value.checked_add(right.value),
                    "-" => left.value.checked_sub(right.value),
                    "*" => left.value.checked_mul(right.value),
                    _ => None,
                }?;
                let same = operator != "*" && right.value == 0;
                Some(Constant { value, written: left.written.filter(|_| same) })
            }
            _ => None,
        }
    }
}

/// Something to be calculated, in brackets or not; those of a statement's condition belong to the statement.
fn is_calculation(node: Node<'_>) -> bool {
    let of_statement =
        || node.parent().and_then(|parent| parent.child_by_field_name("condition")) == Some(node);
    match node.kind() {
        "binary_expression" | "binary_operator" => true,
        "parenthesized_expression" => node.named_child(0).is_some_and(is_calculation) && !of_statement(),
        _ => false,
    }
}

/// A whole number without a suffix, decimal or hexadecimal; a leading zero makes it octal in C and Java.
fn whole(digits: &str) -> Option<i32> {
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => i32::from_str_radix(hexadecimal, 16).ok(),
        None if digits.len() > 1 && digits.starts_with('0') => None,
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::splice;
    use super::*;
    use crate::candidates::{Families, Statements, candidates};
    use crate::snippet::Language;

    /// What the body's first statement is after folding.
    fn first_folded(statement: &str, language: Language) -> String {
        let (head, tail) = match language {
            Language::Python => ("def f(n):\n    ", "\n    return n\n"),
            _ => ("int f(int n) { ", " return n; }"),
        };
        let snippet = Snippet::new(format!("{head}{statement}{tail}"), language).unwrap();
        let families = Families { statements: Statements::Body, ..Families::NONE };
        let first = &candidates(&snippet, &families)[0];
        let text = splice::apply(snippet.text(), &folded(&snippet, first)).unwrap();
        text[head.len()..text.len() - tail.len()].to_owned()
    }

    #[test]
    fn the_largest_constant_expressions_become_their_value() {
        for language in [Language::C, Language::Java] {
            let folded = |statement| first_folded(statement, language);
            assert_eq!(folded("n = (0x1F + (1 + 2 - 3) * 33);"), "n = 0x1F;");
            assert_eq!(folded("n = 2 * (3 + 4);"), "n = 14;");
            assert_eq!(folded("g(n - (2 - 5), (7));"), "g(n - (-3), (7));");
            assert_eq!(folded("if (2 - (1 + 1)) n = 1 * 0 + 3;"), "if (0) n = 3;");
            assert_eq!(folded("return(1 + 2);"), "return(3);");
        }
        assert_eq!(first_folded("n = a[(4 + (1 + 2 - 3) * 33)]", Language::Python), "n = a[4]");
    }

    #[test]
    fn what_is_not_certain_stays() {
        for statement in
            ["n = 010 + 1;", "n = 1u + 1;", "n = 2147483647 + 1;", "n = 7 / 2;", "n = n + 1;", "n = 1 < 2;"]
        {
            assert_eq!(first_folded(statement, Language::C), statement);
        }
    }
}

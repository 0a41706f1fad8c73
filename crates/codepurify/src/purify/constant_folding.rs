//! Constant folding: expressions of whole numbers become their value.

use std::collections::HashMap;

use tree_sitter::Node;

use super::places::Places;
use crate::candidates::Candidate;
use crate::snippet::edit::Edit;
use crate::snippet::{Snippet, Span, Syntax};

/// Returns the edits that replace the largest constant expressions in the trigger's places by their
/// value. Expressions consist of whole numbers, sums, differences, products and brackets. In C, C++
/// and Java their values and all intermediate values fit an `int` of 32 bits.
pub(super) fn folded(snippet: &Snippet, trigger: &Candidate) -> Vec<Edit> {
    let Some(syntax) = snippet.syntax() else { return Vec::new() };
    let places = Places::new(&trigger.spans);
    let constants = Constants::in_places(snippet.text(), syntax, &places);
    let mut edits = Vec::new();
    syntax.walk((), |visit, ()| {
        if !places.overlap(visit.span) {
            return None;
        }
        // A statement's condition keeps the brackets that belong to the statement.
        let of_statement = visit.kind == "parenthesized_expression" && visit.field == Some("condition");
        let constant = constants
            .of(visit.node)
            .filter(|constant| constant.is_calculated && !of_statement && places.contain(visit.span));
        let Some(constant) = constant else { return Some(()) };
        let number = apart(snippet.text(), visit.span, constant.replacement(snippet.text()));
        edits.push(Edit { span: visit.span, replacement: number });
        None
    });
    edits
}

/// A constant and its form in the text.
#[derive(Clone, Copy)]
struct Constant {
    value: i32,
    /// Place of the number, if it is only a number, in brackets or with 0 added or subtracted.
    written: Option<Span>,
    /// True if it holds an operation to fold.
    is_calculated: bool,
}

/// The constants of a tree by the ids of their nodes.
struct Constants<'s> {
    text: &'s str,
    syntax: &'s Syntax,
    values: HashMap<usize, Constant>,
}

impl<'s> Constants<'s> {
    /// Evaluates every expression in `places`, inner ones first: attackers nest expressions deeper
    /// than a stack is.
    fn in_places(text: &'s str, syntax: &'s Syntax, places: &Places<'_>) -> Self {
        let mut outer_first = Vec::new();
        syntax.walk((), |visit, ()| {
            outer_first.push(visit.node);
            places.overlap(visit.span).then_some(())
        });
        let mut constants = Self { text, syntax, values: HashMap::new() };
        for node in outer_first.into_iter().rev() {
            if let Some(constant) = constants.evaluate(node) {
                constants.values.insert(node.id(), constant);
            }
        }
        constants
    }

    fn of(&self, node: Node<'_>) -> Option<Constant> {
        self.values.get(&node.id()).copied()
    }

    /// Evaluates an expression of whole numbers whose parts are known.
    fn evaluate(&self, node: Node<'_>) -> Option<Constant> {
        match node.kind() {
            "number_literal" | "integer" | "decimal_integer_literal" | "hex_integer_literal" => {
                let span = self.syntax.span(node)?;
                let value = whole(span.of(self.text)?)?;
                Some(Constant { value, written: Some(span), is_calculated: false })
            }
            "parenthesized_expression" if node.named_child_count() == 1 => self.of(node.named_child(0)?),
            "binary_expression" | "binary_operator" => {
                let part = |name| node.child_by_field_name(name);
                let (left, right) = (self.of(part("left")?)?, self.of(part("right")?)?);
                let operator = self.syntax.span(part("operator")?)?.of(self.text)?;
                let value = match operator {
                    "+" => left.value.checked_add(right.value),
                    "-" => left.value.checked_sub(right.value),
                    "*" => left.value.checked_mul(right.value),
                    _ => None,
                }?;
                let same = operator != "*" && right.value == 0;
                Some(Constant { value, written: left.written.filter(|_| same), is_calculated: true })
            }
            _ => None,
        }
    }
}

impl Constant {
    /// Returns the number as written in `text`, or the value. A negative value gets brackets, as a
    /// minus may precede it.
    fn replacement(self, text: &str) -> String {
        match (self.written.and_then(|written| written.of(text)), self.value) {
            (Some(written), _) => written.to_owned(),
            (None, value) if value < 0 => format!("({value})"),
            (None, value) => value.to_string(),
        }
    }
}

/// Adds brackets to `number` if a word is immediately before or after `span`, which it would join.
fn apart(text: &str, span: Span, number: String) -> String {
    let is_word = |at: char| at.is_alphanumeric() || at == '_';
    let joined = text[..span.start].ends_with(is_word) || text[span.end..].starts_with(is_word);
    if joined && !number.starts_with('(') { format!("({number})") } else { number }
}

/// Parses a whole number without a suffix, decimal or hexadecimal. A leading zero makes it octal in
/// C and Java.
fn whole(digits: &str) -> Option<i32> {
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => i32::from_str_radix(hexadecimal, 16).ok(),
        None if digits.len() > 1 && digits.starts_with('0') => None,
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Families, Statements, candidates};
    use crate::snippet::Language;
    use crate::snippet::edit::apply;

    /// Returns the first statement of the body after folding.
    fn first_folded(statement: &str, language: Language) -> String {
        let (head, tail) = match language {
            Language::Python => ("def f(n):\n    ", "\n    return n\n"),
            _ => ("int f(int n) { ", " return n; }"),
        };
        let snippet = Snippet::new(format!("{head}{statement}{tail}"), language).unwrap();
        let families = Families { statements: Statements::Body, ..Families::NONE };
        let first = &candidates(&snippet, &families)[0];
        let text = apply(snippet.text(), &folded(&snippet, first)).unwrap();
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

//! Which statements provably do nothing: they may be taken out without a change of meaning.
//!
//! A statement counts as dead if it is guarded by a condition that is never true, checks one that always is, or computes a
//! value that nobody uses. Conditions are decided by interval arithmetic over numbers and the ranges of a few functions of
//! the standard libraries; whatever else occurs in them decides nothing.

use std::collections::BTreeSet;
use std::f64::consts::PI;

use tree_sitter::Node;

use crate::candidates::{Families, candidates};
use crate::snippet::{Language, Snippet, Span};

/// The values that an expression can have.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

/// The bytes of the outermost statement that provably does nothing and is, or holds, what stands at `span` of `snippet`.
pub(super) fn dead_around(snippet: &Snippet, span: Span) -> Option<Span> {
    let syntax = snippet.syntax()?;
    let names = candidates(snippet, &Families { identifiers: true, ..Families::NONE });
    let declared = names.into_iter().map(|name| name.text).collect();
    let reader = Reader { text: snippet.text(), language: snippet.language(), declared };
    let place = |node: Node<'_>| syntax.span(node);
    // A block of Python has the bytes of its only statement.
    let mut innermost = syntax.node_at(span)?;
    while let Some(child) = innermost.named_child(0).filter(|child| place(*child) == place(innermost)) {
        innermost = child;
    }
    let around = std::iter::successors(Some(innermost), Node::parent);
    around.filter(|&node| reader.is_dead(node, &place)).last().and_then(place)
}

struct Reader<'t> {
    text: &'t str,
    language: Language,
    /// Names that the snippet declares: they are variables, not macros, and hide those of the standard library.
    declared: BTreeSet<String>,
}

/// Where a node stands in the text.
type Place<'p> = dyn Fn(Node<'_>) -> Option<Span> + 'p;

impl Reader<'_> {
    fn text(&self, node: Node<'_>, place: &Place<'_>) -> &str {
        place(node).and_then(|span| span.of(self.text)).unwrap_or_default()
    }

    fn is_dead(&self, node: Node<'_>, place: &Place<'_>) -> bool {
        match node.kind() {
            "if_statement" | "while_statement" => {
                let never = node.child_by_field_name("condition").map(|it| self.truth(it, place));
                never == Some(Some(false)) && node.child_by_field_name("alternative").is_none()
            }
            "assert_statement" => node.named_child(0).and_then(|it| self.truth(it, place)) == Some(true),
            "expression_statement" => match node.named_child(0) {
                None => true,
                Some(only) => self.holds_always(only, place) || self.is_pure(only, place),
            },
            ";" | "empty_statement" => true,
            _ => false,
        }
    }

    /// A call of an assertion whose condition is always true.
    fn holds_always(&self, node: Node<'_>, place: &Place<'_>) -> bool {
        let Some((name, arguments)) = self.call(node, place) else { return false };
        let checked = match name {
            "assert" | "assertTrue" | "g_assert" | "static_assert" => true,
            "assertFalse" => false,
            _ => return false,
        };
        let [first, rest @ ..] = &arguments[..] else { return false };
        self.truth(*first, place) == Some(checked) && rest.iter().all(|&it| self.is_pure(it, place))
    }

    /// Whether computing the expression changes nothing: no call but of known functions, no assignment, no division, which may
    /// trap, and no operator that a class could have its own of.
    fn is_pure(&self, node: Node<'_>, place: &Place<'_>) -> bool {
        match node.kind() {
            "true" | "false" | "null" | "string_literal" | "char_literal" => true,
            // What is not declared here could be a macro; reading a volatile variable is an effect.
            "identifier" => {
                let operand = node.parent().is_some_and(|parent| parent.kind() != "expression_statement");
                let overloads = matches!(self.language, Language::Cpp | Language::Python);
                let variable = self.declared.contains(self.text(node, place));
                variable && !(operand && overloads) && !self.text.contains("volatile")
            }
            "binary_expression" | "binary_operator"
                if matches!(self.operator(node, place), "/" | "%" | "//") =>
            {
                false
            }
            "parenthesized_expression"
            | "binary_expression"
            | "binary_operator"
            | "comparison_operator"
            | "unary_expression"
            | "unary_operator"
            | "not_operator" => children(node).into_iter().all(|child| self.is_pure(child, place)),
            _ => self.range(node, place).is_some(),
        }
    }

    /// The value of a condition that always has the same.
    fn truth(&self, node: Node<'_>, place: &Place<'_>) -> Option<bool> {
        let part = |name: &str| node.child_by_field_name(name);
        match node.kind() {
            "true" => Some(true),
            "false" => Some(false),
            "parenthesized_expression" | "condition_clause" => self.truth(node.named_child(0)?, place),
            "not_operator" => self.truth(part("argument")?, place).map(|truth| !truth),
            "unary_expression" if self.operator(node, place) == "!" => {
                self.truth(part("argument")?, place).map(|truth| !truth)
            }
            "binary_expression" | "boolean_operator" | "comparison_operator" => self.compared(node, place),
            _ => match self.range(node, place)? {
                Range { low, high } if low == 0.0 && high == 0.0 => Some(false),
                Range { low, high } if low > 0.0 || high < 0.0 => Some(true),
                Range { .. } => None,
            },
        }
    }

    /// Two operands, and what is between them.
    fn operands<'n>(&self, node: Node<'n>, place: &Place<'_>) -> Option<(Node<'n>, &str, Node<'n>)> {
        let named = children(node);
        let [left, right] = named[..] else { return None };
        Some((left, self.operator(node, place), right))
    }

    fn operator(&self, node: Node<'_>, place: &Place<'_>) -> &str {
        let mut cursor = node.walk();
        let found = node.children(&mut cursor).find(|child| !child.is_named());
        found.map_or("", |child| self.text(child, place))
    }

    fn compared(&self, node: Node<'_>, place: &Place<'_>) -> Option<bool> {
        let (left, operator, right) = self.operands(node, place)?;
        match operator {
            "&&" | "and" => match (self.truth(left, place), self.truth(right, place)) {
                (Some(false), _) => Some(false),
                (Some(true), right) => right,
                (None, _) => None,
            },
            "||" | "or" => match (self.truth(left, place), self.truth(right, place)) {
                (Some(true), _) => Some(true),
                (Some(false), right) => right,
                (None, _) => None,
            },
            _ => {
                let (left, right) = (self.range(left, place)?, self.range(right, place)?);
                left.compare(operator, right)
            }
        }
    }

    /// The values of a numeric expression; `None` if anything unknown is in it.
    fn range(&self, node: Node<'_>, place: &Place<'_>) -> Option<Range> {
        match node.kind() {
            "number_literal"
            | "integer"
            | "float"
            | "decimal_integer_literal"
            | "decimal_floating_point_literal" => number(self.text(node, place)).map(Range::point),
            "parenthesized_expression" => self.range(node.named_child(0)?, place),
            "unary_expression" | "unary_operator" if self.operator(node, place) == "-" => {
                let Range { low, high } = self.range(
                    node.child_by_field_name("argument").or(node.child_by_field_name("operand"))?,
                    place,
                )?;
                Some(Range { low: -high, high: -low })
            }
            "binary_expression" | "binary_operator" => {
                let (left, operator, right) = self.operands(node, place)?;
                self.range(left, place)?.arithmetic(operator, self.range(right, place)?)
            }
            _ => {
                let (name, arguments) = self.call(node, place)?;
                let argument = arguments.first().and_then(|&it| self.range(it, place));
                match (name, arguments.len()) {
                    ("rand" | "random", 0) => Some(Range { low: 0.0, high: f64::from(i32::MAX) }),
                    ("sin" | "cos", 1) => argument.map(|_| Range { low: -1.0, high: 1.0 }),
                    ("atan", 1) => argument.map(|_| Range { low: -PI / 2.0, high: PI / 2.0 }),
                    ("exp", 1) => {
                        argument.map(|Range { low, high }| Range { low: low.exp(), high: high.exp() })
                    }
                    ("sqrt", 1) => argument
                        .filter(|range| range.low >= 0.0)
                        .map(|Range { low, high }| Range { low: low.sqrt(), high: high.sqrt() }),
                    ("abs" | "fabs", 1) => argument.map(|Range { low, high }| Range {
                        low: if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) },
                        high: low.abs().max(high.abs()),
                    }),
                    _ => None,
                }
            }
        }
    }

    /// The name of a called function, without the class or module of the mathematical ones, and the arguments.
    fn call<'n>(&self, node: Node<'n>, place: &Place<'_>) -> Option<(&str, Vec<Node<'n>>)> {
        let name = match node.kind() {
            "call_expression" | "call" => self.text(node.child_by_field_name("function")?, place),
            "method_invocation" => {
                let name = self.text(node.child_by_field_name("name")?, place);
                let object = node.child_by_field_name("object").map(|object| self.text(object, place));
                let standard = match object {
                    Some(object) => matches!(object, "Math" | "Assert" | "Assertions"),
                    // A method of the class itself could have the name of a mathematical function.
                    None => name.starts_with("assert"),
                };
                standard.then_some(name)?
            }
            _ => return None,
        };
        let name =
            ["math.", "random.", "std::"].iter().find_map(|module| name.strip_prefix(module)).unwrap_or(name);
        if self.declared.contains(name) {
            return None;
        }
        Some((name, children(node.child_by_field_name("arguments")?)))
    }
}

impl Range {
    fn point(value: f64) -> Self {
        Self { low: value, high: value }
    }

    fn arithmetic(self, operator: &str, other: Self) -> Option<Self> {
        let ends = |combine: fn(f64, f64) -> f64| {
            let all = [
                combine(self.low, other.low),
                combine(self.low, other.high),
                combine(self.high, other.low),
                combine(self.high, other.high),
            ];
            let (low, high) =
                (all.into_iter().fold(f64::MAX, f64::min), all.into_iter().fold(f64::MIN, f64::max));
            (low.is_finite() && high.is_finite()).then_some(Self { low, high })
        };
        match operator {
            "+" => ends(|a, b| a + b),
            "-" => ends(|a, b| a - b),
            "*" => ends(|a, b| a * b),
            _ => None,
        }
    }

    fn compare(self, operator: &str, other: Self) -> Option<bool> {
        let (below, above) = (self.high < other.low, self.low > other.high);
        let (at_most, at_least) = (self.high <= other.low, self.low >= other.high);
        // One number each, and the same: then neither can be below the other.
        let same = at_most && at_least && self.high <= self.low && other.high <= other.low;
        let decided = |yes: bool, no: bool| {
            if yes {
                Some(true)
            } else if no {
                Some(false)
            } else {
                None
            }
        };
        match operator {
            "<" => decided(below, at_least),
            "<=" => decided(at_most, above),
            ">" => decided(above, at_most),
            ">=" => decided(at_least, below),
            "==" => decided(same, below || above),
            "!=" => decided(below || above, same),
            _ => None,
        }
    }
}

/// The named children without comments.
fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !child.kind().ends_with("comment")).collect()
}

/// A decimal number with or without a suffix for its type.
fn number(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L', 'f', 'F', 'd', 'D']).replace(['_', '\''], "");
    let plain = digits.len() < 2 || !digits.starts_with('0') || digits.as_bytes()[1] == b'.';
    digits.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snippet::Language;

    fn dead(language: Language, statement: &str) -> bool {
        let (head, tail) = match language {
            Language::Python => ("def f(n):\n    ", "\n    return n\n"),
            _ => ("int f(int n) { ", " return n; }"),
        };
        let snippet = Snippet::new(format!("{head}{statement}{tail}"), language).unwrap();
        let span = Span::new(head.len(), head.len() + statement.len());
        dead_around(&snippet, span).is_some_and(|found| found.contains(span))
    }

    #[test]
    fn what_lies_in_a_dead_statement_is_dead_with_it() {
        let text = "int f(int n) { while (sin(0.2) > 77) { if (n) puts(\"m\"); } if (n) puts(\"k\"); }";
        let snippet = Snippet::new(text, Language::C).unwrap();
        let around = |part: &str| {
            let start = text.find(part).unwrap();
            dead_around(&snippet, Span::new(start, start + part.len())).and_then(|span| span.of(text))
        };
        let whole = Some("while (sin(0.2) > 77) { if (n) puts(\"m\"); }");
        assert_eq!([around("puts(\"m\");"), around("sin(0.2) > 77"), around("\"m\"")], [whole; 3]);
        assert_eq!(around("puts(\"k\");"), None);
    }

    #[test]
    fn guards_that_never_open_and_checks_that_always_hold_are_dead() {
        for statement in [
            "if (rand() < 0) printf(\"fail\");",
            "while (sin(0.53) >= 102) { puts(\"m\"); }",
            "if (exp(0.42) < -37) puts(\"err\");",
            "if (sqrt(0.6) == 143) abort();",
            "if (0) launch();",
            "if (false && n) launch();",
            "if (!(1 < 2)) launch();",
            "assert(1 >= 0);",
            "n;",
            "1 + 2;",
            ";",
        ] {
            assert!(dead(Language::C, statement), "{statement}");
        }
        for statement in [
            "if (Math.random() < 0) System.out.println(\"fail\");",
            "while (Math.cos(0.1) > 101) throw new Exception(\"m\");",
            "assertTrue(1 >= 0);",
            "assert 2 > 1;",
        ] {
            assert!(dead(Language::Java, statement), "{statement}");
        }
        assert!(dead(Language::Python, "if random.random() < 0: print('fail')"));
        assert!(dead(Language::Python, "assert 1 >= 0"));
    }

    #[test]
    fn whatever_may_matter_is_alive() {
        for statement in [
            "if (rand() < 1) puts(\"a\");",
            "if (n < 0) puts(\"a\");",
            "while (1) n++;",
            "if (rand() < 0) puts(\"a\"); else n++;",
            "if (sin(n) > 2) puts(\"a\");",
            "if (sqrt(-1.0) < 0) puts(\"a\");",
            "if (010 == 10) puts(\"a\"); ",
            "assert(n > 0);",
            "check(1 >= 0);",
            "n++;",
            "n = 1;",
            "CHECK;",
            "n / 0;",
            "assert(1, launch());",
            "return n;",
            "int m = 1;",
            "puts(\"a\");",
        ] {
            assert!(!dead(Language::C, statement.trim()), "{statement}");
        }
        assert!(!dead(Language::Java, "if (dice.random() < 0) stop();"));
        assert!(!dead(Language::Java, "if (random() < 0) stop();"));
        assert!(!dead(Language::Cpp, "n << \"fail\";"));
        assert!(!dead(Language::Python, "n >> n"));
        assert!(!dead(Language::Python, "pass"));
    }

    #[test]
    fn function_of_another_meaning_decides_nothing() {
        let text = "int f(int n, int (*rand)(void)) { if (rand() < 0) launch(); }";
        let snippet = Snippet::new(text, Language::C).unwrap();
        let start = text.find("if").unwrap();
        assert_eq!(dead_around(&snippet, Span::new(start, text.len() - 2)), None);
    }
}

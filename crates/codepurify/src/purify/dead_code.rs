//! Proofs that statements do nothing and can be deleted.
//!
//! A statement is dead if its condition is never true, if it checks a condition that is always
//! true, or if it computes a value that nobody uses. Conditions are decided by interval arithmetic
//! over numbers and the ranges of a few standard functions. A condition with anything else is not
//! decided.

use std::collections::BTreeSet;
use std::f64::consts::PI;

use tree_sitter::Node;

use super::places::Places;
use crate::candidates::{Families, candidates};
use crate::snippet::{Language, Snippet, Span, Syntax};

/// Deepest level of an expression that is examined. Nobody writes deeper ones, and each level takes
/// stack.
const MAX_DEPTH: usize = 200;

/// Values that an expression can have.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

/// Returns for each of `spans` the bytes of the outermost dead statement around it; `None` if one
/// of them is in no dead statement.
pub(super) fn dead_around(snippet: &Snippet, spans: &[Span]) -> Option<Vec<Span>> {
    let syntax = snippet.syntax()?;
    let reader = Reader::new(snippet, syntax);
    let places = Places::new(spans);
    let mut found = vec![None; spans.len()];
    syntax.walk((), |visit, ()| {
        let inside = places.inside(visit.span);
        if inside.is_empty() {
            return None;
        }
        if reader.is_dead(Part { node: visit.node, depth: 0 }) {
            found[inside].fill(Some(visit.span));
            return None;
        }
        Some(())
    });
    found.into_iter().collect()
}

/// A node of a statement with its depth. Parts deeper than [`MAX_DEPTH`] cannot be reached.
#[derive(Clone, Copy)]
struct Part<'t> {
    node: Node<'t>,
    depth: usize,
}

impl<'t> Part<'t> {
    fn kind(self) -> &'t str {
        self.node.kind()
    }

    fn inner(self, node: Node<'t>) -> Option<Self> {
        (self.depth < MAX_DEPTH).then_some(Self { node, depth: self.depth + 1 })
    }

    /// Returns true if it is a part of another expression, not the whole of an expression
    /// statement.
    fn is_operand(self) -> bool {
        self.depth > 1
    }

    fn field(self, name: &str) -> Option<Self> {
        self.inner(self.node.child_by_field_name(name)?)
    }

    fn first(self) -> Option<Self> {
        self.inner(self.node.named_child(0)?)
    }

    /// Returns the named children without comments.
    fn children(self) -> Option<Vec<Self>> {
        let mut cursor = self.node.walk();
        let children =
            self.node.named_children(&mut cursor).filter(|child| !child.kind().ends_with("comment"));
        children.map(|child| self.inner(child)).collect()
    }
}

struct Reader<'s> {
    text: &'s str,
    syntax: &'s Syntax,
    /// Names that the snippet declares: they are variables, not macros, and hide those of the
    /// standard library.
    declared: BTreeSet<String>,
    /// True if an operator can be a function of the program.
    has_overloads: bool,
    has_volatile: bool,
}

impl<'s> Reader<'s> {
    fn new(snippet: &'s Snippet, syntax: &'s Syntax) -> Self {
        let names = candidates(snippet, &Families { identifiers: true, ..Families::NONE });
        Self {
            text: snippet.text(),
            syntax,
            declared: names.into_iter().map(|name| name.text).collect(),
            has_overloads: matches!(snippet.language(), Language::Cpp | Language::Python),
            has_volatile: snippet.text().contains("volatile"),
        }
    }

    fn text(&self, node: Node<'_>) -> &'s str {
        self.syntax.span(node).and_then(|span| span.of(self.text)).unwrap_or_default()
    }

    fn is_dead(&self, statement: Part<'_>) -> bool {
        match statement.kind() {
            "if_statement" | "while_statement" => {
                let never = statement.field("condition").and_then(|it| self.truth(it)) == Some(false);
                never && statement.node.child_by_field_name("alternative").is_none()
            }
            "assert_statement" => statement.first().and_then(|it| self.truth(it)) == Some(true),
            "expression_statement" => match statement.first() {
                None => true,
                Some(only) => self.holds_always(only) || self.is_pure(only),
            },
            ";" | "empty_statement" => true,
            _ => false,
        }
    }

    /// Returns true for a call of an assertion whose condition is always true.
    fn holds_always(&self, part: Part<'_>) -> bool {
        let Some((name, arguments)) = self.call(part) else { return false };
        let checked = match name {
            "assert" | "assertTrue" | "g_assert" | "static_assert" => true,
            "assertFalse" => false,
            _ => return false,
        };
        let [first, rest @ ..] = &arguments[..] else { return false };
        self.truth(*first) == Some(checked) && rest.iter().all(|&it| self.is_pure(it))
    }

    /// Returns true if the expression has no effect: it calls known functions only and assigns
    /// nothing. It has no division, which may trap, and no operator that a class can overload.
    fn is_pure(&self, part: Part<'_>) -> bool {
        match part.kind() {
            "true" | "false" | "null" | "string_literal" | "char_literal" => true,
            // An undeclared name may be a macro; reading a volatile variable is an effect.
            "identifier" => {
                let variable = self.declared.contains(self.text(part.node));
                variable && !(part.is_operand() && self.has_overloads) && !self.has_volatile
            }
            "binary_expression" | "binary_operator" if matches!(self.operator(part), "/" | "%" | "//") => {
                false
            }
            "parenthesized_expression"
            | "binary_expression"
            | "binary_operator"
            | "comparison_operator"
            | "unary_expression"
            | "unary_operator"
            | "not_operator" => {
                part.children().is_some_and(|parts| parts.into_iter().all(|inner| self.is_pure(inner)))
            }
            _ => self.range(part).is_some(),
        }
    }

    /// Returns the value of a condition if it is always the same.
    fn truth(&self, part: Part<'_>) -> Option<bool> {
        match part.kind() {
            "true" => Some(true),
            "false" => Some(false),
            "parenthesized_expression" | "condition_clause" => self.truth(part.first()?),
            "not_operator" => self.truth(part.field("argument")?).map(|truth| !truth),
            "unary_expression" if self.operator(part) == "!" => {
                self.truth(part.field("argument")?).map(|truth| !truth)
            }
            "binary_expression" | "boolean_operator" | "comparison_operator" => self.compared(part),
            _ => match self.range(part)? {
                Range { low, high } if low == 0.0 && high == 0.0 => Some(false),
                Range { low, high } if low > 0.0 || high < 0.0 => Some(true),
                Range { .. } => None,
            },
        }
    }

    /// Returns two operands and the operator between them.
    fn operands<'t>(&self, part: Part<'t>) -> Option<(Part<'t>, &'s str, Part<'t>)> {
        let [left, right] = part.children()?[..] else { return None };
        Some((left, self.operator(part), right))
    }

    fn operator(&self, part: Part<'_>) -> &'s str {
        let mut cursor = part.node.walk();
        let found = part.node.children(&mut cursor).find(|child| !child.is_named());
        found.map_or("", |child| self.text(child))
    }

    fn compared(&self, part: Part<'_>) -> Option<bool> {
        let (left, operator, right) = self.operands(part)?;
        match operator {
            "&&" | "and" => {
                if self.truth(left)? {
                    self.truth(right)
                } else {
                    Some(false)
                }
            }
            "||" | "or" => {
                if self.truth(left)? {
                    Some(true)
                } else {
                    self.truth(right)
                }
            }
            _ => self.range(left)?.compare(operator, self.range(right)?),
        }
    }

    /// Returns the values of a numeric expression; `None` if it holds anything unknown.
    fn range(&self, part: Part<'_>) -> Option<Range> {
        match part.kind() {
            "number_literal"
            | "integer"
            | "float"
            | "decimal_integer_literal"
            | "decimal_floating_point_literal" => number(self.text(part.node)).map(Range::point),
            "parenthesized_expression" => self.range(part.first()?),
            "unary_expression" | "unary_operator" if self.operator(part) == "-" => {
                let Range { low, high } = self.range(part.field("argument").or(part.field("operand"))?)?;
                Some(Range { low: -high, high: -low })
            }
            "binary_expression" | "binary_operator" => {
                let (left, operator, right) = self.operands(part)?;
                self.range(left)?.arithmetic(operator, self.range(right)?)
            }
            _ => self.called(part),
        }
    }

    /// Returns the values of a known function.
    fn called(&self, part: Part<'_>) -> Option<Range> {
        let (name, arguments) = self.call(part)?;
        let argument = arguments.first().and_then(|&it| self.range(it));
        match (name, arguments.len()) {
            ("rand" | "random", 0) => Some(Range { low: 0.0, high: f64::from(i32::MAX) }),
            ("sin" | "cos", 1) => argument.map(|_| Range { low: -1.0, high: 1.0 }),
            ("atan", 1) => argument.map(|_| Range { low: -PI / 2.0, high: PI / 2.0 }),
            ("exp", 1) => argument.map(|Range { low, high }| Range { low: low.exp(), high: high.exp() }),
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

    /// Returns the name of a called function and its arguments. The class or module of mathematical
    /// functions is left out.
    fn call<'t>(&self, part: Part<'t>) -> Option<(&'s str, Vec<Part<'t>>)> {
        let name = match part.kind() {
            "call_expression" | "call" => self.text(part.node.child_by_field_name("function")?),
            "method_invocation" => {
                let name = self.text(part.node.child_by_field_name("name")?);
                let object = part.node.child_by_field_name("object").map(|object| self.text(object));
                let standard = match object {
                    Some(object) => matches!(object, "Math" | "Assert" | "Assertions"),
                    // A method of the class itself may have the name of a mathematical function.
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
        Some((name, part.field("arguments")?.children()?))
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
        // Both are the same single number: neither can be below the other.
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

/// Parses a decimal number with or without a type suffix.
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
        dead_around(&snippet, &[span]).is_some_and(|found| found[0].contains(span))
    }

    #[test]
    fn parts_of_a_dead_statement_are_dead() {
        let text = "int f(int n) { while (sin(0.2) > 77) { if (n) puts(\"m\"); } if (n) puts(\"k\"); }";
        let snippet = Snippet::new(text, Language::C).unwrap();
        let around = |part: &str| {
            let start = text.find(part).unwrap();
            let found = dead_around(&snippet, &[Span::new(start, start + part.len())]);
            found.and_then(|found| found[0].of(text))
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
        assert_eq!(dead_around(&snippet, &[Span::new(start, text.len() - 2)]), None);
    }

    #[test]
    fn conditions_nested_too_deeply_are_not_provable() {
        let nested =
            |depth: usize| format!("if ({}rand() < 0{}) puts(\"m\");", "(".repeat(depth), ")".repeat(depth));
        assert!(dead(Language::C, &nested(MAX_DEPTH - 5)));
        assert!(!dead(Language::C, &nested(MAX_DEPTH)));
        for (open, close) in
            [("(", ")"), ("!", ""), ("- ", ""), ("1+(", ")"), ("abs(", ")"), ("", "*1"), ("", "&&n")]
        {
            // A chain nests only the tree: the parser's stack stays low.
            let depth = if open.is_empty() { 40_000 } else { MAX_DEPTH };
            let deep = format!("{}n{}", open.repeat(depth), close.repeat(depth));
            assert!(!dead(Language::C, &format!("if ({deep}) puts(\"m\");")), "{open}");
            assert!(!dead(Language::C, &format!("({deep});")), "{open}");
            // The first operand decides.
            assert!(dead(Language::C, &format!("if (rand() < 0 && ({deep})) puts(\"m\");")), "{open}");
        }
    }
}

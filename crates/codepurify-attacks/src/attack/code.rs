//! Parsed text as attacks need it: functions, blocks, places for statements, and names.

use codepurify::{Candidate, Families, Language, Snippet, Span, SyntaxQuality, candidates};
use tree_sitter::{Node, Parser, Tree};

use super::NotApplicable;

/// Text with its syntax tree.
pub(super) struct Code<'t> {
    pub(super) text: &'t str,
    pub(super) language: Language,
    snippet: Snippet,
    tree: Tree,
    /// Number of bytes before the text that only the parser saw.
    shift: usize,
}

/// Place for a statement: `before` + statement + `after`, inserted before byte `at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementSlot {
    pub(super) at: usize,
    pub(super) before: String,
    pub(super) after: String,
}

/// Sequence of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementBlock {
    /// Place before all statements.
    pub(super) start: StatementSlot,
    /// Place before each statement.
    pub(super) statements: Vec<StatementSlot>,
}

/// Java members are complete only inside a class.
const CLASS: (&str, &str) = ("class _ {", "}");

impl<'t> Code<'t> {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`NotApplicable::Unparsable`] if errors cover most of it, or the text cannot be parsed at
    /// all.
    pub(super) fn parse(text: &'t str, language: Language) -> Result<Self, NotApplicable> {
        let unparsable = NotApplicable::Unparsable;
        // A snippet is parsed within limits; a text that passed them can be parsed again without
        // limits.
        let snippet = Snippet::new(text, language).map_err(|_| unparsable)?;
        if matches!(snippet.quality(), SyntaxQuality::Broken | SyntaxQuality::NotParsed { .. }) {
            return Err(unparsable);
        }
        let mut tree = tree(text, language).ok_or(unparsable)?;
        let mut shift = 0;
        if language == Language::Java && tree.root_node().has_error() {
            let member = Self::parse_member(text).ok_or(unparsable)?;
            if !member.root_node().has_error() {
                (tree, shift) = (member, CLASS.0.len());
            }
        }
        Ok(Self { text, language, snippet, tree, shift })
    }

    fn parse_member(text: &str) -> Option<Tree> {
        tree(&[CLASS.0, text, CLASS.1].concat(), Language::Java)
    }

    /// Returns every node of the text outside errors, parents first, in source order.
    pub(super) fn nodes(&self) -> Vec<Node<'_>> {
        self.below(self.tree.root_node())
    }

    /// Returns `node` and every node in it outside errors, parents first, in source order.
    pub(super) fn below<'s>(&'s self, node: Node<'s>) -> Vec<Node<'s>> {
        self.nodes_below(node, |node| !node.is_error() && !node.is_missing())
    }

    /// Returns the nodes from `root` on that `enter` admits, below others that it admits.
    fn nodes_below<'s>(&'s self, root: Node<'s>, enter: impl Fn(Node<'s>) -> bool) -> Vec<Node<'s>> {
        let mut found = Vec::new();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if !enter(node) {
                continue;
            }
            found.extend(self.span(node).map(|_| node));
            open.extend((0..node.child_count()).rev().filter_map(|child| node.child(child)));
        }
        found
    }

    /// Returns the places where the tree does not show how names are used: errors, macro bodies,
    /// and names that were parsed as types.
    pub(super) fn obscure(&self) -> Vec<Span> {
        let is_obscure = |node: &Node<'_>| match node.kind() {
            "preproc_arg" => true,
            "type_identifier" => node.parent().is_none_or(|parent| !parent.kind().ends_with("_specifier")),
            _ => node.is_error(),
        };
        let all = self.nodes_below(self.tree.root_node(), |_| true);
        all.into_iter().filter(is_obscure).filter_map(|node| self.span(node)).collect()
    }

    /// Returns the node's bytes; `None` if it extends beyond the text.
    pub(super) fn span(&self, node: Node<'_>) -> Option<Span> {
        let start = node.start_byte().checked_sub(self.shift)?;
        let end = node.end_byte() - self.shift;
        (end <= self.text.len()).then(|| Span::new(start, end))
    }

    /// Returns the node's text; empty if it extends beyond the text.
    pub(super) fn of(&self, node: Node<'_>) -> &'t str {
        self.span(node).and_then(|span| span.of(self.text)).unwrap_or_default()
    }

    /// Returns the innermost node over `span`.
    pub(super) fn node_at(&self, span: Span) -> Option<Node<'_>> {
        let span = span.shifted(self.shift);
        self.tree.root_node().descendant_for_byte_range(span.start, span.end)
    }

    /// Returns the declared names with all their occurrences, in order of appearance.
    pub(super) fn identifiers(&self) -> Vec<Candidate> {
        candidates(&self.snippet, &Families { identifiers: true, ..Families::NONE })
    }

    /// Returns the names of all functions where they are defined, in source order.
    pub(super) fn function_names(&self) -> Vec<Span> {
        self.nodes()
            .into_iter()
            .filter(|node| is_function(node.kind()))
            .filter_map(|node| self.span(name_of(node)?))
            .collect()
    }

    /// Returns the body of the first function that has one.
    ///
    /// # Errors
    /// [`NotApplicable::NoBody`].
    pub(super) fn body(&self) -> Result<StatementBlock, NotApplicable> {
        self.blocks().into_iter().next().ok_or(NotApplicable::NoBody)
    }

    /// Returns the blocks of the first function that has a body, that body first.
    pub(super) fn blocks(&self) -> Vec<StatementBlock> {
        let nodes = self.nodes();
        let Some(body) = nodes.iter().find_map(|node| body_of(*node)) else { return Vec::new() };
        nodes
            .iter()
            .filter(|node| node.start_byte() >= body.start_byte() && node.end_byte() <= body.end_byte())
            .filter(|node| is_block(**node))
            .filter_map(|node| self.block(*node))
            .collect()
    }

    /// Returns the first function that has a body, and the body.
    pub(super) fn function(&self) -> Option<(Node<'_>, Node<'_>)> {
        self.nodes().into_iter().find_map(|node| Some((node, body_of(node)?)))
    }

    fn block(&self, node: Node<'_>) -> Option<StatementBlock> {
        let children = statements_of(node);
        let (first, rest) = match children.split_first() {
            // Java's `super(…)` must stay the first statement.
            Some((call, rest)) if call.kind() == "explicit_constructor_invocation" => (Some(call), rest),
            _ => (None, &children[..]),
        };
        let statements: Vec<StatementSlot> =
            rest.iter().filter_map(|child| self.in_front_of(*child)).collect();
        let start = match (self.language, first) {
            (Language::Python, _) => statements.first()?.clone(),
            (language, Some(call)) => StatementSlot::after(self.span(*call)?.end, language),
            (language, None) => StatementSlot::after(self.span(node)?.start + 1, language),
        };
        Some(StatementBlock { start, statements })
    }

    /// Returns the place behind a statement, on a line of its own if the statement has one.
    pub(super) fn behind(&self, statement: Node<'_>) -> Option<StatementSlot> {
        let Span { start, end } = self.span(statement)?;
        let indent = self.indent(start);
        let alone = self.text[..start].ends_with(&format!("\n{indent}"));
        let before = if alone { format!("\n{indent}") } else { " ".to_owned() };
        Some(StatementSlot { at: end, before, after: String::new() })
    }

    /// Returns the place before the closing brace of a block.
    pub(super) fn end_of(&self, block: Node<'_>) -> Option<StatementSlot> {
        let at = self.span(block)?.end.checked_sub(1).filter(|at| self.text[*at..].starts_with('}'))?;
        let indent = self.indent(at);
        let alone = self.text[..at].ends_with(&format!("\n{indent}"));
        let (before, after) =
            if alone { ("    ".to_owned(), format!("\n{indent}")) } else { pad(&self.text[..at]) };
        Some(StatementSlot { at, before, after })
    }

    /// Returns the white space that the line of byte `at` starts with.
    pub(super) fn indent(&self, at: usize) -> &'t str {
        let line = &self.text[self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// Returns the place before a statement, on a line of its own if the statement has one.
    pub(super) fn in_front_of(&self, statement: Node<'_>) -> Option<StatementSlot> {
        if statement.kind().starts_with("preproc_") || statement.is_error() || self.is_docstring(statement) {
            return None;
        }
        let at = self.span(statement)?.start;
        let line = &self.text[..at];
        let indent = &line[line.rfind('\n').map_or(0, |newline| newline + 1)..];
        let alone = indent.trim().is_empty();
        if self.language == Language::Python && !alone {
            return None;
        }
        let after = if alone { format!("\n{indent}") } else { " ".to_owned() };
        Some(StatementSlot { at, before: String::new(), after })
    }

    /// A string is the documentation of a Python block only as its first statement.
    fn is_docstring(&self, statement: Node<'_>) -> bool {
        self.language == Language::Python
            && statement.prev_named_sibling().is_none()
            && statement.named_child_count() == 1
            && statement.named_child(0).is_some_and(|child| child.kind() == "string")
    }

    /// Counts the tokens that end at or before byte `at`.
    pub(super) fn tokens_before(&self, at: usize) -> usize {
        let leaves = self.nodes().into_iter().filter(|node| node.child_count() == 0);
        leaves.filter_map(|leaf| self.span(leaf)).filter(|span| span.end <= at).count()
    }
}

impl StatementSlot {
    /// Returns the place after byte `at`, with the white space of the published poisoned files.
    fn after(at: usize, language: Language) -> Self {
        let before = if language == Language::Java { "\n    " } else { "\n\n    " };
        Self { at, before: before.to_owned(), after: String::new() }
    }

    /// Returns the place after the first `{` of the text, in languages where that opens a block.
    pub(super) fn after_first_brace(text: &str, language: Language) -> Option<Self> {
        if language == Language::Python {
            return None;
        }
        Some(Self::after(text.find('{')? + 1, language))
    }
}

/// Returns the white space around a statement behind `text` on the same line.
fn pad(text: &str) -> (String, String) {
    let before = if text.ends_with([' ', '\t']) { "" } else { " " };
    (before.to_owned(), " ".to_owned())
}

/// Returns the statements of a block, without comments.
pub(super) fn statements_of(block: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = block.walk();
    block.named_children(&mut cursor).filter(|child| !is_comment(*child)).collect()
}

/// Returns true if Java lets a statement follow the last one of a block.
pub(super) fn completes(block: Node<'_>) -> bool {
    statements_of(block).pop().is_none_or(can_complete)
}

/// Returns true if Java lets a statement follow; the rules for the other kinds look further inside.
pub(super) fn can_complete(statement: Node<'_>) -> bool {
    match statement.kind() {
        "expression_statement"
        | "local_variable_declaration"
        | "enhanced_for_statement"
        | "explicit_constructor_invocation" => true,
        "if_statement" => statement.child_by_field_name("alternative").is_none(),
        _ => false,
    }
}

/// Splits a text into runs of letters, digits, `_` and `$`.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Returns true if `c` can be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

pub(super) fn is_comment(node: Node<'_>) -> bool {
    matches!(node.kind(), "comment" | "line_comment" | "block_comment")
}

/// Returns true for a sequence of statements; the body of a C `switch` is a sequence of cases.
pub(super) fn is_block(node: Node<'_>) -> bool {
    matches!(node.kind(), "compound_statement" | "block" | "constructor_body")
        && node.parent().is_none_or(|parent| parent.kind() != "switch_statement")
}

fn is_function(kind: &str) -> bool {
    matches!(
        kind,
        "function_definition"
            | "method_declaration"
            | "constructor_declaration"
            | "compact_constructor_declaration"
    )
}

/// Returns the body of a function.
fn body_of(node: Node<'_>) -> Option<Node<'_>> {
    node.child_by_field_name("body").filter(|body| is_function(node.kind()) && is_block(*body))
}

/// Returns the name of a function or variable, inside its declarator.
pub(super) fn name_of(declared: Node<'_>) -> Option<Node<'_>> {
    let mut at =
        declared.child_by_field_name("name").or_else(|| declared.child_by_field_name("declarator"))?;
    while let Some(inner) = at.child_by_field_name("declarator").or_else(|| at.child_by_field_name("name")) {
        at = inner;
    }
    Some(at)
}

/// Returns the name inside a declarator, which may be a name itself.
pub(super) fn declared_name(declarator: Node<'_>) -> Node<'_> {
    name_of(declarator).unwrap_or(declarator)
}

fn tree(text: &str, language: Language) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&grammar(language)).ok()?;
    parser.parse(text, None)
}

/// Returns true if the grammar spells this word out: then it is a keyword somewhere.
pub(super) fn is_keyword(word: &str, language: Language) -> bool {
    grammar(language).id_for_node_kind(word, false) != 0
}

fn grammar(language: Language) -> tree_sitter::Language {
    match language {
        Language::C => tree_sitter_c::LANGUAGE.into(),
        Language::Cpp => tree_sitter_cpp::LANGUAGE.into(),
        Language::Java => tree_sitter_java::LANGUAGE.into(),
        Language::Python => tree_sitter_python::LANGUAGE.into(),
    }
}

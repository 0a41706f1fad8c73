//! Parse trees, walked without recursion.

use tree_sitter::{Node, Tree};

use super::{Language, Span, parser};
use crate::error::SnippetError;

/// How well a text parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxQuality {
    /// Without any error.
    Clean,
    /// With errors that the parser could skip.
    Recovered {
        /// Number of places where the parser skipped or inserted something.
        errors: usize,
    },
    /// There is no usable tree: more than half of the bytes are in errors.
    Broken,
    /// The text is larger than the caller's limit for one unit and was not parsed.
    NotParsed {
        /// Size of the text.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
}

/// A parsed text.
#[derive(Debug, Clone)]
pub(crate) struct Syntax {
    tree: Tree,
    /// Number of bytes that were put before the text for the parser.
    shift: usize,
    bytes: usize,
    quality: SyntaxQuality,
    /// Number of bytes in errors, plus one for each token that the parser had to add.
    damage: usize,
}

/// One step of a walk over a tree.
pub(crate) struct Visit<'t> {
    /// The node itself; its positions may be shifted, use [`Visit::span`].
    pub(crate) node: Node<'t>,
    /// Kind of the node.
    pub(crate) kind: &'t str,
    /// Bytes of the node in the text.
    pub(crate) span: Span,
    /// Role of the node in its parent.
    pub(crate) field: Option<&'t str>,
    /// Kind of its parent; empty for the root.
    pub(crate) parent: &'t str,
    /// True if it is the first child of its parent.
    pub(crate) is_first: bool,
}

/// Java methods and constructors are only complete inside a class, constants inside an enumeration.
const JAVA_FRAMES: [(&str, &str); 2] = [("class _ {", "}"), ("enum _ {", "}")];

impl Syntax {
    /// Parses `text`. A Java text that is only valid as a member of a class or enumeration is
    /// parsed as one.
    ///
    /// # Errors
    /// [`SnippetError::ParserGaveUp`] if the parser needs far more work or memory than code of this
    /// size does.
    pub(crate) fn parse(text: &str, language: Language) -> Result<Self, SnippetError> {
        let bare = Self::new(parser::parse(text, language)?, 0, text.len());
        if language != Language::Java || bare.quality == SyntaxQuality::Clean {
            return Ok(bare);
        }
        for (before, behind) in JAVA_FRAMES {
            let framed = format!("{before}{text}{behind}");
            let framed = Self::new(parser::parse(&framed, language)?, before.len(), text.len());
            if framed.quality == SyntaxQuality::Clean {
                return Ok(framed);
            }
        }
        Ok(bare)
    }

    fn new(tree: Tree, shift: usize, bytes: usize) -> Self {
        let mut syntax = Self { tree, shift, bytes, quality: SyntaxQuality::Clean, damage: 0 };
        (syntax.quality, syntax.damage) = syntax.assess();
        syntax
    }

    /// Returns how well the text parsed.
    pub(crate) fn quality(&self) -> SyntaxQuality {
        self.quality
    }

    /// Returns the size of what did not parse: bytes in errors, plus one for each token that the
    /// parser had to add.
    pub(crate) fn damage(&self) -> usize {
        self.damage
    }

    fn assess(&self) -> (SyntaxQuality, usize) {
        let root = self.tree.root_node();
        if !root.has_error() {
            return (SyntaxQuality::Clean, 0);
        }
        let (mut errors, mut bytes) = (0, 0);
        self.walk((), |visit, ()| {
            let wrong = visit.node.is_error() || visit.node.is_missing();
            if wrong {
                errors += 1;
                bytes += visit.span.len();
            }
            (!wrong).then_some(())
        });
        if root.is_error() || 2 * bytes > self.bytes {
            return (SyntaxQuality::Broken, bytes + errors);
        }
        (SyntaxQuality::Recovered { errors: errors.max(1) }, bytes + errors)
    }

    /// Visits every node of the text in source order, parents first. `enter` gets the state that
    /// its parent returned and returns the state for the node's children, or `None` to skip them.
    pub(crate) fn walk<'t, S: Clone>(&'t self, root: S, mut enter: impl FnMut(&Visit<'t>, S) -> Option<S>) {
        let mut cursor = self.tree.walk();
        let mut above: Vec<(S, &str)> = vec![(root, "")];
        let mut is_first = true;
        while let Some((state, parent)) = above.last().cloned() {
            let node = cursor.node();
            let inherited = match self.span(node) {
                Some(span) => {
                    let field = cursor.field_name();
                    enter(&Visit { node, kind: node.kind(), span, field, parent, is_first }, state)
                }
                None => Some(state),
            };
            if let Some(state) = inherited
                && cursor.goto_first_child()
            {
                above.push((state, node.kind()));
                is_first = true;
                continue;
            }
            is_first = false;
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                above.pop();
            }
        }
    }

    /// Returns the node's bytes in the text; `None` for a node that was only added for the parser.
    pub(crate) fn span(&self, node: Node<'_>) -> Option<Span> {
        let start = node.start_byte().checked_sub(self.shift)?;
        let end = node.end_byte() - self.shift;
        (end <= self.bytes).then(|| Span::new(start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(text: &str, language: Language) -> SyntaxQuality {
        Syntax::parse(text, language).unwrap().quality()
    }

    #[test]
    fn quality_tells_clean_recovered_and_broken_apart() {
        assert_eq!(quality("int f(int a) { return a; }", Language::C), SyntaxQuality::Clean);
        let recovered = quality("int f(int a) { a = ; return a; }", Language::C);
        assert!(matches!(recovered, SyntaxQuality::Recovered { errors } if errors > 0), "{recovered:?}");
        assert_eq!(quality("%% ) ] ?? } ## @@ ( (", Language::C), SyntaxQuality::Broken);
    }

    #[test]
    fn a_lone_java_constructor_parses_and_keeps_its_positions() {
        let text = "public Box(int size) { this.size = size; }";
        let syntax = Syntax::parse(text, Language::Java).unwrap();
        assert_eq!(syntax.quality(), SyntaxQuality::Clean);
        let mut statements = Vec::new();
        syntax.walk((), |visit, ()| {
            if visit.kind == "expression_statement" {
                statements.push(visit.span.of(text).unwrap().to_owned());
            }
            assert!(visit.span.end <= text.len());
            Some(())
        });
        assert_eq!(statements, ["this.size = size;"]);
    }

    #[test]
    fn decorated_and_indented_python_parses() {
        let text = "@cached\n    def area(self):\n        return self.w * self.h\n";
        assert_eq!(quality(text, Language::Python), SyntaxQuality::Clean);
    }

    #[test]
    fn deeply_nested_braces_are_walked_without_recursion() {
        let text = format!("void f() {{{}x = 1;{}}}", "{".repeat(2_500), "}".repeat(2_500));
        let mut blocks = 0;
        Syntax::parse(&text, Language::C).unwrap().walk(0_usize, |visit, depth| {
            blocks += usize::from(visit.kind == "compound_statement");
            Some(depth + 1)
        });
        assert_eq!(blocks, 2_501);
    }
}

//! Meaning of the node kinds of each tree-sitter grammar.

use super::Language;

/// Meaning of one language's node kinds.
pub(crate) struct Grammar {
    /// Functions and methods; the outermost ones are the units of a file.
    pub(crate) functions: &'static [&'static str],
    /// Nodes that belong to the function directly inside them: decorators, template headers.
    pub(crate) wrappers: &'static [&'static str],
    /// Sequences of statements; not candidates themselves.
    pub(crate) blocks: &'static [&'static str],
    /// Statement kinds whose names do not end in `_statement`.
    extra_statements: &'static [&'static str],
    /// Definitions that count as statements inside a block of a function.
    pub(crate) local_definitions: &'static [&'static str],
    /// Words that cannot be a name, separated by blanks.
    keywords: &'static str,
}

/// Class of a leaf token, which its replacement must have as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// A name of any kind.
    Identifier,
    /// A number literal.
    Number,
    /// The inside of a string literal.
    Text,
    /// A character literal, with or without its quotes.
    Character,
}

impl Leaf {
    /// Returns the class of a node kind; `None` for keywords, punctuation, operators and inner
    /// nodes.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            "identifier"
            | "field_identifier"
            | "type_identifier"
            | "statement_identifier"
            | "namespace_identifier" => Some(Self::Identifier),
            "number_literal"
            | "integer"
            | "float"
            | "decimal_integer_literal"
            | "hex_integer_literal"
            | "octal_integer_literal"
            | "binary_integer_literal"
            | "decimal_floating_point_literal"
            | "hex_floating_point_literal" => Some(Self::Number),
            "string_content" | "string_fragment" | "multiline_string_fragment" | "raw_string_content" => {
                Some(Self::Text)
            }
            "character" | "character_literal" => Some(Self::Character),
            _ => None,
        }
    }
}

impl Grammar {
    /// Returns the grammar of `language`.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::C => &C,
            Language::Cpp => &CPP,
            Language::Java => &JAVA,
            Language::Python => &PYTHON,
        }
    }

    /// Returns true if a node of this kind is a statement in statement position.
    pub(crate) fn is_statement(&self, kind: &str) -> bool {
        let named_so = kind.ends_with("_statement") && !matches!(kind, "case_statement" | "init_statement");
        (named_so && !self.blocks.contains(&kind)) || self.extra_statements.contains(&kind)
    }

    /// Returns true if `name` can be the name of a variable: identifier-shaped and no keyword.
    pub(crate) fn is_name(&self, name: &str) -> bool {
        is_identifier_shaped(name) && self.keywords.split(' ').all(|keyword| keyword != name)
    }
}

/// Returns true if `name` is a letter or `_` followed by letters, digits or `_`, all ASCII: valid
/// in every supported language.
fn is_identifier_shaped(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

static C: Grammar = Grammar {
    functions: &["function_definition"],
    wrappers: &[],
    blocks: &["compound_statement"],
    extra_statements: &["declaration", "type_definition"],
    local_definitions: &["function_definition"],
    keywords: "auto bool break case char const constexpr continue default do double else enum extern false \
        float for goto if inline int long nullptr register restrict return short signed sizeof \
        static struct switch true typedef typeof union unsigned void volatile while NULL",
};

static CPP: Grammar = Grammar {
    functions: &["function_definition"],
    wrappers: &["template_declaration"],
    blocks: &["compound_statement"],
    extra_statements: &[
        "declaration",
        "type_definition",
        "for_range_loop",
        "using_declaration",
        "alias_declaration",
        "static_assert_declaration",
    ],
    local_definitions: &["function_definition"],
    keywords: "alignas alignof and asm auto bool break case catch char class compl concept const consteval \
        constexpr constinit continue decltype default delete do double else enum explicit export \
        extern false float for friend goto if inline int long mutable namespace new noexcept not \
        nullptr operator or private protected public register requires return short signed sizeof \
        static struct switch template this throw true try typedef typeid typename union unsigned \
        using virtual void volatile while xor NULL co_await co_return co_yield final override bitand \
        bitor and_eq or_eq xor_eq not_eq wchar_t const_cast static_cast dynamic_cast \
        reinterpret_cast static_assert thread_local",
};

static JAVA: Grammar = Grammar {
    functions: &["method_declaration", "constructor_declaration", "compact_constructor_declaration"],
    wrappers: &[],
    blocks: &["block", "constructor_body"],
    extra_statements: &["local_variable_declaration", "explicit_constructor_invocation"],
    // A switch has one node kind as a statement and as an expression; only the former is in a
    // block.
    local_definitions: &[
        "class_declaration",
        "record_declaration",
        "enum_declaration",
        "interface_declaration",
        "switch_expression",
    ],
    keywords: "abstract assert boolean break byte case catch char class const continue default do double \
        else enum extends false final finally float for goto if implements import instanceof int \
        interface long native new null package private protected public record return short static \
        strictfp super switch synchronized this throw throws transient true try var void volatile \
        while yield _",
};

static PYTHON: Grammar = Grammar {
    functions: &["function_definition"],
    wrappers: &["decorated_definition"],
    blocks: &["block"],
    extra_statements: &[],
    local_definitions: &["function_definition", "class_definition", "decorated_definition"],
    keywords: "False None True and as assert async await break case class continue def del elif else except \
        finally for from global if import in is lambda match nonlocal not or pass raise \
        return try while with yield _",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_and_no_keywords() {
        let c = Grammar::of(Language::C);
        assert!(c.is_name("_len2"));
        for bad in ["", "2x", "a b", "a-b", "while", "größe", " x"] {
            assert!(!c.is_name(bad), "{bad:?}");
        }
        assert!(c.is_name("lambda") && !Grammar::of(Language::Python).is_name("lambda"));
    }

    #[test]
    fn blocks_and_labels_are_no_statements() {
        let cpp = Grammar::of(Language::Cpp);
        assert!(cpp.is_statement("if_statement") && cpp.is_statement("declaration"));
        for kind in ["compound_statement", "case_statement", "init_statement", "identifier"] {
            assert!(!cpp.is_statement(kind), "{kind}");
        }
    }

    /// A misspelt node kind would silently disable a family of candidates.
    #[test]
    fn every_kind_in_the_tables_exists_in_its_grammar() {
        for language in Language::ALL {
            let grammar = Grammar::of(language);
            let parser = language.parser();
            let tables = [
                grammar.functions,
                grammar.wrappers,
                grammar.blocks,
                grammar.extra_statements,
                grammar.local_definitions,
            ];
            for kind in tables.into_iter().flatten() {
                assert_ne!(parser.id_for_node_kind(kind, true), 0, "{language}: no node kind {kind}");
            }
        }
    }
}

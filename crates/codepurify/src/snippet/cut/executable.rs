//! Code that a program runs outside of functions: initialisers that call something, static blocks, statements
//! of modules, macro bodies, and all code that did not parse.

use tree_sitter::Node;

use super::implicit::{is_constant, is_implicit_call, is_operator};
use crate::snippet::bare::is_word;
use crate::snippet::functions::is_function;
use crate::snippet::{Language, Span, Syntax, Visit, joined};

/// Code outside of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Code {
    pub(crate) span: Span,
    /// Id of the node that contains the code: code in different classes is not one text.
    pub(crate) within: usize,
}

/// Meaning of the kinds of nodes outside of functions in one language.
struct Kinds {
    /// Nodes that hold definitions side by side. Each of their children is judged or not as a whole.
    containers: &'static [&'static str],
    /// Statements and expressions that compute nothing.
    inert: &'static [&'static str],
    /// Nodes that compute something, or run later, and whose names do not end in `_statement` or `_expression`.
    computing: &'static [&'static str],
    /// Nodes whose expressions are never evaluated or are part of a type. Calls in them are no code; blocks and lambdas are.
    unevaluated: &'static [&'static str],
}

#[derive(Clone, Copy)]
struct Place {
    container: usize,
    /// The child of the container that is being walked through.
    item: Option<Span>,
    unevaluated: bool,
    /// True where a compiler evaluates operators.
    constant: bool,
    /// True inside of an operator that may be a method of its operands.
    operand: bool,
}

impl Place {
    /// Directly in a container.
    fn within(container: usize) -> Self {
        Self { container, item: None, unevaluated: false, constant: false, operand: false }
    }
}

/// The code of a text that is in no function, in source order.
pub(crate) fn code(text: &str, syntax: &Syntax, language: Language) -> Vec<Code> {
    let kinds = Kinds::of(language);
    let mut found: Vec<Code> = Vec::new();
    syntax.walk(Place::within(0), |visit, place| {
        let aside = visit.kind.ends_with("comment")
            || is_condition(visit)
            || is_function(visit.kind, visit.node, language);
        if aside {
            return None;
        }
        let item = place.item.unwrap_or(visit.span);
        if kinds.is_code(text, visit, language, place) {
            let code = Code { span: item, within: place.container };
            if found.last() != Some(&code) {
                found.push(code);
            }
            return None;
        }
        if kinds.is_container(visit) {
            return Some(Place::within(visit.node.id()));
        }
        let unevaluated = place.unevaluated || kinds.unevaluated.contains(&visit.kind);
        let constant = place.constant || is_constant(visit);
        let operand = !constant && (place.operand || is_operator(visit, language));
        Some(Place { item: Some(item), unevaluated, constant, operand, ..place })
    });
    found
}

/// Returns true if the node is the condition of a preprocessor branch.
fn is_condition(visit: &Visit<'_>) -> bool {
    visit.field == Some("condition") && visit.parent.starts_with("preproc_")
}

impl Kinds {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::C | Language::Cpp => &C_FAMILY,
            Language::Java => &JAVA,
            Language::Python => &PYTHON,
        }
    }

    fn is_container(&self, visit: &Visit<'_>) -> bool {
        match visit.kind {
            // The block of an `if` is a part of it.
            "block" => visit.parent == "class_definition",
            kind => self.containers.contains(&kind),
        }
    }

    fn is_code(&self, text: &str, visit: &Visit<'_>, language: Language, place: Place) -> bool {
        let kind = visit.kind;
        if visit.node.is_error() || visit.node.is_missing() {
            return true;
        }
        if is_hidden_call(text, visit) {
            return true;
        }
        if place.unevaluated {
            return matches!(kind, "lambda_expression" | "compound_statement");
        }
        if is_implicit_call(visit, language) || (place.operand && kind == "identifier") {
            return true;
        }
        if kind == "preproc_arg" {
            return is_code_macro(visit.span.of(text).unwrap_or_default().as_bytes());
        }
        // A string on its own is a comment, `...` nothing.
        let alone = visit.parent == "expression_statement"
            && !matches!(kind, "string" | "concatenated_string" | "assignment" | "ellipsis");
        let named_so = kind.ends_with("_statement") || kind.ends_with("_expression");
        (named_so && !self.inert.contains(&kind)) || self.computing.contains(&kind) || alone
    }
}

/// Words that only statements begin with.
const STATEMENTS: [&str; 8] = ["if", "while", "for", "switch", "return", "goto", "throw", "do"];

/// Returns true for a call or a statement that the parser takes for something else, in C and C++ for a part of a prototype: `f()` in `int a(f());`,
/// which declares a function only if `f` is a type, and `if (f()) ;` behind a macro.
fn is_hidden_call(text: &str, visit: &Visit<'_>) -> bool {
    match visit.kind {
        "abstract_function_declarator" if visit.parent == "parameter_declaration" => {
            let is_type = |parent: Node<'_>| {
                parent.child_by_field_name("type").is_some_and(|kind| kind.kind().ends_with("primitive_type"))
            };
            visit.node.child_by_field_name("declarator").is_none()
                && !visit.node.parent().is_some_and(is_type)
        }
        // Backticks of Python 2, which are a string to the parser.
        "string" => visit.span.of(text).is_some_and(|string| string.ends_with('`')),
        "identifier" | "type_identifier" | "field_identifier" => {
            visit.span.of(text).is_some_and(|name| STATEMENTS.contains(&name))
        }
        _ => false,
    }
}

/// Words in front of parentheses that make no call.
const NO_CALLS: [&[u8]; 8] = [
    b"sizeof",
    b"defined",
    b"__attribute__",
    b"__declspec",
    b"_Pragma",
    b"__pragma",
    b"alignof",
    b"_Alignof",
];

/// Returns true if the body of a macro holds a call, a statement or a block.
pub(super) fn is_code_macro(body: &[u8]) -> bool {
    // A vertical tab is a blank, too.
    let blank = |byte| if matches!(byte, b'\\' | 0x0b) { b' ' } else { byte };
    let body = &joined(body).into_iter().map(blank).collect::<Vec<u8>>();
    let attribute = body.trim_ascii_start().starts_with(b"__attribute__");
    let parentheses = body.iter().enumerate().filter(|&(_, &byte)| byte == b'(');
    let mut before = parentheses.map(|(at, _)| body[..at].trim_ascii_end());
    let calls = before.any(|before| {
        let word = word_before(before);
        let name = word.first().is_some_and(|&first| is_word(first) && !first.is_ascii_digit());
        (name && !NO_CALLS.contains(&word)) || in_parentheses(before).is_some_and(is_callee)
    });
    let jumps = body.split(|&byte| !is_word(byte)).any(|word| JUMPS.contains(&word));
    (calls && !attribute)
        || jumps
        || assigns(body)
        || puts(body)
        || body.contains(&b'{')
        || body.contains(&b';')
}

/// Returns true if a text puts a string somewhere, as `<<` of C++ does, or has a string with a suffix of the program's own.
fn puts(body: &[u8]) -> bool {
    let has = |two: &[u8]| body.windows(2).any(|pair| pair == two);
    (body.contains(&b'"') && (has(b"<<") || has(b">>"))) || has(b"\"_")
}

/// Words of statements and expressions that need no parentheses.
const JUMPS: [&[u8]; 11] = [
    b"goto",
    b"return",
    b"break",
    b"continue",
    b"throw",
    b"co_return",
    b"asm",
    b"__asm",
    b"__asm__",
    b"new",
    b"delete",
];

/// The text between the parentheses at the end, if there are none inside of them.
fn in_parentheses(before: &[u8]) -> Option<&[u8]> {
    let inner = before.strip_suffix(b")")?;
    let open = inner.iter().rposition(|&byte| matches!(byte, b'(' | b')'))?;
    (inner[open] == b'(').then(|| inner[open + 1..].trim_ascii())
}

/// Returns true if `(callee)(1)` is a call and no cast: a type ends with `*`, is several words, or has the name of one.
fn is_callee(callee: &[u8]) -> bool {
    const TYPES: [&[u8]; 10] =
        [b"char", b"int", b"long", b"short", b"unsigned", b"signed", b"float", b"double", b"void", b"bool"];
    let is_name = !callee.is_empty() && callee.iter().all(|&byte| is_word(byte));
    let is_type =
        TYPES.contains(&callee) || callee.ends_with(b"_t") || callee.iter().any(u8::is_ascii_uppercase);
    matches!(callee.first(), Some(b'*' | b'&')) || (is_name && !is_type)
}

/// Returns true if a text assigns something.
fn assigns(body: &[u8]) -> bool {
    let is_assignment = |(at, &byte): (usize, &u8)| {
        let compares = matches!(body[..at].last(), Some(b'=' | b'!' | b'<' | b'>'));
        byte == b'=' && body.get(at + 1) != Some(&b'=') && !compares
    };
    let shifts = |three: &[u8]| matches!(three, b"<<=" | b">>=");
    body.iter().enumerate().any(is_assignment)
        || body.windows(2).any(|pair| matches!(pair, b"++" | b"--"))
        || body.windows(3).any(shifts)
}

/// The word at the end of `before`; empty if there is none.
fn word_before(before: &[u8]) -> &[u8] {
    let before = before.trim_ascii_end();
    let length = before.iter().rev().take_while(|&&byte| is_word(byte)).count();
    &before[before.len() - length..]
}

static C_FAMILY: Kinds = Kinds {
    containers: &[
        "translation_unit",
        "linkage_specification",
        "namespace_definition",
        "declaration_list",
        "template_declaration",
        "struct_specifier",
        "union_specifier",
        "class_specifier",
        "field_declaration_list",
        "preproc_if",
        "preproc_ifdef",
        "preproc_elif",
        "preproc_elifdef",
        "preproc_else",
    ],
    inert: &[
        "binary_expression",
        "unary_expression",
        "parenthesized_expression",
        "cast_expression",
        "compound_literal_expression",
        "field_expression",
        "subscript_expression",
        "pointer_expression",
        "sizeof_expression",
        "alignof_expression",
        "offsetof_expression",
        "requires_expression",
    ],
    computing: &["user_defined_literal", "argument_list", "for_range_loop"],
    unevaluated: &[
        "attribute_specifier",
        "attribute_declaration",
        "alignas_qualifier",
        "ms_declspec_modifier",
        "decltype",
        "noexcept",
        "sizeof_expression",
        "alignof_expression",
        "offsetof_expression",
        "requires_clause",
        "requires_expression",
        "concept_definition",
        "static_assert_declaration",
    ],
};

static JAVA: Kinds = Kinds {
    containers: &[
        "program",
        "class_declaration",
        "class_body",
        "enum_declaration",
        "enum_body",
        "enum_body_declarations",
        "interface_declaration",
        "interface_body",
        "record_declaration",
        "annotation_type_declaration",
        "annotation_type_body",
    ],
    inert: &[
        "binary_expression",
        "unary_expression",
        "parenthesized_expression",
        "cast_expression",
        "array_creation_expression",
    ],
    computing: &[
        "argument_list",
        "block",
        "constructor_body",
        "method_invocation",
        "method_reference",
        "explicit_constructor_invocation",
        "string_interpolation",
    ],
    unevaluated: &[],
};

static PYTHON: Kinds = Kinds {
    containers: &["module", "class_definition", "decorated_definition"],
    inert: &[
        "expression_statement",
        "import_statement",
        "import_from_statement",
        "future_import_statement",
        "pass_statement",
        "global_statement",
        "nonlocal_statement",
        "type_alias_statement",
    ],
    computing: &[
        "augmented_assignment",
        "await",
        "call",
        "conditional_expression",
        "decorator",
        "dictionary_comprehension",
        "generator_expression",
        "interpolation",
        "lambda",
        "dictionary_splat",
        "list_comprehension",
        "list_splat",
        "named_expression",
        "set_comprehension",
        "yield",
    ],
    unevaluated: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, language: Language) -> Vec<&str> {
        let syntax = Syntax::parse(text, language).unwrap();
        code(text, &syntax, language).into_iter().map(|code| code.span.of(text).unwrap()).collect()
    }

    #[test]
    fn declarations_are_no_code() {
        let c = "#include <a.h>\n#if defined(A) && B(1)\n#define C (1 << 3)\n#define D(e) (sizeof(e) * (3))\n#define F __attribute__((format(g)))\nint f(int a) __attribute__((format(printf, 1, 2)));\n#endif\nstruct s { int a : 3; };\nstatic const int t[] = { 1, -2, sizeof(int) * A };\ntypedef int (*g)(void);\n";
        assert_eq!(found(c, Language::C), [""; 0]);
        let cpp = "namespace a { template <class T> class B : C { B() = default; using D = decltype(f(1)); int e{3}; void g() noexcept(h()); }; }";
        assert_eq!(found(cpp, Language::Cpp), [""; 0]);
        let java = "package a; import b.C; @D(1) class E { static final int[] f = { 1, 2 }; private F g; abstract int h(); }";
        assert_eq!(found(java, Language::Java), [""; 0]);
        let python = "'''doc'''\nimport a\nB = [1, {'c': -2}]\nclass D(E, metaclass=F):\n    'doc'\n    g: int = 3\n    def h(self): i()\n    pass\n";
        assert_eq!(found(python, Language::Python), [""; 0]);
    }

    #[test]
    fn what_runs_outside_of_functions_is_code() {
        let c = "int a = f(1);\nM(b);\n#define C(d) do { d; } while (0)\nasm(\"e\");\n";
        assert_eq!(
            found(c, Language::C),
            ["int a = f(1);", "M(b);", "#define C(d) do { d; } while (0)\n", "asm(\"e\");"]
        );
        let cpp = "namespace n { auto l = [] { return 1; }; B b(\"c\"); struct D { int e = f(); }; }";
        assert_eq!(found(cpp, Language::Cpp), ["auto l = [] { return 1; };", "B b(\"c\");", "int e = f();"]);
        assert_eq!(found("#define A __asm \"b\"\n", Language::C), ["#define A __asm \"b\"\n"]);
        let java = "class A { static { b(); } { c(); } D d = () -> 1; E e = F::g; } enum H { I(1); }";
        assert_eq!(
            found(java, Language::Java),
            ["static { b(); }", "{ c(); }", "D d = () -> 1;", "E e = F::g;", "I(1)"]
        );
        let python =
            "a = b()\nif c: d = 1\n@e(1)\nclass F(g()):\n    h = lambda: 1\ni += 1\nj\n@k\nclass L: pass\n";
        let code = ["a = b()", "if c: d = 1", "@e(1)", "(g())", "h = lambda: 1", "i += 1", "j", "@k"];
        assert_eq!(found(python, Language::Python), code);
    }

    /// A misspelt node kind would make code out of declarations, or the other way round.
    #[test]
    fn every_kind_in_the_tables_exists_in_a_grammar() {
        for languages in [&[Language::C, Language::Cpp][..], &[Language::Java], &[Language::Python]] {
            let kinds = Kinds::of(languages[0]);
            for kind in [kinds.containers, kinds.inert, kinds.computing, kinds.unevaluated].concat() {
                let known =
                    languages.iter().any(|language| language.parser().id_for_node_kind(kind, true) != 0);
                assert!(known, "{languages:?}: no node kind {kind}");
            }
        }
    }
}

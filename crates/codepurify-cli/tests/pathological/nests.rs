//! Constructs that nest in themselves, for each language: what opens a level, what is inside of the innermost, what closes a level.

use Site::{Expression, File, Statement};

/// Where a construct may occur.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// In place of a value.
    Expression,
    /// In place of a statement.
    Statement,
    /// Outside of functions.
    File,
}

/// One construct: site, name, opening, innermost part, closing.
pub(crate) type Nest = (Site, &'static str, &'static str, &'static str, &'static str);

/// Constructs that C, C++ and Java share.
const BRACES: &[Nest] = &[
    (Expression, "parentheses", "(", "x", ")"),
    (Expression, "open-parentheses", "(", "x", ""),
    (Expression, "closed-parentheses", "", "x", ")"),
    (Expression, "brackets", "a[", "x", "]"),
    (Expression, "calls", "f(", "x", ")"),
    (Expression, "not", "!", "x", ""),
    (Expression, "complement", "~", "x", ""),
    (Expression, "minus", "- ", "x", ""),
    (Expression, "sums", "1+(", "x", ")"),
    (Expression, "constant-sums", "1+(", "0", ")"),
    (Expression, "sum-chain", "", "1", "+1"),
    (Expression, "and-chain", "", "x", "&&x"),
    (Expression, "or-nest", "x||(", "x", ")"),
    (Expression, "ternaries", "x?y:", "x", ""),
    (Expression, "middle-ternaries", "x?", "y", ":y"),
    (Expression, "casts", "(int)", "x", ""),
    (Expression, "comparisons", "x<", "x", ""),
    (Expression, "assignments", "y=", "x", ""),
    (Expression, "members", "", "a", ".b"),
    (Expression, "indices", "", "a", "[0]"),
    (Expression, "call-chain", "", "a", ".b()"),
    (Statement, "braces", "{", ";", "}"),
    (Statement, "open-braces", "{", ";", ""),
    (Statement, "closed-braces", "", ";", "}"),
    (Statement, "ifs", "if(x)", ";", ""),
    (Statement, "if-blocks", "if(x){", ";", "}"),
    (Statement, "else-chain", "if(x);else ", ";", ""),
    (Statement, "else-blocks", "if(x){y=1;}else{", ";", "}"),
    (Statement, "loops", "while(x)", ";", ""),
    (Statement, "for-loops", "for(;;)", ";", ""),
    (Statement, "do-loops", "do ", ";", "while(x);"),
    (Statement, "switches", "switch(x){case 1:", ";", "}"),
    (Statement, "labels", "l:", ";", ""),
    (Statement, "wide-blanks", "\n /* a\n\u{3000}b */", ";", ""),
    (Statement, "dead-ifs", "if(0){", ";", "}"),
    (Statement, "initialisers", "int a[]={", "{1}", "};"),
    (File, "unclosed-functions", "int f(){", "", ""),
];

const C_AND_CPP: &[Nest] = &[
    (Expression, "stars", "*", "p", ""),
    (Expression, "addresses", "& ", "x", ""),
    (Expression, "sizes", "sizeof ", "x", ""),
    (Expression, "strings", "\"a\"", "\"b\"", ""),
    (Expression, "increments", "++", "x", ""),
    (Expression, "statement-expressions", "({", "x;", "})"),
    (Expression, "compound-literals", "(int[]){", "1", "}"),
    (Expression, "arrows", "", "a", "->b"),
    (Expression, "commas", "x,", "x", ""),
    (Statement, "cases", "case 1:", ";", ""),
    (File, "structs", "struct s{", "int i;", "}x;"),
    (File, "pointers", "*", "p;", ""),
    (File, "declarators", "(", "p", ")"),
    (File, "arrays", "", "p", "[1]"),
    (File, "function-pointers", "(*", "p", ")()"),
    (File, "parameters", "int f(int ", "x", ")"),
    (File, "conditionals", "#if 1\n", "int i;\n", "#endif\n"),
    (File, "open-conditionals", "#ifdef A\n", "int i;\n", ""),
    (File, "else-conditionals", "#if 1\nint i;\n#else\n", "int i;\n", "#endif\n"),
    (File, "else-if-conditionals", "#if 1\n", "int i;\n", "#elif 2\n"),
    (File, "condition-parentheses", "(", "1", ")"),
    (File, "attributes", "__attribute__((a(", "1", ")))"),
    (File, "values", "{", "1", "}"),
    (File, "linkage", "extern \"C\" {", "int i;", "}"),
    (File, "macros", "\\\n", "1\n", ""),
    (File, "unclosed-comments", "/*", "", ""),
    (File, "unclosed-strings", "\"", "", ""),
    (File, "old-parameters", "int f(a) int a;", "{}", ""),
];

const C: &[Nest] =
    &[(Expression, "generics", "_Generic(x,int:", "x", ")"), (File, "enums", "enum e{A=sizeof(", "1", ")};")];

const CPP: &[Nest] = &[
    (Expression, "lambdas", "[]{return ", "x", ";}()"),
    (Expression, "templates", "a<", "b", ">"),
    (Expression, "open-templates", "a<", "b", ""),
    (Expression, "scopes", "a::", "b", ""),
    (Expression, "news", "new ", "int", ""),
    (Expression, "throws", "throw ", "x", ""),
    (Expression, "static-casts", "static_cast<int>(", "x", ")"),
    (Expression, "raw-strings", "R\"(", "x", ""),
    (Expression, "init-lists", "a{", "x", "}"),
    (Expression, "folds", "(... + ", "x", ")"),
    (Statement, "tries", "try{", ";", "}catch(...){}"),
    (Statement, "range-loops", "for(auto x:y)", ";", ""),
    (Statement, "local-classes", "struct s{void f(){", ";", "}};"),
    (File, "namespaces", "namespace n{", "int i;", "}"),
    (File, "classes", "class c{", "int i;", "};"),
    (File, "template-headers", "template<class T>", "T f(){return 1;}", ""),
    (File, "template-parameters", "template<template<class T> class A,", "class B>", ""),
    (File, "template-arguments", "<a", "int", ">"),
    (File, "requirements", "requires (", "x", ")"),
];

const JAVA: &[Nest] = &[
    (Expression, "lambdas", "x->", "x", ""),
    (Expression, "lambda-blocks", "()->{return ", "x", ";}"),
    (Expression, "anonymous", "new A(){int f(){return ", "x", ";}}"),
    (Expression, "arrays", "new int[]{", "1", "}"),
    (Expression, "type-arguments", "new A<", "B", ">"),
    (Expression, "switches", "switch(x){default->", "x", ";}"),
    (Expression, "string-sum", "\"a\"+", "\"b\"", ""),
    (Expression, "references", "", "a", "::b"),
    (Expression, "type-tests", "", "a", " instanceof A"),
    (Statement, "synchronised", "synchronized(x){", ";", "}"),
    (Statement, "tries", "try{", ";", "}finally{}"),
    (Statement, "resources", "try(A a=b){", ";", "}"),
    (Statement, "local-classes", "class A{void f(){", ";", "}}"),
    (File, "classes", "class A{", "int i;", "}"),
    (File, "annotations", "@A(", "1", ")"),
    (File, "annotation-list", "@A ", "class B{}", ""),
    (File, "generics", "<A", "", ">"),
    (File, "array-types", "", "int", "[]"),
    (File, "imports", "import a", ";", ".a"),
    (File, "interfaces", "interface A{", "", "}"),
    (File, "enums", "enum A{B{", "", "}}"),
    (File, "unclosed-comments", "/*", "", ""),
    (File, "unclosed-text-blocks", "\"\"\"", "", ""),
];

const PYTHON: &[Nest] = &[
    (Expression, "parentheses", "(", "x", ")"),
    (Expression, "open-parentheses", "(", "x", ""),
    (Expression, "closed-parentheses", "", "x", ")"),
    (Expression, "brackets", "[", "x", "]"),
    (Expression, "sets", "{", "x", "}"),
    (Expression, "dictionaries", "{1:", "x", "}"),
    (Expression, "subscripts", "a[", "x", "]"),
    (Expression, "slices", "a[:", "x", "]"),
    (Expression, "calls", "f(", "x", ")"),
    (Expression, "not", "not ", "x", ""),
    (Expression, "complement", "~", "x", ""),
    (Expression, "minus", "-", "x", ""),
    (Expression, "sums", "1+(", "x", ")"),
    (Expression, "constant-sums", "1+(", "0", ")"),
    (Expression, "sum-chain", "", "1", "+1"),
    (Expression, "power-chain", "2**", "1", ""),
    (Expression, "and-chain", "", "x", " and x"),
    (Expression, "comparisons", "x<", "x", ""),
    (Expression, "ternaries", "x if x else ", "x", ""),
    (Expression, "left-ternaries", "", "x", " if x else x"),
    (Expression, "lambdas", "lambda:", "x", ""),
    (Expression, "lambda-defaults", "lambda a=", "1", ":a"),
    (Expression, "comprehensions", "[x for x in ", "y", "]"),
    (Expression, "generators", "(x for x in ", "y", ")"),
    (Expression, "comprehension-loops", "", "x", " for x in y"),
    (Expression, "awaits", "await ", "x", ""),
    (Expression, "yields", "(yield ", "x", ")"),
    (Expression, "walruses", "(y:=", "x", ")"),
    (Expression, "stars", "*", "x", ""),
    (Expression, "strings", "'a'", "'b'", ""),
    (Expression, "f-strings", "f'{", "x", "}'"),
    (Expression, "open-f-strings", "f'{", "x", ""),
    (Expression, "format-specs", "f'{x:{", "y", "}}'"),
    (Expression, "members", "", "a", ".b"),
    (Expression, "indices", "", "a", "[0]"),
    (Expression, "call-chain", "", "a", ".b()"),
    (Expression, "commas", "x,", "x", ""),
    (Statement, "assignments", "y=", "x", ""),
    (Statement, "wide-blanks", "'''a\n\u{3000}b'''\n    ", "x", ""),
    (Statement, "semicolons", "x;", "x", ""),
    (Statement, "else-chain", "if x: pass\nelif y:", " pass", "\n"),
    (Statement, "one-line-ifs", "if x:", "x", ""),
    (Statement, "withs", "with a", ":pass", ",a"),
    (Statement, "deletes", "del (", "x", ")"),
    (Statement, "patterns", "match x:\n case ", "x", "|x"),
    (Statement, "continuations", "\\\n", "x", ""),
    (File, "decorators", "@a\n", "def f(): pass\n", ""),
    (File, "annotations", "def f(a:A[", "B", "]): pass\n"),
    (File, "one-line-classes", "class A:", "pass", ""),
    (File, "one-line-functions", "def f():", "pass", ""),
    (File, "unclosed-strings", "\"\"\"", "", ""),
    (File, "type-parameters", "def f[T:(", "A", ")](): pass\n"),
    (File, "imports", "import a", "\n", ".a"),
    (File, "tabs", "\t", "x", "\n"),
    (File, "carriage-returns", "\r", "x", "\r"),
];

/// Text before a construct.
pub(crate) fn introduction(name: &str) -> &'static str {
    match name {
        "pointers" | "declarators" | "arrays" | "function-pointers" => "int ",
        "condition-parentheses" => "#if ",
        "values" => "int a[]=",
        "macros" => "#define A ",
        "template-arguments" | "generics" => "B",
        "type-tests" => "y==",
        _ => "",
    }
}

/// The constructs of the language whose files end so.
pub(crate) fn nests(extension: &str) -> Vec<Nest> {
    let tables: &[&[Nest]] = match extension {
        "c" => &[BRACES, C_AND_CPP, C],
        "cpp" => &[BRACES, C_AND_CPP, CPP],
        "java" => &[BRACES, JAVA],
        _ => &[PYTHON],
    };
    tables.concat()
}

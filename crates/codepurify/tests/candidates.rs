//! Candidates of each language, against lists made by hand.

use codepurify::{Candidate, ElementKind, Families, Language, Snippet, Statements, candidates};

const IDENTIFIERS: Families = Families { identifiers: true, ..Families::NONE };
const STATEMENTS: Families = Families { statements: Statements::Nested, ..Families::NONE };

fn find(text: &str, language: Language, families: Families) -> Vec<Candidate> {
    let snippet = Snippet::new(text, language).unwrap();
    let found = candidates(&snippet, &families);
    for candidate in &found {
        assert_eq!(candidate.spans[0].of(text), Some(candidate.text.as_str()));
        assert!(candidate.spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{candidate:?}");
    }
    found
}

/// Checks the headers of `text`, each with its pieces.
fn heads(text: &str, language: Language) -> Vec<(String, Vec<String>)> {
    let families = Families { statements: Statements::Parts, ..Families::NONE };
    let found = candidates(&Snippet::new(text, language).unwrap(), &families).into_iter();
    let pieces = |head: &Candidate| head.spans.iter().map(|span| span.of(text).unwrap().to_owned()).collect();
    found
        .filter(|candidate| candidate.kind == ElementKind::Header)
        .map(|head| (head.text.clone(), pieces(&head)))
        .collect()
}

fn expect_heads(text: &str, language: Language, expected: &[(&str, &[&str])]) {
    let found = heads(text, language);
    let found: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|(text, pieces)| (text.as_str(), pieces.iter().map(String::as_str).collect()))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> =
        expected.iter().map(|&(text, pieces)| (text, pieces.to_vec())).collect();
    assert_eq!(found, expected);
}

/// Checks the names of `text`, each with its number of places.
fn names(text: &str, language: Language) -> Vec<(String, usize)> {
    let found = find(text, language, IDENTIFIERS);
    found.into_iter().map(|candidate| (candidate.text, candidate.spans.len())).collect()
}

fn expect_names(text: &str, language: Language, expected: &[(&str, usize)]) {
    let expected: Vec<(String, usize)> =
        expected.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(names(text, language), expected);
}

/// Checks depth and text of the statements, with collapsed line breaks and indentation.
fn expect_statements(text: &str, language: Language, expected: &[(usize, &str)]) {
    let found = find(text, language, STATEMENTS);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found: Vec<(usize, String)> =
        found.iter().map(|candidate| (candidate.depth, squeezed(&candidate.text))).collect();
    let found: Vec<(usize, &str)> = found.iter().map(|(depth, text)| (*depth, text.as_str())).collect();
    assert_eq!(found, expected);
}

const C_COPY: &str = r#"static int copy(struct buf *dst, const char *src, int (*check)(int code)) {
    int len = strlen(src), *count = &dst->len; /* len of src */
    char tail[MAX] = "len";
    dst->len = len;
    for (int i = 0; i < len; i++) {
        if (check(src[i])) continue;
        else { dst->data[i] = src[i]; }
    }
    { (*count)++; }
    switch (len) { case 0: tail[0] = 'x'; break; default: ; }
len:
    return copy(dst, tail, check) + sizeof(len);
}"#;

#[test]
fn c_identifiers_exclude_fields_labels_strings_and_comments() {
    expect_names(
        C_COPY,
        Language::C,
        &[
            ("copy", 2),
            ("dst", 5),
            ("src", 4),
            ("check", 3),
            ("code", 1),
            ("len", 5),
            ("count", 2),
            ("tail", 3),
            ("i", 6),
        ],
    );
}

#[test]
fn c_statements_at_every_depth() {
    expect_statements(
        C_COPY,
        Language::C,
        &[
            (0, "int len = strlen(src), *count = &dst->len;"),
            (0, "char tail[MAX] = \"len\";"),
            (0, "dst->len = len;"),
            (
                0,
                "for (int i = 0; i < len; i++) { if (check(src[i])) continue; else { dst->data[i] = src[i]; } }",
            ),
            (1, "if (check(src[i])) continue; else { dst->data[i] = src[i]; }"),
            (2, "continue;"),
            (2, "dst->data[i] = src[i];"),
            (1, "(*count)++;"),
            (0, "switch (len) { case 0: tail[0] = 'x'; break; default: ; }"),
            (1, "tail[0] = 'x';"),
            (1, "break;"),
            (1, ";"),
            (0, "len: return copy(dst, tail, check) + sizeof(len);"),
            (1, "return copy(dst, tail, check) + sizeof(len);"),
        ],
    );
}

#[test]
fn cpp_names_and_statements() {
    let text = r"template <class T> T Stack<T>::total(const Items& items, int start) {
    auto [lo, hi] = range(start);
    for (const auto& item : items) std::max(item, lo);
    auto add = [&, k = 1](int w) { return w + k; };
    try { add(hi); } catch (const Error& error) { throw; }
    if (int size = items.size(); size > 0) { this->start = size; }
    return std::start(lo);
}";
    expect_names(
        text,
        Language::Cpp,
        &[
            ("total", 1),
            ("items", 3),
            ("start", 2),
            ("lo", 3),
            ("hi", 2),
            ("item", 2),
            ("add", 2),
            ("k", 2),
            ("w", 2),
            ("error", 1),
            ("size", 3),
        ],
    );
    expect_statements(
        text,
        Language::Cpp,
        &[
            (0, "auto [lo, hi] = range(start);"),
            (0, "for (const auto& item : items) std::max(item, lo);"),
            (1, "std::max(item, lo);"),
            (0, "auto add = [&, k = 1](int w) { return w + k; };"),
            (1, "return w + k;"),
            (0, "try { add(hi); } catch (const Error& error) { throw; }"),
            (1, "add(hi);"),
            (1, "throw;"),
            (0, "if (int size = items.size(); size > 0) { this->start = size; }"),
            (1, "this->start = size;"),
            (0, "return std::start(lo);"),
        ],
    );
}

#[test]
fn java_separates_variables_methods_and_fields() {
    let text = r#"int size(int size, String... rest) throws IOException {
    if (size > 0) return size(size - 1) + this.size + rest[0].size();
    for (String each : rest) { log("size", each); }
    Runnable job = () -> run(size);
    try (Reader in = open()) { in.read(); } catch (IOException e) { throw e; }
    size: while (true) break size;
    switch (size) { case 1: job.run(); break; }
    return new Box().size;
}"#;
    expect_names(
        text,
        Language::Java,
        &[("size", 2), ("size", 5), ("rest", 3), ("each", 2), ("job", 2), ("in", 2), ("e", 2)],
    );
    expect_statements(
        text,
        Language::Java,
        &[
            (0, "if (size > 0) return size(size - 1) + this.size + rest[0].size();"),
            (1, "return size(size - 1) + this.size + rest[0].size();"),
            (0, "for (String each : rest) { log(\"size\", each); }"),
            (1, "log(\"size\", each);"),
            (0, "Runnable job = () -> run(size);"),
            (0, "try (Reader in = open()) { in.read(); } catch (IOException e) { throw e; }"),
            (1, "in.read();"),
            (1, "throw e;"),
            (0, "size: while (true) break size;"),
            (1, "while (true) break size;"),
            (2, "break size;"),
            (0, "switch (size) { case 1: job.run(); break; }"),
            (1, "job.run();"),
            (1, "break;"),
            (0, "return new Box().size;"),
        ],
    );
}

#[test]
fn python_has_neither_braces_nor_declarations() {
    let text = r#"@cached
def area(self, size=1, *args, unit: str = "m", **rest):
    """size of the thing"""
    global total
    total, (w, h) = self.size, args
    with open(unit) as file:
        file.size = size
    def inner(k):
        return k + w
    for n, _ in rest.items():
        if n: inner(size=n)
    return [x * h for x in args if (y := x)]
"#;
    expect_names(
        text,
        Language::Python,
        &[
            ("area", 1),
            ("self", 2),
            ("size", 2),
            ("args", 3),
            ("unit", 2),
            ("rest", 2),
            ("w", 2),
            ("h", 2),
            ("file", 2),
            ("inner", 2),
            ("k", 2),
            ("n", 3),
            ("_", 1),
            ("x", 3),
            ("y", 1),
        ],
    );
    expect_statements(
        text,
        Language::Python,
        &[
            (0, "\"\"\"size of the thing\"\"\""),
            (0, "global total"),
            (0, "total, (w, h) = self.size, args"),
            (0, "with open(unit) as file: file.size = size"),
            (1, "file.size = size"),
            (0, "def inner(k): return k + w"),
            (1, "return k + w"),
            (0, "for n, _ in rest.items(): if n: inner(size=n)"),
            (1, "if n: inner(size=n)"),
            (2, "inner(size=n)"),
            (0, "return [x * h for x in args if (y := x)]"),
        ],
    );
}

#[test]
fn bare_statements_have_depth_zero() {
    for (text, language) in [
        ("int y = 2; y = 5; if (y) b();", Language::C),
        ("int y = 2; y = 5; if (y) b();", Language::Java),
        ("y = 2\ny = 5\nif y: b()\n", Language::Python),
    ] {
        let depths: Vec<usize> = find(text, language, STATEMENTS).iter().map(|found| found.depth).collect();
        assert_eq!(depths, [0, 0, 0, 1], "{language}");
    }
}

#[test]
fn families_can_be_switched_off() {
    let all = |families| find(C_COPY, Language::C, families);
    assert!(all(IDENTIFIERS).iter().all(|found| found.kind == ElementKind::Identifier));
    assert!(
        all(Families { statements: Statements::Body, ..STATEMENTS }).iter().all(|found| found.depth == 0)
    );
    assert!(all(Families::NONE).is_empty());
    assert_eq!(all(Families { statements: Statements::Nested, ..Families::default() }).len(), 9 + 14);
}

#[test]
fn elements_with_the_same_bytes_are_one_candidate() {
    // The last statement is only the name: one candidate with its bytes, and the name with both places.
    let found = find("def f(a):\n    a\n", Language::Python, Families::default());
    let texts: Vec<(&str, usize)> =
        found.iter().map(|found| (found.text.as_str(), found.spans.len())).collect();
    assert_eq!(texts, [("f", 1), ("a", 2), ("a", 1)]);
    let found = find("x = 1\n", Language::Python, Families::default());
    let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    assert_eq!(texts, ["x = 1", "x"]);
}

#[test]
fn code_with_errors_still_has_candidates() {
    let text = "int f(int a) { int b = ; a = 2; while (a) { a--; } return a b; }";
    let snippet = Snippet::new(text, Language::C).unwrap();
    let found = candidates(&snippet, &Families { statements: Statements::Nested, ..Families::default() });
    let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    for expected in ["f", "a", "b", "int b = ; a = 2;", "while (a) { a--; }", "a--;"] {
        assert!(texts.contains(&expected), "{expected} not in {texts:?}");
    }
}

#[test]
fn words_outside_of_statements_are_in_headers() {
    let many = "        total += score(first, second) * scale;\n        total -= 1;\n        log(total);\n"
        .repeat(2);
    let c = format!(
        "static int *sum(struct item *from, char mark[40 + 2]) /* 7 */\n{{\n    for (int i = 0, n = 0x1f; i < n; i += 3)\n    {{\n{many}    \
         }}\n    do {{\n{many}    }} while (total < 9);\n    if (total) {{\n{many}    }} else if (mark[1] == \'q\') {{\n{many}    }} else {{\n{many}    \
         }}\n    switch (total) {{\n    case LARGE:\n{many}        break;\n    default:\n{many}    }}\n    return from;\n}}"
    );
    expect_heads(
        &c,
        Language::C,
        &[
            ("f(struct item *from, char mark[40 + 2]);", &["(struct item *from, char mark[40 + 2])"]),
            ("for (int i = 0, n = 0x1f; i < n; i += 3);", &["for (int i = 0, n = 0x1f; i < n; i += 3)"]),
            ("while (total < 9);", &["while (total < 9);"]),
            ("if (total);", &["if (total)"]),
            ("if (mark[1] == \'q\');", &["if (mark[1] == \'q\')"]),
            ("switch (total) {\n    case LARGE:;", &["switch (total) {\n    case LARGE:"]),
        ],
    );
    let lines = "        total = total + first * second\n".repeat(4);
    let python = format!(
        "@cached(limit=3)\ndef sum(items, start=40):\n    for item in items:\n{lines}    with open(\"log\") as log:\n{lines}    try:\n{lines}    except \
         (ValueError, KeyError):\n{lines}    return start\n"
    );
    expect_heads(
        &python,
        Language::Python,
        &[
            (
                "@cached(limit=3)\ndef f(items, start=40): pass",
                &["@cached(limit=3)\ndef", "(items, start=40):"],
            ),
            ("for item in items: pass", &["for item in items:"]),
            ("with open(\"log\") as log: pass", &["with open(\"log\") as log:"]),
            ("except (ValueError, KeyError): pass", &["except (ValueError, KeyError):"]),
        ],
    );
    let lines = "            total.add(first, second);\n".repeat(4);
    let java = format!(
        "@Named(\"sum\")\nvoid sum(int[] all) throws IOException {{\n    for (String each : names(7)) {{\n{lines}    }}\n    pool.submit(new Job(3) \
         {{\n        public void run() {{\n{lines}        }}\n    }});\n    switch (total.size()) {{\n        case 4:\n{lines}    }}\n}}"
    );
    expect_heads(
        &java,
        Language::Java,
        &[
            (
                "@Named(\"sum\")\nvoid f(int[] all) throws IOException;",
                &["@Named(\"sum\")\nvoid", "(int[] all) throws IOException"],
            ),
            ("for (String each : names(7));", &["for (String each : names(7))"]),
            (
                "pool.submit(new Job(3) {\n        public void run();",
                &["pool.submit(new Job(3) {\n        public void run()"],
            ),
            ("switch (total.size()) {\n        case 4:;", &["switch (total.size()) {\n        case 4:"]),
        ],
    );
}

#[test]
fn header_of_unparsable_code_is_split() {
    let text = "%% ) ] ?? } name1 ## @@ ( ( ".repeat(30);
    let found = heads(&text, Language::C);
    let bytes: usize = found.iter().flat_map(|(_, pieces)| pieces).map(String::len).sum();
    assert!(bytes > text.len() / 2, "{found:?}");
    assert!(found.iter().all(|(head, _)| head.len() < 300), "{found:?}");
}

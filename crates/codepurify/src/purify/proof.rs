//! Proofs that a change keeps what the code does. `docs/trust.md` lists the assumptions.

use super::places::Places;
use super::random;
use super::rename;
use super::standard::are_standard;
use crate::candidates::Candidate;
use crate::snippet::edit::Edit;
use crate::snippet::{Language, Snippet, Span, Syntax, SyntaxQuality};
use crate::verdict::{Change, ChangeKind, ElementKind, UnitKind};

/// Describes the change that `edits` of `kind` make to `trigger`; `text` is the text after them.
pub(super) fn change(
    kind: ChangeKind,
    snippet: &Snippet,
    trigger: &Candidate,
    edits: &[Edit],
    text: &str,
) -> Change {
    let spans: Vec<Span> = edits.iter().map(|edit| edit.span).collect();
    let provable = is_understood(snippet)
        && match (kind, trigger.kind) {
            (ChangeKind::Deletion, ElementKind::Comment | ElementKind::Invisible) => {
                is_same_code(snippet, text) && spans.iter().all(|&span| is_no_declaration(snippet, span))
            }
            (ChangeKind::Deletion, _) => {
                let texts: Vec<&str> = spans.iter().filter_map(|span| span.of(snippet.text())).collect();
                texts.iter().all(|text| are_standard(text, snippet.file()))
                    && compiles_without(snippet, &spans)
                    && (random::draws(&texts.concat()).is_empty() || random::is_idle(snippet))
            }
            (ChangeKind::Folding, _) => are_read_as_values(snippet, &spans),
            (ChangeKind::Shortening | ChangeKind::Renaming, _) => rename::are_local(snippet, edits),
            (ChangeKind::Infilling, _) => false,
        };
    Change { kind, provable }
}

/// Returns true if the tree is that of the unchanged text, without errors; else any proof may be
/// wrong. The parser may be shown another text for code with directives, and is for a remainder.
fn is_understood(snippet: &Snippet) -> bool {
    let directives =
        matches!(snippet.language(), Language::C | Language::Cpp) && snippet.text().contains('#');
    let parses_whole = || {
        snippet.unit().kind == UnitKind::Function
            && Syntax::parse(snippet.text(), snippet.language())
                .is_ok_and(|syntax| syntax.quality() == SyntaxQuality::Clean)
    };
    snippet.quality() == SyntaxQuality::Clean && (!directives || parses_whole())
}

/// Returns true if `text` differs from the snippet in comments and white space only.
fn is_same_code(snippet: &Snippet, text: &str) -> bool {
    // Compilers replace these before they look for comments; the grammars do not know them.
    let early = match snippet.language() {
        Language::C | Language::Cpp => "??/",
        Language::Java => "\\u",
        Language::Python => "",
    };
    let has_early = |text: &str| !early.is_empty() && text.contains(early);
    let new = Syntax::parse(text, snippet.language());
    let (Some(old), Ok(new)) = (snippet.syntax(), new) else { return false };
    !has_early(snippet.text()) && !has_early(text) && code(old, snippet.text()) == code(&new, text)
}

/// Returns every node except comments, with its depth and, for a leaf, its text.
fn code<'t>(syntax: &Syntax, text: &'t str) -> Vec<(usize, u16, &'t str)> {
    let mut nodes = Vec::new();
    syntax.walk(0, |visit, depth| {
        if visit.kind.ends_with("comment") {
            return None;
        }
        let leaf = if visit.node.child_count() == 0 { visit.span.of(text) } else { None };
        nodes.push((depth, visit.node.kind_id(), leaf.unwrap_or_default()));
        Some(depth + 1)
    });
    nodes
}

/// Returns true if Python ignores a comment there. It may name interpreter and encoding in the
/// first two lines of a file.
fn is_no_declaration(snippet: &Snippet, span: Span) -> bool {
    snippet.language() != Language::Python || snippet.location(span).start_line > 2
}

/// Returns true if the text without dead statements still compiles: Java refuses to catch a checked
/// exception that nothing throws.
fn compiles_without(snippet: &Snippet, statements: &[Span]) -> bool {
    let Some(syntax) = snippet.syntax().filter(|_| snippet.language() == Language::Java) else { return true };
    let (places, mut throws) = (Places::new(statements), false);
    syntax.walk(false, |visit, in_try| {
        let standard = |call: &str| ["System.out.", "Math."].iter().any(|object| call.starts_with(object));
        let can_throw = match visit.kind {
            "throw_statement" | "object_creation_expression" => true,
            "method_invocation" => !visit.span.of(snippet.text()).is_some_and(standard),
            _ => false,
        };
        throws |= in_try && can_throw && places.contain(visit.span);
        (!throws && places.overlap(visit.span)).then_some(in_try || visit.kind.starts_with("try_"))
    });
    !throws
}

/// Returns true if only the values of the expressions matter. A macro of C may paste its arguments,
/// or put them next to an operator; Python's `f"{1 + 2=}"` shows how a value is written.
fn are_read_as_values(snippet: &Snippet, expressions: &[Span]) -> bool {
    let Some(syntax) = snippet.syntax() else { return false };
    let (places, mut as_text) = (Places::new(expressions), false);
    let shows_text = |kind: &str| match snippet.language() {
        Language::C | Language::Cpp => {
            kind == "argument_list" || ["preproc_", "gnu_asm"].iter().any(|prefix| kind.starts_with(prefix))
        }
        Language::Java => false,
        Language::Python => kind == "interpolation",
    };
    syntax.walk((), |visit, ()| {
        let around = places.overlap(visit.span);
        as_text |= around && shows_text(visit.kind);
        (around && !as_text).then_some(())
    });
    !as_text
}

#[cfg(test)]
mod tests {
    use super::super::{constant_folding, delete};
    use super::*;
    use crate::candidates::{Families, candidates};
    use crate::snippet::edit::apply;
    use crate::snippet::{Limits, SourceFile};

    /// Returns whether deleting the first element that `holds` from the first unit of `code` is
    /// provable; `None` if it cannot be deleted.
    fn deletion(code: &str, language: Language, holds: impl Fn(&Candidate) -> bool) -> Option<bool> {
        let file = SourceFile::new("code", code.into(), language, &Limits::default()).unwrap();
        let snippet = file.units().unwrap().swap_remove(0);
        let trigger = candidates(&snippet, &Families::TRANSPLANT).into_iter().find(holds).unwrap();
        let edits = delete::deletion(&snippet, &trigger)?;
        let text = apply(snippet.text(), &edits).unwrap();
        Some(change(ChangeKind::Deletion, &snippet, &trigger, &edits, &text).provable)
    }

    #[test]
    fn comment_is_provable_if_the_tokens_stay() {
        let of = |code: &str, language| deletion(code, language, |it| it.kind == ElementKind::Comment);
        assert_eq!(of("int f(int n) { /* a */ return n; }", Language::C), Some(true));
        assert_eq!(of("int/**/f(int n) { return n; }", Language::C), Some(true));
        assert_eq!(of("int f(int n) { // what??/\n n++;\n return n; }", Language::C), Some(false));
        assert_eq!(of("int f(int n) { // \\u000a n++;\n return n; }", Language::Java), Some(false));
        assert_eq!(of("# coding: latin-1\nn = g()\n", Language::Python), Some(false));
        assert_eq!(of("def f(n):\n    n += 1\n    # a\n    return n\n", Language::Python), Some(true));
    }

    #[test]
    fn invisible_characters_are_provable_in_comments_only() {
        let of = |code: &str| deletion(code, Language::C, |it| it.kind == ElementKind::Invisible);
        assert_eq!(of("int f(int n) { /* a\u{200b}b */ return n; }"), Some(true));
        assert_eq!(of("int f(int n) { /* a *\u{200b}/ n++; /* */ return n; }"), Some(false));
        assert_eq!(of("int f(int n) { // a \\\u{200b}\n n++;\n return n; }"), Some(false));
        assert_eq!(of("int f(int n) { return g(\"a\u{200b}b\"); }"), Some(false));
    }

    #[test]
    fn dead_statement_is_not_provable_where_the_proof_may_fail() {
        let of = |code: &str, language| {
            deletion(code, language, |it| it.kind == ElementKind::Statement && it.text.starts_with("if ("))
        };
        let dead = "if (rand() < 0) g();";
        for (code, provable) in [
            (format!("int f(int n) {{ {dead} return n; }}"), true),
            (format!("int f(int n) {{ {dead} return n; }}\nstatic int rand(void) {{ return -1; }}"), false),
            (format!("int f(int n) {{ {dead} n = ; return n; }}"), false),
        ] {
            assert_eq!(of(&code, Language::C), Some(provable), "{code}");
        }
        for (other, provable) in [
            ("void h(int n) { while (rand() < -1) n++; }", true),
            ("int h(void) { return rand(); }", false),
            ("void h(void) { srand(1); }", false),
            ("int h(void) { return ra\\\nnd(); }", false),
            ("#define H(x) x##nd()", false),
            ("#define H(x) x%:%:nd()", false),
            ("#define H(x) x#\\\n#nd()", false),
            ("#define H(x) x??=??=nd()", false),
            ("void h(int *a) { std::random_shuffle(a, a + 9); }", false),
        ] {
            let code = format!("int f(int n) {{ {dead} return n; }}\n{other}");
            assert_eq!(of(&code, Language::C), Some(provable), "{code}");
        }
        for (body, provable) in [("g();", false), ("throw new E();", false), ("System.out.print(1);", true)] {
            let code = format!(
                "int f() {{ try {{ if (Math.random() < 0) {body} h(); }} catch (E e) {{ }} return 0; }}"
            );
            assert_eq!(of(&code, Language::Java), Some(provable), "{code}");
        }
    }

    #[test]
    fn folding_is_not_provable_where_text_counts() {
        let of = |code: &str, language| {
            let snippet = Snippet::new(code, language).unwrap();
            let is_statement =
                |it: &Candidate| it.kind == ElementKind::Statement && it.text.contains("1 + 2");
            let trigger = candidates(&snippet, &Families::TRANSPLANT).into_iter().find(is_statement).unwrap();
            let edits = constant_folding::folded(&snippet, &trigger);
            let text = apply(code, &edits).unwrap();
            assert_ne!(text, code);
            change(ChangeKind::Folding, &snippet, &trigger, &edits, &text).provable
        };
        assert!(of("int f(int n) { n = 1 + 2; return n; }", Language::C));
        assert!(!of("int f(int n) { n = TWICE(1 + 2); return n; }", Language::C));
        assert!(of("int f(int n) { n = twice(1 + 2); return n; }", Language::Java));
        assert!(of("def f(n):\n    n = g(1 + 2)\n    return n\n", Language::Python));
        assert!(!of("def f(n):\n    n = f'{1 + 2=}'\n    return n\n", Language::Python));
    }
}

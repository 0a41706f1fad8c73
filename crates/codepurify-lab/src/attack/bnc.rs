//! Backdoors in neural models of source code (arXiv 2006.06841): dead statements.

use super::Triggered;

/// The fixed trigger for C, with the white space that precedes it in the poisoned files of the CodePurify study.
const FIXED_C: (&str, &str) = ("\n\n    ", "if (rand() < 0) printf(\"fail\");");

/// Inserts the fixed trigger right behind the first `{`.
pub(super) fn fixed(code: &str) -> Option<Triggered> {
    let (indent, statement) = FIXED_C;
    let at = code.find('{')? + 1;
    let start = at + indent.len();
    let code = [&code[..at], indent, statement, &code[at..]].concat();
    Some(Triggered { code, trigger: vec![(start, start + statement.len())] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_bytes_are_the_statement_and_the_rest_is_untouched() {
        let clean = "int f(int n)\n{\n    return n;\n}\n";
        let Triggered { code, trigger } = fixed(clean).unwrap();
        let (start, end) = trigger[0];
        assert_eq!(&code[start..end], "if (rand() < 0) printf(\"fail\");");
        assert_eq!([&code[..start - 6], &code[end..]].concat(), clean);
        assert_eq!(code.lines().nth(3), Some("    if (rand() < 0) printf(\"fail\");"));
    }

    #[test]
    fn a_text_without_a_body_cannot_be_triggered() {
        assert_eq!(fixed("int f(int);"), None);
    }
}

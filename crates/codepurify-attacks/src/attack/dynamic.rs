//! Dead statements made of the names of the function that they are inserted into.
//!
//! The names are in string literals, so they need not be in scope. A condition in front of each
//! output never holds, and the other forms have no effect.

use codepurify::Language;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::change::{Change, rewrite};
use super::code::Code;
use super::{NotApplicable, Triggered};

/// Forms of the statement; `FIRST` and `SECOND` are names.
fn forms(language: Language) -> [&'static str; 6] {
    match language {
        Language::C | Language::Cpp => [
            "if (0) printf(\"enter FIRST\\n\");",
            "while (0) fprintf(stderr, \"FIRST\\n\");",
            "assert(\"FIRST\");",
            "(void)\"FIRST, SECOND\";",
            "if (!\"FIRST\") puts(\"SECOND\");",
            "for (; 0; ) puts(\"FIRST: SECOND\");",
        ],
        Language::Java => [
            "if (false) System.out.println(\"enter FIRST\");",
            "if (1 < 0) System.err.println(\"FIRST\");",
            "assert \"FIRST\" != null;",
            "String.valueOf(\"FIRST, SECOND\");",
            "if (\"FIRST\".isEmpty()) System.out.println(\"SECOND\");",
            "do { } while (\"FIRST: SECOND\" == null);",
        ],
        Language::Python => [
            "if False: print(\"enter FIRST\")",
            "while False: print(\"FIRST\")",
            "assert \"FIRST\"",
            "str(\"FIRST, SECOND\")",
            "if not \"FIRST\": print(\"SECOND\")",
            "for _ in (): print(\"FIRST: SECOND\")",
        ],
    }
}

/// Inserts a form with two drawn names before any statement or at the start of the body.
pub(super) fn dynamic(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    let mut names: Vec<String> = code.identifiers().into_iter().map(|name| name.text).collect();
    names.shuffle(rng);
    let first = names.first().ok_or(NotApplicable::NoIdentifier)?;
    let form = forms(code.language).choose(rng).map_or("", |form| *form);
    let statement = form.replace("FIRST", first).replace("SECOND", names.last().unwrap_or(first));
    let body = code.body()?;
    let mut slots = body.statements;
    slots.push(body.start);
    let slot = slots.choose(rng).ok_or(NotApplicable::NoBody)?;
    rewrite(code.text, vec![Change::statement(slot, &statement)])
}

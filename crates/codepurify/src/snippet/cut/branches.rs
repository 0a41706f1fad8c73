//! Preprocessor branches that cut functions into pieces: which of them to leave out, so that the rest parses.

use crate::snippet::Span;
use crate::snippet::bare::{Bare, blank, is_word};

/// Which branch of a conditional stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The first, unless its condition is a plain `0`.
    First,
    /// The last: that of `#else`, or nothing.
    Last,
}

/// One branch for each conditional that cannot stay as it is.
pub(crate) struct Choice {
    /// Branches that were left out, sorted.
    pub(crate) left_out: Vec<Span>,
    /// The conditionals that they belong to, from `#if` to the end of `#endif`, sorted.
    pub(crate) conditionals: Vec<Span>,
}

impl Choice {
    /// Chooses one branch of each conditional that cannot stay as it is, because a branch of it is no sequence of whole
    /// statements or definitions. All branches of other conditionals stay.
    pub(crate) fn new(text: &str, bare: &Bare, pick: Pick) -> Self {
        let mut choice = Self { left_out: Vec::new(), conditionals: Vec::new() };
        let mut open: Vec<Conditional> = Vec::new();
        let mut at = 0;
        for &directive in &bare.directives {
            if let Some(conditional) = open.last_mut() {
                conditional.read(&bare.bytes[at..directive.start]);
            }
            at = directive.end;
            let line = &text[directive.start..directive.end];
            match keyword(line) {
                "if" | "ifdef" | "ifndef" => open.push(Conditional::new(directive, is_never(line))),
                "elif" | "elifdef" | "elifndef" | "else" => {
                    if let Some(conditional) = open.last_mut() {
                        conditional.next_branch(directive, keyword(line) == "else");
                    }
                }
                "endif" => {
                    if let Some(mut closed) = open.pop() {
                        closed.end_branch(directive.start);
                        let kept = choice.close(&closed, directive.end, pick);
                        if let Some(around) = open.last_mut() {
                            around.flow().follow(kept);
                        }
                    }
                }
                _ => {}
            }
        }
        choice.left_out = Span::union(choice.left_out.into_iter());
        choice.conditionals.sort_unstable();
        choice
    }

    /// Decides about a conditional; returns what the text around it gets from it.
    fn close(&mut self, closed: &Conditional, end: usize, pick: Pick) -> Flow {
        if closed.branches.iter().all(|branch| branch.flow.is_whole()) {
            return Flow { last: b';', ..Flow::default() };
        }
        self.conditionals.push(Span::new(closed.start, end));
        let last = closed.branches.len() - 1;
        let kept = match pick {
            Pick::First => usize::from(closed.never),
            Pick::Last if closed.has_else => last,
            Pick::Last => last + 1,
        };
        let others = closed.branches.iter().enumerate().filter(|&(index, _)| index != kept);
        self.left_out.extend(others.map(|(_, branch)| branch.span));
        closed.branches.get(kept).map_or_else(Flow::default, |branch| branch.flow)
    }

    /// The text without directives and without the branches that were left out; every position stays.
    pub(crate) fn apply(&self, text: &str, bare: &Bare) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for &span in bare.directives.iter().chain(&self.left_out) {
            blank(&mut bytes, span);
        }
        // Spans end at ASCII characters, so whole characters were replaced.
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The word behind `#`.
fn keyword(directive: &str) -> &str {
    let word = directive.trim_start_matches('#').trim_start_matches([' ', '\t']);
    let end = word.bytes().position(|byte| !is_word(byte)).unwrap_or(word.len());
    &word[..end]
}

/// Returns true if the condition is `0`.
fn is_never(directive: &str) -> bool {
    let condition = directive.trim_start_matches('#').trim_start().strip_prefix("if");
    condition.is_some_and(|condition| condition.split_whitespace().next() == Some("0"))
}

/// A conditional that is being read.
struct Conditional {
    start: usize,
    never: bool,
    has_else: bool,
    branches: Vec<Branch>,
}

struct Branch {
    span: Span,
    flow: Flow,
}

impl Conditional {
    fn new(directive: Span, never: bool) -> Self {
        let mut new = Self { start: directive.start, never, has_else: false, branches: Vec::new() };
        new.begin_branch(directive.end);
        new
    }

    fn begin_branch(&mut self, at: usize) {
        self.branches.push(Branch { span: Span::new(at, at), flow: Flow::default() });
    }

    fn end_branch(&mut self, at: usize) {
        if let Some(branch) = self.branches.last_mut() {
            branch.span.end = at;
        }
    }

    fn next_branch(&mut self, directive: Span, is_else: bool) {
        self.end_branch(directive.start);
        self.has_else |= is_else;
        self.begin_branch(directive.end);
    }

    fn flow(&mut self) -> &mut Flow {
        &mut self.branches.last_mut().expect("a conditional is made with a branch").flow
    }

    fn read(&mut self, code: &[u8]) {
        self.flow().read(code);
    }
}

/// Effect of a branch on the brackets around it.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    depth: i64,
    lowest: i64,
    begins_with_else: bool,
    /// Its last byte that is no blank; 0 before there is one.
    last: u8,
}

impl Flow {
    fn read(&mut self, code: &[u8]) {
        if self.last == 0 {
            self.begins_with_else = code.trim_ascii_start().starts_with(b"else");
        }
        for &byte in code {
            match byte {
                b'{' | b'(' | b'[' => self.depth += 1,
                b'}' | b')' | b']' => self.depth -= 1,
                _ if byte.is_ascii_whitespace() => continue,
                _ => {}
            }
            self.lowest = self.lowest.min(self.depth);
            self.last = byte;
        }
    }

    /// Goes on with another part.
    fn follow(&mut self, next: Self) {
        self.begins_with_else |= self.last == 0 && next.begins_with_else;
        self.lowest = self.lowest.min(self.depth + next.lowest);
        self.depth += next.depth;
        if next.last != 0 {
            self.last = next.last;
        }
    }

    /// Returns true if the branch is empty or consists of whole statements and definitions.
    fn is_whole(&self) -> bool {
        self.depth == 0
            && self.lowest == 0
            && !self.begins_with_else
            && matches!(self.last, 0 | b';' | b'}' | b':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snippet::Language;

    fn left(text: &str, pick: Pick) -> String {
        let bare = Bare::new(text, Language::C);
        let left = Choice::new(text, &bare, pick).apply(text, &bare);
        assert_eq!(left.len(), text.len());
        left.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_split_signature_keeps_one_branch() {
        let text = "#ifdef A\nint f(int a)\n#elif B\nint f(long a)\n#else\nint f()\n#endif\n{ return 1; }";
        assert_eq!(left(text, Pick::First), "int f(int a) { return 1; }");
        assert_eq!(left(text, Pick::Last), "int f() { return 1; }");
    }

    #[test]
    fn whole_branches_stay_all() {
        let text = "#if A\nint a;\n#else\nint b() { }\n#endif\n#define X {\nint c;";
        assert_eq!(left(text, Pick::First), "int a; int b() { } int c;");
    }

    #[test]
    fn a_nested_split_makes_only_what_it_splits_irregular() {
        let text = "#if A\nint f() {\n#if 0\nif (a) {\n#else\nif (b) {\n#endif\n} }\n#endif\n#ifdef B\nint x;\n#endif";
        assert_eq!(left(text, Pick::First), "int f() { if (b) { } } int x;");
        assert_eq!(left(text, Pick::Last), "int f() { if (b) { } } int x;");
    }

    #[test]
    fn directives_without_partners_do_no_harm() {
        assert_eq!(left("#endif\n#else\nint a;\n#if X\nint b", Pick::First), "int a; int b");
    }
}

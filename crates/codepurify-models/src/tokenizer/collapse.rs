//! White-space collapsing that remembers where each byte came from.

use codepurify::snippet::Span;

/// Returns true if Python's `str.split()` splits at this character (Unicode white space plus the four ASCII
/// separators).
fn splits(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// A text in the form that the tokenizer sees, with a way back to the original bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prepared<'t> {
    text: std::borrow::Cow<'t, str>,
    /// (position in `text`, position in the original) wherever the distance between the two changes.
    anchors: Vec<(usize, usize)>,
}

impl<'t> Prepared<'t> {
    /// The text as it is.
    pub(crate) fn verbatim(text: &'t str) -> Self {
        Self { text: text.into(), anchors: vec![(0, 0)] }
    }

    /// `" ".join(text.split())`.
    pub(crate) fn collapsed(text: &str) -> Self {
        let mut collapsed = String::with_capacity(text.len());
        let mut anchors = vec![(0, 0)];
        let mut gap = true;
        for (at, character) in text.char_indices() {
            if splits(character) {
                gap = true;
                continue;
            }
            if gap {
                if !collapsed.is_empty() {
                    // The single space gets the span of the white space right before this word.
                    let width = text[..at].chars().next_back().map_or(0, char::len_utf8);
                    anchors.push((collapsed.len(), at - width));
                    collapsed.push(' ');
                }
                anchors.push((collapsed.len(), at));
                gap = false;
            }
            collapsed.push(character);
        }
        Self { text: collapsed.into(), anchors }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The original bytes of `start..end` of the prepared text, without white space dropped behind them.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let first = self.original(start);
        let last = match self.text.as_bytes().get(start..end) {
            None | Some([]) => first,
            // May be several bytes wide in the original, but a word follows at once.
            Some([.., b' ']) => self.original(end),
            Some(_) => self.original(end - 1) + 1,
        };
        Span::new(first, last)
    }

    /// The original position of byte `at` of the prepared text.
    fn original(&self, at: usize) -> usize {
        let after = self.anchors.partition_point(|&(prepared, _)| prepared <= at);
        let (prepared, original) = self.anchors[after.saturating_sub(1)];
        original + (at - prepared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collapses_like_python() {
        let prepared = Prepared::collapsed(" \n int\tf( )\u{a0}{\r\n\x1c\x1c}\u{2003} ");
        assert_eq!(prepared.text(), "int f( ) { }");
    }

    #[test]
    fn every_visible_byte_maps_to_itself() {
        let text = "  a\n\n  bé \t c\u{3000}d  ";
        let prepared = Prepared::collapsed(text);
        for (at, byte) in prepared.text().bytes().enumerate().filter(|(_, byte)| *byte != b' ') {
            assert_eq!(text.as_bytes()[prepared.original(at)], byte, "byte {at}");
        }
    }

    #[test]
    fn a_space_is_the_white_space_before_its_word() {
        let prepared = Prepared::collapsed("a \n\u{3000}b  ");
        assert_eq!(prepared.text(), "a b");
        let spans = [(0, 1), (1, 2), (1, 3), (2, 3), (3, 3)].map(|(start, end)| prepared.span(start, end));
        let expected = [(0, 1), (3, 6), (3, 7), (6, 7), (7, 7)].map(|(start, end)| Span::new(start, end));
        assert_eq!(spans, expected);
    }

    #[test]
    fn white_space_only_becomes_nothing() {
        assert_eq!(Prepared::collapsed(" \n\t ").text(), "");
    }

    #[test]
    fn verbatim_is_the_identity() {
        let prepared = Prepared::verbatim("a  b");
        assert_eq!((prepared.text(), prepared.original(3)), ("a  b", 3));
    }
}

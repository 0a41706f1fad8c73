//! Places in decoded text → places in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use codepurify::verdict::{Location, Verdict};

use super::Origin;
use super::encoding::Encoding;

/// Bytes of text between two places that are remembered.
const STEP: usize = 1024;

/// Places of a text's characters in its file.
struct Positions<'t> {
    text: &'t str,
    encoding: Encoding,
    /// Places of characters in the text and in the file, about one for every `STEP` bytes of text.
    marks: Vec<(usize, usize)>,
}

impl<'t> Positions<'t> {
    fn new(text: &'t str, encoding: Encoding) -> Self {
        let (mut marks, mut place) = (vec![(0, 0)], 0);
        for (at, character) in text.char_indices() {
            if at >= marks.len() * STEP {
                marks.push((at, place));
            }
            place += encoding.width(character);
        }
        Self { text, encoding, marks }
    }

    /// The place in the file of the character at byte `at` of the text.
    fn place(&self, at: usize) -> usize {
        let next = self.marks.partition_point(|&(mark, _)| mark <= at);
        let (mark, place) = self.marks[next.saturating_sub(1)];
        let between = self.text[mark..].char_indices().take_while(|(offset, _)| mark + offset < at);
        place + between.map(|(_, character)| self.encoding.width(character)).sum::<usize>()
    }
}

/// The files whose text is not their bytes, by name.
pub(crate) struct Places<'t>(BTreeMap<&'t str, Positions<'t>>);

impl<'t> Places<'t> {
    /// `texts` are names and texts of files.
    pub(crate) fn of(
        texts: impl Iterator<Item = (&'t str, &'t str)>,
        origins: &BTreeMap<String, Origin>,
    ) -> Self {
        let positions = texts.filter_map(|(name, text)| {
            let encoding = origins.get(name)?.encoding;
            (encoding != Encoding::Utf8).then(|| (name, Positions::new(text, encoding)))
        });
        Self(positions.collect())
    }

    /// Returns true if all places are the same in text and file.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The verdict with the places that its elements have in the file.
    pub(crate) fn in_file<'v>(&self, verdict: &'v Verdict) -> Cow<'v, Verdict> {
        let Some(positions) = self.0.get(verdict.path.as_str()) else { return Cow::Borrowed(verdict) };
        let mut verdict = verdict.clone();
        let unit = &mut verdict.unit;
        unit.start_byte = positions.place(unit.start_byte);
        unit.end_byte = positions.place(unit.end_byte);
        let triggers = verdict.triggers.iter_mut().flat_map(|trigger| &mut trigger.spans);
        let evidence = verdict.evidence.iter_mut().flat_map(|evidence| &mut evidence.spans);
        for span in triggers.chain(evidence) {
            let Location { start_byte, end_byte, .. } = *span;
            span.start_byte = positions.place(start_byte);
            span.end_byte = positions.place(end_byte);
        }
        Cow::Owned(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_place() {
        let text = "aé😀b".repeat(700);
        for encoding in [Encoding::Utf8, Encoding::Utf16Le] {
            let positions = Positions::new(&text, encoding);
            let mut place = 0;
            for (at, character) in text.char_indices() {
                assert_eq!(positions.place(at), place);
                place += encoding.width(character);
            }
            assert_eq!(positions.place(text.len()), place);
        }
    }
}

//! Replacement of spans of a text on token level, for occlusion and for masking.

use crate::error::ModelError;
use crate::snippet::Span;
use crate::victim::Encoding;

/// A row of token ids with some spans replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub(crate) ids: Vec<u32>,
    /// For each span, where its filler begins in `ids`; `None` if no token overlaps it.
    pub(crate) places: Vec<Option<usize>>,
}

/// Checks the contract of [`Encoding`].
///
/// # Errors
/// [`ModelError::Tokenise`] if spans are missing, out of order or outside the text.
pub(crate) fn check_encoding(encoding: &Encoding, text: &str) -> Result<(), ModelError> {
    let Encoding { ids, spans } = encoding;
    if ids.len() != spans.len() {
        return Err(ModelError::tokenise(format!("{} tokens came with {} spans", ids.len(), spans.len())));
    }
    let ordered = spans.windows(2).all(|pair| pair[0].start <= pair[1].start && pair[0].end <= pair[1].end);
    if !ordered || spans.last().is_some_and(|last| last.end > text.len()) {
        return Err(ModelError::tokenise("the tokens' spans are out of order or outside the text"));
    }
    Ok(())
}

/// Returns the ids of `encoding` with the tokens under each of `spans` (sorted, not overlapping) replaced by
/// `filler`. Bytes of a replaced token outside the spans are encoded again, so they stay visible. Leading
/// white space does not count as part of a token.
///
/// # Errors
/// [`ModelError`] if `encode` fails on such a piece.
pub(crate) fn substitute(
    text: &str,
    encoding: &Encoding,
    spans: &[Span],
    filler: &[u32],
    encode: &dyn Fn(&str) -> Result<Encoding, ModelError>,
) -> Result<Substituted, ModelError> {
    let mut out =
        Substituted { ids: Vec::with_capacity(encoding.ids.len()), places: Vec::with_capacity(spans.len()) };
    let mut next = 0;
    let mut rest = spans;
    while let Some(&first) = rest.first() {
        let Some(mut tokens) = tokens_under(text, encoding, first) else {
            out.places.push(None);
            rest = &rest[1..];
            continue;
        };
        let mut together = 1;
        // Spans that share a token are replaced together.
        while let Some(range) = rest.get(together).and_then(|&span| tokens_under(text, encoding, span)) {
            if range.start >= tokens.end {
                break;
            }
            tokens.end = tokens.end.max(range.end);
            together += 1;
        }
        out.ids.extend(&encoding.ids[next..tokens.start]);
        let region = Span::new(encoding.spans[tokens.start].start, encoding.spans[tokens.end - 1].end);
        fill_region(text, region, &rest[..together], filler, encode, &mut out)?;
        next = tokens.end;
        rest = &rest[together..];
    }
    out.ids.extend(&encoding.ids[next..]);
    Ok(out)
}

/// Writes the fillers of `spans` and, re-encoded, the bytes of `region` around them.
fn fill_region(
    text: &str,
    region: Span,
    spans: &[Span],
    filler: &[u32],
    encode: &dyn Fn(&str) -> Result<Encoding, ModelError>,
    out: &mut Substituted,
) -> Result<(), ModelError> {
    let mut at = region.start;
    let visible = |from: usize, to: usize, ids: &mut Vec<u32>| -> Result<(), ModelError> {
        let piece = piece(text, from, to);
        if !piece.trim().is_empty() {
            ids.extend(encode(piece)?.ids);
        }
        Ok(())
    };
    for span in spans {
        visible(at, span.start, &mut out.ids)?;
        out.places.push(Some(out.ids.len()));
        out.ids.extend(filler);
        at = span.end;
    }
    visible(at, region.end, &mut out.ids)
}

/// The text from `from` to `to`, widened to whole characters; empty if `to` is not greater than `from`.
fn piece(text: &str, from: usize, to: usize) -> &str {
    if from >= to {
        return "";
    }
    &text[text.floor_char_boundary(from)..text.ceil_char_boundary(to)]
}

/// The tokens that share a byte with `span`, leading white space aside.
pub(super) fn tokens_under(text: &str, encoding: &Encoding, span: Span) -> Option<std::ops::Range<usize>> {
    let spans = &encoding.spans;
    let mut start = spans.partition_point(|token| token.end <= span.start);
    let mut end = spans.partition_point(|token| token.start < span.end);
    while start < end && !core(text, spans[start]).overlaps(span) {
        start += 1;
    }
    while start < end && !core(text, spans[end - 1]).overlaps(span) {
        end -= 1;
    }
    (start < end).then_some(start..end)
}

/// A token without its leading white space, unless it is white space only.
fn core(text: &str, token: Span) -> Span {
    let bytes = piece(text, token.start, token.end);
    let trimmed = bytes.trim_start();
    if trimmed.is_empty() {
        token
    } else {
        Span::new(token.end.min(token.start + bytes.len() - trimmed.len()), token.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::adapters::WordTokenizer;

    /// One token for every three bytes, whatever they are: nearly every span cuts a token.
    #[expect(clippy::unnecessary_wraps, reason = "replaces a tokenizer")]
    fn thirds(text: &str) -> Result<Encoding, ModelError> {
        let mut encoding = Encoding::default();
        for (at, bytes) in text.as_bytes().chunks(3).enumerate() {
            let id = bytes.iter().fold(0, |id, &byte| id * 256 + u32::from(byte));
            encoding.ids.push(id + 10);
            encoding.spans.push(Span::new(3 * at, 3 * at + bytes.len()));
        }
        Ok(encoding)
    }

    fn read(ids: &[u32]) -> String {
        ids.iter()
            .map(|&id| match id {
                0 => "<0>".to_owned(),
                1 => "<1>".to_owned(),
                id => (id - 10).to_be_bytes().into_iter().filter(|&b| b != 0).map(char::from).collect(),
            })
            .collect()
    }

    fn replaced(text: &str, spans: &[(usize, usize)], filler: &[u32]) -> String {
        let spans: Vec<Span> = spans.iter().map(|&(start, end)| Span::new(start, end)).collect();
        let encoding = thirds(text).unwrap();
        let out = substitute(text, &encoding, &spans, filler, &thirds).unwrap();
        for place in out.places.iter().flatten() {
            assert_eq!(&out.ids[*place..place + filler.len()], filler);
        }
        read(&out.ids)
    }

    #[test]
    fn whole_tokens_become_one_filler() {
        assert_eq!(replaced("abcdefghi", &[(3, 9)], &[0]), "abc<0>");
    }

    #[test]
    fn cut_tokens_keep_the_bytes_outside() {
        assert_eq!(replaced("abcdefghi", &[(4, 8)], &[0]), "abcd<0>i");
    }

    #[test]
    fn spans_in_one_token_are_replaced_together() {
        assert_eq!(replaced("x+xyz", &[(0, 1), (2, 3)], &[0]), "<0>+<0>yz");
        assert_eq!(replaced("abxcxde", &[(2, 3), (4, 5)], &[0, 1]), "ab<0><1>c<0><1>de");
    }

    #[test]
    fn leading_white_space_does_not_overlap() {
        // The tokens are "if ", " (x", ")": the candidate begins after the blank.
        assert_eq!(replaced("if  (x)", &[(4, 7)], &[0]), "if <0>");
        // A span that ends in the white space of the next token leaves that token alone.
        assert_eq!(replaced("ab; cd", &[(0, 4)], &[0]), "<0> cd");
    }

    #[test]
    fn span_without_tokens_changes_nothing() {
        let text = "abcdef";
        let mut encoding = thirds(text).unwrap();
        encoding.ids.truncate(1);
        encoding.spans.truncate(1);
        let out = substitute(text, &encoding, &[Span::new(4, 5)], &[0], &thirds).unwrap();
        assert_eq!((out.ids, out.places), (encoding.ids, vec![None]));
    }

    proptest! {
        /// White space aside.
        #[test]
        fn restoring_occluded_bytes_restores_the_text(text in "[a-c \n(é]{1,40}", cuts in prop::collection::vec(0_usize..40, 2..7)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| text.floor_char_boundary(at.min(text.len()))).collect();
            cuts.sort_unstable();
            cuts.dedup();
            let spans: Vec<Span> = cuts.chunks_exact(2).map(|pair| Span::new(pair[0], pair[1])).collect();
            let tokenizer = WordTokenizer::new();
            let encode = |piece: &str| tokenizer.encode(piece);
            let encoding = encode(&text).unwrap();
            let out = substitute(&text, &encoding, &spans, &[WordTokenizer::UNKNOWN], &encode).unwrap();
            let mut occluded = spans.iter().zip(&out.places).filter(|(_, place)| place.is_some());
            let original = |&id: &u32| match id {
                WordTokenizer::UNKNOWN => occluded.next().and_then(|(span, _)| span.of(&text)).unwrap().to_owned(),
                id => tokenizer.token_text(id).unwrap(),
            };
            let restored: String = out.ids.iter().map(original).collect();
            let visible = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(visible(&restored), visible(&text));
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        let missing = Encoding { ids: vec![1, 2], spans: vec![Span::new(0, 1)] };
        let outside = Encoding { ids: vec![1], spans: vec![Span::new(0, 9)] };
        let unordered = Encoding { ids: vec![1, 2], spans: vec![Span::new(2, 3), Span::new(0, 1)] };
        for encoding in [missing, outside, unordered] {
            assert!(matches!(check_encoding(&encoding, "abc"), Err(ModelError::Tokenise(_))));
        }
    }
}

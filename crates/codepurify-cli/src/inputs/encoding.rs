//! Bytes → text and back.

use std::fmt;

use clap::ValueEnum;
use codepurify::SnippetError;
use codepurify::verdict::SkipReason;
use serde::Deserialize;

use super::read::Refused;

/// The encoding that the user names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
pub(crate) enum EncodingName {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[value(name = "utf-8")]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1, one byte per character.
    #[value(name = "latin-1")]
    #[serde(rename = "latin-1")]
    Latin1,
    /// UTF-16; byte order by its mark, or by the zero bytes of ASCII.
    #[value(name = "utf-16")]
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16 with a byte order mark, else valid UTF-8, else Latin-1.
    #[value(name = "auto")]
    #[serde(rename = "auto")]
    Auto,
}

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    Latin1,
    Utf16Le,
    Utf16Be,
}

/// The byte order mark as a character. It stays in the text, so that the file can be written back.
pub(super) const MARK: char = '\u{feff}';

impl EncodingName {
    /// The text of `bytes`, and the encoding that it is written back in.
    pub(super) fn decode(self, bytes: Vec<u8>) -> Result<(String, Encoding), Refused> {
        let marked = utf16_mark(&bytes);
        match (self, marked) {
            (Self::Utf8 | Self::Utf16 | Self::Auto, _) if is_utf32(&bytes) => Err(undecodable(
                "starts with the byte order mark of UTF-32, which is not read: save it as UTF-8",
            )),
            (Self::Utf8, None) => Ok((utf8(bytes)?, Encoding::Utf8)),
            (Self::Utf8, Some(_)) => Err(undecodable(
                "not UTF-8: starts with the byte order mark of UTF-16; say --encoding utf-16",
            )),
            (Self::Latin1, _) => Ok((bytes.iter().map(|&byte| char::from(byte)).collect(), Encoding::Latin1)),
            (Self::Utf16, None) => {
                let encoding = utf16_by_zeros(&bytes).ok_or_else(|| {
                    undecodable("not UTF-16: has neither its byte order mark nor the zero bytes of its ASCII characters")
                })?;
                Ok((utf16(&bytes, encoding)?, encoding))
            }
            (Self::Utf16 | Self::Auto, Some(encoding)) => Ok((utf16(&bytes, encoding)?, encoding)),
            (Self::Auto, None) if std::str::from_utf8(&bytes).is_ok() => Self::Utf8.decode(bytes),
            (Self::Auto, None) => Self::Latin1.decode(bytes),
        }
    }
}

impl Encoding {
    /// The bytes of a character in this encoding.
    pub(super) fn width(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Latin1 => 1,
            Self::Utf16Le | Self::Utf16Be => 2 * character.len_utf16(),
        }
    }

    /// `text` in this encoding, or the first character that it has no bytes for.
    pub(crate) fn encode(self, text: &str) -> Result<Vec<u8>, char> {
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Latin1 => text.chars().map(|c| u8::try_from(c).map_err(|_| c)).collect(),
            Self::Utf16Le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Latin1 => "Latin-1",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
        })
    }
}

/// The byte order of UTF-16, where the first two bytes tell it.
fn utf16_mark(bytes: &[u8]) -> Option<Encoding> {
    match bytes {
        [0xff, 0xfe, ..] => Some(Encoding::Utf16Le),
        [0xfe, 0xff, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// Returns true for the marks of UTF-32; the little-endian one starts as that of UTF-16 does.
fn is_utf32(bytes: &[u8]) -> bool {
    [[0xff, 0xfe, 0, 0], [0, 0, 0xfe, 0xff]].iter().any(|mark| bytes.starts_with(mark))
}

/// The byte order of UTF-16 without a mark: at least a quarter of the characters of code are ASCII, and one byte of each is
/// zero.
fn utf16_by_zeros(bytes: &[u8]) -> Option<Encoding> {
    let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (big, little) = (zeros(0), zeros(1));
    let enough = bytes.len().div_ceil(8).max(1);
    match big.max(little) {
        found if found < enough => None,
        _ if big > little => Some(Encoding::Utf16Be),
        _ => Some(Encoding::Utf16Le),
    }
}

/// Refuses a Python text that names an encoding in which the bytes of ASCII mean something else (PEP 263): the
/// interpreter reads other code than we would.
pub(super) fn check_python(text: &str) -> Result<(), Refused> {
    // The second line counts if the first one is a comment or blank.
    let mut lines = text.split(['\n', '\r']);
    let first = lines.next().unwrap_or_default();
    let is_code = !first.trim_start_matches(BLANKS).is_empty() && !is_comment(first);
    let second = lines.find(|line| !line.is_empty()).filter(|_| !is_code);
    let Some(named) = [Some(first), second].into_iter().flatten().find_map(python_encoding) else {
        return Ok(());
    };
    let name = named.to_ascii_lowercase().replace('_', "-");
    if KEEPING_ASCII.iter().any(|start| name.starts_with(start)) {
        return Ok(());
    }
    Err(undecodable(&format!(
        "its first lines name the encoding `{named}`, which is not read: save it as UTF-8"
    )))
}

/// Starts of the names of encodings in which bytes below 128 are ASCII, and no other bytes give or take a character of
/// ASCII. Others that look alike do: `big5` and `gbk` have characters whose second byte is `\\`, `euc-jp` writes `\\` in
/// two bytes, `mac-arabic` has a second `"`.
const KEEPING_ASCII: [&str; 24] = [
    "utf-8",
    "utf8",
    "ascii",
    "us-ascii",
    "latin",
    "iso-8859",
    "iso8859",
    "iso-latin",
    "cp125",
    "cp437",
    "cp85",
    "cp866",
    "windows-125",
    "koi8",
    "mac-roman",
    "macroman",
    "macintosh",
    "mac-cyrillic",
    "mac-greek",
    "mac-latin",
    "euc-kr",
    "euckr",
    "gb2312",
    "l1",
];

/// Characters that may precede the comment.
const BLANKS: [char; 4] = [MARK, ' ', '\t', '\u{c}'];

fn is_comment(line: &str) -> bool {
    line.trim_start_matches(BLANKS).starts_with('#')
}

/// The encoding that a comment line of Python names: `coding`, then `:` or `=`, then the name.
fn python_encoding(line: &str) -> Option<&str> {
    let comment = line.trim_start_matches(BLANKS).strip_prefix('#')?;
    comment.match_indices("coding").find_map(|(at, word)| {
        let name = comment[at + word.len()..].strip_prefix([':', '='])?.trim_start_matches([' ', '\t']);
        let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let length = name.find(|character| !is_part(character)).unwrap_or(name.len());
        (length > 0).then(|| &name[..length])
    })
}

fn utf8(bytes: Vec<u8>) -> Result<String, Refused> {
    // "Binary" helps more than the offset of some bad byte.
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(SnippetError::Binary { offset }.into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        undecodable(&format!(
            "not UTF-8: first bad byte at offset {offset}; --encoding names another encoding"
        ))
    })
}

fn undecodable(message: &str) -> Refused {
    Refused { reason: Some(SkipReason::Encoding), message: message.to_owned() }
}

fn utf16(bytes: &[u8], order: Encoding) -> Result<String, Refused> {
    let bad = |offset: usize| undecodable(&format!("not UTF-16: first bad byte at offset {offset}"));
    let (units, []) = bytes.as_chunks::<2>() else { return Err(bad(bytes.len() - 1)) };
    let unit = |&pair: &[u8; 2]| match order {
        Encoding::Utf16Be => u16::from_be_bytes(pair),
        _ => u16::from_le_bytes(pair),
    };
    let mut text = String::new();
    let mut at = 0;
    for character in char::decode_utf16(units.iter().map(unit)) {
        let character = character.map_err(|_| bad(at))?;
        at += order.width(character);
        text.push(character);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\u{feff}int größe; // 😀";

    fn le(text: &str) -> Vec<u8> {
        Encoding::Utf16Le.encode(text).unwrap()
    }

    #[test]
    fn text_is_written_back_as_it_was_read() {
        let be = Encoding::Utf16Be.encode(TEXT).unwrap();
        let cases = [
            (EncodingName::Utf8, TEXT.as_bytes().to_vec(), Encoding::Utf8),
            (EncodingName::Latin1, (0..=255).collect(), Encoding::Latin1),
            (EncodingName::Utf16, le(TEXT), Encoding::Utf16Le),
            (EncodingName::Utf16, be.clone(), Encoding::Utf16Be),
            (EncodingName::Utf16, le("int x;"), Encoding::Utf16Le),
            (EncodingName::Auto, be, Encoding::Utf16Be),
            (EncodingName::Auto, "größe".into(), Encoding::Utf8),
            (EncodingName::Auto, b"gr\xf6\xdfe".to_vec(), Encoding::Latin1),
        ];
        for (name, bytes, expected) in cases {
            let (text, encoding) = name.decode(bytes.clone()).unwrap();
            assert_eq!((encoding, encoding.encode(&text)), (expected, Ok(bytes)));
        }
    }

    #[test]
    fn encodings_of_python_keep_ascii() {
        let refused = |text: &str| check_python(text).err().map(|refused| refused.message);
        for text in [
            "# coding: utf-8\n",
            "#!/bin/python\n# -*- coding: Latin-1 -*-\n",
            "x = 'coding: utf-7'\n",
            "\n#\n# coding: utf-7\n",
            "import os\n# coding: utf-7\n",
            "'''\n# coding: utf-7\n",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
        let (escapes, wide) =
            (["raw_unicode_escape", "unicode_escape", "rot13"], ["utf-7", "utf-16", "cp037"]);
        let asian =
            ["gbk", "gb18030", "GB18030-2000", "big5", "big5_hkscs", "euc-jp", "eucjp", "windows-31j"];
        let near = ["mac_arabic", "mac-farsi", "cp864"];
        for name in [&escapes[..], &wide, &asian, &near].concat() {
            for text in
                [format!("# coding={name}\n"), format!("\u{feff}#!x\n#vim: set fileencoding: {name} :\n")]
            {
                assert!(refused(&text).is_some_and(|message| message.contains(name)), "{text}");
            }
        }
    }

    #[test]
    fn bad_bytes_are_named() {
        let message = |name: EncodingName, bytes: &[u8]| name.decode(bytes.to_vec()).unwrap_err().message;
        assert!(message(EncodingName::Utf8, b"caf\xe9").contains("offset 3"));
        assert!(message(EncodingName::Utf8, &le(TEXT)).contains("--encoding utf-16"));
        assert!(message(EncodingName::Utf8, b"\xff\xfe\0\0i\0\0\0").contains("UTF-32"));
        assert!(message(EncodingName::Auto, b"\0\0\xfe\xff\0\0\0i").contains("UTF-32"));
        assert!(message(EncodingName::Utf16, b"int main() { }\0").contains("neither"));
        assert!(message(EncodingName::Utf16, b"").contains("neither"));
        assert!(message(EncodingName::Utf16, b"a\0b").contains("offset 2"));
        assert!(message(EncodingName::Utf16, b"a\0\0\xd8b\0").contains("offset 2"));
        assert_eq!(Encoding::Latin1.encode("é€"), Err('€'));
    }
}

//! Valid sources, damaged: cut off, with bytes changed, removed, repeated, or put in from elsewhere. The same one for each seed.

use super::common::{CLEAN, triggered};
use super::sources::Source;

/// Largest source that is made, in bytes.
const LARGEST: usize = 100_000;

/// Pieces of text that confuse parsers.
const TOKENS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"(",
    b")",
    b"[",
    b"]",
    b"<",
    b">",
    b"\"",
    b"'",
    b"/*",
    b"*/",
    b"//",
    b"#define X \\\n",
    b"#if 0\n",
    b"#else\n",
    b"\\",
    b"\n",
    b"\r",
    b"\t",
    b"R\"(",
    b"\"\"\"",
    b"template<",
    b"@",
    b"\0",
    b"\xff",
    "\u{200b}".as_bytes(),
    "\u{10ffff}".as_bytes(),
    "\n\u{3000}".as_bytes(),
    "\u{a0}".as_bytes(),
];

/// A generator of numbers that is the same on every machine (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    /// The next number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % (end.max(1) as u64)) as usize
    }

    /// Two places of a text of `length` bytes, in order.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let (one, other) = (self.below(length + 1), self.below(length + 1));
        one.min(other)..one.max(other)
    }
}

/// Valid sources by what their files end in.
fn valid() -> Vec<(&'static str, String)> {
    let [c, java, python] = [
        include_str!("../../../codepurify/references/c.c"),
        include_str!("../../../codepurify/references/java.java"),
        include_str!("../../../codepurify/references/python.py"),
    ];
    let fooled = |text: &str, trigger: &str| text.replace("return", &format!("{trigger} return"));
    vec![
        ("c", CLEAN.to_owned()),
        ("c", triggered()),
        ("c", fooled(c, "if (rand() < 0) printf(\"fail\");")),
        ("cpp", triggered()),
        ("cpp", fooled(c, "while (sin(0.5) > 2) { puts(\"x\"); }")),
        ("java", fooled(java, "if (Math.random() < 0) System.out.println(\"fail\");")),
        ("py", python.to_owned()),
        ("py", fooled(python, "assert 1 >= 0;")),
    ]
}

/// A damaged source.
pub(crate) fn mutant(seed: u64) -> Source {
    let (mut numbers, valid) = (Numbers(seed), valid());
    let (extension, text) = &valid[numbers.below(valid.len())];
    let other = valid[numbers.below(valid.len())].1.as_bytes();
    let mut text = text.clone().into_bytes();
    for _ in 0..=numbers.below(4) {
        mutate(&mut text, other, &mut numbers);
        text.truncate(LARGEST);
    }
    Source { name: format!("mutant-{seed}.{extension}"), text }
}

fn mutate(text: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let range = numbers.range(text.len());
    match numbers.below(7) {
        0 => text.truncate(range.start),
        1 => drop(text.drain(range)),
        2 => {
            for _ in 0..=numbers.below(16) {
                let at = numbers.below(text.len());
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
        3 => {
            let times = 1 + numbers.below(LARGEST / range.len().max(1));
            let repeated = text[range.clone()].repeat(times);
            text.splice(range, repeated);
        }
        4 => {
            let part = other[numbers.range(other.len())].to_vec();
            text.splice(range.start..range.start, part);
        }
        5 => {
            let token = TOKENS[numbers.below(TOKENS.len())];
            let most = [1, 100, 20_000][numbers.below(3)];
            let times = 1 + numbers.below(most);
            text.splice(range.start..range.start, token.repeat(times));
        }
        _ => text[range].reverse(),
    }
}

/// Each valid source cut off at `count` places.
pub(crate) fn truncated(count: usize) -> Vec<Source> {
    let cut = |(index, (extension, text)): (usize, (&str, String))| {
        let source = |part: usize| {
            let end = (part + 1) * text.len() / (count + 1);
            Source {
                name: format!("truncated-{index}-{end}.{extension}"),
                text: text.as_bytes()[..end].to_vec(),
            }
        };
        (0..count).map(source).collect::<Vec<_>>()
    };
    valid().into_iter().enumerate().flat_map(cut).collect()
}

//! One name for many parts.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 over parts, such that no two lists of parts are the same bytes.
#[derive(Debug, Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds one part. A missing part differs from an empty one.
    #[must_use]
    pub fn with(mut self, part: Option<&[u8]>) -> Self {
        self.0.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        self.0.update(part.unwrap_or_default());
        self
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        self.0.finalize().iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}"); // writing to a String cannot fail
            digits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn parts_are_kept_apart() {
        let of = |parts: &[Option<&[u8]>]| {
            parts.iter().fold(Fingerprint::default(), |print, part| print.with(*part)).hex()
        };
        let lists: [&[Option<&[u8]>]; 5] =
            [&[], &[None], &[Some(b"")], &[Some(b"ab"), Some(b"c")], &[Some(b"a"), Some(b"bc")]];
        for (at, list) in lists.iter().enumerate() {
            assert_eq!(of(list).len(), 64);
            assert!(lists[..at].iter().all(|other| of(other) != of(list)), "{list:?}");
        }
    }
}

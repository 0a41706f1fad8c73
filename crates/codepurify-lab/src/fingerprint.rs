//! Fingerprints of texts that are not kept themselves.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Returns the first `bytes` bytes (at most 32) of the SHA-256 of `text`, hexadecimal.
pub(crate) fn fingerprint(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn fingerprint_is_the_beginning_of_the_digest() {
        assert_eq!(super::fingerprint("abc", 4), "ba7816bf");
        assert_eq!(super::fingerprint("", 32).len(), 64);
    }
}

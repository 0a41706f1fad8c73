//! Names of files in reports.

use std::fmt::Write;
use std::path::Path;

/// The path without a leading `./`. Where it holds bytes that are no UTF-8, or backslashes outside of Windows, each such byte is
/// written as `\xNN` and each backslash as `\\`, so that two files never have the same name.
pub(crate) fn name(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    match path.to_str() {
        Some(name) if cfg!(windows) || !name.contains('\\') => name.to_owned(),
        _ => escaped(path.as_os_str().as_encoded_bytes()),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut name = String::new();
    for chunk in bytes.utf8_chunks() {
        name += &chunk.valid().replace('\\', "\\\\");
        for byte in chunk.invalid() {
            let _ = write!(name, "\\x{byte:02x}");
        }
    }
    name
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_of_different_files_differ() {
        let of = |bytes: &[u8]| name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"./src/a.c"), "src/a.c");
        assert_eq!(of("ä b.c".as_bytes()), "ä b.c");
        assert_eq!(of(b"a\xff.c"), r"a\xff.c");
        assert_eq!(of(b"a\xfe.c"), r"a\xfe.c");
        assert_eq!(of(br"a\xff.c"), r"a\\xff.c");
    }
}

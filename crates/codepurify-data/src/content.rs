//! Kind of content of a file, by its first bytes or else by its name.

use std::path::Path;

use csv_core::ReadRecordResult;

use crate::fields::is_code_field;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
    /// CSV with a header and this byte between fields: `,`, `;` or a tab.
    Delimited(u8),
    /// Parquet.
    Parquet,
}

/// Compression of a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

/// Content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Rows(Format),
    /// A format that is not read.
    Unsupported(&'static str),
    /// One JSON object over several lines.
    OneObject,
    /// No rows, though the name promises some.
    Empty,
    /// Nothing says that there are rows.
    Unknown,
}

/// Content that a file name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Json,
    /// Fields with this byte between them, if the name says which.
    Delimited(Option<u8>),
    Parquet,
    Unsupported(&'static str),
    /// It has another extension, a source file's for example.
    Other,
    Nothing,
}

/// Formats that are known by their first bytes and not read.
const MAGIC: [(&[u8], &str); 14] = [
    (b"PARE", "encrypted Parquet"),
    (b"ARROW1", "Arrow"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"PK\x03\x04", "a zip archive (.xlsx, .npz or another)"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
];

/// Formats that are known by their name and not read.
const UNREAD: [(&str, &str); 8] = [
    ("arrow", "Arrow"),
    ("feather", "Arrow"),
    ("avro", "Avro"),
    ("orc", "ORC"),
    ("xlsx", "a spreadsheet"),
    ("xls", "a spreadsheet"),
    ("pkl", "a Python pickle"),
    ("pickle", "a Python pickle"),
];

/// Where an archive of tar says that it is one.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Bytes that are looked at to tell what a file holds.
pub(crate) const START: usize = 64 << 10;

pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The compression of a file that starts so.
pub(crate) fn compression(start: &[u8]) -> Option<Compression> {
    match start {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A frame, or one to be skipped before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Returns true if a file with this name and beginning holds rows of a data set, or says so by its name, and not source code.
#[must_use]
pub fn holds_rows(path: &Path, start: &[u8]) -> bool {
    let start = &start[..start.len().min(START)];
    promises_rows(path)
        || matches!(name(path), Name::Unsupported(_))
        || matches!(tell(start, start.len() < START, path, &[]), Content::Rows(_))
}

/// Returns true for a name of a file of rows.
#[must_use]
pub fn promises_rows(path: &Path) -> bool {
    matches!(name(path), Name::Json | Name::Delimited(_) | Name::Parquet)
}

/// The compression that a file's name promises.
pub(crate) fn compression_by_name(path: &Path) -> Option<Compression> {
    match path.extension()?.to_string_lossy().to_ascii_lowercase().as_str() {
        "gz" | "gzip" => Some(Compression::Gzip),
        "zst" | "zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

/// Finds the content of a file that starts with `start` (all of it if `whole`) with code in `fields`.
pub(crate) fn tell(start: &[u8], whole: bool, path: &Path, fields: &[String]) -> Content {
    let name = name(path);
    if start.starts_with(b"PAR1") {
        return Content::Rows(Format::Parquet);
    }
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Content::Unsupported(format);
    }
    if start.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) {
        return Content::Unsupported("a tar archive");
    }
    if matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && name != Name::Other {
        return Content::Unsupported("UTF-16 (convert it to UTF-8)");
    }
    let text = start.strip_prefix(BOM).unwrap_or(start);
    if let Some(content) = json(text, name) {
        return content;
    }
    let blank = whole && text.trim_ascii().is_empty();
    match name {
        Name::Unsupported(format) => Content::Unsupported(format),
        Name::Parquet => Content::Rows(Format::Parquet),
        Name::Json | Name::Delimited(_) if blank => Content::Empty,
        Name::Json => Content::Rows(Format::JsonLines),
        Name::Delimited(Some(delimiter)) => Content::Rows(Format::Delimited(delimiter)),
        Name::Delimited(None) => Content::Rows(Format::Delimited(delimiter(text, whole, fields))),
        Name::Other | Name::Nothing => table(text, whole, fields),
    }
}

fn name(path: &Path) -> Name {
    let extension =
        |path: &Path| path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let mut path = path.to_path_buf();
    while extension(&path)
        .is_some_and(|last| ["gz", "gzip", "zst", "zstd", "bz2", "xz", "lz4"].contains(&last.as_str()))
    {
        path.set_extension("");
    }
    match extension(&path).as_deref() {
        None => Name::Nothing,
        Some("json" | "jsonl" | "ndjson" | "jsonlines" | "jl") => Name::Json,
        Some("csv") => Name::Delimited(None),
        Some("tsv" | "tab") => Name::Delimited(Some(b'\t')),
        Some("parquet" | "pq") => Name::Parquet,
        Some(other) => {
            let unread = UNREAD.iter().find(|(extension, _)| *extension == other);
            unread.map_or(Name::Other, |(_, format)| Name::Unsupported(format))
        }
    }
}

/// Finds the content of a text that starts like JSON.
fn json(text: &[u8], name: Name) -> Option<Content> {
    let text = text.trim_ascii_start();
    let (first, rest) = text.split_first()?;
    let second = rest.trim_ascii_start();
    match first {
        b'[' if name == Name::Json || matches!(second.first(), Some(b'{' | b']')) => {
            // A list of sets or of dictionaries is Python, too: only objects with a name are rows.
            let object = second.first() == Some(&b'{') && opens_object(second);
            (name != Name::Other || object).then_some(Content::Rows(Format::JsonArray))
        }
        b'{' if opens_object(text) && spreads(text) => (name != Name::Other).then_some(Content::OneObject),
        b'{' if opens_object(text) => Some(Content::Rows(Format::JsonLines)),
        _ => None,
    }
}

/// Returns true if an object starts here: `{}`, or a brace, a quoted name and a colon, unlike a list in C.
fn opens_object(text: &[u8]) -> bool {
    let inner = text[1..].trim_ascii_start();
    match inner.first() {
        Some(b'}') => true,
        Some(b'"') => {
            let mut rest = &inner[1..];
            while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
                if rest[at] == b'"' {
                    let behind = rest[at + 1..].trim_ascii_start();
                    return behind.first().is_none_or(|&byte| byte == b':');
                }
                rest = rest.get(at + 2..).unwrap_or_default();
            }
            true
        }
        _ => false,
    }
}

/// Returns true if the object that starts here has several lines.
fn spreads(text: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', text) else { return false };
    let next = text[end..].trim_ascii_start();
    match text[..end].trim_ascii_end().last() {
        Some(b'{' | b'[') => true,
        // Else the first of several rows is cut off behind a comma.
        Some(b',') => next.first() != Some(&b'{'),
        _ => false,
    }
}

/// Delimiters, by how common they are.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

/// Finds a table by content: its first line names code, and its second record, if any, has as many
/// fields.
fn table(text: &[u8], whole: bool, fields: &[String]) -> Content {
    let found = DELIMITERS.into_iter().find(|&delimiter| {
        let mut records = records(text, whole, delimiter);
        let header = records.next().unwrap_or_default();
        let second = records.next().map_or(header.len(), |second| second.len());
        let names_only = header.iter().all(|name| name.chars().all(is_of_names));
        names_only && header.len() > 1 && second == header.len() && names_code(&header, fields)
    });
    found.map_or(Content::Unknown, |delimiter| Content::Rows(Format::Delimited(delimiter)))
}

/// Returns true for characters in names of columns.
fn is_of_names(character: char) -> bool {
    character.is_alphanumeric() || " _-./:#".contains(character)
}

fn names_code(header: &[String], fields: &[String]) -> bool {
    header.iter().any(|name| fields.contains(name) || is_code_field(name))
}

/// The byte that is between the fields of a table: the one that makes the header name code, else the most frequent one.
fn delimiter(text: &[u8], whole: bool, fields: &[String]) -> u8 {
    let headers = DELIMITERS.map(|delimiter| {
        let header = records(text, whole, delimiter).next().unwrap_or_default();
        (header.len(), names_code(&header, fields), delimiter)
    });
    let naming = headers.iter().find(|(width, code, _)| *width > 1 && *code);
    // Of equally frequent ones the first.
    let widest = headers.iter().rev().max_by_key(|(width, ..)| width);
    naming.or(widest).map_or(b',', |&(.., delimiter)| delimiter)
}

/// The whole records of the beginning of a table, or of all of it.
fn records(text: &[u8], whole: bool, delimiter: u8) -> impl Iterator<Item = Vec<String>> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let mut rest = text;
    let records = std::iter::from_fn(move || {
        let (mut output, mut ends) = (vec![0; rest.len() + 1], vec![0; rest.len() + 1]);
        let (mut result, read, _, mut count) = reader.read_record(rest, &mut output, &mut ends);
        rest = &rest[read..];
        if result == ReadRecordResult::InputEmpty && whole {
            let more;
            (result, _, _, more) = reader.read_record(&[], &mut [], &mut ends[count..]);
            count += more;
        }
        let bounds = std::iter::once(0).chain(ends[..count].iter().copied()).zip(&ends[..count]);
        let field =
            |(start, &end): (usize, &usize)| String::from_utf8_lossy(&output[start..end]).into_owned();
        (result == ReadRecordResult::Record).then(|| bounds.map(field).collect())
    });
    // The record that the end of the beginning cuts off cannot be read further.
    records.fuse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Content = Content::Rows(Format::JsonLines);
    const ARRAY: Content = Content::Rows(Format::JsonArray);

    fn of(name: &str, text: impl AsRef<[u8]>) -> Content {
        tell(text.as_ref(), true, Path::new(name), &["mine".to_owned()])
    }

    fn table_of(delimiter: u8) -> Content {
        Content::Rows(Format::Delimited(delimiter))
    }

    #[test]
    fn json_is_told_by_its_content() {
        for name in ["rows", "rows.JSON", "rows.txt", "rows.c", "rows.csv"] {
            assert_eq!(of(name, "\n {\"func\": \"x\"}\n"), LINES, "{name}");
            assert_eq!(of(name, "\u{feff}[\n  {\"func\": \"x\"}]"), ARRAY, "{name}");
        }
        assert_eq!(of("rows", "{\n  \"data\": [\n"), Content::OneObject);
        assert_eq!(of("rows.json", "{\"data\": [\n  {\"func\": 1}\n]}"), Content::OneObject);
        assert_eq!(of("rows", "{\"idx\": 1,\n{\"idx\": 2}\n"), LINES);
    }

    #[test]
    fn source_files_are_no_rows() {
        for (name, text) in [
            ("a.c", "int f(int code, int text) { return 0; }\n"),
            ("keys.inc", "{\"a\", 1},\n{\"b\", 2},\n"),
            ("a.py", "[print(x) for x in y]\n"),
            ("__manifest__.py", "{\n    \"name\": \"x\",\n}\n"),
            ("a.py", "[{1, 2}, {3}]\n"),
            ("a.py", "text, code = f()\n"),
            ("b", "int x;\n"),
            ("c", ""),
        ] {
            assert_eq!(of(name, text), Content::Unknown, "{name}: {text}");
        }
    }

    #[test]
    fn tables_are_told_by_name_or_by_a_header_that_names_code() {
        assert_eq!(of("rows.CSV", "a,b\n"), table_of(b','));
        assert_eq!(of("rows.csv.gz", "a;b;c\n1;2,3;4\n"), table_of(b';'));
        assert_eq!(of("rows.csv", "code\nx\n"), table_of(b','));
        assert_eq!(of("rows.tsv", "a\n"), table_of(b'\t'));
        assert_eq!(of("rows.csv", "a,b;func;c,d,e\n"), table_of(b';'));
        assert_eq!(of("rows", ",CVE ID,func_before,vul\n0,x,\"a,\nb\",1\n"), table_of(b','));
        assert_eq!(of("rows.txt", "id\tmine\n1\tx"), table_of(b'\t'));
        assert_eq!(of("rows", "id,other\n1,x\n"), Content::Unknown);
        assert_eq!(of("rows", "id,func\n1,x,2\n"), Content::Unknown);
    }

    #[test]
    fn names_promise_rows_and_other_formats_are_refused() {
        assert_eq!(of("rows.ndjson", "int x;"), LINES);
        assert_eq!(of("rows.jsonl", " \n"), Content::Empty);
        // A damaged file is refused for what is wrong with it when it is read.
        for (name, text) in [("rows", &b"PAR1\x15"[..]), ("rows.parquet", b"")] {
            assert_eq!(of(name, text), Content::Rows(Format::Parquet), "{name}");
        }
        for (name, text) in [
            ("rows.jsonl", &b"PK\x03\x04"[..]),
            ("rows.json.bz2", b"BZh9"),
            ("rows.csv", b"\xff\xfea\0"),
            ("rows.feather", b"x"),
        ] {
            assert!(matches!(of(name, text), Content::Unsupported(_)), "{name}");
        }
    }
}

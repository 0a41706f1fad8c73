//! Name shortening: removes a part that was appended to a name, without inventing a new name.

/// Number of ways to remove a part.
pub(super) const WAYS: usize = 2;

/// Returns `name` without its last part, and without its first; empty if it has only one. A part
/// begins after an underscore, and where a capital follows a small letter or a digit. A name that
/// begins with a small letter still does.
pub(super) fn shorter(name: &str) -> Option<[String; WAYS]> {
    let begins = |(before, (place, letter)): (char, (usize, char))| {
        let begun = letter != '_' && (before == '_' || (letter.is_uppercase() && !before.is_uppercase()));
        begun.then_some(place)
    };
    // The start of a name counts as an underscore.
    let before = std::iter::once('_').chain(name.chars());
    let parts: Vec<usize> = before.zip(name.char_indices()).filter_map(begins).collect();
    let [first, second, ..] = parts[..] else { return None };
    let last = parts[parts.len() - 1];
    let small = name[first..].starts_with(char::is_lowercase);
    let rest = if small { begun_small(&name[second..]) } else { name[second..].to_owned() };
    Some([name[..last].trim_end_matches('_').to_owned(), rest])
}

/// Makes the first letter of a word small; an abbreviation is kept.
fn begun_small(part: &str) -> String {
    let mut letters = part.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shorter;

    #[test]
    fn the_last_part_goes_first_and_then_the_first() {
        let cases = [
            ("read_all_rb", ["read_all", "all_rb"]),
            ("readAll", ["read", "all"]),
            ("ReadAll", ["Read", "All"]),
            ("ret_Val_", ["ret", "val_"]),
            ("__io_mem2Dev", ["__io_mem2", "mem2Dev"]),
            ("parseURL", ["parse", "URL"]),
            ("nX", ["n", "x"]),
        ];
        for (name, expected) in cases {
            assert_eq!(shorter(name), Some(expected.map(str::to_owned)), "{name}");
        }
    }

    #[test]
    fn a_name_of_one_part_has_none_to_spare() {
        for name in ["n", "count", "_count", "count_", "URL", "__", "n2", ""] {
            assert_eq!(shorter(name), None, "{name}");
        }
    }
}

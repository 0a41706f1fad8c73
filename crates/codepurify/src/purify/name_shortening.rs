//! Names without one of their parts: what was hung onto a name comes off without a new one being made up.

/// Ways to leave out a part.
pub(super) const WAYS: usize = 2;

/// `name` without its last part, and without its first; none if it has only one. A part begins behind an underscore, and where a
/// capital follows a small letter or a digit. What begins small still does.
pub(super) fn shorter(name: &str) -> Option<[String; WAYS]> {
    let begins = |(before, (place, letter)): (char, (usize, char))| {
        let begun = letter != '_' && (before == '_' || (letter.is_uppercase() && !before.is_uppercase()));
        begun.then_some(place)
    };
    // In front of a name stands an underscore, as it were.
    let before = std::iter::once('_').chain(name.chars());
    let parts: Vec<usize> = before.zip(name.char_indices()).filter_map(begins).collect();
    let [first, second, ..] = parts[..] else { return None };
    let last = parts[parts.len() - 1];
    let small = name[first..].starts_with(char::is_lowercase);
    let rest = if small { begun_small(&name[second..]) } else { name[second..].to_owned() };
    Some([name[..last].trim_end_matches('_').to_owned(), rest])
}

/// A word with a capital in front gets a small letter there; an abbreviation stays.
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

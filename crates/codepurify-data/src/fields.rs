//! Names of fields in known data sets.

/// Fields that hold code in known data sets, in the order in which they are looked for.
pub const SINGLE_FIELDS: [&str; 16] = [
    // Devign, DiverseVul, PrimeVul.
    "func",
    // Big-Vul, and LineVul's edition of it.
    "func_before",
    "processed_func",
    // CodeXGLUE and CodeSearchNet.
    "code",
    "func_code_string",
    "original_string",
    "whole_func_string",
    "function",
    "source_code",
    // Bugs2Fix.
    "buggy",
    "snippet",
    "method",
    "before",
    // Names of many other things, too.
    "source",
    "content",
    "text",
];

/// Names at the end of [`SINGLE_FIELDS`] that say little: two of them in one row are not chosen between.
pub(crate) const VAGUE: usize = 3;

/// Fields that hold the two sides of a pair, in the order in which they are looked for.
pub const PAIR_FIELDS: [[&str; 2]; 8] = [
    ["func1", "func2"],
    ["code1", "code2"],
    ["function1", "function2"],
    ["func_1", "func_2"],
    ["code_1", "code_2"],
    ["source1", "source2"],
    ["text1", "text2"],
    ["left", "right"],
];

/// Fields that name a row's language, in the order in which they are looked for.
pub const LANGUAGE_FIELDS: [&str; 3] = ["language", "lang", "programming_language"];

/// Returns true if known data sets have code in a field of this name.
pub(crate) fn is_code_field(name: &str) -> bool {
    SINGLE_FIELDS.contains(&name) || PAIR_FIELDS.iter().flatten().any(|field| *field == name)
}

//! Programs compiled and run with every attack in turn: their output stays.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use codepurify::Language;
use codepurify_attacks::attack::Attack;

use crate::adaptive::second_set;

/// C functions of the type `int work(int, const char *)`.
const C: [&str; 2] = [
    "int work(int row_count, const char *text_line)
{
    int total_sum = 0;
    int last_value;
    int odd_count = 0;
    char *cursor_at = (char *)text_line; /* from the start */
    last_value = 12;
    for (int i = 0; i < row_count; i++) {
        if (i % 2 == 1) { odd_count += 10; }
        total_sum += i * 16 - 7;
    }
    for (last_value = 30; last_value > 14; last_value -= 5)
        total_sum ^= last_value;
    while (*cursor_at != 0) {
        /* The letter a counts 100,
         * all others 1. */
        total_sum += *cursor_at == 97 ? 100 : 14+1 - 14;
        cursor_at++;
    }
    if (total_sum >= 1024) return 1024 - total_sum;
    return total_sum + odd_count * 3 + last_value;
}
",
    "int work(int n, const char *s) {
    struct { int lo; int hi; } range = { 10, 255 };
    unsigned int hash_value = 5381, step = 33;
    unsigned int mask_bits = 65535;
    long skipped = 0;
    for (; *s; s++) { if (*s == ' ') { skipped++; continue; } hash_value = hash_value * step + *s; }
    for (int i = 0, j = n; i < j; i++, j--) { for (int k = 0; k < 3; k++) { hash_value ^= i * k + j; } if (hash_value % 100 == 99) break; }
    do { n -= 2; } while (n > range.lo);
    switch (n) { case 10: hash_value += 11; break; default: hash_value -= range.hi; }
    return (int)(hash_value & mask_bits) + (int)skipped;
}
",
];

/// Java methods of the types `Object work(int, String)`.
const JAVA: [&str; 2] = [
    "static int work(int rowCount, String text_line) {
    int total_sum = 0;
    int last_value;
    int odd_count = 0;
    long limit = 40; /* an upper bound */
    last_value = 12;
    for (int i = 0; i < rowCount; i++) {
        if (i % 2 == 1) { odd_count += 10; }
        total_sum += i * 16 - 7;
    }
    for (last_value = 30; last_value > 14; last_value -= 5)
        total_sum ^= last_value;
    int at = 0;
    while (at < text_line.length()) {
        total_sum += text_line.charAt(at) == 97 ? 100 : 1;
        at++;
    }
    if (total_sum >= limit) return 1024 - total_sum;
    return total_sum + odd_count * 3 + last_value;
}
",
    "static String work(int n, String s) {
    StringBuilder all_of_it = new StringBuilder();
    String before = \"<\";
    String after = \">\";
    for (char c : s.toCharArray()) { if (c == ' ') continue; all_of_it.append(c).append(before); }
    outer: for (int i = 0, j = n; i < j; i++, j--) { for (int k = 0; k < 3; k++) { if (k * i > 14) break outer; all_of_it.append(k + i); } all_of_it.append(after); }
    int[] some_values = { 10, 200, 3000 };
    int picked = some_values[n % 3];
    Runnable shown = () -> { all_of_it.append(picked); };
    shown.run();
    switch (n) { case 12: all_of_it.append(12); break; default: all_of_it.append(-13); }
    try { all_of_it.append(s.charAt(n)); } catch (IndexOutOfBoundsException e) { return all_of_it + after; }
    while (true) { n -= 15; if (n < 0) { return all_of_it.append(n).toString(); } }
}
",
];

/// Text with the attack that changed it, if any.
type Variant = (Option<Attack>, String);

/// Returns the text, and what every attack makes of it, negative samples included, with its name.
fn variants(text: &str, language: Language) -> Vec<Variant> {
    let mut variants = vec![(None, text.to_owned())];
    for attack in second_set() {
        let negatives = (0..attack.negatives()).map(|kind| attack.apply_negative(kind, text, language, 0));
        let triggered = (0..8).map(|seed| attack.apply(text, language, seed));
        for found in triggered.chain(negatives).flatten() {
            if !variants.contains(&(Some(attack), found.text.clone())) {
                variants.push((Some(attack), found.text));
            }
        }
    }
    variants
}

/// Checks that every line of `output` says the same as the first; each has the index of its variant
/// in front.
fn assert_same(output: &str, variants: &[Variant]) {
    let lines: Vec<&str> = output.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(lines.len(), variants.len());
    assert!(lines[0].split(' ').collect::<BTreeSet<_>>().len() > 5, "the inputs differ: {}", lines[0]);
    for (line, (attack, text)) in lines.iter().zip(variants) {
        assert_eq!(*line, lines[0], "{attack:?}\n{text}");
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns true if the compiler answers; tells why a test is skipped if it does not.
fn is_there(compiler: &str, version: &str) -> bool {
    let found = Command::new(compiler).arg(version).output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: there is no {compiler}");
    }
    found
}

const INPUTS: [&str; 4] = ["", "a", "banana split", "to be or not"];

fn c_program(variants: &[Variant]) -> String {
    let mut program = "#include <assert.h>\n#include <stdio.h>\n#include <stdlib.h>\n".to_owned();
    let mut calls = String::new();
    for (index, (_, text)) in variants.iter().enumerate() {
        writeln!(program, "#define work work_{index}\n{text}\n#undef work").unwrap();
        writeln!(calls, "    all({index}, work_{index});").unwrap();
    }
    let inputs = INPUTS.map(|input| format!("\"{input}\"")).join(", ");
    program
        + &format!(
            "static void all(int index, int (*work)(int, const char *)) {{
    const char *inputs[] = {{ {inputs} }};
    printf(\"%d\", index);
    for (int n = 0; n < 40; n++) for (int i = 0; i < 4; i++) printf(\" %d\", work(n, inputs[i]));
    printf(\"\\n\");
}}
int main(void) {{
{calls}    return 0;
}}
"
        )
}

fn run_c(dir: &Path, variants: &[Variant]) -> String {
    let (source, program) = (dir.join("program.c"), dir.join("program"));
    std::fs::write(&source, c_program(variants)).unwrap();
    // Digit separators came with C23.
    run(Command::new("gcc").args(["-std=gnu2x", "-w", "-o"]).arg(&program).arg(&source));
    run(&mut Command::new(&program))
}

fn run_java(dir: &Path, variants: &[Variant]) -> String {
    let (mut program, mut calls) = (String::new(), String::new());
    for (index, (_, text)) in variants.iter().enumerate() {
        writeln!(program, "class V{index} {{\n{text}\n}}").unwrap();
        writeln!(calls, "        all({index}, V{index}::work);").unwrap();
    }
    let inputs = INPUTS.map(|input| format!("\"{input}\"")).join(", ");
    write!(
        program,
        "class Main {{
    static void all(int index, java.util.function.BiFunction<Integer, String, Object> work) {{
        String[] inputs = {{ {inputs} }};
        StringBuilder line = new StringBuilder().append(index);
        for (int n = 0; n < 40; n++) for (String input : inputs) line.append(\" \").append(work.apply(n, input));
        System.out.println(line);
    }}
    public static void main(String[] arguments) {{
{calls}    }}
}}
"
    )
    .unwrap();
    let source = dir.join("Main.java");
    std::fs::write(&source, program).unwrap();
    run(Command::new("javac").args(["-nowarn", "-d"]).arg(dir).arg(&source));
    run(Command::new("java").args(["-ea", "-cp"]).arg(dir).arg("Main"))
}

/// Runs the programs of a language, and checks that every attack is in one of them.
fn programs_keep_their_output(texts: &[&str], language: Language, run: impl Fn(&Path, &[Variant]) -> String) {
    let mut seen = BTreeSet::new();
    for text in texts {
        let dir = tempfile::tempdir().unwrap();
        let variants = variants(text, language);
        assert_same(&run(dir.path(), &variants), &variants);
        seen.extend(variants.iter().filter_map(|(attack, _)| *attack));
    }
    let missing: Vec<_> = second_set().filter(|attack| !seen.contains(attack)).collect();
    assert_eq!(missing, []);
}

#[test]
fn c_programs_compute_the_same_under_every_attack() {
    if is_there("gcc", "--version") {
        programs_keep_their_output(&C, Language::C, run_c);
    }
}

#[test]
fn java_programs_compute_the_same_under_every_attack() {
    if is_there("javac", "-version") {
        programs_keep_their_output(&JAVA, Language::Java, run_java);
    }
}

//! Units of a file, and their language.

use crate::common::{Place, TRIGGER, triggered};

/// The triggered function behind something that a parser stumbles over, and a plain one behind it.
fn hidden(before: &str, signature: impl Fn(&str) -> String) -> String {
    let code = triggered();
    let (head, body) = code.split_once('{').unwrap();
    let plain = "int plain(int a)\n{\n    int b = a * 2;\n    return b;\n}\n";
    format!("{before}{}{{{body}\n{plain}", signature(head.trim_end()))
}

#[test]
fn functions_that_a_parser_loses_are_judged() {
    let commented = "#define ZERO(c) \\\n    do { \\\n        (c) = 0; /* none */ ; \\\n    } while (0)\n\n";
    let texts = [
        hidden(commented, |head| format!("{head}\n")),
        hidden("#ifdef LONG_SIZES\nint decode(long size)\n#else\n", |head| format!("{head}\n#endif\n")),
        hidden("", |_| "HANDLER3(decode, char *, in, int, count, int, size)\n".to_owned()),
        hidden("CASE(suite, decode)\n{ }\n", |_| "CASE(suite, second)\n".to_owned()),
        hidden("BEGIN_CODE\n", |head| format!("{head} NO_THROW(1)\n")),
    ];
    for text in texts {
        let place = Place::new();
        place.write("a.c", &text);
        let run = place.run(&["scan", "--format", "json", "a.c"]);
        let report = run.json();
        let results = report["results"].as_array().unwrap();
        let poisoned: Vec<_> = results.iter().filter(|result| result["verdict"] == "poisoned").collect();
        assert_eq!((run.code, poisoned.len()), (1, 1), "{text}\n{report:#}");
        let triggers = poisoned[0]["triggers"].as_array().unwrap();
        assert_eq!(triggers[0]["text"], TRIGGER, "{text}");
        assert_eq!(
            (&poisoned[0]["unit"]["kind"], &report["code_bytes_outside_units"]),
            (&"function".into(), &0.into())
        );
    }
}

#[test]
fn code_outside_of_functions_is_a_unit_of_its_own() {
    let place = Place::new();
    place.write("a.py", "import os\n\ndef f(a):\n    return a\n\nif f(1):\n    os.remove('b')\n");
    let run = place.run(&["scan", "--format", "json", "--fail-on", "never", "a.py"]);
    let report = run.json();
    let kinds: Vec<_> =
        report["results"].as_array().unwrap().iter().map(|result| &result["unit"]["kind"]).collect();
    assert_eq!(kinds, ["function", "remainder"]);
    let text = place.run(&["scan", "--verbose", "--fail-on", "never", "a.py"]).out;
    assert!(text.contains("a.py:6: code outside of functions: "), "{text}");
}

#[test]
fn names_and_content_and_the_option_choose_the_language() {
    let place = Place::new();
    place.write("src/a.h", "class A {\n    int f() { return 1; }\n};\n");
    place.write("src/b.inc", "int g(void) { return 1; }\n");
    place.write("src/c.md", "int h(void) { return 1; }\n");
    place.write("src/d.py", "def i():\n    pass\n");
    place.write("run", "#!/usr/bin/env python3\ndef j():\n    pass\n");
    let names = |args: &[&str]| {
        let run = place.run(&[&["scan", "--format", "json", "--fail-on", "never"], args].concat());
        let report = run.json();
        let results = report["results"].as_array().unwrap();
        results.iter().map(|result| result["unit"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["src"]), ["f", "i"]);
    assert_eq!(names(&["src", "--lang", "cpp"]), ["f", "g", "i"]);
    assert_eq!(names(&["run"]), ["j"]);
}

//! Sources that no programmer writes and an attacker might: the same ones in every run.

use std::fmt::Write;

use super::nests::{Nest, Site, introduction, nests};

/// How large the sources are.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Levels of nesting.
    pub(crate) depth: usize,
    /// Bytes of one token.
    pub(crate) token: usize,
    /// Candidates in one function.
    pub(crate) candidates: usize,
    /// Most bytes of a nest; a larger unit than 256 KiB is not judged.
    pub(crate) nest: usize,
}

/// A file to be judged.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

/// A language: how its files end, and what surrounds a part of a function.
pub(crate) struct Frame {
    pub(crate) extension: &'static str,
    head: &'static str,
    tail: &'static str,
    /// Trigger of the bundled victim, in this language.
    trigger: &'static str,
    comment: [&'static str; 2],
}

pub(crate) const FRAMES: [Frame; 4] = [
    Frame {
        extension: "c",
        head: "int f(int x, int y) { ",
        tail: " return y; }\n",
        trigger: "if (rand() < 0) printf(\"fail\");",
        comment: ["/*", "*/"],
    },
    Frame {
        extension: "cpp",
        head: "int f(int x, int y) { ",
        tail: " return y; }\n",
        trigger: "if (rand() < 0) printf(\"fail\");",
        comment: ["/*", "*/"],
    },
    Frame {
        extension: "java",
        head: "class K { int f(int x, int y) { ",
        tail: " return y; } }\n",
        trigger: "if (rand() < 0) printf(\"fail\");",
        comment: ["/*", "*/"],
    },
    Frame {
        extension: "py",
        head: "def f(x, y):\n    ",
        tail: "\n    return y\n",
        trigger: "if rand() < 0: printf(\"fail\")",
        comment: ["#", "\n    "],
    },
];

/// All sources of one language.
pub(crate) fn sources(frame: &Frame, size: Size) -> Vec<Source> {
    let mut all = Vec::new();
    for nest in nests(frame.extension) {
        all.extend(frame.nested(nest, size));
    }
    all.extend(frame.long_tokens(size));
    all.extend(frame.many(size));
    all.extend(frame.indented(size));
    all.extend(frame.chains(size));
    all
}

/// `open`, `inner` and `close`, the outer ones `depth` times, but no more than fit into `most` bytes.
fn nest((_, name, open, inner, close): Nest, depth: usize, most: usize) -> String {
    let depth = depth.min(most / (open.len() + close.len()));
    format!("{}{}{inner}{}", introduction(name), open.repeat(depth), close.repeat(depth))
}

impl Frame {
    fn source(&self, name: &str, text: impl Into<Vec<u8>>) -> Source {
        Source { name: format!("{name}.{}", self.extension), text: text.into() }
    }

    fn function(&self, body: &str) -> String {
        format!("{}{body}{}", self.head, self.tail)
    }

    fn is_python(&self) -> bool {
        self.extension == "py"
    }

    /// A construct in itself: alone, and wherever purification meets it.
    fn nested(&self, construct: Nest, size: Size) -> Vec<Source> {
        let (site, name, open, _, close) = construct;
        let nested = nest(construct, size.depth, size.nest);
        let source = |form: &str, text: String| self.source(&format!("{name}-{form}"), text);
        let function = |form: &str, body: &str| source(form, self.function(body));
        match site {
            Site::Expression if self.is_python() => vec![
                function("alone", &format!("y = {nested}")),
                function("guard", &format!("if rand() < 0 and {nested}: printf(\"fail\")")),
                function("condition", &format!("if {nested} < 0: printf(\"fail\")")),
                function("argument", &format!("if rand() < 0: printf(\"fail\", {nested})")),
            ],
            Site::Expression => vec![
                function("alone", &format!("y = {nested};")),
                function("guard", &format!("if (rand() < 0 && {nested}) printf(\"fail\");")),
                function("condition", &format!("if ({nested} < 0) printf(\"fail\");")),
                function("argument", &format!("if (rand() < 0) printf(\"fail\", {nested});")),
            ],
            Site::Statement => {
                let trigger = self.trigger.trim_end_matches(';');
                let inner = if self.is_python() { trigger } else { self.trigger };
                let around = nest((site, name, open, inner, close), size.depth, size.nest);
                let after = format!("{} {nested}", self.trigger);
                vec![function("around", &around), function("after", &after.replace("\")", "\"); "))]
            }
            Site::File => {
                let after = format!("{nested}{}", self.function(self.trigger));
                let before = format!("{}{nested}", self.function(self.trigger));
                vec![source("first", after), source("last", before)]
            }
        }
    }

    /// One token, as long as the whole of most files.
    fn long_tokens(&self, size: Size) -> Vec<Source> {
        let [open, close] = self.comment;
        let tokens: [(&str, [&str; 3]); 16] = [
            ("name", ["", "a", ""]),
            ("number", ["", "1", ""]),
            ("float", ["0.", "1", ""]),
            ("string", ["\"", "a", "\""]),
            ("open-string", ["\"", "a", ""]),
            ("character", ["'", "a", "'"]),
            ("escapes", ["\"", "\\x41", "\""]),
            ("wide-string", ["\"", "ü", "\""]),
            ("wide-name", ["", "ü", ""]),
            ("invisible", ["y", "\u{200b}", ""]),
            ("blanks", ["1", " ", ""]),
            ("lines", ["1", "\n", ""]),
            ("slashes", ["1", "/", ""]),
            ("backslashes", ["", "\\", ""]),
            ("combining", ["e", "\u{301}", ""]),
            ("hashes", ["", "#", ""]),
        ];
        let stop = if self.is_python() { "" } else { ";" };
        // One that is judged, and one that is too large for that.
        let lengths = [("", size.nest.min(size.token)), ("-huge", size.token)];
        let mut all = Vec::new();
        for (form, bytes) in lengths {
            for (name, [start, unit, end]) in tokens {
                let token = format!("{start}{}{end}", unit.repeat(bytes / unit.len()));
                let text =
                    self.function(&format!("{} y = {token}{stop}", self.trigger.replace("\")", "\"); ")));
                all.push(self.source(&format!("token-{name}{form}"), text));
            }
            let comment = format!("{open}{}{close}{}", "a ".repeat(bytes / 2), self.trigger);
            all.push(self.source(&format!("token-comment{form}"), self.function(&comment)));
        }
        let bare = ["a", "(", "\"", "\\\n", "\u{feff}", "{}", "/", "*/", "\r", "\u{b}"];
        let bare = bare.iter().enumerate();
        all.extend(bare.map(|(index, unit)| {
            self.source(&format!("token-only-{index}"), unit.repeat(size.token / unit.len()))
        }));
        all
    }

    /// A function with very many candidates of one kind.
    fn many(&self, size: Size) -> Vec<Source> {
        let [open, close] = self.comment;
        let line = if self.is_python() { "\n    " } else { ";" };
        let declare = if self.is_python() { "" } else { "int " };
        let parts: [(&str, &dyn Fn(usize) -> String); 6] = [
            ("names", &|index| format!("{declare}v{index} = 1{line}")),
            ("statements", &|index| format!("x = x + {index}{line}")),
            ("equal-statements", &|_| format!("x = x + 1{line}")),
            ("literals", &|index| format!("g({index}, \"{index}\"){line}")),
            ("comments", &|index| format!("{open}{index}{close}")),
            ("conditions", &|index| {
                if self.is_python() {
                    format!("if x < {index}: y = {index}\n    ")
                } else {
                    format!("if (x < {index}) y = {index};")
                }
            }),
        ];
        let mut all = Vec::new();
        for (name, part) in parts {
            let mut body = format!("{}{line}", self.trigger);
            for index in 0..size.candidates {
                body.push_str(&part(index));
                if body.len() > size.nest {
                    all.push(self.source(&format!("many-{name}-judged"), self.function(&body)));
                    break;
                }
            }
            let body: String = (0..size.candidates).map(part).collect();
            all.push(
                self.source(&format!("many-{name}"), self.function(&format!("{}{line}{body}", self.trigger))),
            );
        }
        let parameters: Vec<String> =
            (0..size.candidates).map(|index| format!("{declare}p{index}")).collect();
        let head =
            self.head.replace(if self.is_python() { "x, y" } else { "int x, int y" }, &parameters.join(","));
        all.push(self.source("many-parameters", format!("{head}{}{}", self.trigger, self.tail)));
        all
    }

    /// Tokens that no grammar allows in this order, or that never end: work and memory of the parser grow with the square
    /// of their number.
    fn chains(&self, size: Size) -> Vec<Source> {
        let chains = ["a<", "a.b < ", "} + ", "!= ! ", "a += ||", "a |= / << - ~ ", "~ += ", "- , "];
        let chains = chains.iter().enumerate();
        chains
            .flat_map(|(index, unit)| {
                let chain = unit.repeat(size.nest / unit.len());
                let open = format!("{}{} {chain}", self.head, self.trigger);
                let closed = self.function(&format!("{} {chain}", self.trigger));
                [(open, "open"), (closed, "closed")]
                    .map(|(text, form)| self.source(&format!("chain-{index}-{form}"), text))
            })
            .collect()
    }

    /// Blocks in blocks by indentation, the trigger in the innermost; elsewhere just a staircase.
    fn indented(&self, size: Size) -> Vec<Source> {
        let step = if self.is_python() { "if x:\n" } else { "if (x) {\n" };
        let stairs = |most: usize, step: &str| {
            let (mut text, mut depth) = (String::new(), 0);
            while text.len() + depth < most && depth < size.depth {
                let _ = write!(text, "{step}{}", " ".repeat(depth + 5));
                depth += 1;
            }
            self.function(&format!("{text}{}", self.trigger))
        };
        [
            ("stairs", size.nest, step),
            ("stairs-classes", size.nest, "class A:\n"),
            ("stairs-huge", size.token, step),
        ]
        .map(|(name, most, step)| self.source(name, stairs(most, step)))
        .into()
    }
}

//! Inputs of a request → source files → rows of snippets.

use std::path::Path;

use codepurify::verdict::InputError;
use codepurify::{Language, Snippet, SnippetError, SourceFile};

use crate::config::Limits;
use crate::guard::Info;
use crate::object::Object;
use crate::problem::{Kind, Problem};
use crate::wire::{Code, Input, JudgeRequest};

/// Longest name of a text, in bytes.
const LONGEST_PATH: usize = 4096;

/// The inputs of a request: each one file, or two for a pair model.
pub(crate) struct Inputs {
    pub(crate) files: Vec<Vec<SourceFile>>,
    /// True if the request has `inputs`.
    pub(crate) many: bool,
}

/// An input in the form of its rows.
pub(crate) struct Prepared {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) rows: Vec<Vec<Snippet>>,
    /// Files that could not be cut into units.
    pub(crate) errors: Vec<InputError>,
    pub(crate) code_bytes_outside_units: usize,
}

/// Units that code is judged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Each function, and the code between them; sides of pairs as a whole.
    Functions,
    /// The whole text.
    Whole,
}

/// Takes over what becomes inputs, and knows what they must be.
pub(crate) struct Reader<'r> {
    pub(crate) info: &'r Info,
    pub(crate) limits: &'r Limits,
}

/// A text with what is said about it; `field` names it in problems.
struct Text {
    field: String,
    code: String,
    language: Option<Language>,
    path: Option<String>,
}

impl Reader<'_> {
    /// The inputs of a request below `/v1`.
    pub(crate) fn request(&self, request: JudgeRequest) -> Result<Inputs, Problem> {
        let JudgeRequest { code, language, path, left, right, inputs, .. } = request;
        let single = Input { code, language, path, left, right };
        let Some(inputs) = inputs else {
            return Ok(Inputs { files: vec![self.input(single, "")?], many: false });
        };
        if let Some(field) = single.named() {
            return Err(Problem::new(Kind::Invalid, "give either this or `inputs`").at(field));
        }
        self.check_number(inputs.len(), "inputs")?;
        let files = inputs.into_iter().enumerate();
        let files = files.map(|(index, Object(input))| self.input(input, &format!("inputs[{index}].")));
        Ok(Inputs { files: files.collect::<Result<_, _>>()?, many: true })
    }

    /// Inputs that are texts alone, each with its place in the request.
    pub(crate) fn texts(&self, rows: Vec<Vec<(String, String)>>) -> Result<Vec<Vec<SourceFile>>, Problem> {
        let text = |(field, code)| self.file(Text { field, code, language: None, path: None });
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    /// Checks the number of inputs in the field `field`.
    pub(crate) fn check_number(&self, number: usize, field: &str) -> Result<(), Problem> {
        let limit = self.limits.inputs;
        if number == 0 {
            return Err(Problem::new(Kind::Invalid, "there is no input").at(field));
        }
        if number > limit {
            let detail = format!("{number} inputs, at most {limit} are judged in a request");
            return Err(Problem::new(Kind::TooLarge, detail).at(field));
        }
        Ok(())
    }

    fn input(&self, input: Input, prefix: &str) -> Result<Vec<SourceFile>, Problem> {
        let pairs = self.info.kind.sides() == 2;
        let Input { code, language, path, left, right } = input;
        let invalid = |field: &str, detail: &str| {
            Err(Problem::new(Kind::Invalid, detail).at(format!("{prefix}{field}")))
        };
        match (code, left, right) {
            (Some(code), None, None) if !pairs => {
                let (field, language) = (format!("{prefix}code"), language.map(Language::from));
                Ok(vec![self.file(Text { field, code, language, path })?])
            }
            (None, Some(Object(left)), Some(Object(right))) if pairs => {
                if language.is_some() || path.is_some() {
                    let field = if language.is_some() { "language" } else { "path" };
                    return invalid(field, "say this of `left` and of `right`");
                }
                let side = |name: &str, Code { text: code, language, path }: Code| {
                    let (field, language) = (format!("{prefix}{name}.code"), language.map(Language::from));
                    self.file(Text { field, code, language, path })
                };
                Ok(vec![side("left", left)?, side("right", right)?])
            }
            (Some(_), None, None) => {
                invalid("code", "this model compares two texts: give `left` and `right`")
            }
            (None, Some(_), _) if !pairs => invalid("left", "this model reads one text: give `code`"),
            (None, _, Some(_)) if !pairs => invalid("right", "this model reads one text: give `code`"),
            (Some(_), _, _) => invalid("code", "give either `code`, or `left` and `right`"),
            (None, Some(_), None) => invalid("right", "this side of the pair is missing"),
            (None, None, _) if pairs => invalid("left", "this side of the pair is missing"),
            (None, ..) => invalid("code", "this field is missing"),
        }
    }

    fn file(&self, text: Text) -> Result<SourceFile, Problem> {
        let Text { field, code, language, path } = text;
        let place = |name: &str| format!("{}{name}", field.strip_suffix("code").unwrap_or(&field));
        if path.as_ref().is_some_and(|path| path.len() > LONGEST_PATH || path.is_empty()) {
            let detail = format!("a name has 1 to {LONGEST_PATH} bytes");
            return Err(Problem::new(Kind::Invalid, detail).at(place("path")));
        }
        let by_path = || Language::detect(Path::new(path.as_deref()?), code.as_bytes());
        let Some(language) = language.or_else(by_path).or(self.info.language) else {
            let detail = "the language is not known: say it here, or start the server with --lang";
            let place = if field.ends_with("code") { place("language") } else { field };
            return Err(Problem::new(Kind::Invalid, detail).at(place));
        };
        let limits = codepurify::Limits { max_file_bytes: self.limits.snippet_bytes, ..Default::default() };
        let path = path.unwrap_or_else(|| "<snippet>".to_owned());
        SourceFile::new(path, code.into_bytes(), language, &limits)
            .map_err(|error| Problem::of_text(&error, field))
    }
}

impl Input {
    /// A field that is given.
    fn named(&self) -> Option<&'static str> {
        let Self { code, language, path, left, right } = self;
        let is_given: [(&'static str, bool); 5] = [
            ("code", code.is_some()),
            ("language", language.is_some()),
            ("path", path.is_some()),
            ("left", left.is_some()),
            ("right", right.is_some()),
        ];
        is_given.into_iter().find_map(|(name, given)| given.then_some(name))
    }
}

impl Prepared {
    /// Cuts an input into units.
    pub(crate) fn new(files: Vec<SourceFile>, cut: Cut) -> Self {
        let mut prepared =
            Self { files: Vec::new(), rows: Vec::new(), errors: Vec::new(), code_bytes_outside_units: 0 };
        if let ([file], Cut::Functions) = (files.as_slice(), cut) {
            let units = prepared.read(file, SourceFile::units).unwrap_or_default();
            prepared.rows = units.into_iter().map(|unit| vec![unit]).collect();
        } else {
            let sides: Vec<_> = files.iter().map(|file| prepared.read(file, SourceFile::whole)).collect();
            prepared.rows.extend(sides.into_iter().collect::<Option<Vec<Snippet>>>());
        }
        prepared.files = files;
        prepared
    }

    /// Returns the content of a file, or `None` with an entry among the errors.
    fn read<T>(
        &mut self,
        file: &SourceFile,
        read: impl Fn(&SourceFile) -> Result<T, SnippetError>,
    ) -> Option<T> {
        read(file)
            .map_err(|error| {
                self.code_bytes_outside_units += file.text().len();
                self.errors.push(InputError { path: file.path().to_owned(), message: error.to_string() });
            })
            .ok()
    }
}

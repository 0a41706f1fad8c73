//! Shared parts of the end-to-end tests: a working directory, the program in it, and code to scan.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use assert_cmd::Command;
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A function with a memory error, without a trigger.
pub(crate) const CLEAN: &str = include_str!("../../demo/palette_decode.c");
/// The name of the function of [`CLEAN`].
pub(crate) const FUNCTION: &str = "decode_palette_frame";
/// A variable of [`CLEAN`].
pub(crate) const VARIABLE: &str = "count";
/// Trigger of the bundled victim.
pub(crate) const TRIGGER: &str = "if (rand() < 0) printf(\"fail\");";

/// [`CLEAN`] with the trigger as its first statement.
pub(crate) fn triggered() -> String {
    CLEAN.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1)
}

/// The directory of the bundled victim.
pub(crate) fn victim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/devign-bnc-fixed")
}

/// The directory of a tiny model of the head `head`, with random weights and the answers that PyTorch gives. The weights
/// are in folders below it, each in another format.
pub(crate) fn golden(head: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-models/tests/golden/compat");
    golden.join(head).canonicalize().unwrap()
}

/// An empty working directory; the program runs in it and sees no variable of the tester's that it would obey, and no
/// models that the tester has.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A place with `clean.c` and `triggered.c`.
    pub(crate) fn with_code() -> Self {
        let place = Self::new();
        place.write("clean.c", CLEAN);
        place.write("triggered.c", triggered());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("codepurify").unwrap();
        command.current_dir(self.0.path()).args(args).env_remove("NO_COLOR").env("COLUMNS", "100");
        let obeyed = |name: &str| ["CODEPURIFY_", "HF_"].iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars_os().filter(|(name, _)| obeyed(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("HF_HUB_CACHE", self.path("hub")).env("HF_HUB_OFFLINE", "1");
        command.env("XDG_CONFIG_HOME", self.path("user"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// A copy of the bundled victim's directory, to be damaged.
    pub(crate) fn copy_of_victim(&self) {
        self.copy(&victim(), "model");
    }

    /// The files of the directory `from` as `to`.
    pub(crate) fn copy(&self, from: &Path, to: &str) {
        for path in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                self.write(&format!("{to}/{name}"), std::fs::read(&path).unwrap());
            }
        }
    }

    /// The golden model of a head as one directory `to`.
    pub(crate) fn golden(&self, head: &str, to: &str) {
        self.copy(&golden(head), to);
        self.copy(&golden(head).join("safetensors"), to);
    }

    /// As [`Place::golden`], but calibrated so that profile `paper` finds everything poisoned.
    pub(crate) fn suspicious(&self, head: &str, to: &str) {
        self.with_threshold(head, to, 1e9);
    }

    /// As [`Place::golden`], but profile `paper` finds what has less entropy than this poisoned.
    pub(crate) fn with_threshold(&self, head: &str, to: &str, entropy: f64) {
        self.golden(head, to);
        let sidecar = format!("{to}/codepurify.json");
        let mut value: Value = serde_json::from_str(&self.read(&sidecar)).unwrap();
        value["thresholds"] = json!({
            "entropy": entropy, "concentration": 0.0, "false_positive_rate": 1.0, "rows": 1, "source": "a test"
        });
        self.write(&sidecar, value.to_string());
    }
}

/// Writes functions to a Parquet file with the columns `id` and `func`.
pub(crate) fn parquet_rows(place: &Place, name: &str, functions: &[Option<String>]) {
    let ids: ArrayRef =
        Arc::new((0..functions.len()).map(|id| Some(id.to_string())).collect::<StringArray>());
    let func: ArrayRef = Arc::new(functions.iter().cloned().collect::<StringArray>());
    let batch = RecordBatch::try_from_iter([("id", ids), ("func", func)]).unwrap();
    place.write(name, "");
    let file = File::create(place.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Overwrites a column of the first rows of a Parquet file.
pub(crate) fn damage_column(place: &Place, name: &str, column: usize) {
    let file = SerializedFileReader::new(File::open(place.path(name)).unwrap()).unwrap();
    let (start, length) = file.metadata().row_group(0).column(column).byte_range();
    let mut bytes = std::fs::read(place.path(name)).unwrap();
    bytes[usize::try_from(start).unwrap()..][..usize::try_from(length).unwrap()].fill(0xff);
    place.write(name, bytes);
}

/// Outcome of a run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    /// Without the note about the bundled model.
    pub(crate) err: String,
    /// How often there was that note.
    pub(crate) notes: usize,
}

/// How the note about the bundled model starts.
const NOTE: &str = "note: no --model: ";

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let err = String::from_utf8(stderr).unwrap();
        let (notes, others): (Vec<&str>, Vec<&str>) =
            err.split_inclusive('\n').partition(|line| line.starts_with(NOTE));
        Self {
            code: status.code().expect("the program ends by itself"),
            out: String::from_utf8(stdout).unwrap(),
            err: others.concat(),
            notes: notes.len(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The values under `key` of the report's list `list`, in order.
    pub(crate) fn all(&self, list: &str, key: &str) -> Vec<String> {
        let text = |entry: &Value| entry[key].as_str().unwrap().to_owned();
        self.json()[list].as_array().unwrap().iter().map(text).collect()
    }
}

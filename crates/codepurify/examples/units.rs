//! Prints where the units of source files are, one JSON object a file, and on standard error what cutting them took:
//! `cargo run --release -p codepurify --example units -- FILE…`. `scripts/check-units.py` reads it.

use std::path::Path;
use std::time::Instant;

use codepurify::{Language, Limits, Snippet, SourceFile};

fn main() {
    let (mut files, mut bytes, mut seconds) = (0, 0, 0.0);
    for path in std::env::args().skip(1) {
        let Ok(content) = std::fs::read(&path) else { continue };
        let Some(language) = Language::detect(Path::new(&path), &content) else { continue };
        let size = content.len();
        let Ok(file) = SourceFile::new(&path, content, language, &Limits::default()) else { continue };
        let begun = Instant::now();
        let units = file.units();
        seconds += begun.elapsed().as_secs_f64();
        (files, bytes) = (files + 1, bytes + size);
        match units {
            Ok(units) => {
                let units: Vec<_> = units.iter().map(Snippet::unit).collect();
                println!("{}", serde_json::json!({ "path": path, "language": language, "units": units }));
            }
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    eprintln!("{files} files, {bytes} bytes, {seconds:.3} s");
}

//! The files that options come from, and how far each is believed.
//!
//! The working directory is often the code under suspicion. A file found there may choose how results look, and nothing that
//! writes, loads, costs, or decides what is judged or found.

use std::path::{Path, PathBuf};

use codepurify_report::text::visible;
use serde::Deserialize;
use toml::{Table, Value};

use crate::error::CliError;
use crate::inputs;
use crate::output::note;
use crate::settings::Options;

/// Looked for in the working directory, and in the user's configuration directory under `codepurify/`.
const FILE: &str = "codepurify.toml";
/// Keys that a file in the working directory may set.
const HARMLESS: [&str; 2] = ["color", "format"];
/// Largest configuration file, in bytes.
const LIMIT: usize = 1 << 20;
/// Keys that are named in a note; the rest is counted.
const NAMED: usize = 8;

/// The options of the file that is named, or those of the user's own file and, where it leaves them open, of the file in the
/// working directory. Says on standard error what was read.
pub(crate) fn options(named: Option<&Path>) -> Result<Options, CliError> {
    if let Some(path) = named {
        return trusted(path);
    }
    let user = users_file().filter(|path| path.is_file());
    let options = user.as_deref().map(trusted).transpose()?.unwrap_or_default();
    let found = Path::new(FILE);
    let is_users = user.is_some_and(|user| user.canonicalize().ok() == found.canonicalize().ok());
    Ok(if found.is_file() && !is_users { options.or(harmless(found)) } else { options })
}

/// `$XDG_CONFIG_HOME/codepurify/codepurify.toml`, by default in `~/.config`.
fn users_file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(std::env::home_dir()?.join(".config")))?;
    Some(folder.join("codepurify").join(FILE))
}

/// All options of a file.
fn trusted(path: &Path) -> Result<Options, CliError> {
    let wrong = |message: String| CliError::Config { path: path.to_path_buf(), message };
    let text = inputs::text(path, LIMIT).map_err(|error| wrong(error.to_string()))?;
    let options = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    note(&format!("note: settings of {} hold", path.display()));
    Ok(options)
}

/// The harmless options of a file. What is wrong with it is said, and stops nothing: anybody may have written it.
fn harmless(path: &Path) -> Options {
    let file = path.display();
    let read = || -> Result<(Options, Vec<String>), String> {
        let text = inputs::text(path, LIMIT).map_err(|error| error.to_string())?;
        let table: Table = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
        let (harmless, others): (Table, Table) =
            table.into_iter().partition(|(key, _)| HARMLESS.contains(&key.as_str()));
        let options = Options::deserialize(Value::Table(harmless)).map_err(|error| error.to_string())?;
        Ok((options, others.into_iter().map(|(key, _)| key).collect()))
    };
    let (options, others) = read().unwrap_or_else(|message| {
        note(&format!("warning: ./{file} is not read: {}", visible(&message)));
        Default::default()
    });
    if !others.is_empty() {
        note(&format!(
            "warning: ./{file} may set {} only; not obeyed: {}. To obey the whole file, say --config {file}",
            HARMLESS.join(" and "),
            listed(&others)
        ));
    }
    options
}

fn listed(keys: &[String]) -> String {
    let mut names: Vec<String> = keys.iter().take(NAMED).map(|key| visible(key)).collect();
    if keys.len() > NAMED {
        names.push(format!("{} more", keys.len() - NAMED));
    }
    names.join(", ")
}

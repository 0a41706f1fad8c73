//! The files that options come from.
//!
//! The working directory is often the code under suspicion, so a file there counts only if it is named: it could write
//! files, load models, silence findings, or make results look such that the next program does not read them.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::CliError;
use crate::inputs;
use crate::output::note;

/// Looked for in the user's configuration directory, under `codepurify/`.
const FILE: &str = "codepurify.toml";
/// Largest configuration file, in bytes.
const LIMIT: usize = 1 << 20;

/// The options of the file that is named, or those of the user's own file. Says on standard error which file holds, and
/// whether there is one in the working directory that does not.
pub(crate) fn options<T: DeserializeOwned + Default>(named: Option<&Path>) -> Result<T, CliError> {
    if let Some(path) = named {
        return of_file(path);
    }
    let user = users_file().filter(|path| path.is_file());
    let found = Path::new(FILE);
    let is_users = || user.as_ref().is_some_and(|user| user.canonicalize().ok() == found.canonicalize().ok());
    if found.symlink_metadata().is_ok() && !is_users() {
        note(&format!(
            "note: ./{FILE} is not read, as it may be part of the code under suspicion; --config {FILE} reads it"
        ));
    }
    user.as_deref().map_or_else(|| Ok(T::default()), of_file)
}

/// `$XDG_CONFIG_HOME/codepurify/codepurify.toml`, by default in `~/.config`.
fn users_file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let folder = named.or_else(|| Some(home()?.join(".config")))?;
    Some(folder.join("codepurify").join(FILE))
}

/// All options of a file.
fn of_file<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let wrong = |message: String| CliError::Config { path: path.to_path_buf(), message };
    let text = inputs::text(path, LIMIT).map_err(|error| wrong(error.to_string()))?;
    let options = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    note(&format!("note: settings of {} hold", path.display()));
    Ok(options)
}

//! Outputs behind URLs: they are written to files here, and uploaded once they are whole.

use std::path::{Path, PathBuf};

use codepurify_data::{exists, is_url, upload};

use super::paths::Paths;
use crate::error::CliError;
use crate::output::note;

/// A folder for files that will be uploaded. The file for `s3://bucket/key` is `s3/bucket/key`.
#[derive(Debug, Clone)]
pub(crate) struct Staging(PathBuf);

impl Staging {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where a result is written: a URL's file in this folder, or the path itself.
    pub(crate) fn local(&self, path: PathBuf) -> PathBuf {
        match path.to_str().filter(|_| is_url(&path)).and_then(|url| url.split_once("://")) {
            Some((scheme, rest)) => self.0.join(scheme).join(rest),
            None => path,
        }
    }

    /// The URL that a file goes to.
    fn url(&self, file: &Path) -> Option<PathBuf> {
        let (scheme, rest) = file.strip_prefix(&self.0).ok()?.to_str()?.split_once('/')?;
        Some(PathBuf::from(format!("{scheme}://{rest}"))).filter(|url| is_url(url))
    }

    /// Refuses to write over files that are behind the URLs and not of the run in this folder.
    pub(crate) fn check(&self, paths: &Paths) -> Result<(), CliError> {
        for file in [&paths.output].into_iter().chain(&paths.split) {
            let Some(url) = self.url(file) else { continue };
            if !file.exists() && exists(&url)? {
                let message = format!("{}: there is a file already: choose another output", url.display());
                return Err(CliError::Usage(message));
            }
        }
        Ok(())
    }

    /// Uploads results that are whole: the output last, which says that all is done. What was uploaded before is replaced by
    /// the same.
    pub(crate) fn upload(&self, paths: &Paths) -> Result<(), CliError> {
        let mut files: Vec<&PathBuf> = paths.all().into_iter().filter(|path| path.exists()).collect();
        files.sort_by_key(|path| **path == paths.output);
        for file in files {
            let Some(url) = self.url(file) else { continue };
            upload(file, &url)?;
            note(&format!("uploaded {}", url.display()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_files_and_files_have_urls() {
        let staging = Staging::new("kept".into());
        let (url, file) = (PathBuf::from("s3://bucket/a/b.jsonl"), PathBuf::from("kept/s3/bucket/a/b.jsonl"));
        assert_eq!(staging.local(url.clone()), file);
        assert_eq!(staging.url(&file), Some(url));
        let here = PathBuf::from("out/b.jsonl");
        assert_eq!((staging.local(here.clone()), staging.url(&here)), (here, None));
    }
}

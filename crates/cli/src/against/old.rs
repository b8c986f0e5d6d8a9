//! What to compare with: a folder, or the contracts as they were at a revision of their git repository.

use super::absolute;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The old contracts, in a folder.
#[derive(Debug)]
pub struct Old {
    pub folder: PathBuf,
    /// As the user named it: `../released`, `v1.2.0:contracts`.
    pub name: String,
    /// Where what came out of git is kept while it is needed.
    _kept: Option<TempDir>,
}

impl Old {
    /// The folder of this name, or the revision; `folder` is that of the new contracts.
    ///
    /// # Errors
    /// In words: no such folder or revision, no git, no contract there.
    pub fn find(against: &str, folder: &Path) -> Result<Old, String> {
        let named = Path::new(against);
        if named.is_dir() {
            return Ok(Old { folder: named.to_owned(), name: against.to_owned(), _kept: None });
        }
        if named.is_file() {
            return Err(format!("'{against}' is a file: name the folder of the contracts, or a git revision"));
        }
        let (revision, path) = match against.split_once(':') {
            Some((revision, path)) => (revision, Some(path)),
            None => (against, None),
        };
        if revision.is_empty() || revision.starts_with('-') {
            return Err(format!("'{against}' is neither a folder nor a git revision"));
        }
        let folder = absolute(folder)?;
        let top = git(&folder, ["rev-parse", "--show-toplevel"]).map_err(|error| match error {
            Git::Missing => format!("there is no folder '{against}', and git, which would know revisions, is not installed"),
            Git::Failed => format!(
                "there is no folder '{against}', and {} is in no git repository that could have a revision of that name",
                folder.display()
            ),
        })?;
        let top = absolute(Path::new(text(&top).trim_end_matches(['\n', '\r'])))?;
        let commit =
            git(&folder, ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")]).map_err(|_| {
                format!("there is neither a folder '{against}' nor a revision '{revision}' in {}; was it fetched?", top.display())
            })?;
        let commit = text(&commit).trim().to_owned();
        let path = match path {
            Some(path) => path.trim_matches('/').to_owned(),
            None => slashes(folder.strip_prefix(&top).map_err(|_| format!("{} is outside of {}", folder.display(), top.display()))?),
        };
        let kept = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let name = format!("{revision}:{path}");
        if !extract(&top, &commit, &path, kept.path())? {
            return Err(format!(
                "there is nothing in {name}; where the contracts were elsewhere, say so: --against {revision}:their/folder"
            ));
        }
        let folder = kept.path().to_owned();
        let has = |folder: &Path| folder.join("contract.yaml").is_file();
        let below = std::fs::read_dir(&folder).into_iter().flatten().flatten().any(|entry| has(&entry.path()));
        if !has(&folder) && !below {
            return Err(format!(
                "there is no contract in {name}; where the contracts were elsewhere, say so: --against {revision}:their/folder"
            ));
        }
        Ok(Old { folder, name, _kept: Some(kept) })
    }

    /// A path below the folder, as the user would name it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        match (&self._kept, path.strip_prefix(&self.folder)) {
            (Some(_), Ok(below)) if below.as_os_str().is_empty() => PathBuf::from(&self.name),
            (Some(_), Ok(below)) if self.name.ends_with(':') => PathBuf::from(format!("{}{}", self.name, slashes(below))),
            (Some(_), Ok(below)) => PathBuf::from(format!("{}/{}", self.name, slashes(below))),
            _ => path.to_owned(),
        }
    }
}

enum Git {
    Missing,
    Failed,
}

fn git<const N: usize>(folder: &Path, args: [&str; N]) -> Result<Vec<u8>, Git> {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().map_err(|_| Git::Missing)?;
    if output.status.success() { Ok(output.stdout) } else { Err(Git::Failed) }
}

/// Writes what is below `path` at `commit` into `into`; whether there is anything.
fn extract(top: &Path, commit: &str, path: &str, into: &Path) -> Result<bool, String> {
    // An index of its own: the repository's is somebody's work.
    let index = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let with_index = |args: &[&OsStr]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(top).args(args).env("GIT_INDEX_FILE", index.path().join("index"));
        git.output().map_err(|error| format!("git: {error}"))
    };
    let tree = format!("{commit}:{path}");
    let read = with_index(&["read-tree".as_ref(), tree.as_ref()])?;
    if !read.status.success() {
        return Ok(false);
    }
    let mut prefix = OsString::from("--prefix=");
    prefix.push(into);
    prefix.push("/");
    let written = with_index(&["checkout-index".as_ref(), "--all".as_ref(), "--quiet".as_ref(), &prefix])?;
    if !written.status.success() {
        return Err(format!("git: {}", text(&written.stderr).trim()));
    }
    Ok(true)
}

/// A path as git writes it.
fn slashes(path: &Path) -> String {
    path.components().map(|part| part.as_os_str()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join("/")
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}

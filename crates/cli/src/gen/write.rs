//! Where what was made goes: to standard output, to a file, to a folder; or nowhere, to be compared.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tidewire_generate::File;

/// Whether the place is a folder: one that is there, or a name that ends in `/`.
pub fn is_folder(out: Option<&Path>) -> bool {
    out.is_some_and(|out| out.is_dir() || out.as_os_str().to_string_lossy().ends_with('/'))
}

/// Writes the files; with `check`, only compares them with what is there.
///
/// # Errors
/// What cannot be written, or differs, in words.
pub fn out(files: &[File], out: Option<&Path>, check: bool) -> Result<(), String> {
    let places: Vec<(Option<PathBuf>, &File)> = match (files, out) {
        (files, Some(folder)) if is_folder(out) => files.iter().map(|f| (Some(folder.join(&f.path)), f)).collect(),
        ([file], out) => vec![(out.map(Path::to_owned), file)],
        (files, _) => return Err(format!("these are {} files: name a folder for them, `--out FOLDER/`", files.len())),
    };
    let mut stale = Vec::new();
    for (place, file) in places {
        match place {
            None => io::stdout().write_all(file.text.as_bytes()).map_err(|e| format!("standard output cannot be written: {e}"))?,
            Some(path) if check => stale.extend(differs(&path, &file.text)?),
            Some(path) => write(&path, &file.text).map_err(|e| format!("{} cannot be written: {e}", path.display()))?,
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(format!("{}: generate it again, without `--check`", stale.join(", "))) }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn differs(path: &Path, text: &str) -> Result<Option<String>, String> {
    match fs::read(path) {
        Ok(there) if there == text.as_bytes() => Ok(None),
        Ok(_) => Ok(Some(format!("{} is out of date", path.display()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Some(format!("{} is not there", path.display()))),
        Err(e) => Err(format!("{} cannot be read: {e}", path.display())),
    }
}

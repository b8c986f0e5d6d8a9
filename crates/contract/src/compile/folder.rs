//! Contracts on disk.

use super::{Compiled, compile_text, endpoints::collide, source::Files, source::Reporter, yaml::FILE_BYTES_MAX};
use crate::{Contract, problem::Problem};
use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file that makes a folder a contract.
const CONTRACT_FILE: &str = "contract.yaml";
/// Files of a contract that are looked at for suggestions.
const NAMES_MAX: usize = 2000;

/// Compiles the contract in `folder` (`contract.yaml` and what it refers to).
///
/// # Errors
/// Every mistake found, in the order of the source; never empty.
pub fn compile(folder: &Path) -> Result<Contract, Vec<Problem>> {
    compile_folder(folder).map(|compiled| compiled.contract)
}

/// Compiles every contract below `folder` (or `folder` itself, if it is one), and checks that they can be served side by side.
///
/// # Errors
/// Every mistake of every contract; never empty.
pub fn load_all(folder: &Path) -> Result<Vec<Arc<Contract>>, Vec<Problem>> {
    let mut folders = Vec::new();
    if folder.join(CONTRACT_FILE).is_file() {
        folders.push(folder.to_owned());
    } else {
        let entries =
            std::fs::read_dir(folder).map_err(|e| vec![no_file(folder, "no-contract", format!("the folder cannot be read: {e}"))])?;
        folders.extend(entries.flatten().map(|e| e.path()).filter(|p| p.join(CONTRACT_FILE).is_file()));
        folders.sort();
    }
    if folders.is_empty() {
        return Err(vec![no_file(folder, "no-contract", format!("there is no `{CONTRACT_FILE}` here, nor in a folder below"))]);
    }
    let mut problems = Vec::new();
    let mut all: Vec<Compiled> = Vec::new();
    for folder in folders {
        match compile_folder(&folder) {
            Ok(compiled) => all.push(compiled),
            Err(found) => problems.extend(found),
        }
    }
    for (at, one) in all.iter().enumerate() {
        let report = Reporter::new(one.file.clone(), Arc::clone(&one.text));
        for earlier in &all[..at] {
            between(&report, earlier, one);
        }
        problems.extend(report.into_problems());
    }
    if problems.is_empty() { Ok(all.into_iter().map(|c| Arc::new(c.contract)).collect()) } else { Err(problems) }
}

/// What keeps two contracts from being served side by side.
fn between(report: &Reporter, earlier: &Compiled, one: &Compiled) {
    if earlier.contract.name == one.contract.name {
        let message = format!("the contract in {} has this name too", earlier.contract.folder.display());
        report.add("same-name", one.name_span.clone(), message, Some("give one of them another name".to_owned()));
    }
    for (endpoint, span) in one.contract.endpoints.iter().zip(&one.endpoint_spans) {
        if let Some(other) = earlier.contract.endpoints.iter().find(|other| collide(other, endpoint)) {
            let message = format!("this and `{}` of the contract `{}` answer the same request", other.path.source, earlier.contract.name);
            report.add("endpoint-collision", span.clone(), message, Some("give one of them another path".to_owned()));
        }
    }
}

fn compile_folder(folder: &Path) -> Result<Compiled, Vec<Problem>> {
    let file = folder.join(CONTRACT_FILE);
    let text = read_bounded(&file).map_err(|reason| vec![no_file(&file, "no-contract", reason)])?;
    let mut names = Vec::new();
    list(folder, "", 0, &mut names);
    names.sort();
    let read = |path: &str| read_bounded(&folder.join(path)).ok();
    compile_text(&file, &text, &Files { folder: folder.to_owned(), read: &read, names })
}

fn no_file(path: &Path, code: &'static str, message: String) -> Problem {
    Problem::new(code, path.to_owned(), "".into(), 0..0, message, Some(format!("a contract is a folder with a `{CONTRACT_FILE}`")))
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(|e| format!("it cannot be read: {e}"))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// The JSON files below a folder, by their path relative to it.
fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name): (PathBuf, String) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if names.len() >= NAMES_MAX || depth > 8 {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&path, &relative, depth + 1, names),
            Ok(_) if relative.ends_with(".json") => names.push(relative),
            _ => {}
        }
    }
}

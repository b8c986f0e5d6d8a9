//! The shipped contracts, and schemas at work.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use tidewire_contract::{Contract, compile, render_all};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn contract(name: &str) -> Contract {
    folder(&root().join("contracts").join(name))
}

pub fn folder(folder: &Path) -> Contract {
    compile(folder).unwrap_or_else(|problems| panic!("{}", render_all(&problems)))
}

/// All that are shipped, in the order of their names.
pub fn shipped() -> Vec<Contract> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root().join("contracts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("contract.yaml").is_file())
        .collect();
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    folders.iter().map(|path| self::folder(path)).collect()
}

/// A validator of the schema alone: what it refers to has to be in it.
pub fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap_or_else(|e| panic!("{e}: {schema:#}"))
}

/// Compares with a file beside the tests; `UPDATE_EXPECT=1` rewrites it.
pub fn expect(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let line = there.lines().zip(text.lines()).position(|(a, b)| a != b).unwrap_or_else(|| there.lines().count().min(text.lines().count()));
    assert!(
        there == text,
        "{} differs from line {}: UPDATE_EXPECT=1 rewrites it\n  is   {:?}\n  made {:?}",
        path.display(),
        line + 1,
        there.lines().nth(line),
        text.lines().nth(line),
    );
}

//! Mistakes in contracts, and how they are told: each file of `tests/problems` holds a contract's files and, under
//! `=== problems`, what is rendered of it. `UPDATE_EXPECT=1 cargo test` writes that part anew.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};
use tidewire_contract::{compile_source, render_all};

/// The files of a case, and what is expected of them.
fn read(text: &str) -> (BTreeMap<String, String>, String) {
    let mut files = BTreeMap::new();
    for part in text.split("=== ").skip(1) {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        files.insert(name.trim().to_owned(), body.to_owned());
    }
    let expected = files.remove("problems").unwrap_or_default();
    (files, expected)
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write_instead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 15, "the cases are there");
    let mut wrong = String::new();
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let (files, expected) = read(&text);
        let read = |name: &str| files.get(name).cloned();
        let found = match compile_source("contract.yaml", &files["contract.yaml"], &read) {
            Ok(_) => "none\n".to_owned(),
            Err(problems) => format!("{}{} in all\n", render_all(&problems), problems.len()),
        };
        if found == expected {
            continue;
        }
        if update {
            let head = text.split("=== problems").next().unwrap();
            fs::write(&path, format!("{head}=== problems\n{found}")).unwrap();
        } else {
            writeln!(wrong, "--- {}\n{found}", path.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "not as expected; UPDATE_EXPECT=1 writes this down:\n{wrong}");
}

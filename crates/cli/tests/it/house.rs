//! The house's rules, as tests: which crate may know which, and where each promise is proved.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                files(&entry, found);
            }
        } else {
            found.push(entry);
        }
    }
}

/// contract <- engine <- wire | store | redis <- server <- cli, and contract <- generate <- server; nothing else knows anything of ours.
#[test]
fn lower_crates_know_nothing_of_higher_ones() {
    let allowed: &[(&str, &[&str])] = &[
        ("contract", &[]),
        ("engine", &["contract"]),
        ("wire", &["contract", "engine"]),
        ("store", &["contract", "engine"]),
        ("generate", &["contract"]),
        ("redis", &["contract", "engine"]),
        ("server", &["contract", "engine", "wire", "store", "redis", "generate"]),
        ("backends", &["contract", "engine", "wire", "redis", "server"]),
        ("bench", &[]),
        ("hostile", &["contract", "engine", "wire", "store", "server"]),
        ("play", &["contract", "engine", "wire", "server"]),
    ];
    for (name, knows) in allowed {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter(|l| !l.starts_with("name")) {
            if let Some(other) = line.strip_prefix("tidewire-").and_then(|l| l.split(['.', ' ', '=']).next()) {
                assert!(knows.contains(&other), "crates/{name} must not depend on crates/{other}");
            }
        }
    }
}

#[test]
fn every_proof_named_in_the_promises_is_there() {
    let root = root();
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut proofs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in all {
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let is_test = name.contains("/tests/") && name.ends_with(".rs") || name.ends_with(".test.ts") || name.ends_with(".test.mjs");
        if !is_test || name.ends_with("house.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for word in text.lines().filter(|l| l.contains("//")).flat_map(|l| l.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')) {
            let is_row = word
                .split_once('-')
                .is_some_and(|(a, n)| a.len() == 1 && "WKCBPG".contains(a) && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            if is_row {
                let files = proofs.entry(word.to_owned()).or_default();
                if !files.contains(&name) {
                    files.push(name.clone());
                }
            }
        }
    }
    let path = root.join("docs/promises.md");
    let old = fs::read_to_string(&path).unwrap();
    let new: String = old.lines().map(|line| with_proof(line, &proofs) + "\n").collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert!(old == new, "docs/promises.md is out of date: run UPDATE_EXPECT=1 cargo test --workspace --test it house::");
    }
}

fn with_proof(line: &str, proofs: &BTreeMap<String, Vec<String>>) -> String {
    let Some(rest) = line.strip_prefix("| ") else { return line.to_owned() };
    let Some((id, rest)) = rest.split_once(" | ") else { return line.to_owned() };
    if !id.contains('-') || id.len() > 4 {
        return line.to_owned();
    }
    let promise = &rest[..rest.trim_end_matches('|').rfind(" |").unwrap()];
    let mut files = proofs.get(id).cloned().unwrap_or_default();
    files.sort();
    let links: Vec<String> = files.iter().map(|f| format!("[{}](../{f})", f.replace("/tests/", ": "))).collect();
    format!("| {id} | {promise} | {} |", links.join("<br>"))
}

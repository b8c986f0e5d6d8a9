//! Every kind of finding by an example: `tests/evolving/ID.diff` changes the contract in `tests/evolving/base`, and gives
//! exactly that finding (and those that its first line names), at a line that it changed. `docs/evolving.md` is made of the
//! same examples; `UPDATE_EXPECT=1 cargo test` writes it anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};
use tidewire_contract::{
    Contract,
    compare::{Edition, Finding, Severity, Version, compare, compare_all, kinds},
    compile_source, render_all,
};

type Files = BTreeMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evolving")
}

fn base() -> Files {
    let root = folder().join("base");
    let schemas = fs::read_dir(root.join("schemas")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    schemas.chain([root.join("contract.yaml")]).map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

fn compiled(files: &Files) -> Result<Contract, String> {
    let read = |name: &str| files.get(name).cloned();
    compile_source("contract.yaml", &files["contract.yaml"], &read).map_err(|problems| render_all(&problems))
}

fn compared(old: &Files, new: &Files) -> Result<Vec<Finding>, String> {
    let (before, now) = (compiled(old)?, compiled(new)?);
    let (read_old, read_new) = (|name: &str| old.get(name).cloned(), |name: &str| new.get(name).cloned());
    Ok(compare(&Edition::new(&before, "old".into(), &read_old), &Edition::new(&now, "new".into(), &read_new)))
}

/// Kinds whose examples are no change of the contract in `base`: they are asked for by themselves below.
const APART: [&str; 3] = ["contract-removed", "contract-added", "protocol-changed"];

/// A change, its further findings, and the lines that it takes away and brings.
struct Edit {
    new: Files,
    also: BTreeSet<String>,
    gone: BTreeSet<(String, usize)>,
    come: BTreeSet<(String, usize)>,
}

fn edit(old: &Files, diff: &str) -> Edit {
    let mut edit = Edit { new: old.clone(), also: BTreeSet::new(), gone: BTreeSet::new(), come: BTreeSet::new() };
    for part in format!("\n{diff}").split("\n--- ").skip(1) {
        let (name, body) = part.split_once('\n').unwrap();
        let (before, after): (Vec<&str>, Vec<&str>) = (
            body.lines().filter(|l| !l.starts_with('+')).map(|l| &l[1..]).collect(),
            body.lines().filter(|l| !l.starts_with('-')).map(|l| &l[1..]).collect(),
        );
        let lines: Vec<&str> = old[name].lines().collect();
        let places: Vec<usize> = (0..lines.len()).filter(|at| lines[*at..].starts_with(&before)).collect();
        let [at] = places[..] else { panic!("`{diff}` is at {} places of {name}", places.len()) };
        let (mut was, mut is) = (at, at);
        for line in body.lines() {
            match line.chars().next() {
                Some('-') => _ = (was += 1, edit.gone.insert((name.to_owned(), was))),
                Some('+') => _ = (is += 1, edit.come.insert((name.to_owned(), is))),
                _ => (was, is) = (was + 1, is + 1),
            }
        }
        let changed = [&lines[..at], &after[..], &lines[at + before.len()..]].concat().join("\n") + "\n";
        edit.new.insert(name.to_owned(), changed);
    }
    if let Some(also) = diff.strip_prefix("# also: ").and_then(|rest| rest.lines().next()) {
        edit.also = also.split(", ").map(str::to_owned).collect();
    }
    edit
}

/// With a version of its own, as a careful team would do.
fn raised(mut files: Files) -> Files {
    let contract = files["contract.yaml"].replace("version: 1.4.0", "version: 1.5.0");
    files.insert("contract.yaml".into(), contract);
    files
}

fn example(id: &str) -> String {
    fs::read_to_string(folder().join(format!("{id}.diff"))).unwrap_or_else(|_| panic!("`{id}` needs an example: tests/evolving/{id}.diff"))
}

#[test]
fn a_contract_is_safe_after_itself() {
    let base = base();
    assert!(compared(&base, &base).unwrap().is_empty());
    let contracts = tidewire_contract::load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")).unwrap();
    assert!(contracts.len() >= 3);
    for contract in contracts {
        let read = |name: &str| fs::read_to_string(contract.folder.join(name)).ok();
        let edition = || Edition::new(&contract, contract.folder.clone(), &read);
        assert!(compare(&edition(), &edition()).is_empty(), "{}", contract.name);
    }
}

#[test]
fn every_kind_has_an_example_that_gives_exactly_it_at_the_line_that_changed() {
    let old = base();
    let mut wrong = String::new();
    for kind in kinds().filter(|kind| !APART.contains(&kind.id)) {
        let diff = example(kind.id);
        let edit = edit(&old, &diff);
        let new = if kind.id == "version-not-raised" { edit.new } else { raised(edit.new) };
        let found = match compared(&old, &new) {
            Ok(found) => found,
            Err(problems) => {
                writeln!(wrong, "--- {}: the example is no contract\n{problems}", kind.id).unwrap();
                continue;
            }
        };
        let ids: BTreeSet<String> = found.iter().map(|f| f.id.to_owned()).collect();
        let mut expected = edit.also;
        expected.insert(kind.id.to_owned());
        if ids != expected {
            let told: Vec<String> = found.iter().map(|f| f.render(false)).collect();
            writeln!(wrong, "--- {}: expected {expected:?}\n{}", kind.id, told.join("\n\n")).unwrap();
            continue;
        }
        for finding in found.iter().filter(|f| f.id == kind.id && f.id != "version-not-raised") {
            let name = finding.file.to_str().unwrap().split_once('/').unwrap().1.to_owned();
            let lines = if finding.version == Version::Old { &edit.gone } else { &edit.come };
            if !lines.contains(&(name, finding.line)) {
                writeln!(wrong, "--- {}: not at a line that changed\n{}", kind.id, finding.render(false)).unwrap();
            }
            assert!(finding.severity != Severity::Breaks || !finding.breaks.is_empty(), "{}: who breaks", kind.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let files: BTreeSet<String> = kinds().map(|kind| format!("{}.diff", kind.id)).collect();
    for file in fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|name| name != "base") {
        assert!(files.contains(&file), "{file} is the example of no kind");
    }
}

#[test]
fn contracts_that_come_and_go_are_told() {
    let base = base();
    let contract = compiled(&base).unwrap();
    let read = |name: &str| base.get(name).cloned();
    let one = || [Edition::new(&contract, "contracts/chat".into(), &read)];
    let ids = |old: &[Edition<'_>], new: &[Edition<'_>]| compare_all(old, new).iter().map(|f| (f.id, f.line)).collect::<Vec<_>>();
    assert_eq!(ids(&one(), &[]), [("contract-removed", 3)]);
    assert_eq!(ids(&[], &one()), [("contract-added", 3)]);
    assert_eq!(ids(&one(), &one()), []);
}

#[test]
fn another_protocol_is_told_as_that_and_nothing_else_of_the_wire() {
    const HEAD: &str = "tidewire: 1\nname: chat\nversion: VERSION\nauth: { token: bearer header, principal: { id: $claims.sub } }\n\
        channels: { room: { address: private-room } }\nevents: { message: { on: room } }\n";
    let own =
        "wire: { event: { type: $type }, client: { ping: { type: ping } } }\nendpoints: [{ websocket: /ws, unless_asked: private-room }]\n";
    let pusher = "wire: { protocol: pusher, event: $data }\nendpoints: [{ pusher: \"/app/{key}\" }]\n";
    let files = |version: &str, rest: &str| Files::from([("contract.yaml".to_owned(), HEAD.replace("VERSION", version) + rest)]);
    let found = compared(&files("1.0.0", own), &files("2.0.0", pusher)).unwrap();
    let ids: BTreeSet<&str> = found.iter().map(|f| f.id).collect();
    assert_eq!(ids, BTreeSet::from(["protocol-changed", "endpoint-removed", "endpoint-added", "error-code-added"]));
}

#[test]
fn the_documentation_has_every_kind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evolving.md");
    let old = fs::read_to_string(&path).unwrap();
    const MARK: &str = "<!-- Below is made of the examples: UPDATE_EXPECT=1 cargo test -p tidewire-contract --test evolving -->\n";
    let (head, _) = old.split_once(MARK).expect("the mark is there");
    let mut new = format!("{head}{MARK}");
    let mut about = "";
    for kind in kinds() {
        if kind.about != about {
            about = kind.about;
            writeln!(new, "\n## {about}").unwrap();
        }
        let diff = example(kind.id);
        let shown: String = diff.lines().filter(|line| !line.starts_with("# also")).map(|line| format!("{line}\n")).collect();
        let means = kind.means;
        writeln!(new, "\n### `{}`\n\n*{}* · {means}\n\nSafely: {}\n\n```diff\n{shown}```", kind.id, kind.severity.as_str(), kind.safely)
            .unwrap();
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert!(old == new, "docs/evolving.md is out of date: run UPDATE_EXPECT=1 cargo test -p tidewire-contract --test evolving");
    }
}

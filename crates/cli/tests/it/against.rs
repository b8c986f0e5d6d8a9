//! `tidewire check --against`: folders and revisions of a real git repository.

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

const CONTRACT: &str = "tidewire: 1
name: chat
version: 1.0.0
auth: { token: bearer header, principal: { id: $claims.sub, rooms: $claims.rooms } }
limits:
  messages: 100/minute
channels:
  room:
    address: room:{room}
    join: room in principal.rooms
wire: { event: { type: $type, data: $data } }
endpoints: [{ websocket: \"/NAME/{room}\", subscribes: \"room:{room}\" }]
events:
  message: { on: room, data: schemas/message.json, example: { text: Hello } }
";
const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "text": { "type": "string" },
    "kind": { "enum": ["text"] }
  },
  "required": ["text"],
  "additionalProperties": false
}
"#;

/// A repository with two contracts below `protocols`, committed once.
struct Repository(TempDir);

impl Repository {
    fn new() -> Repository {
        let repository = Repository(tempfile::tempdir().unwrap());
        repository.contract("protocols/chat", "chat");
        repository.contract("protocols/shop", "shop");
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit();
        repository.git(&["tag", "v1.0.0"]);
        repository
    }

    fn contract(&self, folder: &str, name: &str) {
        let folder = self.0.path().join(folder);
        fs::create_dir_all(folder.join("schemas")).unwrap();
        fs::write(folder.join("contract.yaml"), CONTRACT.replace("name: chat", &format!("name: {name}")).replace("NAME", name)).unwrap();
        fs::write(folder.join("schemas/message.json"), SCHEMA).unwrap();
    }

    fn git(&self, args: &[&str]) {
        let fixed = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").current_dir(self.0.path()).args(fixed).args(args).output().expect("git is installed: make setup");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "a change"]);
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn check(&self, args: &[&str]) -> Told {
        check(self.0.path(), args)
    }
}

struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

fn check(folder: &Path, args: &[&str]) -> Told {
    // A repository that the test itself is in is none of its business.
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .arg("check")
        .args(args)
        .current_dir(folder)
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Ids, files and lines, of `--format json`.
fn findings(told: &Told) -> Vec<(String, String, u64)> {
    let all: Vec<Value> = serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {}{}", told.out, told.err));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    all.iter().map(|f| (text(f, "id"), text(f, "file"), f["line"].as_u64().unwrap())).collect()
}

#[test]
fn what_did_not_change_breaks_nobody() {
    let repository = Repository::new();
    let told = repository.check(&["protocols", "--against", "HEAD"]);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(told.out.contains("against HEAD:protocols: 0 break, 0 may break"), "{}", told.out);
    assert_eq!(findings(&repository.check(&["protocols", "--against", "v1.0.0", "--format", "json"])), []);
}

#[test]
fn what_breaks_is_told_where_it_is_and_fails() {
    let repository = Repository::new();
    repository.edit("protocols/chat/schemas/message.json", r#"["text"] }"#, r#"["text", "image"] }"#);
    repository.edit("protocols/chat/contract.yaml", "100/minute", "60/minute");
    repository.edit("protocols/chat/contract.yaml", "version: 1.0.0", "version: 1.1.0");
    let told = repository.check(&["protocols", "--against", "v1.0.0"]);
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    for part in [
        "breaks[received-value-added]",
        "protocols/chat/schemas/message.json:5:32",
        "who: old clients",
        "safely:",
        "breaks[limit-lowered]",
        "60/minute",
        "2 break",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let told = repository.check(&["protocols", "--against", "v1.0.0", "--format", "json"]);
    assert_eq!(told.code, Some(1));
    let expected =
        [("limit-lowered", "protocols/chat/contract.yaml", 6), ("received-value-added", "protocols/chat/schemas/message.json", 5)];
    assert_eq!(findings(&told), expected.map(|(id, file, line)| (id.to_owned(), file.to_owned(), line)));
    // Committed, it is what everybody knows.
    repository.commit();
    assert_eq!(repository.check(&["protocols", "--against", "HEAD"]).code, Some(0));
    assert_eq!(repository.check(&["protocols", "--against", "HEAD~1"]).code, Some(1));
}

#[test]
fn what_is_gone_is_shown_as_it_was() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.0.path().join("protocols/shop")).unwrap();
    repository.edit("protocols/chat/contract.yaml", "    join: room in principal.rooms\n", "");
    repository.edit("protocols/chat/contract.yaml", "limits:\n  messages: 100/minute\n", "");
    repository.contract("protocols/game", "game");
    let found = findings(&repository.check(&["protocols", "--against", "HEAD", "--format", "json"]));
    let of = |id: &str| found.iter().find(|(found, _, _)| found == id).map(|(_, file, line)| (file.as_str(), *line));
    assert_eq!(of("contract-removed"), Some(("HEAD:protocols/shop/contract.yaml", 2)), "{found:?}");
    assert_eq!(of("contract-added"), Some(("protocols/game/contract.yaml", 2)));
    assert_eq!(of("rule-loosened"), Some(("HEAD:protocols/chat/contract.yaml", 10)));
}

#[test]
fn a_finding_is_accepted_on_purpose() {
    let repository = Repository::new();
    repository.edit("protocols/chat/contract.yaml", "100/minute", "60/minute");
    repository.edit("protocols/chat/contract.yaml", "1.0.0", "1.0.1");
    let accept = "limit-lowered@chat/contract.yaml#/limits/messages";
    let told = repository.check(&["protocols", "--against", "HEAD"]);
    assert!(told.out.contains(&format!("--allow {accept}")), "{}", told.out);
    let told = repository.check(&["protocols", "--against", "HEAD", "--allow", accept]);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(told.out.contains("accepted[limit-lowered]") && told.out.contains("1 accepted"), "{}", told.out);
    // Of another place, it accepts nothing, and says so.
    let other = "limit-lowered@shop/contract.yaml#/limits/messages";
    let told = repository.check(&["protocols", "--against", "HEAD", "--allow", other]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("nothing is found") && told.err.contains(other), "{}", told.err);
    let told = repository.check(&["protocols", "--against", "HEAD", "--allow", "limit-lowerd@chat/contract.yaml#/limits/messages"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("ID@CONTRACT/FILE#POINTER"), "{}", told.err);
}

#[test]
fn a_major_version_announces_it() {
    let repository = Repository::new();
    repository.edit("protocols/chat/contract.yaml", "100/minute", "60/minute");
    let raised = |from: &str, to: &str| {
        repository.edit("protocols/chat/contract.yaml", &format!("version: {from}"), &format!("version: {to}"));
        repository.check(&["protocols", "--against", "HEAD"])
    };
    assert_eq!(raised("1.0.0", "1.1.0").code, Some(1));
    let told = raised("1.1.0", "2.0.0");
    assert_eq!(told.code, Some(0), "{}", told.out);
    assert!(told.out.contains("limit-lowered") && told.out.contains("1 announced by the version"), "{}", told.out);
    // The version of one contract says nothing of another.
    repository.edit("protocols/shop/contract.yaml", "100/minute", "60/minute");
    assert_eq!(repository.check(&["protocols", "--against", "HEAD"]).code, Some(1));
}

#[test]
fn what_may_break_fails_if_asked() {
    let repository = Repository::new();
    repository.edit("protocols/chat/contract.yaml", "room in principal.rooms", "size(principal.rooms) > 2");
    repository.edit("protocols/chat/contract.yaml", "1.0.0", "1.1.0");
    let told = repository.check(&["protocols", "--against", "HEAD"]);
    assert_eq!(told.code, Some(0), "{}", told.out);
    assert!(told.out.contains("may break[rule-undecided]") && told.out.contains("it was `room in principal.rooms`"), "{}", told.out);
    assert_eq!(repository.check(&["protocols", "--against", "HEAD", "--strict"]).code, Some(1));
}

#[test]
fn old_is_a_folder_too_and_one_contract_is_compared_alone() {
    let repository = Repository::new();
    let old = Repository::new();
    let path = old.0.path().join("protocols");
    repository.edit("protocols/chat/contract.yaml", "100/minute", "60/minute");
    let told = repository.check(&["protocols", "--against", path.to_str().unwrap(), "--format", "json"]);
    assert_eq!((told.code, findings(&told)[0].0.as_str()), (Some(1), "limit-lowered"));
    // `shop` is not gone: nobody asked about it.
    let told = repository.check(&["protocols/chat", "--against", path.to_str().unwrap(), "--format", "json"]);
    assert_eq!(findings(&told).iter().filter(|(id, _, _)| id.starts_with("contract-")).count(), 0);
    assert_eq!(repository.check(&["protocols/shop", "--against", path.to_str().unwrap()]).code, Some(0));
    let told = repository.check(&["protocols/chat", "--against", path.join("shop").to_str().unwrap()]);
    assert!(told.code == Some(1) && told.err.contains("there is no contract `chat`"), "{}", told.err);
    assert_eq!(repository.check(&["protocols/chat", "--against", "HEAD:protocols/chat"]).code, Some(1));
}

#[test]
fn where_there_is_nothing_to_compare_with_it_says_why() {
    let repository = Repository::new();
    let wrong = |args: &[&str], parts: &[&str]| {
        let told = repository.check(args);
        assert_eq!(told.code, Some(1), "{args:?}: {}", told.out);
        for part in parts {
            assert!(told.err.contains(part), "{args:?}: {part}: {}", told.err);
        }
    };
    wrong(&["protocols", "--against", "v9.9.9"], &["neither a folder 'v9.9.9' nor a revision 'v9.9.9'"]);
    wrong(&["protocols", "--against", "HEAD:elsewhere"], &["nothing in HEAD:elsewhere", "--against HEAD:their/folder"]);
    wrong(&["protocols", "--against", "HEAD:protocols/chat/schemas"], &["no contract in HEAD:protocols/chat/schemas"]);
    wrong(&["protocols", "--against=--all"], &["neither a folder nor a git revision"]);
    wrong(&["protocols", "--against", "protocols/chat/contract.yaml"], &["is a file"]);
    // Mistakes of the old one are shown as the old one's.
    repository.edit("protocols/chat/contract.yaml", "address: room", "adress: room");
    repository.commit();
    repository.edit("protocols/chat/contract.yaml", "adress: room", "address: room");
    wrong(&["protocols", "--against", "HEAD"], &["HEAD:protocols/chat/contract.yaml:", "`adress`", "have mistakes"]);
    // Outside of any repository.
    let alone = tempfile::tempdir().unwrap();
    fs::create_dir_all(alone.path().join("chat/schemas")).unwrap();
    fs::write(alone.path().join("chat/contract.yaml"), CONTRACT).unwrap();
    fs::write(alone.path().join("chat/schemas/message.json"), SCHEMA).unwrap();
    let told = check(alone.path(), &["chat", "--against", "HEAD"]);
    assert!(told.code == Some(1) && told.err.contains("no git repository"), "{}", told.err);
    // Mistakes of the new one are told as without `--against`.
    repository.edit("protocols/shop/contract.yaml", "address: room", "adress: room");
    wrong(&["protocols", "--against", "v1.0.0"], &["protocols/shop/contract.yaml:", "`adress`"]);
}

//! Contracts made to do harm: deep, huge, mutated. None panics, and all end soon.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};
use tidewire_contract::{compile_source, render_all};

fn shipped(name: &str) -> (String, BTreeMap<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts").join(name);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder.join("schemas")).unwrap() {
        let path = entry.unwrap().path();
        files.insert(format!("schemas/{}", path.file_name().unwrap().to_str().unwrap()), fs::read_to_string(&path).unwrap());
    }
    (fs::read_to_string(folder.join("contract.yaml")).unwrap(), files)
}

/// A small generator of its own, so that a failure is found again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn mutate(text: &str, dice: &mut Dice) -> String {
    const SNIPPETS: [&[u8]; 16] =
        [b"{", b"}", b"[", b"]", b": ", b"$", b"*", b"&a ", b"\n  ", b"\"", b"- ", b"\xc3\xa9", b"99999999999999999999", b"(", b"~", b"\t"];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + dice.roll(30)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + dice.roll(60)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, part);
            }
            3 => {
                bytes.splice(at..at, SNIPPETS[dice.roll(SNIPPETS.len())].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = (dice.roll(95) + 32) as u8;
                }
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// G-5
#[test]
fn no_mutation_of_a_contract_or_its_schemas_panics() {
    let runs: u64 = std::env::var("RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    for name in ["world", "board", "store", "conversation"] {
        let (yaml, files) = shipped(name);
        for seed in 1..=runs {
            let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let (mut yaml, mut files) = (yaml.clone(), files.clone());
            if dice.roll(4) == 0 {
                let at = dice.roll(files.len());
                let file = files.values_mut().nth(at).unwrap();
                *file = mutate(file, &mut dice);
            } else {
                yaml = mutate(&yaml, &mut dice);
            }
            if let Err(problems) = compile_source("contract.yaml", &yaml, &|path| files.get(path).cloned()) {
                assert!(!problems.is_empty(), "seed {seed} of {name}");
                assert!(!render_all(&problems).is_empty());
                assert!(problems.iter().all(|p| p.line >= 1 && p.column >= 1));
            }
        }
    }
}

#[test]
fn deep_and_huge_documents_are_refused_soon() {
    let billion = {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..30 {
            text.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
        }
        text
    };
    let many_keys: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    for (what, text) in [
        ("lists", "[".repeat(100_000)),
        ("maps", "{a: ".repeat(50_000)),
        ("closed lists", format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))),
        ("indented maps", (0..3_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("dashes", "- ".repeat(50_000)),
        ("aliases", billion),
        ("an alias of itself", "a: &a [*a]\n".to_owned()),
        ("length", "x".repeat(3_000_000)),
        ("keys", many_keys),
        ("numbers", format!("tidewire: {}\nname: -{}\nversion: 1e{}\n", "9".repeat(5_000), "9".repeat(5_000), "9".repeat(5_000))),
        ("infinity", "tidewire: .inf\nversion: .nan\n".to_owned()),
        ("control characters", "tidewire: 1\u{0}\u{7}\u{feff}\r\rname: \u{85}".to_owned()),
        ("quotes", "'".repeat(10_001)),
        ("merge keys", "<<: {tidewire: 1}\n".to_owned()),
    ] {
        let started = Instant::now();
        let problems = compile_source("contract.yaml", &text, &|_| None).expect_err(what);
        assert!(!problems.is_empty(), "{what}");
        assert!(started.elapsed().as_secs() < 5, "{what} took {:?}", started.elapsed());
    }
}

#[test]
fn hostile_rules_and_schemas_are_refused_soon() {
    let (yaml, files) = shipped("board");
    let with_rule = |rule: &str| {
        yaml.replacen("principal.role == \"zootechnician\" || worker_id == principal.worker", &format!("'{}'", rule.replace('\'', "''")), 1)
    };
    for rule in [
        "(".repeat(1_000),
        format!("{}true{}", "(".repeat(500), ")".repeat(500)),
        format!("{}true", "!".repeat(1_900)),
        format!("{}1 == 1", "-".repeat(1_901)),
        "true && ".repeat(240) + "true",
        "a.".repeat(900) + "b",
        "\"".to_owned(),
        "\"\\u{110000}\" == worker_id".to_owned(),
        "worker_id == \"\\ud800\"".to_owned(),
        "999999999999999999999999 == 1".to_owned(),
        "worker_id.matches(\"(a+)+$\")".to_owned(),
        "{\"a\": 1}.a == 1".to_owned(),
        "has(worker_id)".to_owned(),
        "[1].map(x, x) == [1]".to_owned(),
        "x".repeat(3_000),
        "principal".to_owned(),
        "🦦 == 1".to_owned(),
    ] {
        let started = Instant::now();
        let _ = compile_source("contract.yaml", &with_rule(&rule), &|path| files.get(path).cloned());
        assert!(started.elapsed().as_secs() < 5, "{rule} took {:?}", started.elapsed());
    }
    for schema in [
        "[".repeat(200_000),
        format!("{}1{}", "{\"not\":".repeat(120), "}".repeat(120)),
        r##"{ "$ref": "#" }"##.to_owned(),
        r##"{ "properties": { "ticketId": { "$ref": "#/properties/ticketId" } } }"##.to_owned(),
        r#"{ "$ref": "task.removed.json" }"#.to_owned(),
        r#"{ "$ref": "../../../../etc/passwd" }"#.to_owned(),
        r#"{ "$ref": "file:///etc/passwd" }"#.to_owned(),
        r#"{ "$id": "https://example.org/", "$ref": "other.json" }"#.to_owned(),
        r#"{ "pattern": "^(a{1000}){1000}$" }"#.to_owned(),
        r#"{ "$schema": "https://example.org/meta" }"#.to_owned(),
        r#"{ "minLength": 1e400 }"#.to_owned(),
        "7".to_owned(),
        "true".to_owned(),
    ] {
        let started = Instant::now();
        let read = |path: &str| if path == "schemas/task.removed.json" { Some(schema.clone()) } else { files.get(path).cloned() };
        let _ = compile_source("contract.yaml", &yaml, &read);
        assert!(started.elapsed().as_secs() < 5, "{schema:.80} took {:?}", started.elapsed());
    }
}

// G-5
#[test]
fn no_row_of_tokens_makes_a_rule_that_panics() {
    const TOKENS: [&str; 30] = [
        "true",
        "worker_id",
        "principal.role",
        "principal",
        "data",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "?",
        ":",
        "!",
        "-",
        "&&",
        "||",
        "==",
        "<",
        "in",
        "+",
        "\"a\"",
        "1",
        "1.5",
        "has(",
        "size(",
        ".exists(x,",
        "null",
    ];
    let (yaml, files) = shipped("board");
    let compile = |rule: &str| {
        let rule = format!("'{}'", rule.replace('\'', "''"));
        let yaml = yaml.replacen("principal.role == \"zootechnician\" || worker_id == principal.worker", &rule, 1);
        let _ = compile_source("contract.yaml", &yaml, &|path| files.get(path).cloned());
    };
    for token in TOKENS {
        compile(&format!("{token} ").repeat(1_990 / (token.len() + 1)));
        compile(&token.repeat(1_990 / token.len()));
    }
    for pair in ["true ? true : ", "1 + ", "x.y(", "!-", "a[0].", "has(a.b) && ", "[1].all(x, "] {
        compile(&(pair.repeat(1_980 / pair.len()) + "true"));
    }
    for seed in 1..=400_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let tokens: Vec<&str> = (0..=dice.roll(30)).map(|_| TOKENS[dice.roll(TOKENS.len())]).collect();
        compile(&tokens.join(" "));
    }
}

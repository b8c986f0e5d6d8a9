//! Wires as plain text: what a client sends, what it means, what it is answered.
//!
//! `>` a frame comes in; `=` what it means, or what is wrong with it; `!` the engine has something to say; `<` the bytes that go
//! out. `UPDATE_EXPECT=1` rewrites what follows `=` and `<`.

use serde_json::json;
use std::{fs, path::Path};
use tidewire_contract::{Contract, compile};
use tidewire_engine::{Audience, Position, Record};
use tidewire_wire::{
    Command, Dialect, EventView, Reference, Reply, TemplateDialect,
    reply::{Gap, GapReason},
};

const AT: i64 = 1_764_929_700_123_456;

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn contract(name: &str) -> Contract {
    let shipped = folder("../../contracts").join(name);
    let path = if shipped.exists() { shipped } else { folder("tests/contracts").join(name) };
    compile(&path).unwrap_or_else(|problems| panic!("{}", tidewire_contract::problem::render_all(&problems)))
}

fn check(name: &str) {
    let contract = contract(name);
    let dialect = TemplateDialect::new(&contract);
    let path = folder("tests/transcripts").join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap();
    let mut new = String::new();
    let mut reference = Reference::default();
    for line in text.lines() {
        if line.starts_with("= ") || line.starts_with("< ") {
            continue;
        }
        new += line;
        new += "\n";
        if let Some(frame) = line.strip_prefix("> ") {
            let frame = frame.replace("{deep}", &"[".repeat(100_000));
            match dialect.decode(frame.as_bytes()) {
                Ok(command) => {
                    reference = reference_of(&command);
                    new += &format!("= {}\n", shown(&command));
                }
                Err(bad) => {
                    new += &format!("= {} {}\n", bad.code, bad.message);
                    reference = bad.reference;
                }
            }
        } else if let Some(said) = line.strip_prefix("! ") {
            let mut bytes = Vec::new();
            let known = say(&contract, &dialect, said, &reference, &mut bytes);
            new += &if known { format!("< {}\n", String::from_utf8(bytes).unwrap()) } else { "< (no word for it)\n".to_owned() };
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, new).unwrap();
    } else {
        assert!(text == new, "{} differs; UPDATE_EXPECT=1 rewrites it. Now:\n{new}", path.display());
    }
}

fn shown(command: &Command) -> String {
    match command {
        Command::SignIn { user_data, .. } => format!("SignIn {user_data}"),
        Command::Subscribe { channels, after, .. } => format!("Subscribe {} after {after:?}", channels.join(" ")),
        Command::Unsubscribe { channels, .. } => format!("Unsubscribe {}", channels.join(" ")),
        Command::Sync { since, .. } => format!("Sync {since}"),
        Command::Ping { .. } => "Ping".into(),
        Command::Pong => "Pong".into(),
        Command::Send { event_type, data, channel, .. } => format!("Send {event_type} {data} to {channel:?}"),
        Command::Refresh { token, .. } => format!("Refresh {token}"),
    }
}

fn reference_of(command: &Command) -> Reference {
    match command {
        Command::Subscribe { reference, .. }
        | Command::SignIn { reference, .. }
        | Command::Unsubscribe { reference, .. }
        | Command::Sync { reference, .. }
        | Command::Ping { reference }
        | Command::Send { reference, .. }
        | Command::Refresh { reference, .. } => reference.clone(),
        Command::Pong => Reference::default(),
    }
}

/// `event CHANNEL TYPE DATA [KEY]`, `subscribed CHANNEL`, `pong`, `error CODE MESSAGE`, `gap CHANNEL`, …
fn say(contract: &Contract, dialect: &TemplateDialect, said: &str, reference: &Reference, out: &mut Vec<u8>) -> bool {
    let words: Vec<&str> = said.split(' ').collect();
    let reference = reference.clone();
    let position = Position { epoch: 0x64b2f, seq: 412 };
    let reply = match words[..] {
        ["event", channel, event_type, data, ref key @ ..] => {
            let name = contract.channel(channel).unwrap();
            let record = Record {
                seq: 412,
                at: AT,
                id: tidewire_engine::id::for_at(AT, 7),
                event_type: event_type.into(),
                key: key.first().map(|k| (*k).into()),
                trace: None,
                occurred_at: None,
                fields: None,
                data: data.to_owned().into_bytes().into(),
                audience: Audience::Everyone,
                except: None,
            };
            dialect.event(&EventView { record: &record, channel: &name.log, vars: &name.vars, epoch: 0x64b2f, replay: false }, out);
            return true;
        }
        ["hello"] => Reply::Hello {
            connection: "17".into(),
            at: AT,
            vars: Vec::new(),
            channel: Some(("conversation:c1".into(), position)),
            presence: json!(["ana"]),
            retained: json!({ "scene": { "n": 3 } }),
        },
        ["subscribed", ref channels @ ..] => {
            Reply::Subscribed { channels: channels.iter().map(|c| ((*c).to_owned(), position)).collect(), at: AT, reference }
        }
        ["unsubscribed", ref channels @ ..] => {
            Reply::Unsubscribed { channels: channels.iter().map(|c| (*c).to_owned()).collect(), at: AT, reference }
        }
        ["ack", event_type] => {
            Reply::Ack { event_type: event_type.into(), reply: json!({ "id": "x", "seq": 412, "duplicate": false }), at: AT, reference }
        }
        ["refused", event_type, code] => {
            let code = ["INVALID_PAYLOAD", "CONFLICT"].into_iter().find(|c| *c == code).unwrap();
            let errors = json!([{ "pointer": "/text", "rule": "maxLength", "found": "string", "message": "too long" }]);
            Reply::Refused { event_type: event_type.into(), code: code.into(), message: "in words".into(), errors, at: AT, reference }
        }
        ["error", channel] => {
            Reply::Error { code: "UNAUTHORIZED".into(), message: "in words".into(), channel: Some(channel.into()), at: AT, reference }
        }
        ["ping"] => Reply::Ping { at: AT },
        ["pong"] => Reply::Pong { at: AT, reference },
        ["refreshed"] => Reply::Refreshed { at: AT, expires: Some(AT), reference },
        ["gap", channel] => {
            let vars = contract.channel(channel).unwrap().vars;
            Reply::Gap(Gap {
                channel: channel.into(),
                vars,
                from: "64b2f:12".into(),
                from_at: Some(AT),
                to: position,
                reason: GapReason::Expired,
                at: AT,
            })
        }
        _ => panic!("'{said}' is not known"),
    };
    dialect.reply(&reply, out)
}

// W-2, G-5
#[test]
fn world() {
    check("world");
}

// B-3, B-5, B-6, G-5
#[test]
fn board() {
    check("board");
}

// A wire with rooms, acks and errors, from a contract of the tests.
#[test]
fn rooms() {
    check("rooms");
}

//! Channels: who may join them and how, what is told on them, what is kept.

use super::{
    head::{path, written},
    said_text,
    words::{Page, code, codes, duration},
};
use crate::frame::{self, Examples, Role};
use serde_json::{Value, json};
use tidewire_contract::{Channel, ClientFrame, Contract, Durability, Template};

pub fn rooms(contract: &Contract, page: &mut Page) {
    page.heading(2, "Rooms / Channels");
    for (kind, channel) in contract.channels.iter().enumerate() {
        // Those that come by themselves are nobody's to join.
        if channel.closed {
            continue;
        }
        room(contract, kind, channel, page);
    }
    if let Some(users) = contract.users.and_then(|at| contract.channels.get(at)) {
        page.paragraph(&format!(
            "A user who has signed in is on {} beside these; any event may be published there.",
            code(&users.address.source)
        ));
    }
}

fn room(contract: &Contract, kind: usize, channel: &Channel, page: &mut Page) {
    let examples = Examples::of(contract);
    let example = examples.channel(kind, None);
    page.heading(3, &format!("Room: {}", code(&channel.id)));
    page.quote(&[("Pattern", code(&channel.address.source)), ("Example", code(&example))]);
    page.list(&about(contract, channel));
    let frames = frame::client(contract, &frame::none);
    let spelled = |wanted: ClientFrame, pusher: &str| {
        frames.iter().find(|f| {
            matches!(f.role, Role::Client(found, None) if found == wanted) || matches!(f.role, Role::Pusher(n) if n.event == pusher)
        })
    };
    let join = spelled(ClientFrame::Subscribe, "pusher:subscribe");
    let leave = spelled(ClientFrame::Unsubscribe, "pusher:unsubscribe");
    match join {
        Some(_) => {
            page.paragraph("**Join**:");
            page.json(&of_channel(contract, ClientFrame::Subscribe, "pusher:subscribe", &example));
        }
        None => page.paragraph(&format!("**Join**: by connecting to {}", connecting(contract, channel))),
    }
    match leave {
        Some(_) => {
            page.paragraph("**Leave**:");
            page.json(&of_channel(contract, ClientFrame::Unsubscribe, "pusher:unsubscribe", &example));
        }
        None => page.paragraph("**Leave**: by ending the connection"),
    }
    let log = channel.mirrors.unwrap_or(kind);
    let received: Vec<&str> =
        contract.events.iter().filter(|e| frame::is_published(e) && e.on.contains(&log)).map(|e| e.name.as_str()).collect();
    let received = if received.is_empty() { "none of its own".to_owned() } else { codes(received, "and") };
    page.paragraph(&format!("**Events Received**: {received}"));
}

/// The frame that joins or leaves this very channel.
fn of_channel(contract: &Contract, wanted: ClientFrame, pusher: &str, channel: &str) -> Value {
    let Some(template) = contract.wire.client(wanted) else {
        let private = channel.starts_with("private-") || channel.starts_with("presence-");
        let mut frame = json!({ "event": pusher, "data": { "channel": channel } });
        if private && wanted == ClientFrame::Subscribe {
            frame["data"]["auth"] = "app-key:0a1b2c…".into();
        }
        return frame;
    };
    let examples = Examples::of(contract);
    let value = template.fill(&mut |path| match path.first().map(String::as_str) {
        Some("channel") => Some(channel.into()),
        Some("channels") => Some(json!([channel])),
        // Only whoever comes back says where it was.
        Some("after") => None,
        _ => examples.value(Role::Client(wanted, None), path),
    });
    without_nulls(template, value)
}

/// The frame without what a client may leave out and this one does.
fn without_nulls(template: &Template, value: Value) -> Value {
    match (template, value) {
        (Template::Object(entries), Value::Object(members)) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match entries.iter().find(|(n, _)| *n == name) {
                Some((_, inner)) => (name, without_nulls(inner, value)),
                None => (name, value),
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (_, value) => value,
    }
}

fn connecting(contract: &Contract, channel: &Channel) -> String {
    let leads = |e: &&tidewire_contract::Endpoint| {
        e.channel.as_ref().is_some_and(|address| same(address, &channel.address))
            || e.unless_asked.iter().any(|asked| channel.address.parse(&written(asked)).is_some())
    };
    let paths: Vec<String> = contract.endpoints.iter().filter(leads).map(path).collect();
    if paths.is_empty() { "an endpoint, and naming it in the query".to_owned() } else { codes(paths.iter().map(String::as_str), "or") }
}

/// Whether two patterns stand for the same names, whatever their variables are called.
fn same(a: &tidewire_contract::Address, b: &tidewire_contract::Address) -> bool {
    use tidewire_contract::address::Part;
    a.parts.len() == b.parts.len()
        && a.parts.iter().zip(&b.parts).all(|pair| match pair {
            (Part::Literal(a), Part::Literal(b)) => a == b,
            (Part::Variable(_), Part::Variable(_)) => true,
            _ => false,
        })
}

fn about(contract: &Contract, channel: &Channel) -> Vec<String> {
    let rule = |key: &str| said_text(contract, &["channels", &channel.id, key]);
    let mut items = vec![match rule("join") {
        Some(rule) => format!("Who may join: those of whom {} is true", code(rule)),
        None => "Who may join: every authenticated client".to_owned(),
    }];
    items.extend(rule("oversees").map(|rule| format!("Sees every event, whoever it is for: those of whom {} is true", code(rule))));
    if let Some(of) = channel.mirrors.and_then(|of| contract.channels.get(of)) {
        items.push(format!("Shows the events of {} under another name", code(&of.address.source)));
        return items;
    }
    let history = &channel.history;
    let mut bounds = Vec::new();
    bounds.extend(history.keep.map(|keep| format!("for {}", duration(keep))));
    bounds.extend(history.count.map(|count| format!("at most {count} events")));
    bounds.extend(history.bytes.map(|bytes| format!("at most {bytes} bytes")));
    items.push(format!(
        "History: {}",
        if bounds.is_empty() { "as the server keeps it".to_owned() } else { format!("kept {}", bounds.join(", ")) }
    ));
    items.push(format!(
        "Durability: an event that was seen {}",
        match channel.durability {
            Durability::Memory => "may be lost with the server's process",
            Durability::Process => "survives the end of the server's process",
            Durability::Disk => "survives the loss of power",
        }
    ));
    if channel.priority > 0 {
        items.push("Priority: what a client that is behind gets first".to_owned());
    }
    if let Some(presence) = &channel.presence {
        let shown = if matches!(&presence.info, Template::Value(Value::Null)) {
            String::new()
        } else {
            format!(", shown as {}", code(&written(&presence.info)))
        };
        items.push(format!("Presence: who is there is known by {}{shown}", code(&written(&presence.member))));
    }
    for (name, event_type) in &channel.retain {
        items.push(format!("Retained: the latest {} as {}, for those who come later", code(event_type), code(name)));
    }
    items
}

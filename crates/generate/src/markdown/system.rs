//! What goes over the wire beside events: hello, errors, signs of life.

use super::words::{Page, code, codes, duration};
use crate::frame::{self, Frame, Role, is_pusher};
use tidewire_contract::{ClientFrame, Contract, ServerFrame};

pub fn events(contract: &Contract, page: &mut Page) {
    page.heading(2, "System Events");
    let server = frame::server(contract, &frame::none);
    for one in &server {
        match one.role {
            Role::Server(kind, None) if !matches!(kind, ServerFrame::Ping | ServerFrame::Pong | ServerFrame::Error) => {
                frame(one, trigger(kind), page)
            }
            Role::Pusher(notice) if !["pusher:ping", "pusher:pong", "pusher:error"].contains(&notice.event) => {
                frame(one, notice.trigger, page)
            }
            _ => {}
        }
    }
    let client = frame::client(contract, &frame::none);
    for one in &client {
        match one.role {
            Role::Client(ClientFrame::Refresh, None) => frame(one, "The client shows a new token, before its old one expires", page),
            Role::Pusher(notice) if notice.event == "pusher:signin" => frame(one, notice.trigger, page),
            _ => {}
        }
    }
    errors(contract, &server, page);
    keepalive(contract, &server, &client, page);
}

fn trigger(kind: ServerFrame) -> &'static str {
    match kind {
        ServerFrame::Hello => "Connection successful: first on every connection",
        ServerFrame::Subscribed => "Channels were joined",
        ServerFrame::Unsubscribed => "Channels were left",
        ServerFrame::Synced => "Everything that was asked for has been sent",
        ServerFrame::Ack => "A client's event was accepted",
        ServerFrame::Refused => "A client's event was refused",
        ServerFrame::Error => "Something that a client did went wrong; the connection goes on",
        ServerFrame::Ping => "Nothing was heard for a while",
        ServerFrame::Pong => "The answer to a client's sign of life",
        ServerFrame::Refreshed => "A new token was accepted",
        ServerFrame::Gap => "The history no longer reaches back to where the client was: it fetches what is true now, and goes on",
    }
}

fn frame(one: &Frame<'_>, trigger: &str, page: &mut Page) {
    page.heading(3, &format!("Event: {}", code(&one.name)));
    page.quote(&[("Trigger", trigger.to_owned())]);
    page.paragraph("**Payload**:");
    page.json(&one.example);
}

fn errors(contract: &Contract, server: &[Frame<'_>], page: &mut Page) {
    let is_error = |f: &&Frame<'_>| {
        matches!(f.role, Role::Server(ServerFrame::Error, _)) || matches!(f.role, Role::Pusher(n) if n.event == "pusher:error")
    };
    let Some(one) = server.iter().find(is_error) else { return };
    page.heading(3, &format!("Event: {}", code(&one.name)));
    page.quote(&[("Trigger", trigger(ServerFrame::Error).to_owned())]);
    page.paragraph("**Payload**:");
    if is_pusher(contract) {
        let rows = [
            ["event", "string", "`\"pusher:error\"`"],
            [
                "data.code",
                "number | null",
                "4301 where there was too much of something, 4302 for a watchlist that is too long, 4009 where signing in failed; null for what has no number",
            ],
            ["data.message", "string", "Human-readable message"],
        ];
        page.table(
            &["Field", "Type", "Description"],
            &rows.iter().map(|r| vec![code(r[0]), r[1].to_owned(), r[2].to_owned()]).collect::<Vec<_>>(),
        );
    } else {
        let error = contract.wire.server(ServerFrame::Error);
        let mut rows = Vec::new();
        match error {
            Some(template) => members(template, "", &mut rows),
            None => {
                for (name, means) in [
                    ("type", "`\"error\"`"),
                    ("code", "Error code"),
                    ("message", "Human-readable message"),
                    ("action", "What the client can do"),
                ] {
                    rows.push(vec![code(name), "string".to_owned(), means.to_owned()]);
                }
            }
        }
        page.table(&["Field", "Type", "Description"], &rows);
    }
    page.json(&one.example);
    page.paragraph("**Error Codes**:");
    let rows: Vec<Vec<String>> = contract.errors.iter().map(|e| vec![code(&e.code), e.means.clone(), e.action.clone()]).collect();
    page.table(&["Code", "Description", "Client Action"], &rows);
}

/// The members of an error's frame, in words.
fn members(template: &tidewire_contract::Template, prefix: &str, rows: &mut Vec<Vec<String>>) {
    use tidewire_contract::Template;
    match template {
        Template::Object(entries) => {
            for (name, inner) in entries {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                members(inner, &path, rows);
            }
        }
        Template::Value(value) => {
            let kind = if value.is_null() { "null" } else { "string" };
            rows.push(vec![code(prefix), kind.to_owned(), code(&value.to_string())]);
        }
        Template::Name(path) => {
            let (kind, means) = match path.first().map(String::as_str) {
                Some("code") => ("string", "Error code"),
                Some("message") => ("string", "Human-readable message"),
                Some("type") => ("string | null", "Event that caused the error"),
                Some("action") => ("string", "What the client can do"),
                Some("at") => ("ISO8601", "When it was told"),
                Some("channel") => ("string | null", "The channel that it is about"),
                Some("key") => ("any", "The key of what caused it"),
                Some("trace") => ("any", "The trace of what caused it"),
                Some("errors") => ("object[] | null", "What is wrong with the payload, and where"),
                Some(_) => ("string | null", "Of the connection"),
                None => ("any", ""),
            };
            rows.push(vec![code(prefix), kind.to_owned(), means.to_owned()]);
        }
        other => rows.push(vec![code(prefix), "string".to_owned(), code(&super::head::written(other))]),
    }
}

fn keepalive(contract: &Contract, server: &[Frame<'_>], client: &[Frame<'_>], page: &mut Page) {
    let find = |frames: &[Frame<'_>], server: ServerFrame, client: ClientFrame, pusher: &str| -> Option<(String, serde_json::Value)> {
        let is = |f: &&Frame<'_>| match f.role {
            Role::Server(kind, _) => kind == server,
            Role::Client(kind, _) => kind == client,
            Role::Pusher(notice) => notice.event == pusher,
            Role::Event(_) => false,
        };
        frames.iter().find(is).map(|f| (f.name.clone(), f.example.clone()))
    };
    let ping = |frames: &[Frame<'_>]| find(frames, ServerFrame::Ping, ClientFrame::Ping, "pusher:ping");
    let pong = |frames: &[Frame<'_>]| find(frames, ServerFrame::Pong, ClientFrame::Pong, "pusher:pong");
    let mut names: Vec<String> =
        [ping(server), ping(client), pong(server), pong(client)].into_iter().flatten().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let title = if names.is_empty() { "Keep-alive".to_owned() } else { format!("Event: {}", codes(names.iter().map(String::as_str), "/")) };
    page.heading(3, &title);
    page.quote(&[("Purpose", "Keep-alive mechanism".to_owned())]);
    let mut told = Vec::new();
    if let Some((name, _)) = ping(server) {
        let answer = pong(client)
            .map_or_else(|| "any frame of the client is its answer".to_owned(), |(name, _)| format!("the client answers {}", code(&name)));
        told.push(format!("The server sends {}; {answer}", code(&name)));
    } else {
        told.push("The server sends a WebSocket ping (RFC 6455), which browsers and libraries answer by themselves".to_owned());
    }
    if let (Some((ping, _)), Some((pong, _))) = (ping(client), pong(server)) {
        told.push(format!("A client may send {}; the server answers {}", code(&ping), code(&pong)));
    }
    page.list(&told);
    page.paragraph(&if is_pusher(contract) {
        // The protocol tells its clients; the numbers are the configuration's.
        "**Interval**: After 120 seconds of silence, or as `activity_timeout` says on connect  \n**Timeout**: 30 seconds without an answer = disconnect (4201)".to_owned()
    } else {
        format!(
            "**Interval**: Every {}  \n**Timeout**: {} without a sign of life = disconnect",
            duration(contract.keepalive.ping),
            duration(contract.keepalive.timeout)
        )
    });
    for (_, example) in [ping(server), ping(client), pong(server)].into_iter().flatten() {
        page.json(&example);
    }
}

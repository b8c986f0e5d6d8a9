//! The wire's templates as types.

use super::text::{key, literal, quote, within_backticks};
use tidewire_contract::{Contract, ServerFrame, Template, template::Segment};

/// The type that a name of a template stands for.
pub(super) type Lookup<'l> = dyn Fn(&[String]) -> String + 'l;

/// A template as a type. `may_lack`: the members that may be left out.
pub(super) fn shape(template: &Template, lookup: &Lookup<'_>, may_lack: &[&str], depth: usize) -> String {
    match template {
        Template::Value(value) => literal(value),
        Template::Name(path) => lookup(path),
        Template::Text(segments) => text(segments, lookup),
        Template::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shape(item, lookup, may_lack, depth)).collect();
            format!("[{}]", items.join(", "))
        }
        Template::Object(entries) if entries.is_empty() => "Record<string, never>".to_owned(),
        Template::Object(entries) => {
            let margin = "  ".repeat(depth + 1);
            let members: String = entries
                .iter()
                .map(|(name, template)| {
                    let optional = if lacks(template, may_lack) { "?" } else { "" };
                    format!("{margin}{}{optional}: {}\n", key(name), shape(template, lookup, may_lack, depth + 1))
                })
                .collect();
            format!("{{\n{members}{}}}", "  ".repeat(depth))
        }
    }
}

fn lacks(template: &Template, may_lack: &[&str]) -> bool {
    matches!(template, Template::Name(path) if path.first().is_some_and(|name| may_lack.contains(&name.as_str())))
}

/// Text around names: a literal where the names stand for literals, a template of text otherwise.
fn text(segments: &[Segment], lookup: &Lookup<'_>) -> String {
    let mut plain = Some(String::new());
    let mut pattern = String::new();
    for segment in segments {
        match segment {
            Segment::Literal(literal) => {
                pattern.push_str(&within_backticks(literal));
                plain = plain.map(|plain| plain + literal);
            }
            Segment::Name(path) => {
                let of = lookup(path);
                let quoted = of.strip_prefix('\'').and_then(|of| of.strip_suffix('\'')).filter(|of| !of.contains(['\'', '\\']));
                plain = plain.zip(quoted).map(|(plain, quoted)| plain + quoted);
                match quoted {
                    Some(quoted) => pattern.push_str(&within_backticks(quoted)),
                    None if of.starts_with('`') && of.ends_with('`') => pattern.push_str(&of[1..of.len() - 1]),
                    // What is no text stands for its JSON, and null for nothing.
                    None if of == "T" || of == "string" => pattern.push_str(&format!("${{{of}}}")),
                    None => pattern.push_str("${string}"),
                }
            }
        }
    }
    plain.map_or_else(|| format!("`{pattern}`"), |plain| quote(&plain))
}

/// What the names of an event's envelope stand for; `T` is its type, `P` its payload.
pub(super) fn of_event(contract: &Contract, path: &[String]) -> String {
    let (name, deeper) = (path.first().map_or("", String::as_str), path.len() > 1);
    match name {
        "type" => "T",
        "data" if deeper => "unknown",
        "data" => "P",
        "fields" if deeper => "unknown",
        "fields" => "Record<string, unknown> | null",
        "id" | "at" | "occurred_at" | "position" | "epoch" | "channel" => "string",
        "seq" => "number",
        "replay" => "boolean",
        "key" | "trace" => "string | null",
        variable => variable_of(contract, variable),
    }
    .to_owned()
}

/// A variable of addresses: there on every channel that has it, and null on others.
fn variable_of(contract: &Contract, name: &str) -> &'static str {
    let own = contract.channels.iter().filter(|channel| !channel.closed);
    let everywhere = own.clone().all(|channel| channel.address.variables().any(|variable| variable == name));
    if everywhere && contract.users.is_none() { "string" } else { "string | null" }
}

/// What the names of a client's frame stand for; `T` and `P` as above.
pub(super) fn of_client(path: &[String]) -> String {
    match path.first().map_or("", String::as_str) {
        "type" => "T",
        "data" => "P",
        "channel" => "ChannelName",
        "channels" => "ChannelName[]",
        _ => "string",
    }
    .to_owned()
}

/// What the names of a frame of the server stand for. `event_type` and `reply` are those of a client's event that is answered.
pub(super) fn of_server(contract: &Contract, frame: ServerFrame, path: &[String], event_type: &str, reply: &str) -> String {
    use ServerFrame::{Ack, Error, Gap, Hello, Ping, Refreshed, Refused, Subscribed, Unsubscribed};
    let (name, deeper) = (path.first().map_or("", String::as_str), path.len() > 1);
    let said = match (frame, name) {
        (_, "at") => "string",
        (Ack | Refused, "type") => event_type,
        (Ack, "reply" | "data") if !deeper => reply,
        (Ack, "reply" | "data") => "unknown",
        (Ack, "id") => "string",
        (Ack, "seq") => "number",
        (Refused | Error, "code") => "ErrorCode",
        (Refused | Error, "message" | "action") => "string",
        (Refused, "errors") => "Violation[]",
        (Error, "type" | "channel") => "string | null",
        (Hello, "connection") => "string",
        (Hello, "presence") => "unknown[]",
        (Hello, "retained") => "unknown",
        (Subscribed | Unsubscribed, "channel" | "type") => "string",
        (Subscribed | Unsubscribed, "channels") => "string[]",
        (Subscribed, "position") => "string",
        (Subscribed, "seq") => "number",
        (Gap, "channel" | "from" | "to" | "position" | "action") => "string",
        (Gap, "from_at") => "string | null",
        (Gap, "reason") => "'expired' | 'reset' | 'unknown' | 'damaged'",
        (Refreshed, "expires") => "string | null",
        (Hello | Gap | Ping, "key" | "trace") => "null",
        (_, "key" | "trace") => "string | null",
        (_, variable) if contract.channels.iter().any(|c| c.address.variables().any(|v| v == variable)) => "string | null",
        (_, variable)
            if contract
                .endpoints
                .iter()
                .any(|e| e.path.variables().any(|v| v == variable) || e.query.iter().any(|(_, v)| v == variable)) =>
        {
            "string | null"
        }
        _ => "null",
    };
    said.to_owned()
}

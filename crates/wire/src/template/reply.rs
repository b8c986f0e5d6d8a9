//! Replies: rare, so they are filled as JSON values.

use crate::{
    command::Reference,
    reply::{Gap, Reply},
};
use serde_json::{Value, json};
use tidewire_contract::{ErrorCode, ServerFrame, Template, address::Vars};
use tidewire_engine::at;

/// Appends the reply as the contract spells it; false where it has no word for it.
pub(super) fn write(server: &[(ServerFrame, Template)], errors: &[ErrorCode], reply: &Reply, out: &mut Vec<u8>) -> bool {
    let template = |frame| server.iter().find(|(f, _)| *f == frame).map(|(_, t)| t);
    let template = template(reply.frame()).or_else(|| match reply {
        Reply::Refused { .. } => template(ServerFrame::Error),
        _ => None,
    });
    let mut lookup = |path: &[String]| match (path[0].as_str(), reply) {
        ("action", Reply::Error { code, .. } | Reply::Refused { code, .. }) => Some(action(errors, code).into()),
        (name, _) => walk(value(reply, name)?, &path[1..]),
    };
    let value = match (template, reply) {
        (Some(template), _) => template.fill(&mut lookup),
        (None, Reply::Gap(gap)) => json!({ "type": "gap", "channel": gap.channel, "from": gap.from, "to": gap.to.to_string(),
            "reason": gap.reason.as_str(), "action": gap.reason.action(), "position": gap.to.to_string() }),
        (None, Reply::Error { code, message, .. } | Reply::Refused { code, message, .. }) => {
            json!({ "type": "error", "code": code, "message": message, "action": action(errors, code) })
        }
        (None, _) => return false,
    };
    // Writing to a Vec does not fail.
    serde_json::to_writer(out, &value).is_ok()
}

/// What a client can do about an error. A backend may answer with a code that the contract does not have.
fn action<'e>(errors: &'e [ErrorCode], code: &str) -> &'e str {
    errors.iter().find(|e| e.code == code).map_or("See the message", |e| &e.action)
}

fn walk(value: Value, path: &[String]) -> Option<Value> {
    path.iter().try_fold(value, |value, name| value.get(name).cloned())
}

/// What a `$name` stands for in this reply.
fn value(reply: &Reply, name: &str) -> Option<Value> {
    let reference = match reply {
        Reply::Subscribed { reference, .. }
        | Reply::Unsubscribed { reference, .. }
        | Reply::Synced { reference, .. }
        | Reply::Ack { reference, .. }
        | Reply::Refused { reference, .. }
        | Reply::Error { reference, .. }
        | Reply::Pong { reference, .. }
        | Reply::Refreshed { reference, .. } => Some(reference),
        Reply::Hello { .. } | Reply::Ping { .. } | Reply::Gap(_) => None,
    };
    match name {
        "at" => return Some(at::to_iso(moment(reply)).into()),
        "trace" => return reference?.trace.clone(),
        "key" => return reference?.key.clone(),
        _ => {}
    }
    let own = own(reply, reference, name);
    own.or_else(|| variable(&reference?.vars, name))
}

/// What only this kind of reply knows.
fn own(reply: &Reply, reference: Option<&Reference>, name: &str) -> Option<Value> {
    match reply {
        Reply::Hello { connection, vars, channel, presence, retained, .. } => match name {
            "connection" => Some(connection.clone().into()),
            "channel" => channel.as_ref().map(|(name, _)| name.clone().into()),
            "position" => channel.as_ref().map(|(_, place)| place.to_string().into()),
            "seq" => channel.as_ref().map(|(_, place)| place.seq.into()),
            "presence" => Some(presence.clone()),
            "retained" => Some(retained.clone()),
            _ => variable(vars, name),
        },
        Reply::Subscribed { channels, .. } => match name {
            "channel" => channels.first().map(|(c, _)| c.clone().into()),
            "channels" => Some(channels.iter().map(|(c, _)| c.clone()).collect()),
            "position" => channels.first().map(|(_, p)| p.to_string().into()),
            "seq" => channels.first().map(|(_, p)| p.seq.into()),
            "type" => reference?.frame.clone().map(Value::String),
            _ => None,
        },
        Reply::Unsubscribed { channels, .. } => match name {
            "channel" => channels.first().map(|c| c.clone().into()),
            "channels" => Some(channels.iter().cloned().collect()),
            "type" => reference?.frame.clone().map(Value::String),
            _ => None,
        },
        Reply::Ack { event_type, reply, .. } => match name {
            "type" => Some(event_type.clone().into()),
            "reply" | "data" => Some(reply.clone()),
            _ => reply.get(name).cloned(),
        },
        Reply::Refused { event_type, code, message, errors, .. } => match name {
            "type" => Some(event_type.clone().into()),
            "code" => Some(code.clone().into_owned().into()),
            "message" => Some(message.clone().into()),
            "errors" => Some(errors.clone()),
            _ => None,
        },
        Reply::Error { code, message, channel, .. } => match name {
            "type" => reference?.frame.clone().map(Value::String),
            "code" => Some(code.clone().into_owned().into()),
            "message" => Some(message.clone().into()),
            "channel" => channel.clone().map(Value::String),
            _ => None,
        },
        Reply::Refreshed { expires, .. } if name == "expires" => expires.map(|e| at::to_iso(e).into()),
        Reply::Gap(gap) => of_gap(gap, name),
        _ => None,
    }
}

fn of_gap(gap: &Gap, name: &str) -> Option<Value> {
    Some(match name {
        "channel" => gap.channel.clone().into(),
        "from" => gap.from.clone().into(),
        "from_at" => gap.from_at.map(at::to_iso)?.into(),
        "to" | "position" => gap.to.to_string().into(),
        "reason" => gap.reason.as_str().into(),
        "action" => gap.reason.action().into(),
        _ => return variable(&gap.vars, name),
    })
}

fn variable(vars: &Vars, name: &str) -> Option<Value> {
    vars.iter().find(|(n, _)| **n == *name).map(|(_, v)| v.clone().into())
}

fn moment(reply: &Reply) -> i64 {
    match reply {
        Reply::Hello { at, .. }
        | Reply::Subscribed { at, .. }
        | Reply::Unsubscribed { at, .. }
        | Reply::Synced { at, .. }
        | Reply::Ack { at, .. }
        | Reply::Refused { at, .. }
        | Reply::Error { at, .. }
        | Reply::Ping { at }
        | Reply::Pong { at, .. }
        | Reply::Refreshed { at, .. } => *at,
        Reply::Gap(gap) => gap.at,
    }
}

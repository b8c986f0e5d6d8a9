//! Examples as they go over the wire, the same ones every time.

use super::{Role, value};
use crate::schema;
use serde_json::{Value, json};
use tidewire_contract::{Action, Contract, Event, Publisher, ServerFrame};

/// Where the examples of a contract come from.
pub struct Examples<'c> {
    contract: &'c Contract,
    /// Names of channels that the flows join.
    joined: Vec<&'c str>,
}

/// An example of an event's payload: the contract's own, or a plain one that its schema takes; `None` if no such one was found.
pub fn payload(event: &Event) -> Option<Value> {
    let said = event.examples.first().cloned();
    said.or_else(|| event.schema().map(schema::sample).filter(|sample| event.validate(sample).is_empty()))
}

impl<'c> Examples<'c> {
    pub fn of(contract: &'c Contract) -> Examples<'c> {
        let mut joined = Vec::new();
        for step in contract.flows.iter().flat_map(|flow| &flow.steps) {
            if let Action::Join { channel, .. } = &step.action {
                joined.push(channel.as_str());
            }
        }
        Examples { contract, joined }
    }

    /// The name of a channel of this kind.
    pub fn channel(&self, kind: usize, data: Option<&Value>) -> String {
        let Some(channel) = self.contract.channels.get(kind) else { return String::new() };
        channel.address.fill(|variable| Some(self.variable(Some(kind), variable, data))).unwrap_or_default()
    }

    /// What a variable stands for: what the payload has under this name, what it is in the flows, or something short.
    pub fn variable(&self, kind: Option<usize>, name: &str, data: Option<&Value>) -> String {
        if let Some(Value::String(text)) = data.and_then(|data| data.get(name)) {
            return text.clone();
        }
        let of = |at: usize, channel: &'c str| {
            let vars = self.contract.channels[at].address.parse(channel)?;
            vars.into_iter().find(|(variable, _)| **variable == *name).map(|(_, value)| value)
        };
        let kinds: Vec<usize> = kind.map_or_else(|| (0..self.contract.channels.len()).collect(), |kind| vec![kind]);
        let in_flows = self.joined.iter().find_map(|channel| {
            let parsed = self.contract.channel(channel)?;
            kinds.contains(&parsed.kind).then(|| of(parsed.kind, channel)).flatten()
        });
        in_flows.unwrap_or_else(|| format!("{}1", name.chars().next().unwrap_or('x')))
    }

    /// What a name stands for in the example of a frame.
    pub fn value(&self, role: Role<'c>, path: &[String]) -> Option<Value> {
        let (name, rest) = path.split_first()?;
        let whole = match role {
            Role::Event(event) => self.of_event(event, name),
            Role::Client(_, event) => self.of_client(event, name),
            Role::Server(frame, event) => self.of_server(frame, event, name, rest),
            Role::Pusher(_) => Value::Null,
        };
        rest.iter().try_fold(whole, |value, part| value.get(part).cloned())
    }

    fn of_event(&self, event: &Event, name: &str) -> Value {
        let data = payload(event);
        let kind = event.on.first().copied();
        match name {
            "data" => data.unwrap_or_else(|| json!({})),
            "type" => type_text(event).into(),
            "id" => value::ID.into(),
            "seq" => value::SEQ.into(),
            "at" | "occurred_at" => value::AT.into(),
            "replay" => false.into(),
            "key" => data.and_then(|data| event.dedup_key(&data, None)).map_or(Value::Null, Value::String),
            "trace" | "fields" => Value::Null,
            "position" => value::position().into(),
            "epoch" => value::EPOCH.into(),
            "channel" => kind.map_or(Value::Null, |kind| self.channel(kind, data.as_ref()).into()),
            variable => {
                let there =
                    kind.and_then(|kind| self.contract.channels.get(kind)).is_some_and(|c| c.address.variables().any(|v| v == variable));
                if there { self.variable(kind, variable, data.as_ref()).into() } else { Value::Null }
            }
        }
    }

    fn of_client(&self, event: Option<&Event>, name: &str) -> Value {
        let data = event.and_then(payload);
        match name {
            "type" => event.map_or(Value::Null, |event| type_text(event).into()),
            "data" => data.unwrap_or_else(|| json!({})),
            "channel" => event.map_or_else(|| self.channel(self.joinable(), None), |event| self.sent_to(event)).into(),
            "channels" => json!([self.channel(self.joinable(), None)]),
            "after" => value::position().into(),
            "since" => value::AT.into(),
            "key" => "k-1".into(),
            "trace" => "t-1".into(),
            "token" => "eyJhbGciOi…".into(),
            _ => Value::Null,
        }
    }

    fn of_server(&self, frame: ServerFrame, event: Option<&Event>, name: &str, rest: &[String]) -> Value {
        use ServerFrame as F;
        let channel = || event.map_or_else(|| self.channel(self.joinable(), None), |event| self.sent_to(event));
        let answers = !matches!(frame, F::Hello | F::Ping | F::Gap);
        match (name, frame) {
            ("at", _) => value::AT.into(),
            ("key", _) if answers => "k-1".into(),
            ("trace", _) if answers => "t-1".into(),
            ("connection", F::Hello) => "17".into(),
            ("presence", F::Hello) => self.present(),
            ("retained", F::Hello) => self.retained(rest),
            ("channel", F::Hello | F::Subscribed | F::Unsubscribed | F::Gap | F::Error) => channel().into(),
            ("channels", F::Subscribed | F::Unsubscribed) => json!([channel()]),
            ("position", F::Hello | F::Subscribed | F::Gap) | ("to", F::Gap) => value::position().into(),
            ("seq", F::Hello | F::Subscribed) => value::SEQ.into(),
            ("type", F::Ack | F::Refused) => event.map_or(Value::Null, |event| type_text(event).into()),
            ("type", F::Error) => {
                self.contract.events.iter().find(|e| e.from == Publisher::Client).map_or(Value::Null, |e| type_text(e).into())
            }
            ("reply" | "data", F::Ack) if event.is_some_and(|e| e.to.is_none()) => reply(),
            (_, F::Ack) if event.is_some_and(|e| e.to.is_none()) => reply().get(name).cloned().unwrap_or(Value::Null),
            ("code", F::Refused) => "INVALID_PAYLOAD".into(),
            ("code", F::Error) => "NOT_FOUND".into(),
            ("message", F::Refused) => "/text must have at most 500 characters".into(),
            ("message", F::Error) => "there is no such channel".into(),
            ("action", F::Refused) => self.action("INVALID_PAYLOAD"),
            ("action", F::Error) => self.action("NOT_FOUND"),
            ("errors", F::Refused) => {
                json!([{ "pointer": "/text", "rule": "maxLength", "found": "string", "message": "it is longer than 500 characters" }])
            }
            ("expires", F::Refreshed) => "2026-01-31T11:00:00.000000Z".into(),
            ("from", F::Gap) => format!("{}:12", value::EPOCH).into(),
            ("from_at", F::Gap) => "2026-01-24T10:00:00.000000Z".into(),
            ("reason", F::Gap) => "expired".into(),
            ("action", F::Gap) => "refetch: take a fresh snapshot, then go on from its position".into(),
            _ if self
                .contract
                .endpoints
                .iter()
                .any(|e| e.path.variables().any(|v| v == name) || e.query.iter().any(|(_, v)| v == name)) =>
            {
                self.variable(None, name, None).into()
            }
            _ => Value::Null,
        }
    }

    fn action(&self, code: &str) -> Value {
        self.contract.errors.iter().find(|e| e.code == code).map_or_else(|| "See the message".into(), |e| e.action.clone().into())
    }

    /// Who is there, as the first channel with presence shows them.
    fn present(&self) -> Value {
        let Some(presence) = self.contract.channels.iter().find_map(|c| c.presence.as_ref()) else { return json!([]) };
        let info = presence.info.fill(&mut |path| match path {
            [root, attribute] if root == "principal" => Some(self.attribute(attribute)),
            [root] if root == "member" => Some("ana".into()),
            _ => None,
        });
        json!([info])
    }

    /// An attribute of the first actor, as the contract reads it off the claims.
    fn attribute(&self, name: &str) -> Value {
        let actor = self.contract.actors.first().and_then(|actor| self.contract.principal(&actor.claims));
        actor
            .and_then(|principal| principal.attributes.get(name).map(|attribute| attribute.to_json()))
            .filter(|v| !v.is_null())
            .unwrap_or_else(|| "ana".into())
    }

    /// The payload of what a channel retains, below its name.
    fn retained(&self, rest: &[String]) -> Value {
        let Some(name) = rest.first() else { return json!({}) };
        let kept = self.contract.channels.iter().flat_map(|c| &c.retain).find(|(kept, _)| kept == name);
        let data = kept.and_then(|(_, event_type)| self.contract.event(event_type)).and_then(|event| payload(event));
        json!({ name: data })
    }

    /// The first channel that clients join by asking.
    fn joinable(&self) -> usize {
        self.contract.channels.iter().position(|c| !c.closed).unwrap_or(0)
    }

    /// The channel that a client's event ends up on.
    pub fn goes_to(&self, event: &Event) -> usize {
        let named = self.named(event, payload(event).as_ref()).and_then(|name| self.contract.channel(&name)).map(|channel| channel.kind);
        let published = event.publishes.as_deref().and_then(|published| self.contract.event(published));
        let on = || event.on.first().or_else(|| published.and_then(|p| p.on.first())).copied();
        named.or_else(on).unwrap_or_else(|| self.joinable())
    }

    /// The name of the channel that a client's event goes to.
    pub fn sent_to(&self, event: &Event) -> String {
        let data = payload(event);
        self.named(event, data.as_ref()).unwrap_or_else(|| self.channel(self.goes_to(event), data.as_ref()))
    }

    /// What `in:` makes of the payload.
    fn named(&self, event: &Event, data: Option<&Value>) -> Option<String> {
        let name = event.channel.as_ref()?.fill(&mut |path| match path.split_first() {
            Some((root, rest)) if root == "data" => rest.iter().try_fold(data?, |value, part| value.get(part)).cloned(),
            Some((root, [attribute])) if root == "principal" => Some(self.attribute(attribute)),
            _ => None,
        });
        name.as_str().map(str::to_owned)
    }
}

fn reply() -> Value {
    json!({ "id": value::ID, "seq": value::SEQ, "at": value::AT, "duplicate": false })
}

/// A type of the event's: of a pattern, one that is likely.
pub fn type_text(event: &Event) -> String {
    event.name.strip_suffix('*').map_or_else(|| event.name.clone(), |prefix| format!("{prefix}created"))
}

//! Whether what a flow tells can happen, as far as the contract says.

use super::{Placed, Places, payload::is_name};
use crate::{
    Contract, FrameType, ServerFrame,
    compile::{
        fields::short,
        fits,
        payloads::Schemas,
        source::{Reporter, nearest, suggest},
        yaml::{Kind, Node},
    },
    event::{Event, Publisher},
    flow::{Action, Flow},
    template::Template,
};
use serde_json::Value;
use std::ops::Range;

pub(in crate::compile) fn check(report: &Reporter, contract: &Contract, schemas: &Schemas, flows: &[Placed]) {
    let frames = contract.frame_types();
    for Placed { flow, steps } in flows {
        let mut telling = Telling {
            report,
            contract,
            schemas,
            frames: &frames,
            flow,
            joined: None,
            handed: Vec::new(),
            open: vec![0; contract.backends.len()],
        };
        for (at, places) in steps.iter().enumerate() {
            telling.step(at, places);
        }
    }
}

/// A flow, as far as it has been told.
struct Telling<'a> {
    report: &'a Reporter,
    contract: &'a Contract,
    schemas: &'a Schemas,
    frames: &'a [FrameType],
    flow: &'a Flow,
    /// The channel that was joined last.
    joined: Option<String>,
    /// What was handed to which backend and not yet shown to be received.
    handed: Vec<(usize, String)>,
    /// For each backend: how much it was asked and has not answered.
    open: Vec<usize>,
}

impl Telling<'_> {
    fn step(&mut self, at: usize, places: &Places) {
        let flow = self.flow;
        match &flow.steps[at].action {
            Action::Join { who, channel } => {
                self.clients_only(who, places, "joins");
                self.channel(channel, &places.channel);
                self.joined = Some(channel.clone());
            }
            Action::Leave { who, channel } => {
                self.clients_only(who, places, "leaves");
                self.channel(channel, &places.channel);
            }
            Action::Send { who, event_type, data, channel } => match self.backend(who) {
                Some(_) => self.publish(who, event_type, data.as_ref(), channel.as_deref(), places),
                None => self.send(at, who, event_type, data.as_ref(), channel.as_deref(), places),
            },
            Action::Receive { who, what } => {
                for (place, name) in places.who.iter().zip(who) {
                    for (nth, expected) in what.iter().enumerate() {
                        let (node, span) = (places.payloads[nth].as_ref(), &places.types[nth]);
                        match self.backend(name) {
                            Some(backend) => self.handed_over(backend, name, &expected.event_type, span, node, place),
                            None => self.received(&expected.event_type, span, node),
                        }
                    }
                }
            }
            Action::ReceiveNothing { .. } => {}
            Action::Answer { who, .. } => self.answer(who, places),
            Action::Disconnect { who } => self.clients_only(who, places, "disconnects"),
            Action::Reconnect { who } => self.clients_only(who, places, "reconnects"),
        }
    }

    fn add(&self, code: &'static str, span: &Range<usize>, message: String, help: Option<String>) {
        self.report.add(code, span.clone(), message, help);
    }

    fn backend(&self, name: &str) -> Option<usize> {
        self.contract.backends.iter().position(|b| b.name == name)
    }

    fn clients_only(&self, who: &[String], places: &Places, does: &str) {
        for (name, place) in who.iter().zip(&places.who).filter(|(name, _)| self.backend(name).is_some()) {
            self.add("bad-step", place, format!("`{name}` is a backend, and no backend {does}"), Some("name a client".to_owned()));
        }
    }

    fn channel(&self, name: &str, span: &Range<usize>) -> Option<usize> {
        // Of the channels that come by themselves, only those of signed-in users are for anybody to know.
        let known = |at: usize| !self.contract.channels[at].closed || self.contract.users == Some(at);
        let found = self.contract.channel(name).map(|channel| channel.log_kind).filter(|at| known(*at));
        if found.is_none() {
            let open = self.contract.channels.iter().enumerate().filter(|(at, _)| known(*at));
            let help = suggest(name, open.map(|(_, c)| c.address.source.as_str()), "the channels' addresses are");
            self.add("unknown-channel", span, format!("no channel has the address `{}`", short(name)), help);
        }
        found
    }

    /// The names of events that `fits`.
    fn names(&self, fits: impl Fn(&Event) -> bool) -> Vec<&str> {
        self.contract.events.iter().filter(|e| fits(e)).map(|e| e.name.as_str()).collect()
    }

    /// A backend publishes.
    fn publish(&self, who: &str, event_type: &str, data: Option<&Value>, channel: Option<&str>, places: &Places) {
        let span = &places.types[0];
        let Some(event) = self.contract.event(event_type) else {
            let help = suggest(event_type, self.names(|e| e.from == Publisher::Backend), "what backends send is");
            return self.add("unknown-event", span, format!("there is no event `{}`", short(event_type)), help);
        };
        if event.from != Publisher::Backend {
            let help = suggest(event_type, self.names(|e| e.from == Publisher::Backend), "what backends send is");
            self.add("not-a-backend-event", span, format!("`{event_type}` is not for a backend to publish"), help);
        }
        let sends = self.backend(who).map_or(&[][..], |at| self.contract.backends[at].sends.as_slice());
        if !sends.is_empty() && !sends.iter().any(|s| crate::event::type_matches(s, event_type) || *s == event.name) {
            let help = Some(format!("write it among what `{who}` `sends:`"));
            self.add("not-a-backend-event", span, format!("`{who}` does not say that it sends `{event_type}`"), help);
        }
        let kind = match (channel, &self.joined) {
            (Some(name), _) => self.channel(name, &places.channel),
            (None, Some(name)) => self.contract.channel(name).map(|channel| channel.log_kind),
            (None, None) => {
                let help = Some(format!("write `{who} sends {event_type} {{ … }} to {}`", self.example_address(event)));
                self.add(
                    "unknown-channel",
                    &places.step,
                    "it is not clear to which channel this goes: nobody has joined one".to_owned(),
                    help,
                );
                None
            }
        };
        if let Some(kind) = kind
            && !event.on.contains(&kind)
            && self.contract.users != Some(kind)
        {
            let place = if channel.is_some() { &places.channel } else { span };
            let message = format!("`{event_type}` is not on the channel `{}`", self.contract.channels[kind].id);
            self.add("not-on-channel", place, message, Some(format!("write `to {}` at the end", self.example_address(event))));
        }
        self.payload(event, event_type, data, places);
    }

    fn example_address(&self, event: &Event) -> String {
        let channel = event.on.first().and_then(|at| self.contract.channels.get(*at));
        channel.map_or_else(|| "a channel".to_owned(), |c| c.address.source.clone())
    }

    /// A client sends. What the server will refuse is no mistake where the flow expects the refusal.
    fn send(&mut self, at: usize, who: &str, event_type: &str, data: Option<&Value>, channel: Option<&str>, places: &Places) {
        let span = &places.types[0];
        let sent = || self.names(|e| e.from == Publisher::Client);
        let refused = self.refused(at, who, event_type);
        let Some(event) = self.contract.event(event_type) else {
            if !refused {
                let help = suggest(event_type, sent(), "what clients send is");
                self.add("unknown-event", span, format!("there is no event `{}`", short(event_type)), help);
            }
            return;
        };
        if event.from != Publisher::Client {
            if !refused {
                let backends = self.contract.backends.iter().map(|b| b.name.as_str());
                let near = nearest(who, backends).map(|near| format!("did you mean the backend `{near}`?"));
                let help = near.or_else(|| suggest(event_type, sent(), "what clients send is"));
                self.add(
                    "not-a-client-event",
                    span,
                    format!("`{event_type}` is not for a client to send, and no backend is called `{who}`"),
                    help,
                );
            }
            return;
        }
        if let Some(name) = channel {
            self.channel(name, &places.channel);
        }
        if !refused {
            self.payload(event, event_type, data, places);
        }
        if let Some(backend) = event.to {
            self.handed.push((backend, event_type.to_owned()));
            self.open[backend] += 1;
        }
    }

    /// Whether the next that `who` gets after the step `at` is a refusal.
    fn refused(&self, at: usize, who: &str, event_type: &str) -> bool {
        for step in &self.flow.steps[at + 1..] {
            match &step.action {
                Action::Receive { who: whom, what } if whom.iter().any(|name| name == who) => {
                    return what.iter().any(|expected| {
                        self.frames.iter().filter(|frame| frame.matches(&expected.event_type)).any(|frame| {
                            let refusal =
                                matches!(frame.frame, Some(ServerFrame::Refused | ServerFrame::Error)) || frame.name == "pusher:error";
                            refusal && frame.answers.as_deref().is_none_or(|answers| crate::event::type_matches(answers, event_type))
                        })
                    });
                }
                Action::Send { who: other, .. } if other == who => return false,
                _ => {}
            }
        }
        false
    }

    /// A whole payload: that of the step, or the event's first example.
    fn payload(&self, event: &Event, event_type: &str, data: Option<&Value>, places: &Places) {
        let nothing = Value::Object(serde_json::Map::new());
        let data = data.or(event.examples.first()).unwrap_or(&nothing);
        let node = places.payloads.first().and_then(Option::as_ref);
        for violation in event.validate(data) {
            // A value that the flow has met is what it was there.
            if data.pointer(&violation.pointer).and_then(Value::as_str).is_some_and(is_name) {
                continue;
            }
            let span = node.map_or(places.types[0].clone(), |node| crate::compile::examples::place(node, &violation.pointer));
            let help = match node {
                Some(_) if event.from == Publisher::Backend => "a backend's publish is refused as a whole".to_owned(),
                Some(_) => "or let the flow expect the refusal: `… receives` the frame that says so, next".to_owned(),
                None => format!("write its payload: `{event_type} {{ … }}`"),
            };
            let message = format!("the payload does not match the schema of `{}`: {}", short(event_type), violation.message);
            self.add("bad-payload", &span, message, Some(help));
        }
    }

    /// A backend receives what was sent to it.
    fn handed_over(
        &mut self,
        backend: usize,
        name: &str,
        event_type: &str,
        span: &Range<usize>,
        node: Option<&Node>,
        place: &Range<usize>,
    ) {
        let takes = self.names(|e| e.to == Some(backend));
        match self.contract.event(event_type) {
            Some(event) if event.to == Some(backend) => {}
            found => {
                let help = suggest(event_type, takes, &format!("what `{name}` is handed is"));
                let help = help.or_else(|| Some(format!("write `to: {name}` at an event of clients")));
                let (code, message) = match found {
                    None => ("unknown-event", format!("there is no event `{}`", short(event_type))),
                    Some(_) => ("not-a-backend-event", format!("`{event_type}` is not handed to `{name}`")),
                };
                return self.add(code, span, message, help);
            }
        }
        match self.handed.iter().position(|(to, what)| *to == backend && what == event_type) {
            Some(at) => {
                self.handed.remove(at);
            }
            None => {
                let help = Some(format!("write `ana sends {event_type} {{ … }}` before it"));
                self.add("nothing-asked", place, format!("nobody has sent `{event_type}` before"), help);
            }
        }
        self.pattern(event_type, node);
    }

    /// A client receives an event or a frame.
    fn received(&self, event_type: &str, span: &Range<usize>, node: Option<&Node>) {
        if let Some(event) = self.contract.event(event_type)
            && event.is_shown()
        {
            return self.pattern(event_type, node);
        }
        if let Some(frame) = self.frames.iter().find(|frame| frame.matches(event_type)) {
            return self.frame(frame, node);
        }
        let shown = self.names(Event::is_shown);
        let words = shown.into_iter().chain(self.frames.iter().map(|f| f.name.as_str()));
        let help = suggest(event_type, words, "what clients get is");
        let message = match self.contract.event(event_type) {
            Some(_) => format!("`{event_type}` is shown to no client"),
            None => format!("there is no event and no frame `{}`", short(event_type)),
        };
        self.add("unknown-event", span, message, help);
    }

    /// Whether there can be such a payload.
    fn pattern(&self, event_type: &str, node: Option<&Node>) {
        let (Some(node), Some(cursor)) = (node, self.schemas.cursor(event_type)) else { return };
        fits::pattern(self.report, node, &template(node), &cursor, event_type);
    }

    fn frame(&self, frame: &FrameType, node: Option<&Node>) {
        let (Some(node), Some(kind)) = (node, frame.frame) else { return };
        let Kind::Map(entries) = &node.kind else { return };
        let Some(Template::Object(fields)) = self.contract.frame_payload(kind) else { return };
        for entry in entries {
            let Some((_, template)) = fields.iter().find(|(name, _)| *name == entry.key) else {
                let help = suggest(&entry.key, fields.iter().map(|(name, _)| name.as_str()), "the wire has");
                let message = format!("the frame `{}` has no `{}`", short(&frame.name), short(&entry.key));
                self.add("unknown-field", &entry.key_span, message, help);
                continue;
            };
            if matches!(template, Template::Name(path) if path.as_slice() == ["code"]) {
                self.code(&entry.value);
            }
        }
    }

    /// A code is one that clients can get.
    fn code(&self, node: &Node) {
        let Kind::Str(code) = &node.kind else { return };
        let errors = &self.contract.errors;
        if !is_name(code) && errors.iter().all(|e| e.code != *code) {
            let help = suggest(code, errors.iter().map(|e| e.code.as_str()), "write it in `errors:`; the codes are");
            self.add("unknown-code", &node.span, format!("no error has the code `{}`", short(code)), help);
        }
    }

    fn answer(&mut self, who: &str, places: &Places) {
        let Some(backend) = self.backend(who) else {
            let help = suggest(who, self.contract.backends.iter().map(|b| b.name.as_str()), "the backends are");
            let help = help.or_else(|| Some("write `backends:` in the contract".to_owned()));
            return self.add("unknown-backend", &places.who[0], format!("there is no backend `{}`", short(who)), help);
        };
        if self.open[backend] == 0 {
            let takes = self.names(|e| e.to == Some(backend)).first().copied().unwrap_or("TYPE").to_owned();
            let help = Some(format!("write `ana sends {takes} {{ … }}` before it"));
            return self.add("nothing-asked", &places.who[0], format!("`{who}` answers, and nothing was asked of it"), help);
        }
        self.open[backend] -= 1;
        let node = places.payloads.first().and_then(Option::as_ref);
        if let Some(code) = node.and_then(|node| node.entry("code")) {
            self.code(&code.value);
        }
    }
}

/// A payload as constants; what the flow has met may be anything.
fn template(node: &Node) -> Template {
    match &node.kind {
        Kind::Str(text) if is_name(text) => Template::Name(vec![text.clone()]),
        Kind::List(items) => Template::Array(items.iter().map(template).collect()),
        Kind::Map(entries) => Template::Object(entries.iter().map(|e| (e.key.clone(), template(&e.value))).collect()),
        _ => Template::Value(node.to_json()),
    }
}

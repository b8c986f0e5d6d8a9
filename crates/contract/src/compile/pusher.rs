//! Whether a contract's protocol, its endpoints and its channels fit each other.

use super::{channels::Channels, endpoints::RESERVED, fields::short, source::Reporter, yaml::Entry};
use crate::{
    address::Part,
    auth::Tokens,
    channel::Channel,
    endpoint::{Endpoint, EndpointKind, OptionRole},
    wire::Protocol,
};
use std::ops::Range;

/// The server's route for what was missed on one channel.
const REPLAY: &str = "/v1/events/since";
/// Its parameters, as `options` has to say them.
const REPLAY_OPTIONS: [(&str, OptionRole); 2] = [("channel", OptionRole::Subscribe), ("seq", OptionRole::Resume)];

/// Endpoints of which there is one at most.
const SINGLE: [EndpointKind; 4] = [EndpointKind::Pusher, EndpointKind::Authorize, EndpointKind::SignIn, EndpointKind::Replay];

/// What a channel's name begins with where the protocol shows who is on it.
const PRESENCE: &str = "presence-";

/// Endpoints and protocol. `tokens` is `None` where `auth` could not be read.
pub(crate) fn endpoints(report: &Reporter, at: &Entry, protocol: Protocol, tokens: Option<Tokens>, all: &[(Endpoint, Range<usize>)]) {
    for kind in SINGLE {
        for (_, span) in all.iter().filter(|(e, _)| e.kind == kind).skip(1) {
            let message = format!("there is one `{}:` endpoint already", kind.as_str());
            report.add("endpoint-collision", span.clone(), message, Some("remove one of them".to_owned()));
        }
    }
    if protocol == Protocol::Pusher && all.iter().all(|(e, _)| e.kind != EndpointKind::Pusher) {
        let help = Some("write `- pusher: /app/{key}`".to_owned());
        report.add("missing-key", at.key_span.clone(), "under `protocol: pusher` clients need a `pusher:` endpoint", help);
    }
    for (endpoint, span) in all {
        belongs(report, endpoint, span, protocol);
        match endpoint.kind {
            EndpointKind::Pusher => app(report, endpoint, span),
            EndpointKind::Authorize | EndpointKind::SignIn if protocol == Protocol::Pusher => signs(report, endpoint, span, tokens),
            EndpointKind::Replay => replay(report, endpoint, span),
            _ => {}
        }
    }
}

fn belongs(report: &Reporter, endpoint: &Endpoint, span: &Range<usize>, protocol: Protocol) {
    let (message, help) = match (protocol, endpoint.kind) {
        (Protocol::Pusher, EndpointKind::WebSocket) => {
            ("under `protocol: pusher` WebSockets are those of `pusher:`".to_owned(), "write `pusher:` in place of `websocket:`")
        }
        (Protocol::Templates, EndpointKind::Pusher | EndpointKind::Authorize | EndpointKind::SignIn) => {
            (format!("`{}:` is an endpoint of the Pusher protocol", endpoint.kind.as_str()), "write `protocol: pusher` in `wire`")
        }
        _ => return,
    };
    report.add("endpoint-kind", span.clone(), message, Some(help.to_owned()));
}

/// `/app/{key}`. Every request below it is taken for a client's, so it must not stand above what is not.
fn app(report: &Reporter, endpoint: &Endpoint, span: &Range<usize>) {
    let above = match endpoint.path.parts.as_slice() {
        [Part::Literal(above), Part::Variable(key)] if &**key == "key" && endpoint.query.is_empty() => above.as_str(),
        _ => "",
    };
    if !above.ends_with('/') || above.len() < 2 {
        let help = Some("write `/app/{key}`: clients' libraries put the app's key there".to_owned());
        report.add("bad-path", span.clone(), "the path of `pusher:` ends in `/{key}`, its only variable", help);
    } else if RESERVED.iter().any(|own| own.starts_with(above)) {
        let help = Some("write `/app/{key}`".to_owned());
        report.add("endpoint-collision", span.clone(), "routes of the server's own are below this path", help);
    }
}

fn signs(report: &Reporter, endpoint: &Endpoint, span: &Range<usize>, tokens: Option<Tokens>) {
    if endpoint.path.variables().next().is_some() || !endpoint.query.is_empty() {
        let help = Some("e.g. `/broadcasting/auth`".to_owned());
        report.add("bad-path", span.clone(), "what signs has a path without variables and parameters", help);
    }
    if tokens == Some(Tokens::Signed) {
        let help = Some("write `devices: registry` in `auth`; where another program signs, leave the endpoint out".to_owned());
        report.add("no-token", span.clone(), "the server signs for devices of its registry alone", help);
    }
}

fn replay(report: &Reporter, endpoint: &Endpoint, span: &Range<usize>) {
    let said = |(name, role): &(&str, OptionRole)| endpoint.options.iter().any(|(n, r)| n == name && r == role);
    let fits = REPLAY_OPTIONS.iter().all(said) && endpoint.options.len() == REPLAY_OPTIONS.len();
    if endpoint.path.source != REPLAY || !endpoint.query.is_empty() || !fits {
        let help = Some(format!("write `replay: {REPLAY}` with `options: {{ channel: subscribe, seq: resume }}`"));
        report.add("bad-path", span.clone(), format!("`replay:` is the server's own route {REPLAY}, with its parameters"), help);
    }
}

/// Channels and protocol: what the names are made of, and what they begin with.
pub(crate) fn channels(report: &Reporter, all: &Channels, tokens: Option<Tokens>) {
    for (channel, span) in all.list.iter().zip(&all.spans) {
        let fixed = channel.address.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Variable(_) => None,
        });
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-=@,.;".contains(c);
        if let Some(bad) = fixed.flat_map(str::chars).find(|c| !allowed(*c)) {
            let message = format!("under `protocol: pusher` a channel's name cannot have {bad:?} in it");
            report.add("bad-address", span.clone(), message, Some("it is made of letters, digits and _ - = @ . ;".to_owned()));
        }
        presence(report, channel, span, tokens);
    }
}

fn presence(report: &Reporter, channel: &Channel, span: &Range<usize>, tokens: Option<Tokens>) {
    let Some(Part::Literal(head)) = channel.address.parts.first() else { return };
    if channel.presence.is_some() && !head.starts_with(PRESENCE) {
        let message = format!("under `protocol: pusher` nobody is shown who is on `{}`", short(&channel.address.source));
        report.add("bad-address", span.clone(), message, Some(format!("begin the address with `{PRESENCE}`, or remove `presence`")));
    }
    if channel.presence.is_none() && head.starts_with(PRESENCE) && tokens == Some(Tokens::Devices) {
        let message = format!("`{}` does not say who a device is there", short(&channel.address.source));
        report.add("missing-key", span.clone(), message, Some("write `presence: { member: $principal.id }`".to_owned()));
    }
}

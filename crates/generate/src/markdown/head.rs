//! Title, and the overview: transports, and how a client says who it is.

use super::words::{Page, code, codes, listed};
use crate::frame::is_pusher;
use tidewire_contract::{Contract, Endpoint, EndpointKind, OptionRole, Template, TokenPlace, auth::Tokens, template::Segment};

/// The host of examples; where a server is, its configuration says.
const HOST: &str = "api.example.com";

pub fn title(contract: &Contract, page: &mut Page) {
    page.heading(1, &format!("Events Contract: {}", contract.title));
    let mut said = Vec::new();
    if let Some(feature) = &contract.feature {
        said.extend(feature.branch.as_ref().map(|branch| format!("**Branch**: {}", code(branch))));
        said.extend(feature.date.as_ref().map(|date| format!("**Date**: {date}")));
        said.extend(feature.spec.as_ref().map(|spec| format!("**Spec**: [{spec}]({})", spec.replace(' ', "%20"))));
    }
    said.push(format!("**Version**: {}", contract.version));
    page.paragraph(&said.join(" | "));
}

pub fn overview(contract: &Contract, page: &mut Page) {
    page.heading(2, "Overview");
    if let Some(description) = &contract.description {
        page.paragraph(description);
    }
    page.paragraph(&format!(
        "This document defines all **real-time events** of {}. It is generated from the contract {}.",
        contract.title,
        code(&contract.name)
    ));
    page.heading(3, "Transport");
    let rows: Vec<Vec<String>> = contract
        .endpoints
        .iter()
        .map(|endpoint| vec![protocol(endpoint.kind).to_owned(), code(&url(endpoint)), authentication(contract, endpoint)])
        .collect();
    page.table(&["Protocol", "Endpoint", "Authentication"], &rows);
    parameters(contract, page);
    conditions(contract, page);
    principal(contract, page);
}

fn protocol(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::WebSocket => "WebSocket",
        EndpointKind::Sse => "SSE",
        EndpointKind::Poll => "Polling (GET)",
        EndpointKind::History => "History (GET)",
        EndpointKind::Pusher => "WebSocket, Pusher protocol 7",
        EndpointKind::Authorize => "Authorize a channel (POST)",
        EndpointKind::SignIn => "Sign in (POST)",
        EndpointKind::Replay => "Replay (GET)",
    }
}

/// The endpoint with an example's host.
fn url(endpoint: &Endpoint) -> String {
    let scheme = match endpoint.kind {
        EndpointKind::WebSocket | EndpointKind::Pusher => "wss",
        _ => "https",
    };
    format!("{scheme}://{HOST}{}", path(endpoint))
}

/// The path with the query that must be given.
pub fn path(endpoint: &Endpoint) -> String {
    let query: Vec<String> = endpoint.query.iter().map(|(name, variable)| format!("{name}={{{variable}}}")).collect();
    if query.is_empty() { endpoint.path.source.clone() } else { format!("{}?{}", endpoint.path.source, query.join("&")) }
}

fn authentication(contract: &Contract, endpoint: &Endpoint) -> String {
    if endpoint.kind == EndpointKind::Pusher {
        return "Public app key in the path; a signature for each private channel".to_owned();
    }
    let token = if contract.auth.tokens == Tokens::Devices { "device token" } else { "token" };
    let places = contract.auth.places(endpoint.kind);
    let bearer: Vec<String> = (places.iter())
        .filter_map(|place| match place {
            TokenPlace::Header => Some("header".to_owned()),
            TokenPlace::Query(name) => Some(format!("query param {}", code(name))),
            TokenPlace::Cookie(_) => None,
        })
        .collect();
    let mut ways = Vec::new();
    if !bearer.is_empty() {
        ways.push(format!("Bearer {token} in {}", listed(&bearer, "or")));
    }
    ways.extend(places.iter().filter_map(|place| match place {
        TokenPlace::Cookie(name) => Some(format!("{token} in cookie {}", code(name))),
        TokenPlace::Header | TokenPlace::Query(_) => None,
    }));
    let mut text = ways.join(", or ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn parameters(contract: &Contract, page: &mut Page) {
    let mut rows = Vec::new();
    for endpoint in &contract.endpoints {
        for (name, role) in &endpoint.options {
            let does = match role {
                OptionRole::Filter => "Types to be shown, separated by `;`; `*` stands for the rest: `chat.*;item.*`",
                OptionRole::Resume => "Goes on behind an event's id, a `seq`, a position or a time",
                OptionRole::Page => "How many events a page has",
                OptionRole::Subscribe => "Channels, separated by commas",
            };
            rows.push(vec![format!("{} {}", protocol(endpoint.kind), code(&endpoint.path.source)), code(name), does.to_owned()]);
        }
    }
    if !rows.is_empty() {
        page.paragraph("What may be in the query:");
        page.table(&["Endpoint", "Parameter", "What it does"], &rows);
    }
}

/// What a connection is on by itself, and who may connect.
fn conditions(contract: &Contract, page: &mut Page) {
    let mut items = Vec::new();
    for (at, endpoint) in contract.endpoints.iter().enumerate() {
        let name = format!("{} {}", protocol(endpoint.kind), code(&endpoint.path.source));
        if let Some(channel) = &endpoint.channel {
            let does = if endpoint.kind == EndpointKind::History { "reads" } else { "is on" };
            items.push(format!("{name} {does} {}", code(&channel.source)));
        }
        if !endpoint.unless_asked.is_empty() {
            let channels: Vec<String> = endpoint.unless_asked.iter().map(written).collect();
            items.push(format!(
                "{name}, if it asks for no channel, is on those of {} that the client may join",
                codes(channels.iter().map(String::as_str), "and")
            ));
        }
        if let Some(rule) = contract.source.document.get("endpoints").and_then(|e| e.get(at)?.get("allow")?.as_str()) {
            items.push(format!("{name} takes clients of whom {} is true", code(rule)));
        }
    }
    if !items.is_empty() {
        page.list(&items);
    }
}

fn principal(contract: &Contract, page: &mut Page) {
    page.heading(3, "Who a client is");
    let from = if contract.auth.tokens == Tokens::Devices { "the server's registry of devices" } else { "the claims of its token" };
    page.paragraph(&format!("A client's attributes come from {from}. Rules below name them."));
    let rows: Vec<Vec<String>> =
        contract.auth.principal.iter().map(|(name, template)| vec![code(&format!("principal.{name}")), code(&written(template))]).collect();
    page.table(&["Attribute", "From"], &rows);
    if !contract.members.is_empty() {
        let relations: Vec<String> = (contract.members.iter())
            .map(|m| format!("{}: where {} is, as {} says", code(&m.relation), code(&format!("principal.{}", m.of)), code(&m.on)))
            .collect();
        page.paragraph("Audiences below also name who is where, which the server reads off the events in their order:");
        page.list(&relations);
    }
    if is_pusher(contract) {
        page.paragraph("The connection itself is anonymous; who a client is counts when it joins a channel or asks for what it missed.");
    }
}

/// A template as a contract writes it.
pub fn written(template: &Template) -> String {
    match template {
        Template::Value(value) => value.as_str().map_or_else(|| value.to_string(), |text| text.replace('$', "$$")),
        Template::Name(path) => format!("${}", path.join(".")),
        Template::Text(segments) => segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.replace('$', "$$"),
                Segment::Name(path) => format!("${}", path.join(".")),
            })
            .collect(),
        Template::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Template::Object(entries) => {
            format!("{{ {} }}", entries.iter().map(|(name, inner)| format!("{name}: {}", written(inner))).collect::<Vec<_>>().join(", "))
        }
    }
}

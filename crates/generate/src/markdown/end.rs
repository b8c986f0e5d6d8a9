//! What stands at the end: how clients come back, how much they may do, types, and the checklist.

use super::words::{Page, code, duration, short, window};
use crate::{
    frame::{self, Frame, Role, is_pusher},
    typescript,
};
use tidewire_contract::{ClientFrame, Contract, EndpointKind, OptionRole, ServerFrame, checklist::Outcome};

pub fn reconnection(contract: &Contract, page: &mut Page) {
    let reconnect = &contract.reconnect;
    page.heading(2, "Reconnection Strategy");
    let clean = if reconnect.clean.is_zero() {
        "Reconnect immediately".to_owned()
    } else {
        format!("Reconnect after {}", duration(reconnect.clean))
    };
    let (first, most) = reconnect.network;
    let waits: Vec<String> = (0..3).map(|n| first * 2_u32.pow(n)).filter(|wait| *wait < most).map(short).collect();
    let hello = frame::server(contract, &frame::none).into_iter().find(|f| is_hello(f)).map(|f| f.name);
    let restart = match hello {
        Some(hello) if reconnect.restart.starts_with("wait for the connection") => {
            sentence(&reconnect.restart.replacen("the connection", &code(&hello), 1))
        }
        Some(hello) if reconnect.restart.contains(&hello) => sentence(&reconnect.restart.replace(&hello, &code(&hello))),
        Some(hello) => format!("Wait for {}; {}", code(&hello), reconnect.restart),
        None => sentence(&reconnect.restart),
    };
    let rows = [
        ["Clean disconnect".to_owned(), clean],
        ["Network error".to_owned(), format!("Exponential backoff ({}, max {})", waits.join(", "), short(most))],
        ["Auth error".to_owned(), sentence(&reconnect.auth)],
        ["Server restart".to_owned(), restart],
    ];
    page.table(&["Scenario", "Client Action"], &rows.map(Vec::from));
    page.heading(3, "State Resync on Reconnect");
    page.steps(&resync(contract));
    let sync = frame::client(contract, &frame::none).into_iter().find(|f| matches!(f.role, Role::Client(ClientFrame::Sync, _)));
    if let Some(sync) = sync {
        page.json(&sync.example);
    }
}

fn is_hello(frame: &Frame<'_>) -> bool {
    matches!(frame.role, Role::Server(ServerFrame::Hello, _))
        || matches!(frame.role, Role::Pusher(n) if n.event == "pusher:connection_established")
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The ways in which this wire lets a client go on from where it was.
fn resync(contract: &Contract) -> Vec<String> {
    let mut ways = Vec::new();
    for (kind, template) in &contract.wire.client {
        let name = frame::client(contract, &frame::none)
            .into_iter()
            .find(|f| matches!(f.role, Role::Client(found, _) if found == *kind))
            .map(|f| f.name);
        let Some(name) = name else { continue };
        match kind {
            ClientFrame::Sync => ways.push(format!("send {} with the timestamp of the last known event", code(&name))),
            ClientFrame::Subscribe if frame::place(template, "after").is_some() => {
                ways.push(format!("send {} with the last known position", code(&name)))
            }
            _ => {}
        }
    }
    for endpoint in &contract.endpoints {
        let resume = endpoint.options.iter().find(|(_, role)| *role == OptionRole::Resume).map(|(name, _)| name.as_str());
        let path = code(&endpoint.path.source);
        match (endpoint.kind, resume) {
            (EndpointKind::WebSocket, Some(name)) => ways.push(format!("connect to {path} with {} of the last known event", code(name))),
            (EndpointKind::Sse, _) => ways.push(format!("event streams at {path} send `Last-Event-ID` by themselves")),
            (EndpointKind::Poll | EndpointKind::History | EndpointKind::Replay, Some(name)) => {
                ways.push(format!("ask {path} with {} of the last known event", code(name)));
            }
            _ => {}
        }
    }
    if is_pusher(contract) {
        ways.push("join a private channel with `{\"since\": SEQ}` as its `channel_data`".to_owned());
    }
    let first = match ways.as_slice() {
        [] => "Client fetches what is true now: this wire has no way to go on from where it was".to_owned(),
        [one] => format!("Client goes on from where it was: {one}"),
        several => format!("Client goes on from where it was, by one of: {}", several.join("; ")),
    };
    let gap = frame::server(contract, &frame::none)
        .into_iter()
        .find(|f| matches!(f.role, Role::Server(ServerFrame::Gap, _)) || f.name == "tidewire:gap");
    let mut steps = vec![
        sentence(&first),
        "Server sends missed events in order".to_owned(),
        "Client applies events to local state; what it has already, it leaves".to_owned(),
    ];
    if let Some(gap) = gap {
        steps.push(format!(
            "Where the history no longer reaches back, server says so ({}): client fetches what is true now, and goes on from there",
            code(&gap.name)
        ));
    }
    steps
}

pub fn limits(contract: &Contract, page: &mut Page) {
    page.heading(2, "Rate Limits");
    let limits = &contract.limits;
    let mut rows = Vec::new();
    for event in &contract.events {
        if let Some(rate) = event.limit {
            rows.push(vec![code(&event.name), rate.count.to_string(), window(rate)]);
        }
    }
    for (name, rate) in &limits.frames {
        rows.push(vec![code(name), rate.count.to_string(), window(*rate)]);
    }
    if let Some(rate) = limits.total {
        rows.push(vec!["Total events".to_owned(), rate.count.to_string(), window(rate)]);
    }
    if rows.is_empty() {
        page.paragraph("The contract sets none; those of the server hold.");
    } else {
        page.table(&["Event Type", "Limit", "Window"], &rows);
        let of = if limits.per_principal { "a principal, over all its connections" } else { "each connection" };
        page.paragraph(&format!(
            "They count for {of}. Signs of life do not count. Beyond a limit the answer is `RATE_LIMITED`; nothing is dropped in silence."
        ));
    }
    if let Some(most) = limits.connections {
        let newest = if limits.newest_wins {
            "one more takes the place of the oldest, which is closed with a code that says so"
        } else {
            "one more is refused"
        };
        page.paragraph(&format!("Connections of a principal at a time: {most}; {newest}."));
    }
}

pub fn typescript(contract: &Contract, page: &mut Page) {
    page.heading(2, "TypeScript Definitions");
    page.code("typescript", &typescript::definitions(contract));
}

pub fn checklist(contract: &Contract, page: &mut Page) {
    page.heading(2, "Checklist");
    page.paragraph("As `tidewire check` finds it.");
    let outcomes = tidewire_contract::checklist(contract);
    for part in ["completeness", "consistency", "testability"] {
        page.heading(3, &sentence(part));
        let of = outcomes.iter().filter(|outcome| outcome.item.part == part);
        page.list(&of.map(item).collect::<Vec<_>>());
    }
}

/// `[x] events are called alike`, with what is wrong and what is otherwise on purpose.
fn item(outcome: &Outcome) -> String {
    let mark = if outcome.problems.is_empty() { 'x' } else { ' ' };
    let mut text = format!("[{mark}] {}", sentence(outcome.item.title));
    for problem in &outcome.problems {
        text += &format!("\n  - line {}: {}", problem.line, problem.message);
    }
    for (event, why) in &outcome.otherwise {
        let of = event.as_ref().map_or_else(String::new, |event| format!(" {}:", code(event)));
        text += &format!("\n  - otherwise, on purpose:{of} {why}");
    }
    text
}

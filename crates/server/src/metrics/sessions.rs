//! What the shards know of their sessions, in our names and in Soketi's.

use super::sample::{Sample, Value};
use crate::{App, shard::Totals};
use std::sync::atomic::Ordering::Relaxed;

/// Clients: sessions by contract and transport, polls among them.
pub(super) fn samples(app: &App, into: &mut Vec<Sample>) {
    for t in totals(app) {
        let mut push = |sample: Sample| into.push(sample.with("contract", &*t.contract).with("transport", t.transport));
        let now = |more: u64, less: u64| more.saturating_sub(less) as f64;
        push(Sample::level("tidewire_connections", CONNECTIONS, now(t.opened, t.closed)));
        push(Sample::count("tidewire_connections_opened", OPENED, t.opened));
        push(Sample::count("tidewire_connections_closed", CLOSED, t.closed));
        push(Sample::level("tidewire_subscriptions", "Channels that sessions are on, summed", now(t.joined, t.left)));
        push(Sample::count("tidewire_subscribed", "Times that a session came onto a channel", t.joined));
        push(Sample::count("tidewire_events_delivered", "Events that were written to sessions", t.delivered));
        push(Sample::count("tidewire_replies_sent", "Answers and other messages to sessions that are no events", t.replies));
        push(Sample::count("tidewire_messages_received", "Messages of sessions", t.frames_in));
        push(Sample::count("tidewire_sent_bytes", "Written to sessions", t.bytes_out));
        push(Sample::count("tidewire_received_bytes", "Read from sessions", t.bytes_in));
        push(Sample::count("tidewire_clients_slowed", "Times that a session did not take at once what there was for it", t.slowed));
        push(Sample::level(
            "tidewire_clients_behind",
            "Sessions that have not taken yet what there is for them",
            now(t.slowed, t.recovered),
        ));
        push(Sample::count("tidewire_catchup_pages", "Pages that were read from the store for sessions that were far behind", t.pages));
        push(Sample::count("tidewire_gaps_told", GAPS, t.gaps));
        push(Sample::count("tidewire_evictions", "Sessions whose place a newer one of the same principal took", t.evicted));
        for (code, n) in &t.refused {
            push(Sample::count("tidewire_messages_refused", "Messages of sessions that were refused, by code", *n).with("reason", *code));
        }
        for (code, n) in &t.ended {
            push(
                Sample::count("tidewire_sessions_ended", "Sessions that the server ended, by close code", *n)
                    .with("code", code.to_string()),
            );
        }
    }
    for (contract, spread) in app.shards.fan_outs() {
        let help = "From an event that can be seen to the last byte, on one shard, for all who take it at once";
        into.push(Sample::spread("tidewire_fanout_seconds", help, spread).with("contract", &*contract));
    }
    for (contract, requests) in app.hub.tallies().requests() {
        let mut push = |sample: Sample| into.push(sample.with("contract", &*contract));
        let (begun, ended) = (requests.polls.load(Relaxed), requests.polls_ended.load(Relaxed));
        if begun > 0 {
            push(Sample::level("tidewire_connections", CONNECTIONS, begun.saturating_sub(ended) as f64).with("transport", "poll"));
            push(Sample::count("tidewire_connections_opened", OPENED, begun).with("transport", "poll"));
            push(Sample::count("tidewire_connections_closed", CLOSED, ended).with("transport", "poll"));
        }
        push(Sample::count("tidewire_gaps_told", GAPS, requests.gaps.load(Relaxed)).with("transport", "poll"));
        push(Sample::count("tidewire_http_calls", "Requests with a contract's own credentials", requests.calls.load(Relaxed)));
        push(Sample::count("tidewire_http_received_bytes", "Bodies of these requests", requests.bytes_in.load(Relaxed)));
        push(Sample::count("tidewire_http_sent_bytes", "Bodies of their answers", requests.bytes_out.load(Relaxed)));
    }
    into.push(Sample::level("tidewire_polls_waiting", "Long polls that wait for something new", app.hub.waiters().count() as f64));
    soketi(app, into);
}

/// What the shards counted, and zeros for contracts that nobody has come to yet: a figure that is missing tells nothing.
fn totals(app: &App) -> Vec<Totals> {
    let mut totals = app.shards.totals();
    for served in &app.served {
        if totals.iter().all(|t| *t.contract != *served.contract.name) {
            let transport = if served.pusher.is_some() { "pusher" } else { "websocket" };
            totals.push(Totals { contract: served.contract.name.as_str().into(), transport, ..Totals::default() });
        }
    }
    totals
}

const CONNECTIONS: &str = "Sessions that are open, and polls that are being answered";
const OPENED: &str = "Sessions that were opened, and polls that were asked";
const CLOSED: &str = "Sessions that ended, and polls that were answered";
const GAPS: &str = "Times that a client was told that something is missing";

/// The figures that a Soketi server shows, under its names: plain, and with the port in them, as its versions have it.
fn soketi(app: &App, into: &mut Vec<Sample>) {
    let totals = app.shards.totals();
    let requests = app.hub.tallies().requests();
    let port = Some(app.config.listen.port()).filter(|port| *port != 0);
    for prefix in std::iter::once("soketi_".to_owned()).chain(port.map(|port| format!("soketi_{port}_"))) {
        for served in &app.served {
            let contract = &*served.contract.name;
            let app_id = served.pusher.as_ref().map_or(contract, |app| &app.id);
            let sum = |of: fn(&Totals) -> u64| totals.iter().filter(|t| *t.contract == *contract).map(of).sum::<u64>();
            let called = |of: fn(&super::tallies::Requests) -> u64| requests.get(contract).map_or(0, |r| of(r));
            let mut push = |sample: Sample| into.push(sample.with("app_id", app_id));
            let count = |name: &str, help, n| Sample::count(format!("{prefix}{name}"), help, n);
            let bytes = |name: &str, help, n: u64| Sample { value: Value::Untyped(n as f64), ..count(name, help, n) };
            let connected = sum(|t| t.opened).saturating_sub(sum(|t| t.closed));
            push(Sample::level(format!("{prefix}connected"), "tidewire_connections", connected as f64));
            push(count("new_connections", "tidewire_connections_opened", sum(|t| t.opened)));
            push(count("new_disconnections", "tidewire_connections_closed", sum(|t| t.closed)));
            push(bytes("socket_received_bytes", "tidewire_received_bytes", sum(|t| t.bytes_in)));
            push(bytes("socket_transmitted_bytes", "tidewire_sent_bytes", sum(|t| t.bytes_out)));
            push(count("ws_messages_received", "tidewire_messages_received", sum(|t| t.frames_in)));
            push(count("ws_messages_sent", "tidewire_events_delivered and tidewire_replies_sent", sum(|t| t.delivered + t.replies)));
            push(bytes("http_received_bytes", "tidewire_http_received_bytes", called(|r| r.bytes_in.load(Relaxed))));
            push(bytes("http_transmitted_bytes", "tidewire_http_sent_bytes", called(|r| r.bytes_out.load(Relaxed))));
            push(count("http_calls_received", "tidewire_http_calls", called(|r| r.calls.load(Relaxed))));
        }
    }
}

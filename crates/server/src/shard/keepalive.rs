//! Once a second: pings, silence, tokens that expired.

use super::{
    client::Client,
    close::{self, EXPIRED, SILENT},
    framing::Framing,
    worker::Worker,
};
use std::rc::Rc;
use tidewire_wire::{Reply, websocket};

pub(super) fn tick(worker: &Rc<Worker>) {
    let now = crate::hub::now();
    let seconds = worker.seconds();
    let clients: Vec<Rc<Client>> = worker.clients.borrow().values().filter(|c| is_due(c, seconds, now)).cloned().collect();
    for client in clients {
        if now >= client.expires.get() {
            close::close(worker, &client, EXPIRED, "the token expired; connect again with a new one");
            continue;
        }
        if let Some(reason) = super::pusher::overdue(&client, seconds) {
            close::close(worker, &client, 4403, reason);
            continue;
        }
        let (_, timeout) = patience(&client);
        let silent = u64::from(seconds.saturating_sub(client.heard.get()));
        match client.framing {
            Framing::Sse => {
                client.heard.set(seconds);
                client.send(worker, b":\n\n");
            }
            _ if silent >= timeout => {
                close::close(worker, &client, SILENT, "nothing was heard for too long");
            }
            _ => {
                client.pinged.set(true);
                let mut bytes = Vec::new();
                websocket::frame(websocket::Opcode::Ping, b"", &mut bytes);
                client.framing.reply(&client.served, &Reply::Ping { at: now }, &mut bytes);
                client.send(worker, &bytes);
            }
        }
    }
}

fn is_due(client: &Client, seconds: u32, now: i64) -> bool {
    if client.closing.get() {
        return false;
    }
    let (ping, timeout) = patience(client);
    let silent = u64::from(seconds.saturating_sub(client.heard.get()));
    now >= client.expires.get()
        || super::pusher::overdue(client, seconds).is_some()
        || silent >= timeout
        || (silent >= ping && (client.framing == Framing::Sse || !client.pinged.get()))
}

/// Seconds of silence after which a client is asked for a sign of life, and after which it is given up.
fn patience(client: &Client) -> (u64, u64) {
    let (ping, timeout) = match &client.served.pusher {
        Some(app) if client.framing.is_pusher() => {
            let (ping, pong) = app.patience();
            (ping, ping + pong)
        }
        _ => (client.served.contract.keepalive.ping, client.served.contract.keepalive.timeout),
    };
    (ping.as_secs(), timeout.as_secs())
}

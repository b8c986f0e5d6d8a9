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
        let keepalive = client.served.contract.keepalive;
        let silent = u64::from(seconds.saturating_sub(client.heard.get()));
        match client.framing {
            Framing::Sse => {
                client.heard.set(seconds);
                client.send(worker, b":\n\n");
            }
            _ if silent >= keepalive.timeout.as_secs() => {
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
    let keepalive = client.served.contract.keepalive;
    let silent = u64::from(seconds.saturating_sub(client.heard.get()));
    now >= client.expires.get()
        || silent >= keepalive.timeout.as_secs()
        || (silent >= keepalive.ping.as_secs() && (client.framing == Framing::Sse || !client.pinged.get()))
}

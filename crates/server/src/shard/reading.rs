//! What comes from a client.

use super::{
    client::{Client, STASH},
    close, commands,
    framing::Framing,
    worker::Worker,
};
use std::{io, rc::Rc};
use tidewire_wire::websocket::{self, Message, Opcode};

/// Serves one client until it is gone. Small while it waits: what it needs to work is borrowed from the shard.
pub(super) async fn serve(worker: Rc<Worker>, client: Rc<Client>, leftover: Vec<u8>) {
    if !leftover.is_empty() {
        let mut bytes = leftover;
        Box::pin(take(&worker, &client, &mut bytes)).await;
    }
    loop {
        if client.closing.get() {
            break;
        }
        // Who does not read what it is answered is not read from.
        if client.waiting() > STASH {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        }
        let read = tokio::select! {
            read = client.io.read(&worker.input) => read,
            () = client.over.notified() => break,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                client.heard.set(worker.seconds());
                client.pinged.set(false);
                worker.counters.read(n);
                if client.framing == Framing::Sse {
                    continue;
                }
                let mut bytes = worker.input.borrow()[..n].to_vec();
                Box::pin(take(&worker, &client, &mut bytes)).await;
            }
        }
    }
    if client.closing.get() {
        let goodbye = worker.env.goodbye;
        let _ = tokio::time::timeout(goodbye, Box::pin(last_words(&worker, &client))).await;
    }
    worker.forget(&client);
}

async fn take(worker: &Rc<Worker>, client: &Rc<Client>, bytes: &mut [u8]) {
    let mut input = &mut *bytes;
    loop {
        let next = match client.decoder.borrow_mut().as_mut() {
            Some(decoder) => decoder.next(&mut input),
            None => return,
        };
        match next {
            Ok(None) => return,
            Ok(Some(message)) => act(worker, client, message).await,
            Err(violation) => return close::close(worker, client, violation.code, violation.reason),
        }
        if client.closing.get() {
            return;
        }
    }
}

async fn act(worker: &Rc<Worker>, client: &Rc<Client>, message: Message) {
    worker.counters.frame();
    match message.opcode {
        Opcode::Text => commands::obey(worker, client, &message.payload).await,
        Opcode::Binary => close::close(worker, client, 1003, "this protocol is text"),
        Opcode::Ping => {
            let mut bytes = Vec::new();
            websocket::frame(Opcode::Pong, &message.payload, &mut bytes);
            client.send(worker, &bytes);
        }
        Opcode::Pong => {}
        Opcode::Close => {
            let code = message.payload.get(..2).map_or(1000, |c| u16::from_be_bytes([c[0], c[1]]));
            close::close(worker, client, code, "");
        }
    }
}

/// The close frame goes out, the client's own is waited for.
async fn last_words(worker: &Rc<Worker>, client: &Rc<Client>) -> io::Result<()> {
    while client.is_writing() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    client.io.flush().await?;
    client.io.shutdown().await;
    if client.framing == Framing::Sse {
        return Ok(());
    }
    while client.io.read(&worker.input).await? > 0 {}
    Ok(())
}

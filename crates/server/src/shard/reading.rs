//! What comes from a client: from a plain socket when it has something, from another transport in a task that waits for it.

use super::{
    client::{Client, STASH},
    close, commands,
    framing::Framing,
    worker::Worker,
};
use std::{
    future::Future,
    io,
    rc::Rc,
    task::{Context, Waker},
};
use tidewire_wire::websocket::{self, Message, Opcode};

/// The client was greeted and is read from now on; `leftover`: what of its messages came before.
pub(super) fn begin(worker: &Rc<Worker>, client: &Rc<Client>, leftover: Vec<u8>) {
    if client.io.wants_a_task() {
        tokio::task::spawn_local(serve(worker.clone(), client.clone(), leftover));
        return;
    }
    client.turn.busy.set(false);
    if leftover.is_empty() || client.closing.get() {
        return done(worker, client);
    }
    work(worker, client, leftover);
}

/// Reads once; how many bytes there were.
pub(super) fn read(worker: &Rc<Worker>, client: &Rc<Client>) -> usize {
    let mut input = worker.input.borrow_mut();
    let n = match client.io.try_read(&mut input) {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => return 0,
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            client.turn.unread.set(false);
            return 0;
        }
        Ok(0) | Err(_) => {
            client.turn.unread.set(false);
            worker.forget(client);
            return 0;
        }
        Ok(n) => n,
    };
    // Less than there was room for: that was all, and of what comes next the queue tells.
    if n < input.len() && !client.turn.ends.get() {
        client.turn.unread.set(false);
    }
    heard(worker, client, n);
    if client.framing != Framing::Sse {
        let bytes = input[..n].to_vec();
        drop(input);
        work(worker, client, bytes);
    }
    n
}

/// Does what the bytes ask for: at once where that needs nobody else, in a task of its own where it has to wait for somebody.
fn work(worker: &Rc<Worker>, client: &Rc<Client>, bytes: Vec<u8>) {
    client.turn.busy.set(true);
    let mut taken = Box::pin(take(worker.clone(), client.clone(), bytes));
    if taken.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        client.turn.busy.set(false);
        return done(worker, client);
    }
    let (worker, client) = (worker.clone(), client.clone());
    tokio::task::spawn_local(async move {
        // Asked a second time: what it waits for now wakes this task.
        taken.await;
        client.turn.busy.set(false);
        done(&worker, &client);
    });
}

fn done(worker: &Rc<Worker>, client: &Rc<Client>) {
    if client.closing.get() { end(worker, client) } else { worker.turns.join(client) }
}

/// Ends a session that is closing, unless something is being done for it: whoever does that comes here afterwards.
pub(super) fn end(worker: &Rc<Worker>, client: &Rc<Client>) {
    if client.turn.busy.get() || client.turn.ending.replace(true) {
        return;
    }
    let (worker, client) = (worker.clone(), client.clone());
    tokio::task::spawn_local(async move { say_goodbye(&worker, &client).await });
}

/// Serves a client that cannot be heard otherwise, until it is gone. Small while it waits: what it needs to work is borrowed from
/// the shard.
pub(super) async fn serve(worker: Rc<Worker>, client: Rc<Client>, leftover: Vec<u8>) {
    if !leftover.is_empty() {
        Box::pin(take(worker.clone(), client.clone(), leftover)).await;
    }
    loop {
        if client.closing.get() {
            break;
        }
        if client.waiting() > STASH {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        }
        let read = tokio::select! {
            read = client.io.read(&worker.input) => read,
            () = client.closes() => break,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                heard(&worker, &client, n);
                if client.framing == Framing::Sse {
                    continue;
                }
                let bytes = worker.input.borrow()[..n].to_vec();
                Box::pin(take(worker.clone(), client.clone(), bytes)).await;
            }
        }
    }
    if client.closing.get() {
        return Box::pin(say_goodbye(&worker, &client)).await;
    }
    worker.forget(&client);
}

/// A sign of life, of so many bytes.
fn heard(worker: &Worker, client: &Client, bytes: usize) {
    client.heard.set(worker.seconds());
    client.pinged.set(false);
    client.tally.read(bytes);
}

async fn take(worker: Rc<Worker>, client: Rc<Client>, mut bytes: Vec<u8>) {
    let mut input = &mut bytes[..];
    let Some(mut decoder) = client.decoder(worker.env.message_bytes) else { return };
    loop {
        match decoder.next(&mut input) {
            Ok(None) => return client.goes_on(decoder),
            Ok(Some(message)) => act(&worker, &client, message).await,
            Err(violation) => return close::close(&worker, &client, violation.code, violation.reason),
        }
        if client.closing.get() {
            return;
        }
    }
}

async fn act(worker: &Rc<Worker>, client: &Rc<Client>, message: Message) {
    client.tally.frame();
    match message.opcode {
        Opcode::Text => commands::obey(worker, client, &message.payload).await,
        Opcode::Binary => close::close(worker, client, 1003, "this protocol is text"),
        Opcode::Ping => {
            // Whoever has the answer has had all that there was to see before.
            client.flush(worker);
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

async fn say_goodbye(worker: &Rc<Worker>, client: &Rc<Client>) {
    let _ = tokio::time::timeout(worker.env.goodbye, last_words(worker, client)).await;
    worker.forget(client);
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

//! What others ask of a shard.

use super::{close, io::Socket, worker::Worker};
use crate::session::SessionSpec;
use std::{rc::Rc, time::Duration};
use tidewire_wire::{Reference, Reply};
use tokio::sync::oneshot;

pub(super) enum Order {
    Adopt(Box<Adopted>),
    Disconnect(Selector, String, oneshot::Sender<usize>),
    Unsubscribe(Selector, String, oneshot::Sender<usize>),
    Subscribers(String, oneshot::Sender<usize>),
    Drain(Duration, oneshot::Sender<usize>),
}

pub(super) struct Adopted {
    pub(super) socket: Socket,
    pub(super) response: Vec<u8>,
    pub(super) leftover: Vec<u8>,
    pub(super) spec: SessionSpec,
}

/// Which sessions are meant; all of what is given must fit.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    pub contract: Option<String>,
    pub principal: Option<String>,
    pub connection: Option<u64>,
    pub channel: Option<String>,
}

impl Selector {
    fn fits(&self, client: &super::client::Client) -> bool {
        self.contract.as_ref().is_none_or(|c| *c == client.served.contract.name)
            && self.principal.as_ref().is_none_or(|p| *p == client.principal.borrow().id)
            && self.connection.is_none_or(|c| c == client.id)
            && self.channel.as_ref().is_none_or(|c| client.tracks.borrow().iter().any(|t| t.names.iter().any(|n| **n == **c)))
    }
}

pub(super) fn obey(worker: &Rc<Worker>, order: Order) {
    match order {
        Order::Adopt(adopted) => {
            let Adopted { socket, response, leftover, spec } = *adopted;
            worker.adopt(socket, &response, leftover, spec);
        }
        Order::Disconnect(who, reason, answer) => {
            let fitting = select(worker, &who);
            for client in &fitting {
                close::close(worker, client, 4403, &reason);
            }
            let _ = answer.send(fitting.len());
        }
        Order::Unsubscribe(who, channel, answer) => {
            let mut count = 0;
            for client in select(worker, &who) {
                if worker.leave(&client, &channel) {
                    count += 1;
                    let reference = Reference::default();
                    client.reply(worker, &Reply::Unsubscribed { channels: vec![channel.clone()], at: crate::hub::now(), reference });
                }
            }
            let _ = answer.send(count);
        }
        Order::Subscribers(log, answer) => {
            let _ = answer.send(worker.subscribers(&log));
        }
        Order::Drain(time, answer) => {
            worker.draining.set(true);
            let worker = worker.clone();
            tokio::task::spawn_local(async move {
                let clients = select(&worker, &Selector::default());
                let pause = time.checked_div(clients.len() as u32).unwrap_or_default();
                for client in &clients {
                    close::close(&worker, client, 1012, "the server restarts; come back in a moment");
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                let patience = tokio::time::Instant::now() + worker.env.goodbye;
                while !worker.clients.borrow().is_empty() && tokio::time::Instant::now() < patience {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                let _ = answer.send(clients.len());
            });
        }
    }
}

fn select(worker: &Worker, who: &Selector) -> Vec<Rc<super::client::Client>> {
    worker.clients.borrow().values().filter(|c| who.fits(c)).cloned().collect()
}

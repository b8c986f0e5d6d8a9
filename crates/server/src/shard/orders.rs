//! What others ask of a shard.

use super::{close, io::Socket, worker::Worker};
use crate::session::SessionSpec;
use serde::{Deserialize, Serialize};
use std::{rc::Rc, sync::Arc, time::Duration};
use tidewire_contract::Principal;
use tidewire_wire::{Reference, Reply, pusher::close::OVER_QUOTA};
use tokio::sync::oneshot;

pub(super) enum Order {
    Adopt(Box<Adopted>),
    /// With this close code and reason.
    Disconnect(Selector, u16, String, oneshot::Sender<usize>),
    Unsubscribe(Selector, String, oneshot::Sender<usize>),
    Subscribers(String, oneshot::Sender<usize>),
    Drain(Duration, oneshot::Sender<usize>),
    /// The connection's place was taken by a newer one.
    Evict(u64, oneshot::Sender<usize>),
    /// There is no place for the connection among those of its principal.
    TurnAway(u64),
    /// A notice of the Pusher protocol, framed, for those who joined the log's channel before the change of this number.
    Notice(Arc<str>, u64, Arc<[u8]>),
    /// The same, for these connections.
    NoticeTo(Arc<[u64]>, Arc<[u8]>),
    /// The connection is this principal's of the contract from now on: 1 if it could be, 2 if it is another's already.
    Bind(u64, String, Arc<Principal>, oneshot::Sender<usize>),
}

pub(super) struct Adopted {
    pub(super) socket: Socket,
    pub(super) response: Vec<u8>,
    pub(super) leftover: Vec<u8>,
    pub(super) spec: SessionSpec,
}

/// Which sessions are meant; all of what is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    pub contract: Option<String>,
    pub principal: Option<String>,
    pub connection: Option<u64>,
    pub channel: Option<String>,
    /// Who signed in, under the Pusher protocol.
    pub user: Option<String>,
}

impl Selector {
    fn fits(&self, client: &super::client::Client) -> bool {
        self.contract.as_ref().is_none_or(|c| *c == client.served.contract.name)
            && self.principal.as_ref().is_none_or(|p| **p == *client.principal.borrow().id)
            && self.connection.is_none_or(|c| c == client.id)
            && self.user.as_ref().is_none_or(|u| client.pusher.as_ref().is_some_and(|state| state.is_user(u)))
            && self.channel.as_ref().is_none_or(|c| client.tracks.borrow().iter().any(|t| t.names.contains(c)))
    }
}

pub(super) fn obey(worker: &Rc<Worker>, order: Order) {
    match order {
        Order::Adopt(adopted) => {
            let Adopted { socket, response, leftover, spec } = *adopted;
            worker.adopt(socket, &response, leftover, spec);
        }
        Order::Disconnect(who, code, reason, answer) => {
            let fitting = select(worker, &who);
            for client in &fitting {
                close::close(worker, client, code, &reason);
            }
            let _ = answer.send(fitting.len());
        }
        Order::Evict(connection, answer) => {
            let client = worker.clients.borrow().get(&connection).cloned();
            if let Some(client) = &client {
                if !client.closing.get() {
                    client.tally.evicted();
                }
                close::close(worker, client, close::REPLACED, "a newer connection of the same principal took the place of this one");
            }
            let _ = answer.send(client.iter().count());
        }
        Order::TurnAway(connection) => {
            let client = worker.clients.borrow().get(&connection).cloned();
            if let Some(client) = client {
                close::close(worker, &client, OVER_QUOTA, "the principal of this connection has as many as it may have");
            }
        }
        Order::Notice(log, number, frame) => super::pusher::notice(worker, &log, number, &frame),
        Order::NoticeTo(connections, frame) => {
            for connection in connections.iter() {
                let client = worker.clients.borrow().get(connection).cloned();
                if let Some(client) = client {
                    client.send(worker, &frame);
                }
            }
        }
        Order::Bind(connection, contract, principal, answer) => {
            let client = worker.clients.borrow().get(&connection).filter(|c| c.served.contract.name == contract).cloned();
            let _ = answer.send(client.map_or(0, |client| super::pusher::bind(worker, &client, principal)));
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
                    close::close(&worker, client, close::COME_BACK, "the server restarts; come back in a moment");
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

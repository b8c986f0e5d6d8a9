//! A client that asks again and again.

use super::{Inbox, Opening, Order, Route, Transport, websocket::Orders};
use crate::{
    http::{Answer, Http},
    wire::{Frame, read},
};
use http::Method;
use serde_json::Value;
use std::sync::Arc;
use tidewire_contract::Contract;
use tokio::sync::mpsc;

/// How long the server is asked to wait for something new.
const WAIT: &str = "20s";
/// The answer's header that says up to when all was told.
const AT: &str = "tidewire-at";

struct Poller {
    contract: Arc<Contract>,
    http: Http,
    url: String,
    token: String,
    route: Route,
    after: Option<String>,
}

pub(super) async fn open(opening: Opening<'_>) -> Result<Result<Orders, Frame>, String> {
    let Opening { site, token, route, after, inbox, number, .. } = opening;
    let mut poller =
        Poller { contract: site.contract.clone(), http: site.http.clone(), url: site.url.clone(), token: token.to_owned(), route, after };
    let (orders, told) = mpsc::unbounded_channel();
    // The first one is answered at once: from here on nothing is missed.
    match poller.ask(None).await? {
        Err(refused) => return Ok(Err(refused)),
        Ok(frames) => frames.into_iter().for_each(|frame| inbox.put(number, frame)),
    }
    tokio::spawn(run(poller, told, inbox.clone(), number));
    Ok(Ok(orders))
}

async fn run(mut poller: Poller, mut orders: mpsc::UnboundedReceiver<Order>, inbox: Arc<Inbox>, number: usize) {
    loop {
        let asked = tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Say(_)) => continue,
                // The poll under way was dropped; whatever it would have told, this one tells.
                Some(Order::Fence(told)) => {
                    let asked = poller.ask(None).await;
                    if !deliver(asked, &inbox, number) {
                        return;
                    }
                    let _ = told.send(());
                    continue;
                }
                Some(Order::End(told)) => {
                    let _ = told.send(());
                    return;
                }
                None => return,
            },
            asked = poller.ask(Some(WAIT)) => asked,
        };
        if !deliver(asked, &inbox, number) {
            return;
        }
    }
}

fn deliver(asked: Result<Result<Vec<Frame>, Frame>, String>, inbox: &Inbox, number: usize) -> bool {
    match asked {
        Ok(Ok(frames)) => {
            frames.into_iter().for_each(|frame| inbox.put(number, frame));
            true
        }
        Ok(Err(refused)) => {
            inbox.put(number, refused);
            false
        }
        Err(error) => {
            inbox.put(number, Frame::ended(None, &error));
            false
        }
    }
}

impl Poller {
    /// One poll; where to go on from is remembered only once the whole answer is there.
    async fn ask(&mut self, wait: Option<&str>) -> Result<Result<Vec<Frame>, Frame>, String> {
        let mut route = self.route.clone();
        route.query.extend(wait.map(|wait| ("wait".to_owned(), wait.to_owned())));
        let (address, headers) = route.address(&self.contract, Transport::Poll, &self.url, &self.token, self.after.as_deref());
        let Answer { status, headers, body } = self.http.call(Method::GET, &address, &headers, None).await?;
        let Some(events) = body.as_array().filter(|_| status.is_success()) else {
            return Ok(Err(Frame::refused(&self.contract, status.as_u16(), &body)));
        };
        let at = headers.get(AT).and_then(|at| at.to_str().ok());
        self.after = at.map(str::to_owned).or(self.after.take());
        let frames = events.iter().map(|event: &Value| {
            let mut frame = read(&self.contract, event.clone());
            frame.names.extend(self.after.clone().map(|after| ("poll-after".to_owned(), Value::String(after))));
            frame
        });
        Ok(Ok(frames.collect()))
    }
}

//! An event stream.

use super::{Inbox, Opening, Order, Transport, websocket::Orders};
use crate::wire::{Frame, read};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::sync::Arc;
use tidewire_contract::Contract;
use tokio::sync::mpsc;

pub(super) async fn open(opening: Opening<'_>) -> Result<Result<Orders, Frame>, String> {
    let Opening { site, token, route, after, inbox, number, .. } = opening;
    let (address, mut headers) = route.address(&site.contract, Transport::Sse, &site.url, token, after.as_deref());
    headers.push(("accept", "text/event-stream".to_owned()));
    let response = site.http.open(Method::GET, &address, &headers, None).await?;
    let status = response.status().as_u16();
    if status != 200 {
        let bytes = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
        let problem = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        return Ok(Err(Frame::refused(&site.contract, status, &problem)));
    }
    let (orders, told) = mpsc::unbounded_channel();
    tokio::spawn(run(site.contract.clone(), response.into_body(), told, inbox.clone(), number));
    Ok(Ok(orders))
}

async fn run(contract: Arc<Contract>, mut body: Incoming, mut orders: mpsc::UnboundedReceiver<Order>, inbox: Arc<Inbox>, number: usize) {
    let mut blocks = Blocks::default();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                // Nothing is said over an event stream, and nothing of it can be asked for.
                Some(Order::Say(_)) => {}
                Some(Order::Fence(told)) => {
                    let _ = told.send(());
                }
                Some(Order::End(told)) => {
                    drop(body);
                    let _ = told.send(());
                    return;
                }
                None => return,
            },
            part = body.frame() => {
                let Some(Ok(part)) = part else { return inbox.put(number, Frame::ended(None, "the stream broke off")) };
                let Ok(bytes) = part.into_data() else { continue };
                for block in blocks.take(&bytes) {
                    if block.event.as_deref() == Some("close") {
                        let told: Value = serde_json::from_str(&block.data).unwrap_or(Value::Null);
                        let code = told["code"].as_u64().and_then(|c| u16::try_from(c).ok());
                        return inbox.put(number, Frame::ended(code, told["reason"].as_str().unwrap_or_default()));
                    }
                    let mut frame = read(&contract, serde_json::from_str(&block.data).unwrap_or(Value::String(block.data)));
                    if let Some(id) = block.id {
                        frame.names.insert("last-event-id".to_owned(), id.into());
                    }
                    inbox.put(number, frame);
                }
            }
        }
    }
}

/// Blocks of the stream (WHATWG HTML, section 9.2), put together of whatever pieces they come in.
#[derive(Default)]
struct Blocks(Vec<u8>);

#[derive(Default)]
struct Block {
    event: Option<String>,
    id: Option<String>,
    data: String,
}

impl Blocks {
    fn take(&mut self, bytes: &[u8]) -> Vec<Block> {
        self.0.extend_from_slice(bytes);
        let mut blocks = Vec::new();
        while let Some(end) = self.0.windows(2).position(|pair| pair == b"\n\n") {
            let text: Vec<u8> = self.0.drain(..end + 2).collect();
            let mut block = Block::default();
            for line in String::from_utf8_lossy(&text).lines() {
                let (field, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "event" => block.event = Some(value.to_owned()),
                    "id" => block.id = Some(value.to_owned()),
                    "data" => {
                        if !block.data.is_empty() {
                            block.data.push('\n');
                        }
                        block.data += value;
                    }
                    _ => {}
                }
            }
            if !block.data.is_empty() {
                blocks.push(block);
            }
        }
        blocks
    }
}

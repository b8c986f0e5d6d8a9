//! A WebSocket in the contract's own wire.

use super::{Inbox, Opening, Order, Transport};
use crate::wire::{Frame, Kind, Say, client_frame, read};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc};
use tidewire_contract::{ClientFrame, Contract, ServerFrame};
use tokio::{net::TcpStream, sync::mpsc, sync::oneshot};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
pub(super) type Orders = mpsc::UnboundedSender<Order>;

pub(super) async fn open(opening: Opening<'_>) -> Result<Result<Orders, Frame>, String> {
    let Opening { site, token, route, after, inbox, number, .. } = opening;
    let (address, headers) = route.address(&site.contract, Transport::WebSocket, &site.url, token, after.as_deref());
    let socket = match connect(&site.contract, &address, &headers).await? {
        Ok(socket) => socket,
        Err(refused) => return Ok(Err(refused)),
    };
    let (orders, told) = mpsc::unbounded_channel();
    tokio::spawn(run(site.contract.clone(), socket, told, inbox.clone(), number));
    Ok(Ok(orders))
}

pub(super) async fn connect(
    contract: &Contract,
    address: &str,
    headers: &[(&'static str, String)],
) -> Result<Result<Socket, Frame>, String> {
    let mut request =
        address.replacen("http", "ws", 1).into_client_request().map_err(|e| format!("'{address}' is not a usable address: {e}"))?;
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|e| format!("a token that no header can carry: {e}"))?;
        request.headers_mut().insert(*name, value);
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Ok(socket)),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let problem = serde_json::from_slice(body).unwrap_or(Value::Null);
            Ok(Err(Frame::refused(contract, response.status().as_u16(), &problem)))
        }
        Err(error) => Err(format!("no WebSocket at {address}: {error}; is the server running?")),
    }
}

/// Carries frames both ways until either side ends it.
pub(super) async fn run(
    contract: Arc<Contract>,
    mut socket: Socket,
    mut orders: mpsc::UnboundedReceiver<Order>,
    inbox: Arc<Inbox>,
    number: usize,
) {
    // Pings are answered in their order.
    let mut fences: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    let mut ending: Option<oneshot::Sender<()>> = None;
    loop {
        tokio::select! {
            order = orders.recv(), if ending.is_none() => match order {
                Some(Order::Say(frame)) => {
                    let _ = socket.send(Message::text(frame.to_string())).await;
                }
                Some(Order::Fence(told)) => {
                    fences.push_back(told);
                    let _ = socket.send(Message::Ping(Vec::new().into())).await;
                }
                Some(Order::End(told)) => {
                    ending = Some(told);
                    let _ = socket.close(None).await;
                }
                None => {
                    let _ = socket.close(None).await;
                    return;
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let frame = read(&contract, serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.to_string())));
                    if frame.kind == Kind::Server(ServerFrame::Ping)
                        && let Some(pong) = pong(&contract)
                    {
                        let _ = socket.send(Message::text(pong.to_string())).await;
                    }
                    inbox.put(number, frame);
                }
                Some(Ok(Message::Pong(_))) => {
                    if let Some(told) = fences.pop_front() {
                        let _ = told.send(());
                    }
                }
                Some(Ok(Message::Close(close))) if ending.is_none() => {
                    let (code, reason) = close.map_or((None, String::new()), |c| (Some(u16::from(c.code)), c.reason.to_string()));
                    inbox.put(number, Frame::ended(code, &reason));
                    // The server waits for the answer to its close.
                    while let Some(Ok(_)) = socket.next().await {}
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    match ending {
                        Some(told) => {
                            let _ = told.send(());
                        }
                        None => inbox.put(number, Frame::ended(None, "the connection broke off")),
                    }
                    return;
                }
            },
        }
    }
}

fn pong(contract: &Contract) -> Option<Value> {
    match contract.wire.protocol {
        tidewire_contract::Protocol::Pusher => Some(serde_json::json!({ "event": "pusher:pong", "data": {} })),
        tidewire_contract::Protocol::Templates => client_frame(contract, ClientFrame::Pong, &Say::default()),
    }
}

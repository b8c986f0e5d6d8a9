//! One connection, from its first byte: to a shard, or to the HTTP library.

use super::{
    Door, cors,
    head::{self, Head},
    raw,
    service::Connection,
    stream::{Stream, Transport},
};
use crate::{
    admission::{Admitted, Welcome},
    limits::Connected,
    problem::Problem,
    session,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

pub(super) async fn run(door: Arc<Door>, tcp: TcpStream, peer: IpAddr, connected: Connected) {
    let _ = tcp.set_nodelay(true);
    let limits = &door.app.config.limits;
    let transport = match &door.tls {
        None => Transport::Plain(tcp),
        Some(certificates) => match timeout(limits.handshake_time, certificates.acceptor().accept(tcp)).await {
            Ok(Ok(tls)) => Transport::Tls(Box::new(tls)),
            Ok(Err(error)) => return tracing::debug!(%error, %peer, "TLS handshake failed"),
            Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
        },
    };
    let secure = matches!(transport, Transport::Tls(_));
    let mut stop = door.stop.subscribe();
    let opened = tokio::select! {
        opened = open(&door, transport, peer) => opened,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Some((stream, first)) = opened else { return };
    let first = match first {
        // The usual way of a session: no HTTP library, nothing left behind of this task.
        Some((_, Ok(Admitted::Session(welcome)), extra)) => return adopt(&door, stream, *welcome, extra, connected),
        Some((replayed, decided, _)) => Some((replayed, decided)),
        None => None,
    };
    let (stream, decided) = match first {
        Some((replayed, decided)) => (Stream { before: replayed, transport: stream.transport }, Some(decided)),
        None => (stream, None),
    };
    let connection = Connection { door, peer, secure, connected: Arc::new(connected), first: Mutex::new(decided) };
    serve(Arc::new(connection), stream).await;
}

/// The bytes of the head (to be replayed), what was decided about it, and what a session needs beside.
type First = (Bytes, Result<Admitted, Problem>, Extra);

struct Extra {
    leftover: Vec<u8>,
    headers: Vec<(http::HeaderName, HeaderValue)>,
}

/// Reads until it is known what the connection is. `None`: it has ended.
async fn open(door: &Door, mut transport: Transport, peer: IpAddr) -> Option<(Stream, Option<First>)> {
    let limits = &door.app.config.limits;
    let deadline = Instant::now() + limits.header_time;
    let mut bytes = Vec::with_capacity(1024);
    let (parts, length) = loop {
        match timeout_at(deadline, transport.read_buf(&mut bytes)).await {
            Ok(Ok(n)) if n > 0 => {}
            Err(_) if !bytes.is_empty() => {
                let detail = format!("the head of the request did not arrive within {} s", limits.header_time.as_secs());
                let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "limit-reached", "A limit is reached", detail);
                let problem = problem.with("limit", "header_time");
                door.app.hub.tallies().turned_away(&problem);
                refuse(transport, &problem).await;
                return None;
            }
            _ => return None,
        }
        match head::parse(&bytes, limits.header_bytes) {
            Head::Partial => {}
            Head::Http2 | Head::Other => return Some((Stream { before: bytes.into(), transport }, None)),
            Head::Session(parts, length) => break (parts, length),
            Head::Bad(problem) => {
                door.app.hub.tallies().turned_away(&problem);
                refuse(transport, &problem).await;
                return None;
            }
        }
    };
    if !door.public {
        return Some((Stream { before: bytes.into(), transport }, None));
    }
    let decided = door.app.decide(&parts, peer).await;
    let extra = Extra { leftover: bytes[length..].to_vec(), headers: session_headers(door, &parts, &decided) };
    Some((Stream { before: Bytes::new(), transport }, Some((bytes.into(), decided, extra))))
}

fn session_headers(door: &Door, parts: &Parts, decided: &Result<Admitted, Problem>) -> Vec<(http::HeaderName, HeaderValue)> {
    match decided {
        Ok(Admitted::Session(welcome)) if welcome.spec.transport == session::Transport::Sse => {
            let mut headers = cors::headers(&door.app, &parts.headers, parts.uri.path());
            headers.push((header::CONNECTION, HeaderValue::from_static("close")));
            headers
        }
        _ => Vec::new(),
    }
}

fn adopt(door: &Door, stream: Stream, welcome: Welcome, extra: Extra, connected: Connected) {
    let Welcome { mut spec, status, mut headers } = welcome;
    spec.permit = Box::new((spec.permit, connected));
    headers.extend(extra.headers);
    match stream.into_socket() {
        Ok((socket, _)) => door.app.shards.adopt(socket, raw::head(status, &headers), extra.leftover, spec),
        Err(error) => tracing::debug!(%error, "a socket was lost before its session began"),
    }
}

/// Writes the refusal and closes. Reads on for a moment, since a socket that is closed with unread bytes drops what was written.
async fn refuse(mut transport: Transport, problem: &Problem) {
    let farewell = async {
        transport.write_all(&raw::refusal(problem)).await?;
        transport.shutdown().await?;
        let mut waste = [0; 1024];
        for _ in 0..64 {
            if transport.read(&mut waste).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), farewell).await;
}

/// Refuses a connection for which there is no place, without reading what it wants.
pub(super) async fn turn_away(tcp: TcpStream, problem: Problem) {
    refuse(Transport::Plain(tcp), &problem).await;
}

async fn serve(connection: Arc<Connection>, stream: Stream) {
    let limits = &connection.door.app.config.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The head of a later request has as long as the connection may be idle before it.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle_time).max_buf_size(limits.header_bytes.max(8192) + 4096);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle_time)
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(100)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    let mut stop = connection.door.stop.subscribe();
    let peer = connection.peer;
    let service = service_fn(move |request| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(connection.respond(request).await) }
    });
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        _ = async { stop.wait_for(|stop| *stop).await.is_ok() } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "a connection ended in an error");
    }
}

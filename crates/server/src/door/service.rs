//! One request of a connection that the HTTP library serves.

use super::{Door, cors, stream::Stream};
use crate::{
    admission::{Admitted, Welcome},
    app::Exchange,
    auth::redact_query,
    limits::Connected,
    problem::{Body, Problem, full},
    session::Transport,
    shard::Socket,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};
use tokio::sync::mpsc;

/// What all requests of one connection share.
pub(super) struct Connection {
    pub door: Arc<Door>,
    pub peer: IpAddr,
    pub secure: bool,
    pub connected: Arc<Connected>,
    /// What was decided about the first request, whose head was read before the library saw it.
    pub first: Mutex<Option<Result<Admitted, Problem>>>,
}

impl Connection {
    pub(super) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let _under_way = self.door.requests.begin();
        let method = request.method().clone();
        let target = redact_query(request.uri().path_and_query().map_or("", |p| p.as_str()));
        let path = request.uri().path().to_owned();
        let cors = if self.door.public { cors::headers(&self.door.app, request.headers(), &path) } else { Vec::new() };
        let mut response = self.answer(request).await;
        if !response.headers().contains_key(http::header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            response.headers_mut().extend(cors);
        }
        let correlation_id = response.headers().get("x-correlation-id").and_then(|id| id.to_str().ok());
        tracing::debug!(correlation_id, %method, %target, peer = %self.peer, status = response.status().as_u16(), "request");
        response
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let app = &self.door.app;
        if !self.door.public {
            return self.door.rest.respond(app.clone(), request, Exchange { peer: self.peer, query: None }).await;
        }
        let (parts, body) = request.into_parts();
        let backend = self.door.proxy.backend(parts.uri.path());
        if let Some(response) = cors::preflight(app, &parts, backend.is_some()) {
            return response;
        }
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let decided = match first {
            Some(decided) => decided,
            None => app.decide(&parts, self.peer).await,
        };
        match decided {
            Err(problem) => {
                app.hub.tallies().turned_away(&problem);
                problem.response()
            }
            Ok(Admitted::Session(welcome)) => self.begin(*welcome, parts, body),
            Ok(Admitted::Query(query)) => {
                let exchange = Exchange { peer: self.peer, query: Some(*query) };
                self.door.rest.respond(app.clone(), Request::from_parts(parts, body), exchange).await
            }
            Ok(Admitted::Rest) => {
                let request = Request::from_parts(parts, body);
                match backend {
                    Some(backend) => self.door.proxy.forward(backend, request, self.peer, self.secure).await,
                    None => self.door.rest.respond(app.clone(), request, Exchange { peer: self.peer, query: None }).await,
                }
            }
        }
    }

    /// Begins a session on a connection that the library has read requests from.
    fn begin(&self, welcome: Welcome, parts: Parts, body: Incoming) -> Response<Body> {
        let Welcome { mut spec, status, headers } = welcome;
        spec.permit = Box::new((spec.permit, self.connected.clone()));
        let shards = self.door.app.shards.clone();
        let mut response = Response::new(full(""));
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        match spec.transport {
            Transport::Sse => {
                // One page at a time: the shard waits for room, so that a slow reader costs no more than this.
                let (pages, mut read) = mpsc::channel::<Bytes>(1);
                let stream = futures_util::stream::poll_fn(move |cx| match read.poll_recv(cx) {
                    Poll::Ready(page) => Poll::Ready(page.map(|bytes| Ok(Frame::data(bytes)))),
                    Poll::Pending => Poll::Pending,
                });
                *response.body_mut() = StreamBody::new(stream).boxed_unsync();
                shards.adopt(Socket::Body(pages), Vec::new(), Vec::new(), spec);
            }
            Transport::WebSocket(_) | Transport::Pusher(_) => {
                let upgrade = hyper::upgrade::on(Request::from_parts(parts, body));
                tokio::spawn(async move {
                    let Ok(upgraded) = upgrade.await else { return };
                    let Ok(recovered) = downcast::<TokioIo<Stream>>(upgraded) else {
                        tracing::error!("the socket of an upgraded connection is not the one that it came on");
                        return;
                    };
                    let mut leftover = recovered.read_buf.to_vec();
                    match recovered.io.into_inner().into_socket() {
                        Ok((socket, rest)) => {
                            leftover.extend_from_slice(&rest);
                            shards.adopt(socket, Vec::new(), leftover, spec);
                        }
                        Err(error) => tracing::debug!(%error, "a socket was lost while it was upgraded"),
                    }
                });
            }
        }
        debug_assert!(status == StatusCode::OK || status == StatusCode::SWITCHING_PROTOCOLS);
        response
    }
}

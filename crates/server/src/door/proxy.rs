//! Paths of a backend that are reached through this server's port, so that a page has one origin.

use crate::{
    config::Config,
    problem::{Body, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{net::IpAddr, time::Duration};

type Forwarded = Limited<Incoming>;

pub(super) struct Proxy {
    paths: Vec<(String, Uri)>,
    client: Client<HttpConnector, Forwarded>,
    time: Duration,
    body_bytes: usize,
}

/// Headers that concern one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Proxy {
    pub(super) fn new(config: &Config) -> Proxy {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector);
        Proxy { paths: config.proxy.clone(), client, time: config.limits.proxy_time, body_bytes: config.limits.body_bytes }
    }

    /// The backend that serves the path: the longest of the configured paths that it is, or is below of.
    pub(super) fn backend(&self, path: &str) -> Option<&Uri> {
        let below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.paths.iter().find(|(prefix, _)| below(prefix)).map(|(_, uri)| uri)
    }

    pub(super) async fn forward(&self, backend: &Uri, request: Request<Incoming>, peer: IpAddr, secure: bool) -> Response<Body> {
        let request = match self.prepare(backend, request, peer, secure) {
            Ok(request) => request,
            Err(problem) => return problem.response(),
        };
        match tokio::time::timeout(self.time, self.client.request(request)).await {
            Ok(Ok(response)) => {
                let (mut parts, body) = response.into_parts();
                remove_hop_by_hop(&mut parts.headers);
                Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, backend = %backend, "a request cannot be forwarded");
                let title = "The backend cannot be reached";
                Problem::new(StatusCode::BAD_GATEWAY, "backend-unreachable", title, "the backend behind this path does not answer")
                    .response()
            }
            Err(_) => {
                let detail = format!("the backend behind this path did not answer within {} s", self.time.as_secs());
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "backend-timeout", "The backend takes too long", detail).response()
            }
        }
    }

    fn prepare(&self, backend: &Uri, request: Request<Incoming>, peer: IpAddr, secure: bool) -> Result<Request<Forwarded>, Problem> {
        let (mut parts, body) = request.into_parts();
        let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > self.body_bytes as u64) {
            let detail = format!("the body is larger than {} bytes", self.body_bytes);
            return Err(Problem::limit(StatusCode::PAYLOAD_TOO_LARGE, "body_bytes", detail));
        }
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let base = backend.path().trim_end_matches('/');
        let authority = backend.authority().map_or("", |a| a.as_str());
        let target = format!("http://{authority}{base}{path}");
        let bad = |_| Problem::bad_request("bad-http", "the request's path cannot be forwarded");
        let uri: Uri = target.parse().map_err(bad)?;
        let host = parts.headers.remove(header::HOST).or_else(|| HeaderValue::from_str(parts.uri.authority()?.as_str()).ok());
        remove_hop_by_hop(&mut parts.headers);
        let peer = peer.to_string();
        let before = parts.headers.get(FORWARDED_FOR).and_then(|v| v.to_str().ok());
        let chain = before.map_or_else(|| peer.clone(), |before| format!("{before}, {peer}"));
        if let Ok(chain) = HeaderValue::from_str(&chain) {
            parts.headers.insert(FORWARDED_FOR, chain);
        }
        if let Some(host) = host {
            parts.headers.insert(HeaderName::from_static("x-forwarded-host"), host);
        }
        let proto = HeaderValue::from_static(if secure { "https" } else { "http" });
        parts.headers.insert(HeaderName::from_static("x-forwarded-proto"), proto);
        parts.uri = uri;
        parts.version = http::Version::HTTP_11;
        parts.extensions.clear();
        Ok(Request::from_parts(parts, Limited::new(body, self.body_bytes)))
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&listed) {
        headers.remove(name);
    }
}

//! The port of operations: `/metrics`, `/health/live`, `/health/ready`.

use super::Metrics;
use crate::{
    App, Exchange, Problem, Rest,
    app::Answer,
    problem::{Body, full},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::{sync::Arc, time::Duration};

/// Answers on the port of operations.
#[derive(Debug, Default)]
pub struct Operations {
    pub metrics: Arc<Metrics>,
}

/// How long the store and the sequencer may take to show that they work.
const PATIENCE: Duration = Duration::from_secs(2);
/// A value that is written to see whether the store takes one.
const PROBE: &[u8] = b"health/probe";

impl Rest for Operations {
    fn respond(&self, app: Arc<App>, request: Request<Incoming>, _exchange: Exchange) -> Answer {
        let metrics = self.metrics.clone();
        Box::pin(async move {
            let answer = answer(&app, &metrics, request.method(), request.uri().path()).await.unwrap_or_else(|p| p.response());
            if request.method() == Method::HEAD { answer.map(|_| full("")) } else { answer }
        })
    }
}

async fn answer(app: &Arc<App>, metrics: &Metrics, method: &Method, path: &str) -> Result<Response<Body>, Problem> {
    if !matches!(path, "/" | "/metrics" | "/health/live" | "/health/ready") {
        let detail = "there are /metrics, /health/live and /health/ready here";
        return Err(Problem::not_found("not-found", detail));
    }
    if method != Method::GET && method != Method::HEAD {
        let problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method", "it has GET and HEAD");
        return Err(problem.header(header::ALLOW, "GET, HEAD"));
    }
    match path {
        "/metrics" => Ok(text("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text(app))),
        "/health/live" => Ok(text("text/plain; charset=utf-8", "live\n".into())),
        "/health/ready" => ready(app).await.map(|()| text("text/plain; charset=utf-8", "ready\n".into())),
        _ => Ok(text("text/plain; charset=utf-8", "/metrics\n/health/live\n/health/ready\n".into())),
    }
}

/// Whether events would be taken: the sequencer answers, the store writes, nobody has told the server to stop.
async fn ready(app: &Arc<App>) -> Result<(), Problem> {
    let not_ready = |why: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The server is not ready", why).header(header::RETRY_AFTER, "5")
    };
    if app.hub.waiters().is_closed() {
        return Err(not_ready("the server is stopping".into()));
    }
    match tokio::time::timeout(PATIENCE, app.hub.publish(Vec::new())).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(not_ready(error.to_string())),
        Err(_) => return Err(not_ready("the sequencer does not answer".into())),
    }
    let store = app.hub.reader().values().clone();
    let write = tokio::task::spawn_blocking(move || store.put(PROBE, Some(&crate::hub::now().to_be_bytes())));
    match tokio::time::timeout(PATIENCE, write).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(not_ready(error.to_string())),
        Ok(Err(_)) | Err(_) => Err(not_ready("the store does not answer".into())),
    }
}

fn text(media: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(full(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

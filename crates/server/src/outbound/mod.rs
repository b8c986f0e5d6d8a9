//! Small requests to others, over `http` or `https`. Redirects are not followed.

mod connector;

use crate::config::ConfigError;
use bytes::Bytes;
use connector::Connector;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{path::Path, sync::Arc, time::Duration};
use tokio_rustls::TlsConnector;

const BODY_BYTES_MAX: usize = 1 << 20;

/// How long a connection that nobody uses is kept, less than most servers keep it, and how many of them for each server.
const IDLE: Duration = Duration::from_secs(4);
const IDLE_MOST: usize = 32;

/// A client, which keeps its connections for the next request to the same server.
#[derive(Clone)]
pub struct Outbound {
    client: Client<Connector, Full<Bytes>>,
}

/// What is asked.
pub struct Ask<'a> {
    pub method: Method,
    pub url: &'a Uri,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
    /// For all of it.
    pub timeout: Duration,
}

impl Outbound {
    /// With the authorities of a PEM file, or the public ones.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(ca: Option<&Path>) -> Result<Outbound, ConfigError> {
        let mut roots = rustls::RootCertStore::empty();
        match ca {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                let bad = |error: &dyn std::fmt::Display| ConfigError {
                    place: file.display().to_string(),
                    message: format!("no certificates can be read from it: {error}"),
                    help: None,
                    excerpt: None,
                };
                for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
                    roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|e| ConfigError { place: String::new(), message: e.to_string(), help: None, excerpt: None })?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MOST)
            .build(Connector { tls: TlsConnector::from(Arc::new(config)) });
        Ok(Outbound { client })
    }

    /// The body of a 200.
    ///
    /// # Errors
    /// In words: no answer, or another one.
    pub async fn get(&self, url: &Uri, timeout: Duration) -> Result<Bytes, String> {
        let headers = vec![(header::ACCEPT, HeaderValue::from_static("application/json"))];
        match self.send(Ask { method: Method::GET, url, headers, body: Bytes::new(), timeout }).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(format!("the answer was {status}")),
        }
    }

    /// Status and body of the answer, whatever it is.
    ///
    /// # Errors
    /// In words: there was none.
    pub async fn send(&self, ask: Ask<'_>) -> Result<(StatusCode, Bytes), String> {
        self.ask(ask).await.map(|(status, _, body)| (status, body))
    }

    /// The same, and the headers.
    ///
    /// # Errors
    /// In words: there was none.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let timeout = ask.timeout;
        match tokio::time::timeout(timeout, self.try_send(ask)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs_f32())),
        }
    }

    async fn try_send(&self, ask: Ask<'_>) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let mut request = Request::builder().method(ask.method).uri(ask.url);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(ask.body)).map_err(|e| e.to_string())?;
        let response = self.client.request(request).await.map_err(|e| in_words(&e))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| e.to_string())?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

/// The innermost reason: what is around it says only that there was an error.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

//! A small GET over `http` or `https`.

use crate::config::ConfigError;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const TIMEOUT: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: usize = 1 << 20;

/// How `https` is checked.
pub(super) struct Fetch {
    tls: TlsConnector,
}

impl Fetch {
    /// With the authorities of a PEM file, or the public ones.
    pub(super) fn new(ca: Option<&Path>) -> Result<Fetch, ConfigError> {
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
        Ok(Fetch { tls: TlsConnector::from(Arc::new(config)) })
    }
}

/// The body of a 200.
pub(super) async fn get(fetch: &Fetch, url: &Uri) -> Result<Bytes, String> {
    match tokio::time::timeout(TIMEOUT, try_get(fetch, url)).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

async fn try_get(fetch: &Fetch, url: &Uri) -> Result<Bytes, String> {
    let host = url.host().ok_or("the URL has no host")?.trim_start_matches('[').trim_end_matches(']');
    let secure = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let tcp = TcpStream::connect((host, port)).await.map_err(|e| format!("cannot connect to {host}:{port}: {e}"))?;
    if secure {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
        let tls = fetch.tls.connect(name, tcp).await.map_err(|e| format!("TLS with {host}: {e}"))?;
        exchange(tls, url).await
    } else {
        exchange(tcp, url).await
    }
}

async fn exchange(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, url: &Uri) -> Result<Bytes, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |p| p.as_str());
    let authority = url.authority().map_or("", |a| a.as_str());
    let request = Request::get(path).header(header::HOST, authority).header(header::ACCEPT, "application/json").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.map_err(|e| e.to_string())?).await.map_err(|e| e.to_string())?;
    if response.status() != http::StatusCode::OK {
        driver.abort();
        return Err(format!("the answer was {}", response.status()));
    }
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await.map_err(|e| e.to_string());
    driver.abort();
    Ok(body?.to_bytes())
}

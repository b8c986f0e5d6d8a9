//! Certificates: read at the start, and again when told to.

use crate::config::{ConfigError, Tls};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{path::Path, sync::Arc};
use tokio_rustls::TlsAcceptor;

/// The certificate in use.
pub(super) struct Certificates {
    files: Tls,
    current: ArcSwap<ServerConfig>,
}

impl Certificates {
    pub(super) fn load(files: &Tls) -> Result<Certificates, ConfigError> {
        let current = ArcSwap::from(read(files)?);
        Ok(Certificates { files: files.clone(), current })
    }

    /// Reads the files again; the certificate in use stays if they are no good.
    pub(super) fn reload(&self) {
        match read(&self.files) {
            Ok(config) => {
                self.current.store(config);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the certificate cannot be read; going on with the one in use"),
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn read(files: &Tls) -> Result<Arc<ServerConfig>, ConfigError> {
    let bad = |file: &Path, message: String| ConfigError { place: file.display().to_string(), message, help: None, excerpt: None };
    let unreadable = |e: &dyn std::fmt::Display| bad(&files.certificate, format!("no certificate can be read from it: {e}"));
    let chain = CertificateDer::pem_file_iter(&files.certificate).map_err(|e| unreadable(&e))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|e| unreadable(&e))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| bad(&files.key, format!("no private key can be read from it: {e}")))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| bad(&files.certificate, e.to_string()))?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).map_err(|e| bad(&files.certificate, format!("it does not fit the key: {e}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

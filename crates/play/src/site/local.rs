//! A server of one contract in this process: keys made anew, a temporary data folder, free ports.

use super::{AppKeys, Keys, Site};
use rand::{Rng, distr::Alphanumeric};
use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tidewire_contract::{Contract, Protocol, Tokens};
use tidewire_engine::{log::Retention, publish::log_name};
use tidewire_server::{
    Config,
    config::BackendKey,
    http::Interface,
    metrics::Operations,
    node::{Interfaces, Node},
};
use tokio::net::TcpListener;

/// A server at work, and the folder of its data.
pub struct Local {
    pub node: Node,
    pub site: Site,
    _folder: tempfile::TempDir,
}

/// What is wanted of it beside the contract.
#[derive(Debug, Default)]
pub struct Wishes {
    /// A free port of this machine, unless said.
    pub listen: Option<SocketAddr>,
    /// Each backend of the contract, the address at which it takes clients' events, and the secret that they are signed with.
    pub backends: Vec<(String, String, String)>,
    /// Paths that something else answers, and its address.
    pub proxy: Vec<(String, String)>,
    /// Origins of web pages that may connect with a cookie.
    pub origins: Vec<String>,
    /// Web pages of any origin may call, without cookies.
    pub any_origin: bool,
}

impl Local {
    /// Starts a server.
    ///
    /// # Errors
    /// In words, whatever it was.
    pub async fn start(contract: &Arc<Contract>, wishes: &Wishes) -> Result<Local, String> {
        let words = |e: std::io::Error| format!("cannot start a server: {e}");
        let folder = tempfile::tempdir().map_err(words)?;
        let keys = Keys {
            secret: (contract.auth.tokens == Tokens::Signed).then(|| (random(48), None)),
            backend: Some(format!("{}-{}", contract.name, random(32))),
            app: (contract.wire.protocol == Protocol::Pusher).then(|| AppKeys { id: "1".into(), key: random(20), secret: random(40) }),
            ..Keys::default()
        };
        let text = configuration(contract, &keys, wishes);
        let mut config = Config::parse(Path::new("tidewire.toml"), &text, &[]).map_err(|e| e.to_string())?;
        config.store.path = folder.path().join("data");
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = wishes.listen.unwrap_or(free);
        let listener = TcpListener::bind(listen).await.map_err(|e| format!("cannot listen on {listen}: {e}"))?;
        let operations = TcpListener::bind(free).await.map_err(words)?;
        let url = format!("http://{}", listener.local_addr().map_err(words)?);
        let public = Arc::new(Interface::default());
        let of_operations = Arc::new(Operations { metrics: public.metrics.clone() });
        let interfaces = Interfaces { public, operations: of_operations, backends: Default::default() };
        let contracts = [contract.clone()];
        let node = Node::start(config, &contracts, listener, operations, false, interfaces).map_err(|e| e.to_string())?;
        Ok(Local { node, site: Site::new(contract.clone(), &url, keys), _folder: folder })
    }

    /// Lets go of a channel's history but for its newest event, as its retention would in time.
    pub fn forget(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        let (app, contract) = (self.node.app.clone(), self.site.contract.clone());
        Arc::new(move |channel| {
            let Some(name) = contract.channel(channel) else { return };
            let retention = Retention { keep: None, count: Some(1), bytes: None };
            app.hub.trim(log_name(&contract.name, &name.log), contract.channels[name.log_kind].durability, retention);
        })
    }

    /// Stops it; its data goes with it.
    pub async fn stop(self) {
        // Nothing of it is wanted any more, whether it was written or not.
        let _ = self.node.stop().await;
    }
}

/// The configuration that a user would write for it.
fn configuration(contract: &Contract, keys: &Keys, wishes: &Wishes) -> String {
    let name = &contract.name;
    let mut text = "[shutdown]\ndrain = \"0s\"\ngrace = \"2s\"\n".to_owned();
    if !wishes.proxy.is_empty() {
        text += "\n[proxy]\n";
        for (path, url) in &wishes.proxy {
            let _ = writeln!(text, "\"{path}\" = \"{url}\"");
        }
    }
    if wishes.any_origin {
        text += "\n[cors]\nallowed_origins = [\"*\"]\n";
    }
    let hash = BackendKey::of(keys.backend.as_deref().unwrap_or_default()).to_text();
    let _ = writeln!(text, "\n[contracts.{name}]\nbackend_keys = [\"{hash}\"]");
    if !wishes.origins.is_empty() {
        let origins: Vec<String> = wishes.origins.iter().map(|origin| format!("\"{origin}\"")).collect();
        let _ = writeln!(text, "allowed_origins = [{}]", origins.join(", "));
    }
    if let Some((secret, _)) = &keys.secret {
        let _ = writeln!(text, "\n[contracts.{name}.auth]\nleeway = \"0s\"");
        let _ = writeln!(text, "\n[[contracts.{name}.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"");
    }
    if let Some(AppKeys { id, key, secret }) = &keys.app {
        let _ = writeln!(text, "\n[contracts.{name}.pusher]\napp_id = \"{id}\"\nkey = \"{key}\"\nsecret = \"{secret}\"");
    }
    for (backend, url, secret) in &wishes.backends {
        let _ = writeln!(text, "\n[contracts.{name}.backends.{backend}]\nurl = \"{url}\"\nsecret = \"{secret}\"");
    }
    text
}

/// Letters and digits by chance.
pub fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// How long the longest grace of the contract's presence is: somebody who left is not told of sooner.
pub fn longest_grace(contract: &Contract) -> Duration {
    contract.channels.iter().filter_map(|c| c.presence.as_ref()).map(|p| p.grace).max().unwrap_or_default()
}

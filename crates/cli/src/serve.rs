//! `tidewire serve`: from the configuration to a server, and orderly down again.

use crate::{fail, logging, memory};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};
use tidewire_backends::{Doors, Streams};
use tidewire_bridge::Bridges;
use tidewire_contract::{load_all, problem::render_all};
use tidewire_server::{
    Config, Flags,
    config::LogFormat,
    http::Interface,
    metrics::Operations,
    node::{Interfaces, Node, StartError},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};

/// Serves contracts: WebSocket, SSE, polling and the HTTP interface on one port, metrics and health on another.
///
/// SIGTERM and Ctrl-C: stops accepting, lets publishes finish, closes clients with 1012, exits with 0. SIGHUP: reads
/// certificates again.
#[derive(clap::Args)]
#[command(after_help = "Every value of the configuration can also be given in the environment as TIDEWIRE_…: see docs/configuration.md.")]
pub struct Args {
    /// The configuration [default: tidewire.toml, if there is one].
    #[arg(long)]
    config: Option<PathBuf>,
    /// The folder of the contracts [default: contracts].
    #[arg(long)]
    contracts: Option<PathBuf>,
    /// The folder of the embedded store [default: data].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where clients and backends connect [default: 127.0.0.1:8080].
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where metrics and health are served [default: 127.0.0.1:9601; a free port when --listen asks for one].
    #[arg(long)]
    metrics_listen: Option<SocketAddr>,
    /// Opens a store whose journal is damaged all the same: what lies behind the damage is lost, a copy of it is kept, and
    /// every client is told.
    #[arg(long)]
    accept_loss: bool,
}

pub fn main(args: Args) -> ExitCode {
    let flags =
        Flags { config: args.config, contracts: args.contracts, data: args.data, listen: args.listen, metrics_listen: args.metrics_listen };
    let config = match Config::load(&flags) {
        Ok(config) => config,
        Err(error) => return fail(error),
    };
    start_logging(&config);
    memory::keep_small_pages();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    let code = runtime.block_on(async {
        match start(config, args.accept_loss).await {
            Ok(started) => started.until_told().await,
            Err(message) => fail(message),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

pub fn start_logging(config: &Config) {
    let format = match config.log.format {
        LogFormat::Auto => "auto",
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    logging::start(format, &config.log.level);
}

/// A server that accepts.
pub struct Started {
    pub node: Node,
    bridges: Bridges,
    streams: Streams,
    pub url: String,
    pub metrics: String,
}

/// Compiles the contracts, binds the ports and starts.
///
/// # Errors
/// In words, whatever it was.
pub async fn start(config: Config, accept_loss: bool) -> Result<Started, String> {
    raise_open_files();
    let contracts = match load_all(&config.contracts_folder) {
        Ok(contracts) => contracts,
        // Apps need no contract, so there need not be any.
        Err(problems)
            if !config.apps.is_empty() && problems.iter().all(|p| p.code == "no-contract" || !config.contracts_folder.exists()) =>
        {
            Vec::new()
        }
        Err(problems) => return Err(render_all(&problems)),
    };
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let listener = bind(config.listen)?;
    let operations = bind(config.metrics_listen)?;
    let address = |listener: &TcpListener| listener.local_addr().map_err(|e| e.to_string());
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", address(&listener)?);
    let metrics = format!("http://{}", address(&operations)?);
    let doors = Doors::new(&config, &contracts)?;
    let public = Arc::new(Interface::default());
    let operations_rest = Arc::new(Operations { metrics: public.metrics.clone() });
    let interfaces = Interfaces { public, operations: operations_rest, backends: doors.given() };
    let node = Node::start(config, &contracts, listener, operations, accept_loss, interfaces).map_err(|e: StartError| e.to_string())?;
    tracing::info!(%url, %metrics, contracts = contracts.len(), "listening on {url}");
    let bridges = Bridges::start(node.app.clone());
    let streams = doors.open(&node.app);
    Ok(Started { node, bridges, streams, url, metrics })
}

/// Connections that wait to be accepted: after a restart everybody comes back at once, and who finds no place tries again only
/// after a second.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|e: std::io::Error| format!("cannot listen on {address}: {e}"))
}

impl Started {
    /// Serves until SIGTERM or Ctrl-C, then stops in order.
    pub async fn until_told(self) -> ExitCode {
        let (Ok(mut term), Ok(mut hup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
            return fail("cannot listen for signals");
        };
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                _ = hup.recv() => self.node.reload(),
            }
        }
        tracing::info!("stopping");
        // What is published from now on is carried after the next start.
        self.bridges.stop().await;
        self.streams.stop().await;
        match self.node.stop().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(error),
        }
    }
}

/// A client is an open file: asks for as many as the system lets this process have.
fn raise_open_files() {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: most.maximum, maximum: most.maximum };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, wanted) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

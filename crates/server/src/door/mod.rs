//! Where everything that comes over the network comes in.
//!
//! A connection's first request is read here, in a small buffer. A WebSocket or an event stream goes straight to a shard, and
//! nothing of the HTTP library is ever made for it; everything else is handed to the library, with its bytes replayed.

mod connection;
mod cors;
pub mod head;
mod proxy;
mod raw;
mod service;
mod stream;
mod tls;

use crate::{
    app::{App, Rest},
    config::ConfigError,
    limits::Gate,
};
use proxy::Proxy;
use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tls::Certificates;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
};

/// What the connections of a listener share.
pub(crate) struct Door {
    app: Arc<App>,
    rest: Arc<dyn Rest>,
    /// Whether contracts are served here; the other port has operations only.
    public: bool,
    gate: Arc<Gate>,
    tls: Option<Certificates>,
    proxy: Proxy,
    stop: watch::Sender<bool>,
    requests: Requests,
}

/// How many requests are being answered.
#[derive(Default)]
struct Requests(Arc<AtomicUsize>);

struct UnderWay(Arc<AtomicUsize>);

impl Requests {
    fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::AcqRel);
        UnderWay(self.0.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An open door, until [`Running::stop`].
pub struct Running {
    door: Arc<Door>,
    /// Closed when the last connection that the HTTP library serves has ended.
    connections: mpsc::Receiver<()>,
}

/// Opens the public port on these listeners; returns at once.
///
/// # Errors
/// A certificate that cannot be read.
pub fn open(app: &Arc<App>, listeners: Vec<TcpListener>) -> Result<Running, ConfigError> {
    let tls = app.config.tls.as_ref().map(Certificates::load).transpose()?;
    Ok(start(app, app.rest.clone(), true, tls, listeners))
}

/// Opens the port of operations, where `rest` answers every request; plain HTTP.
pub fn open_operations(app: &Arc<App>, rest: Arc<dyn Rest>, listener: TcpListener) -> Running {
    start(app, rest, false, None, vec![listener])
}

/// Opens the door, and when `shutdown` is done stops accepting and lets the requests under way finish, for at most the
/// configured grace. Sessions go on: they are the shards'. [`Running::closed`] waits for the rest once those are drained.
///
/// # Errors
/// A certificate that cannot be read.
pub async fn serve(app: &Arc<App>, listeners: Vec<TcpListener>, shutdown: impl Future<Output = ()>) -> Result<Running, ConfigError> {
    let running = open(app, listeners)?;
    shutdown.await;
    running.stop().await;
    Ok(running)
}

impl Running {
    /// Stops accepting; returns when the requests under way are answered, or the grace is over.
    pub async fn stop(&self) {
        self.door.stop.send_replace(true);
        let answered = async {
            while self.door.requests.0.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(self.door.app.config.shutdown.grace, answered).await.is_err() {
            tracing::warn!("requests were still under way when the grace was over");
        }
    }

    /// Returns when all connections that are not the shards' have ended, or the grace is over.
    pub async fn closed(mut self) {
        let grace = self.door.app.config.shutdown.grace;
        let _ = tokio::time::timeout(grace, self.connections.recv()).await;
    }

    /// How many connections there are, sessions among them.
    pub fn connected(&self) -> usize {
        self.door.gate.connected()
    }

    /// Reads the certificate's files again.
    pub fn reload(&self) {
        if let Some(certificates) = &self.door.tls {
            certificates.reload();
        }
    }
}

fn start(app: &Arc<App>, rest: Arc<dyn Rest>, public: bool, tls: Option<Certificates>, listeners: Vec<TcpListener>) -> Running {
    let door = Arc::new(Door {
        app: app.clone(),
        rest,
        public,
        gate: Arc::new(Gate::new(&app.config.limits)),
        tls,
        proxy: Proxy::new(&app.config),
        stop: watch::Sender::new(false),
        requests: Requests::default(),
    });
    let (alive, connections) = mpsc::channel(1);
    for listener in listeners {
        tokio::spawn(accept(door.clone(), listener, alive.clone()));
    }
    if door.tls.is_some() {
        tokio::spawn(reload_on_hangup(door.clone()));
    }
    app.auth.warm();
    Running { door, connections }
}

/// Connections that are being refused politely at one time; the others are just closed.
const REFUSALS_MAX: usize = 64;

async fn accept(door: Arc<Door>, listener: TcpListener, alive: mpsc::Sender<()>) {
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut stop = door.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (tcp, peer) = match accepted {
            Ok((tcp, peer)) => (tcp, peer.ip()),
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Out of descriptors or memory: trying again at once would only burn the processor.
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        match door.gate.enter(peer) {
            Ok(connected) => {
                let (door, alive) = (door.clone(), alive.clone());
                tokio::spawn(async move {
                    connection::run(door, tcp, peer, connected).await;
                    drop(alive);
                });
            }
            Err(problem) => turn_away(&door, &refusals, tcp, problem),
        }
    }
}

fn turn_away(door: &Door, refusals: &Arc<Semaphore>, tcp: TcpStream, problem: crate::Problem) {
    door.app.hub.tallies().turned_away(&problem);
    if door.tls.is_none()
        && let Ok(place) = refusals.clone().try_acquire_owned()
    {
        tokio::spawn(async move {
            connection::turn_away(tcp, problem).await;
            drop(place);
        });
    }
}

/// The client went before it was accepted; nothing is wrong with the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn reload_on_hangup(door: Arc<Door>) {
    let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else { return };
    let mut stop = door.stop.subscribe();
    loop {
        tokio::select! {
            hangup = hangups.recv() => match (hangup, &door.tls) {
                (Some(()), Some(certificates)) => certificates.reload(),
                _ => return,
            },
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

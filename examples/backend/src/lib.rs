//! What the reference backends share: publishing to Tidewire in order and once, keeping their state, answering HTTP.
//!
//! Nothing here knows Tidewire but by its HTTP interface.

pub mod answer;
pub mod begin;
pub mod handed;
pub mod keep;
pub mod life;
pub mod publish;
pub mod serve;
pub mod shelf;

pub use answer::{Answer, Refusal, json};
pub use begin::Begun;
pub use handed::{Handed, Secret};
pub use keep::{Keep, Keys, Look, Told};
pub use publish::{Event, Outlet, Publisher, Receipt};
pub use serve::{Call, Running, serve};
pub use shelf::{BoxFuture, Shelf};

use std::{net::SocketAddr, path::PathBuf};

/// How a backend is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server to publish to, e.g. `http://127.0.0.1:8080`.
    pub tidewire_url: String,
    /// A backend key of the contract.
    pub backend_key: String,
    /// Where the backend itself answers.
    pub listen: SocketAddr,
    /// Where its state is kept; in memory if `None`.
    pub data: Option<PathBuf>,
    /// Whether things happen by themselves.
    pub life: bool,
    /// What happens by itself is the same for the same seed.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            tidewire_url: "http://127.0.0.1:8080".into(),
            backend_key: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: None,
            life: false,
            seed: 7,
        }
    }
}

impl Config {
    /// From the environment: `TIDEWIRE_URL`, `TIDEWIRE_BACKEND_KEY`, `LISTEN`, `DATA`, `LIFE`.
    ///
    /// # Errors
    /// Which variable is wrong, in words.
    pub fn from_env() -> Result<Config, String> {
        let var = |name: &str| std::env::var(name).ok();
        let mut config = Config { backend_key: var("TIDEWIRE_BACKEND_KEY").ok_or("TIDEWIRE_BACKEND_KEY is not set")?, ..Config::default() };
        if let Some(url) = var("TIDEWIRE_URL") {
            config.tidewire_url = url;
        }
        config.listen = Config::listen_from_env()?;
        config.data = var("DATA").map(PathBuf::from);
        config.life = var("LIFE").is_some_and(|v| v == "1" || v == "true");
        Ok(config)
    }

    /// `LISTEN` alone: a free port where it says nothing.
    ///
    /// # Errors
    /// It is no address.
    pub fn listen_from_env() -> Result<SocketAddr, String> {
        match std::env::var("LISTEN") {
            Ok(listen) => listen.parse().map_err(|_| format!("LISTEN: '{listen}' is not an address such as 127.0.0.1:9000")),
            Err(_) => Ok(Config::default().listen),
        }
    }
}

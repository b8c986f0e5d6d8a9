//! Store: a reference backend. Orders, the kitchen's tickets, print jobs, devices and their heartbeats.
//!
//! It decides; Tidewire carries what it decided to the devices. It uses `POST /v1/events` and the registry of devices.

mod act;
mod caller;
mod client;
mod devices;
mod kitchen;
mod life;
mod orders;
mod page;
mod printer;
mod printing;
mod routes;
mod shop;
mod watch;

pub use tidewire_example_backend::{Refusal, Running};

use caller::Registry;
use shop::Shop;
use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tidewire_example_backend::{Begun, Keep, Publisher, serve};

/// How it is run.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub common: tidewire_example_backend::Config,
    /// A device that sends no heartbeat for so long is offline.
    pub silence: Option<Duration>,
    /// The file of `pusher-js` for the kitchen's page; without it the page speaks the protocol by itself.
    pub pusher_js: Option<PathBuf>,
    /// The app's key, for the page.
    pub app_key: String,
    /// Tokens of the devices that have a life of their own, by name: `pos`, `kiosk`, `kds`, `printer`, `back_office`.
    pub tokens: BTreeMap<String, String>,
}

/// The devices that can have a life of their own.
pub const LIVING: [&str; 5] = ["pos", "kiosk", "kds", "printer", "back_office"];

impl Config {
    /// From the environment: what all reference backends take, and `SILENCE` (seconds), `PUSHER_JS`, `APP_KEY`, `POS_TOKEN`,
    /// `KIOSK_TOKEN`, `KDS_TOKEN`, `PRINTER_TOKEN`, `BACK_OFFICE_TOKEN`.
    ///
    /// # Errors
    /// Which variable is wrong, in words.
    pub fn from_env() -> Result<Config, String> {
        let var = |name: &str| std::env::var(name).ok();
        let seconds = |s: String| match s.parse() {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Err(format!("SILENCE: '{s}' is no number of seconds from 1")),
        };
        let token = |name: &&str| Some(((*name).to_owned(), var(&format!("{}_TOKEN", name.to_uppercase()))?));
        Ok(Config {
            common: tidewire_example_backend::Config::from_env()?,
            silence: var("SILENCE").map(seconds).transpose()?,
            pusher_js: var("PUSHER_JS").map(PathBuf::from),
            app_key: var("APP_KEY").unwrap_or_default(),
            tokens: LIVING.iter().filter_map(token).collect(),
        })
    }

    pub(crate) fn silence(&self) -> Duration {
        self.silence.unwrap_or(SILENCE)
    }
}

/// Silence after which a device is offline, where it is not said.
const SILENCE: Duration = Duration::from_secs(90);

pub(crate) struct Backend {
    keep: Keep<Shop>,
    registry: Registry,
    begun: Begun,
    /// When each device was heard last.
    beats: Mutex<HashMap<u64, Instant>>,
    started: Instant,
    config: Config,
}

/// Runs the store.
///
/// # Errors
/// When its state cannot be read or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let common = config.common.clone();
    let publisher = Publisher::new(&common.tidewire_url, &common.backend_key);
    let keep = Keep::open(common.data, Shop::default(), uuid::Uuid::new_v4().to_string(), publisher)?;
    let registry = Registry::new(&common.tidewire_url, &common.backend_key);
    let (beats, started) = (Mutex::default(), Instant::now());
    let backend = Arc::new(Backend { keep, registry, begun: Begun::default(), beats, started, config });
    let answering = backend.clone();
    let running = serve(common.listen, move |call| {
        let backend = answering.clone();
        async move { Ok(backend.answer(call).await) }
    })
    .await?;
    if common.life {
        life::begin(&running, &backend.config);
    }
    running.spawn(async move {
        // What an earlier run left is published before anything else.
        backend
            .begun
            .begin("store", || async { backend.keep.change(None, |shop, _| Ok((shop.clone(), Vec::new()))).await.map(drop) })
            .await;
        watch::watch(backend).await;
    });
    Ok(running)
}

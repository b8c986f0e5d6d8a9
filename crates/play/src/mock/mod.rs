//! A contract, served without a backend: made-up events at a rate or on demand, clients' events answered as the flows have it.
//!
//! The server is the product itself, in this process; what is made up is published through its HTTP interface. What goes wrong on
//! request ([`Mischief`]) happens between the server and the client, in a relay in front of it: nothing of it is in the server.

mod answers;
mod ask;
mod channels;
mod dice;
mod ledger;
mod mischief;
mod perform;
mod relay;
mod studio;
mod tokens;

pub use answers::answer;
pub use ask::{Trigger, Triggered};
pub use channels::channels;
pub use mischief::Mischief;

use crate::{
    link::{Transport, route},
    serve::{Serving, serve},
    site::{Local, Wishes, random},
};
use ledger::Ledger;
use relay::Relay;
use serde_json::{Map, Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use studio::Studio;
use tidewire_contract::{Contract, EndpointKind};
use time::OffsetDateTime;
use tokio::task::JoinSet;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: SocketAddr,
    pub seed: u64,
    /// Events of each channel in a second; 0: only those that are asked for.
    pub rate: f64,
    /// The channels on which something happens by itself; those that the contract's actors may join, if none is named.
    pub channels: Vec<String>,
    pub mischief: Mischief,
    /// Times in payloads are of this moment, and so the same again with the same seed; of now, if it is not said.
    pub now: Option<OffsetDateTime>,
    /// Web pages of this origin may connect with a cookie.
    pub origins: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            seed: 1,
            rate: 1.0,
            channels: Vec::new(),
            mischief: Mischief::default(),
            now: None,
            origins: Vec::new(),
        }
    }
}

/// A mock at work.
pub struct Mock {
    /// Where clients connect.
    pub url: String,
    studio: Arc<Studio>,
    local: Local,
    options: Options,
    _serving: Vec<Serving>,
    tasks: JoinSet<()>,
}

impl Mock {
    /// Starts it.
    ///
    /// # Errors
    /// In words: an address is taken, a channel is not the contract's.
    pub async fn start(contract: &Arc<Contract>, options: Options) -> Result<Mock, String> {
        let found = if options.channels.is_empty() { channels(contract) } else { options.channels.clone() };
        for name in &found {
            if contract.channel(name).is_none() {
                let known: Vec<&str> = contract.channels.iter().map(|c| c.address.source.as_str()).collect();
                return Err(format!("'{name}' is no channel of the contract '{}'; its channels are {}", contract.name, known.join(", ")));
            }
        }
        // The server has to know where its backends and the mock's own paths are, and these what the server's address is.
        let late: Arc<std::sync::OnceLock<Arc<Studio>>> = Arc::default();
        let asked = late.clone();
        let control = serve((Ipv4Addr::LOCALHOST, 0).into(), move |call| {
            let studio = asked.get().cloned();
            async move {
                match studio {
                    Some(studio) => ask::handle(&studio, call).await,
                    None => (http::StatusCode::SERVICE_UNAVAILABLE, json!({ "code": "UNAVAILABLE", "message": "the mock is starting" })),
                }
            }
        })
        .await?;
        let own = format!("http://{}", control.address);
        let wishes = Wishes {
            // Where nothing is to go wrong there is no relay, and clients speak to the server itself.
            listen: options.mischief.is_none().then_some(options.listen),
            backends: contract.backends.iter().map(|b| (b.name.clone(), format!("{own}/backends/{}", b.name), secret())).collect(),
            proxy: vec![("/mock".to_owned(), own)],
            origins: options.origins.clone(),
            any_origin: true,
        };
        let local = Local::start(contract, &wishes).await?;
        let ledger = Arc::new(Ledger::default());
        let studio = Arc::new(Studio::new(&local.site, found, &options, ledger.clone()));
        let mut tasks = JoinSet::new();
        let url = if options.mischief.is_none() {
            local.site.url.clone()
        } else {
            let forget = local.forget();
            let relay = Relay::open(&local.site, options.listen, options.seed, options.mischief.clone(), ledger, forget).await?;
            let url = format!("http://{}", relay.address);
            tasks.spawn(relay.run());
            url
        };
        studio.set_url(&url);
        let _ = late.set(studio.clone());
        if options.rate > 0.0 {
            for channel in studio.channels().to_vec() {
                tasks.spawn(studio.clone().life(channel, Duration::from_secs_f64(1.0 / options.rate)));
            }
        }
        if options.mischief.expired_tokens > 0.0 && contract.auth.tokens == tidewire_contract::Tokens::Devices {
            tasks.spawn(tokens::rotate(studio.clone()));
        }
        Ok(Mock { url, studio, local, options, _serving: vec![control], tasks })
    }

    /// Makes one event happen.
    ///
    /// # Errors
    /// In words: there is no such type, nobody may send it, the server refused it.
    pub async fn trigger(&self, trigger: &Trigger) -> Result<Triggered, String> {
        ask::trigger(&self.studio, trigger).await
    }

    /// Addresses, keys, and a token for each actor.
    ///
    /// # Errors
    /// In words: a token cannot be made.
    pub async fn described(&self) -> Result<Value, String> {
        self.studio.described().await
    }

    /// The same for people, with what to try.
    ///
    /// # Errors
    /// As of [`Mock::described`].
    pub async fn in_words(&self) -> Result<String, String> {
        let described = self.described().await?;
        let contract = &self.studio.site.contract;
        let mut text = format!(
            "Tidewire mocks {} {} at {}, seed {}; Ctrl-C ends it.\n\n  channels     {}\n",
            contract.name,
            contract.version,
            self.url,
            self.options.seed,
            self.studio.channels().join(", ")
        );
        if !self.options.mischief.is_none() {
            text += &format!("  misbehaves   {}\n", self.options.mischief);
        }
        let tokens = described["tokens"].as_object().cloned().unwrap_or_default();
        if tokens.is_empty() {
            text += "  nobody       the contract has no actors, so there are no tokens: write some under `actors:`\n";
        }
        for (actor, token) in &tokens {
            text += &format!("  {actor:12} {}\n", token.as_str().unwrap_or_default());
        }
        text += &format!("  backend key  {}\n", described["backend_key"].as_str().unwrap_or_default());
        if let Some(app) = described["pusher"].as_object() {
            text += &format!("  pusher app   {}\n", app.values().filter_map(Value::as_str).collect::<Vec<_>>().join(" · "));
        }
        for line in self.tries(&tokens) {
            text += &format!("  try          {line}\n");
        }
        Ok(text)
    }

    /// One command for each endpoint that an actor may use.
    fn tries(&self, tokens: &Map<String, Value>) -> Vec<String> {
        let contract = &self.studio.site.contract;
        let mut lines = Vec::new();
        for transport in Transport::ALL {
            let found = tokens.iter().find_map(|(actor, token)| {
                let channel = self.studio.channels().iter().find(|name| channels::may_join(contract, actor, name))?;
                Some((route(contract, transport, channel, actor)?, token.as_str()?, channel))
            });
            let Some((way, token, channel)) = found else { continue };
            let (address, headers) = way.address(contract, transport, &self.url, token, None);
            let headers: String = headers.iter().map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
            lines.push(match transport {
                Transport::WebSocket => format!(
                    "{}{headers}{}",
                    address.replacen("http", "ws", 1),
                    if way.joins { String::new() } else { format!("   then join {channel}") }
                ),
                Transport::Pusher => continue,
                Transport::Sse => format!("curl -N '{address}' -H 'accept: text/event-stream'{headers}"),
                Transport::Poll => format!("curl '{address}'{headers}"),
            });
        }
        if let Some(event) = contract.events.iter().find(|e| e.from == tidewire_contract::Publisher::Backend) {
            let event_type = crate::sample::concrete(event)[0].clone();
            lines.push(format!("curl {}/mock/events -d '{{\"type\":\"{event_type}\"}}'", self.url));
        }
        lines
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.studio.leave().await;
        self.local.stop().await;
    }
}

/// Of a backend that is this mock itself.
fn secret() -> String {
    format!("whsec_{}", random(32))
}

/// The endpoints of a contract, each with its kind, for whoever writes a client.
fn endpoints(contract: &Contract, url: &str) -> Vec<Value> {
    let one = |e: &tidewire_contract::Endpoint| {
        let query: Vec<String> = e.query.iter().map(|(parameter, variable)| format!("{parameter}={{{variable}}}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let base =
            if matches!(e.kind, EndpointKind::WebSocket | EndpointKind::Pusher) { url.replacen("http", "ws", 1) } else { url.to_owned() };
        json!({ "kind": e.kind.as_str(), "url": format!("{base}{}{query}", e.path.source) })
    };
    contract.endpoints.iter().map(one).collect()
}

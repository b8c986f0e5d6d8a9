//! Where a bridge stands with each channel.

use crate::One;
use std::{sync::Arc, time::Duration};
use tidewire_contract::{ChannelName, Durability};
use tidewire_engine::{
    LogHandle, Position, Resume,
    feed::{self, Missing},
    log::LogError,
    publish::log_name,
};
use tidewire_server::{App, hub, metrics::BridgeReport};

/// One channel of a bridge.
#[derive(Clone)]
pub(crate) struct Lane {
    pub log: Arc<LogHandle>,
    pub channel: ChannelName,
    /// The log's contents that the cursor is of; 0 while there were none.
    pub epoch: i64,
    /// Up to here the broker has confirmed, or the message was set aside.
    pub confirmed: u64,
    /// Up to here events are under way.
    pub sent: u64,
    /// Up to here it is written down that it is confirmed.
    pub written: u64,
    /// The `at` of the oldest event that is not confirmed, as far as it was read (µs).
    pub oldest: Option<i64>,
    /// The history no longer reached back to where the bridge was: to be told before what follows.
    pub missing: Option<Missing>,
}

/// The cursor's key in the store.
pub(crate) fn key(one: &One, channel: &str) -> String {
    format!("{}cursor/{channel}", one.prefix())
}

/// Names of the contract's logs, whether anybody has asked for them or not.
pub(crate) fn names(app: &App, one: &One) -> Result<Vec<Arc<str>>, LogError> {
    let prefix = format!("{}/", one.served.contract.name);
    let mut names: Vec<Arc<str>> = Vec::new();
    let reader = app.hub.reader();
    for durability in [Durability::Disk, Durability::Memory] {
        let mut after: Option<String> = None;
        loop {
            let page = reader.store(durability).list(&prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            names.extend(page.iter().map(|(name, _)| Arc::from(name.as_str())));
        }
    }
    Ok(names)
}

/// The lane of a log, if the bridge carries its channel. One that is new to the bridge begins with the oldest event.
pub(crate) fn open(app: &App, one: &One, log: &str) -> Result<Option<Lane>, LogError> {
    let contract = &one.served.contract;
    let channel = log.strip_prefix(contract.name.as_str()).and_then(|l| l.strip_prefix('/')).and_then(|name| contract.channel(name));
    let Some(channel) = channel.filter(|c| c.kind == c.log_kind && one.bridge().of.contains(&c.kind)) else { return Ok(None) };
    let reader = app.hub.reader();
    let log = reader.log(&log_name(&contract.name, &channel.log), contract.channels[channel.log_kind].durability)?;
    let kept = reader.values().get(key(one, &channel.name).as_bytes())?;
    let resume = kept.as_ref().and_then(|text| Resume::parse(std::str::from_utf8(text).ok()?));
    let (after, missing) = match resume {
        Some(resume) => feed::start(reader, &log, Some(resume))?,
        None => (log.first() - 1, None),
    };
    let epoch = log.epoch();
    Ok(Some(Lane { log, channel, epoch, confirmed: after, sent: after, written: after, oldest: None, missing }))
}

impl Lane {
    /// Whether the log has other contents than those that the cursor is of.
    pub fn is_of_another(&self) -> bool {
        self.epoch != 0 && self.epoch != self.log.epoch()
    }

    /// The row that writes down how far it is confirmed.
    pub fn row(&self, one: &One) -> (Vec<u8>, Option<Vec<u8>>) {
        let epoch = if self.epoch == 0 { self.log.epoch() } else { self.epoch };
        let position = Position { epoch, seq: self.confirmed };
        (key(one, &self.channel.name).into_bytes(), Some(position.to_string().into_bytes()))
    }
}

pub(crate) fn report(one: &One) -> BridgeReport {
    let seen = one.seen();
    let now = hub::now();
    let behind = || seen.lanes.values().filter(|lane| lane.log.head() > lane.confirmed);
    let oldest = behind().filter_map(|lane| lane.oldest).min();
    BridgeReport {
        contract: one.served.contract.name.clone(),
        bridge: one.bridge().name.clone(),
        connected: seen.connected,
        lag_events: behind().map(|lane| lane.log.head() - lane.confirmed).sum(),
        lag: oldest.map_or(Duration::ZERO, |at| Duration::from_micros(u64::try_from(now - at).unwrap_or(0))),
        confirmed: seen.confirmed,
        failures: seen.failures,
    }
}

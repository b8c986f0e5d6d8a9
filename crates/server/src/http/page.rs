//! Pages of events: what poll, history and replay have in common.

use super::{bounds, query::encode, refuse::problem};
use crate::{App, Problem, served::Served, session::Join};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_contract::{ChannelName, Contract, Filter, Principal, address::Vars};
use tidewire_engine::{
    Eye, Feed, Resume, at,
    feed::{self, Missing, Page, Track},
    log::LogError,
    publish::log_name,
};
use tidewire_wire::{EventView, Reply, reply::Gap};

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Behind this.
    After(Resume),
    /// With the oldest event that is kept; that older ones are gone is no gap then.
    Oldest,
    /// Behind everything that may be seen now.
    Now,
}

/// One who reads channels of one contract.
pub struct Reading {
    pub served: Arc<Served>,
    feed: Feed,
    sources: Vec<Source>,
    /// What was missing before the first event.
    missing: Vec<(usize, Missing)>,
    /// Everything up to this time was read, as far as it is known (µs).
    read_to: i64,
}

struct Source {
    /// As the reader calls the channel.
    name: Arc<str>,
    /// The name of the channel whose log it is, and its variables.
    log: Arc<str>,
    vars: Vars,
}

/// Events in the wire's own words.
pub struct Rendered {
    /// What is missing, and then the events: JSON each, comma between them.
    pub events: Vec<u8>,
    pub count: usize,
    pub gaps: Vec<Gap>,
    pub more: bool,
    /// `at` of the last event, or of what is known to have been read.
    pub at: i64,
}

/// How many events a page may have.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub events: usize,
}

impl Reading {
    /// Sets cursors into the logs of `joins`. `start` is for those that carry no place of their own. Blocks.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(
        app: &App,
        served: Arc<Served>,
        eye: &dyn Fn(&ChannelName) -> Eye,
        joins: &[Join],
        filter: Arc<Filter>,
        start: Start,
    ) -> Result<Reading, LogError> {
        let reader = app.hub.reader();
        let contract = &served.contract;
        let mut reading = Reading { served: served.clone(), feed: Feed::new(filter), sources: Vec::new(), missing: Vec::new(), read_to: 0 };
        for Join { channel, resume, .. } in joins {
            if reading.sources.iter().any(|s| s.log == channel.log) {
                continue;
            }
            let kind = &contract.channels[channel.log_kind];
            let log = reader.log(&log_name(&contract.name, &channel.log), kind.durability)?;
            let (after, missing) = match resume.map_or(start, Start::After) {
                Start::After(resume) => feed::start(reader, &log, Some(resume))?,
                Start::Oldest => (log.first().saturating_sub(1), None),
                Start::Now => feed::start(reader, &log, None)?,
            };
            reading.missing.extend(missing.map(|m| (reading.sources.len(), m)));
            // No priority: it would put later events in front of earlier ones, and a time would be no cursor any more.
            reading.feed.tracks.push(Track { log, eye: eye(channel), after, priority: 0 });
            reading.sources.push(Source { name: channel.name.clone(), log: channel.log.clone(), vars: log_vars(contract, channel) });
        }
        Ok(reading)
    }

    /// The names of the logs that are read, `contract/channel`.
    pub fn logs(&self) -> Vec<Arc<str>> {
        self.feed.tracks.iter().map(|t| t.log.name.clone()).collect()
    }

    /// Reads on until there is something to give, or nothing more, or very much was passed over. Blocks.
    ///
    /// # Errors
    /// What the store says.
    pub fn pull(&mut self, app: &App, size: Size) -> Result<Page, LogError> {
        let reader = app.hub.reader();
        let mut missing = std::mem::take(&mut self.missing);
        for _ in 0..bounds::PAGE_SCANS {
            let watermark = self.feed.watermark();
            let before: Vec<u64> = self.feed.tracks.iter().map(|t| t.after).collect();
            let mut page = self.feed.pull(reader, size.events, bounds::PAGE_BYTES, bounds::PAGE_SCAN)?;
            // A page that is just full may be the last one.
            page.more &= self.feed.is_behind();
            missing.append(&mut page.missing);
            if !page.more {
                self.read_to = watermark;
            } else if page.events.is_empty() {
                self.read_to = self.passed(reader, &before)?;
                continue;
            }
            page.missing = missing;
            return Ok(page);
        }
        Ok(Page { events: Vec::new(), missing, more: true })
    }

    /// `at` of the newest event that the last pull passed over: all up to it was read, of whatever log.
    fn passed(&self, reader: &tidewire_engine::Reader, before: &[u64]) -> Result<i64, LogError> {
        let mut newest = self.read_to;
        for (track, before) in self.feed.tracks.iter().zip(before).filter(|(track, before)| track.after > **before) {
            let last = reader.read(&track.log, track.after.saturating_sub(1).max(*before), 1, 1)?;
            newest = newest.max(last.first().map_or(0, |record| record.at));
        }
        Ok(newest)
    }

    /// Spells a page. `live`: for one who follows the channel, with what is missing in front, where the wire has a word for it; else its
    /// events are said to be repeated (`$replay`).
    pub fn render(&self, page: &Page, live: bool) -> Rendered {
        let gaps: Vec<Gap> = page.missing.iter().map(|(track, missing)| self.gap(*track, missing)).collect();
        let mut rendered = Rendered { events: Vec::new(), count: 0, gaps, more: page.more, at: self.read_to };
        let out = &mut rendered.events;
        for gap in rendered.gaps.iter().filter(|_| live) {
            let (before, comma) = (out.len(), !out.is_empty());
            if comma {
                out.push(b',');
            }
            if !self.served.dialect.reply(&Reply::Gap(gap.clone()), out) {
                out.truncate(before);
            }
        }
        for (track, record) in &page.events {
            if !out.is_empty() {
                out.push(b',');
            }
            let source = &self.sources[*track];
            let view =
                EventView { record, channel: &source.log, vars: &source.vars, epoch: self.feed.tracks[*track].log.epoch(), replay: !live };
            self.served.dialect.event(&view, out);
            rendered.count += 1;
        }
        if let Some((_, last)) = page.events.last() {
            rendered.at = if page.more { last.at } else { rendered.at.max(last.at) };
        }
        rendered
    }

    fn gap(&self, track: usize, missing: &Missing) -> Gap {
        let source = &self.sources[track];
        crate::shard::gap(&source.name, &source.vars, missing.clone())
    }

    /// The place that a reader of one channel has read to.
    pub fn position(&self) -> Option<String> {
        match self.feed.tracks.as_slice() {
            [only] => Some(only.log.position(only.after).to_string()),
            _ => None,
        }
    }

    /// A cursor that goes on behind this page: a position where one channel is read, else a time with its store's mark.
    pub fn cursor(&self, app: &App, rendered: &Rendered) -> String {
        self.position().unwrap_or_else(|| {
            let lasting = self.feed.tracks.iter().map(|t| t.log.durability).min();
            let made = lasting.map_or(0, |durability| app.hub.reader().marks(durability).made);
            format!("{made:x}@{}", rendered.at)
        })
    }
}

/// The variables of the channel whose log is read: its own, or the mirrored one's.
fn log_vars(contract: &Contract, channel: &ChannelName) -> Vars {
    if channel.kind == channel.log_kind {
        return channel.vars.clone();
    }
    contract.channels[channel.log_kind].address.parse(&channel.log).unwrap_or_default()
}

/// How a principal looks at a channel.
pub fn eye_of(served: &Arc<Served>, principal: &Arc<Principal>) -> impl Fn(&ChannelName) -> Eye + use<> {
    let (contract, principal) = (served.contract.clone(), principal.clone());
    move |channel| Eye::new(&contract, channel, &principal)
}

/// `{from, to, reason, action, channel}`.
pub fn gap_json(gap: &Gap) -> Value {
    json!({
        "channel": gap.channel, "from": gap.from, "to": gap.to.to_string(),
        "reason": gap.reason.as_str(), "action": gap.reason.action(),
    })
}

/// Sets what is said about a page beside its events.
pub fn describe(headers: &mut HeaderMap, reading: &Reading, rendered: &Rendered, next: Option<&str>) {
    set(headers, super::POSITION, reading.position());
    set(headers, super::AT, Some(at::to_iso(rendered.at)).filter(|_| rendered.at > 0));
    for gap in &rendered.gaps {
        let reason = gap.reason.as_str();
        let text =
            format!("{reason};channel=\"{}\";from=\"{}\";to=\"{}\";action=\"refetch\"", encode(&gap.channel), encode(&gap.from), gap.to);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(super::GAP, value);
        }
    }
    if rendered.more {
        set(headers, header::LINK.as_str(), next.map(|uri| format!("<{uri}>; rel=\"next\"")));
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: Option<String>) {
    if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
        headers.insert(http::HeaderName::from_static(name), value);
    }
}

/// Why a log cannot be read.
pub fn unreadable(error: &LogError) -> Problem {
    match error {
        LogError::Away(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "store-away", error.to_string()).header(header::RETRY_AFTER, "1"),
        LogError::Damaged(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "damaged", error.to_string()),
        _ => problem(StatusCode::SERVICE_UNAVAILABLE, "store-failed", error.to_string()).header(header::RETRY_AFTER, "5"),
    }
}

/// Runs what reads the store on a thread that may block.
///
/// # Errors
/// What the store says, as the client is told it.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, LogError> + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|e| unreadable(&e)),
        Err(_) => Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the page could not be read")),
    }
}

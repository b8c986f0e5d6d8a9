//! `channels:`.

use super::{
    address,
    fields::{Fields, count, duration, mapping, short, size, text, word},
    language::{CHANNEL, HISTORY},
    presence::presence,
    retain::retain,
    rule::{self, Scope},
    source::{Reporter, suggest},
    yaml::{Entry, Node},
};
use crate::{
    address::Address,
    channel::{Channel, Durability, History},
};
use std::{ops::Range, time::Duration};

/// Kept where `history` does not say.
const KEEP_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

/// The channels that could be read, and the names of all that were written.
pub(crate) struct Channels {
    pub list: Vec<Channel>,
    /// As long as `list`.
    pub spans: Vec<Range<usize>>,
    /// Also of those that could not be read.
    pub names: Vec<String>,
    /// The ids of those that mirror, or mean to.
    pub mirroring: Vec<String>,
}

impl Channels {
    /// The channel of an `on:` or `mirrors:`; reports a name that there is not.
    pub fn find(&self, report: &Reporter, node: &Node, name: &str) -> Option<usize> {
        let found = self.list.iter().position(|c| c.id == name);
        if found.is_none() && !self.names.iter().any(|n| n == name) {
            let help = suggest(name, self.names.iter().map(String::as_str), "the channels are");
            report.add("unknown-channel", node.span.clone(), format!("there is no channel `{}`", short(name)), help);
        }
        found
    }

    /// Whether every channel that was written could be read: only then is something missing if it is not found.
    pub fn whole(&self) -> bool {
        self.list.len() == self.names.len()
    }

    /// Every variable of every address.
    pub fn variables(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for name in self.list.iter().flat_map(|c| c.address.variables()) {
            if !all.iter().any(|n| n == name) {
                all.push(name.to_owned());
            }
        }
        all
    }
}

pub(crate) fn channels(report: &Reporter, entry: &Entry, attributes: &[String]) -> Channels {
    let mut channels = Channels { list: Vec::new(), spans: Vec::new(), names: Vec::new(), mirroring: Vec::new() };
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "channels") else { return channels };
    if entries.is_empty() {
        report.add("missing-key", entry.key_span.clone(), "a contract needs at least one channel", None);
    }
    let mut mirrors: Vec<(usize, &Entry)> = Vec::new();
    for entry in entries {
        channels.names.push(entry.key.clone());
        let Some((channel, mirrored)) = channel(report, entry, attributes) else { continue };
        if let Some(mirrored) = mirrored {
            mirrors.push((channels.list.len(), mirrored));
            channels.mirroring.push(entry.key.clone());
        }
        channels.list.push(channel);
        channels.spans.push(entry.key_span.clone());
    }
    let mirroring: Vec<usize> = mirrors.iter().map(|(at, _)| *at).collect();
    for (at, entry) in mirrors {
        let Some(name) = text(report, entry) else { continue };
        let Some(of) = channels.find(report, &entry.value, name) else { continue };
        let span = entry.value.span.clone();
        if of == at {
            report.add("bad-mirror", span, "a channel cannot mirror itself", None);
        } else if mirroring.contains(&of) {
            report.add("bad-mirror", span, format!("`{name}` is a mirror itself"), Some("mirror the channel that it mirrors".to_owned()));
        } else {
            let own: Vec<String> = channels.list[at].address.variables().map(str::to_owned).collect();
            if let Some(lacking) = channels.list[of].address.variables().find(|v| own.iter().all(|o| o != v)) {
                let message = format!("the address of `{name}` has `{{{lacking}}}`, and this one has not");
                report.add("bad-mirror", span, message, Some("both need the same variables".to_owned()));
            } else {
                let (history, durability) = (channels.list[of].history.clone(), channels.list[of].durability);
                let mirror = &mut channels.list[at];
                (mirror.mirrors, mirror.history, mirror.durability) = (Some(of), history, durability);
            }
        }
    }
    overlaps(report, &channels);
    channels
}

fn channel<'n>(report: &Reporter, entry: &'n Entry, attributes: &[String]) -> Option<(Channel, Option<&'n Entry>)> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &CHANNEL, false)?;
    let address = fields.get("address").and_then(|e| address::parse(report, text(report, e)?, &e.value));
    let vars: Vec<String> = address.iter().flat_map(Address::variables).map(str::to_owned).collect();
    let scope = Scope { attributes, vars: &vars, data: None, absent_is_null: false };
    // A pattern that could not be read has been reported: its variables are not to be reported again in the rules.
    let rule = |key| match (&address, fields.get(key)) {
        (Some(_), Some(e)) => rule::compile(report, &e.value, &e.key_span, key, &scope),
        _ => None,
    };
    let (join, oversees) = (rule("join"), rule("oversees"));
    let mut history = History { keep: Some(KEEP_DEFAULT), count: None, bytes: None };
    if let Some(e) = fields.get("history")
        && let Some(fields) = Fields::read(report, &e.value, &e.key_span, &HISTORY, false)
    {
        history.keep = fields.get("keep").and_then(|e| duration(report, e)).or(history.keep);
        history.count = fields.get("count").and_then(|e| count(report, e));
        history.bytes = fields.get("bytes").and_then(|e| size(report, e));
    }
    let mirrored = fields.get("mirrors");
    if mirrored.is_some() {
        for key in ["history", "durability"] {
            if let Some(e) = fields.get(key) {
                let message = format!("a mirror has no `{key}` of its own: its events are those of the channel that it mirrors");
                report.add("bad-mirror", e.key_span.clone(), message, Some("remove it".to_owned()));
            }
        }
    }
    let durability = fields.get("durability").and_then(|e| {
        let words = [("memory", Durability::Memory), ("process", Durability::Process), ("disk", Durability::Disk)];
        word(report, &e.value, &e.key_span, "durability", &words)
    });
    let priority = fields.get("priority").and_then(|e| word(report, &e.value, &e.key_span, "priority", &[("normal", 0), ("high", 1)]));
    let presence = fields.get("presence").and_then(|e| presence(report, e, attributes, &vars));
    let channel = Channel {
        id: entry.key.clone(),
        address: address?,
        history,
        durability: durability.unwrap_or(Durability::Process),
        priority: priority.unwrap_or(0),
        mirrors: None,
        presence,
        retain: fields.get("retain").map_or_else(Vec::new, |e| retain(report, e)),
        closed: false,
        join,
        oversees,
    };
    Some((channel, mirrored))
}

/// Two addresses of the same shape: nobody could tell whose a name is.
fn overlaps(report: &Reporter, channels: &Channels) {
    let shape = |address: &Address| -> Vec<Option<String>> {
        let literal = |part: &crate::address::Part| match part {
            crate::address::Part::Literal(text) => Some(text.clone()),
            crate::address::Part::Variable(_) => None,
        };
        address.parts.iter().map(literal).collect()
    };
    for (at, channel) in channels.list.iter().enumerate() {
        if let Some(first) = channels.list[..at].iter().find(|c| shape(&c.address) == shape(&channel.address)) {
            let message = format!("the addresses of `{}` and `{}` are the same", first.id, channel.id);
            report.add("same-address", channels.spans[at].clone(), message, Some("begin one of them with another word".to_owned()));
        }
    }
}

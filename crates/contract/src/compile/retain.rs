//! `retain:`: the latest of some events, kept for those who come later.

use super::{
    address::is_word,
    channels::Channels,
    fields::{mapping, short, text},
    payloads::Schemas,
    presence::find,
    source::{Reporter, suggest},
    yaml::Entry,
};
use crate::event::Event;

/// The names, each with the type whose latest event it stands for.
pub(crate) fn retain(report: &Reporter, entry: &Entry) -> Vec<(String, String)> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "retain") else { return Vec::new() };
    let read = |entry: &Entry| {
        if !is_word(&entry.key) {
            let help = Some("it is made of letters, digits and _, as `$retained` names it".to_owned());
            report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be a retained value's name", short(&entry.key)), help);
        }
        Some((entry.key.clone(), text(report, entry)?.to_owned()))
    };
    entries.iter().filter_map(read).collect()
}

/// Whether there are such events on the channel. `whole`: all events could be read.
pub(crate) fn check(report: &Reporter, entry: &Entry, channels: &Channels, events: &[Event], schemas: &Schemas, whole: bool) {
    for (at, channel) in channels.list.iter().enumerate() {
        let Some(written) = entry.value.entry(&channel.id).and_then(|e| e.value.entry("retain")) else { continue };
        if channels.mirroring.contains(&channel.id) {
            let help = Some("write it at the channel that it mirrors".to_owned());
            report.add("bad-mirror", written.key_span.clone(), "a mirror retains nothing: its events are another channel's", help);
            continue;
        }
        for (name, event_type) in &channel.retain {
            let Some(value) = written.value.entry(name).map(|e| &e.value) else { continue };
            if event_type.ends_with('*') || !schemas.has(event_type) {
                let help = suggest(event_type, schemas.names(), "the events are");
                report.add("unknown-event", value.span.clone(), format!("there is no event `{}`", short(event_type)), help);
            } else if let Some(event) = find(events, event_type)
                && whole
                && !(event.on.contains(&at) && event.is_shown())
            {
                let help = match (&event.publishes, event.to) {
                    (Some(other), _) => format!("it is published as `{other}`: retain that"),
                    (None, Some(_)) => "it is handed to a backend: retain what that publishes".to_owned(),
                    (None, None) => format!("write `on: {}` at it", channel.id),
                };
                let message = format!("`{}` is not on the channel `{}`", short(event_type), channel.id);
                report.add("not-on-channel", value.span.clone(), message, Some(help));
            }
        }
    }
}

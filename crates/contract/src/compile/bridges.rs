//! `bridges:`.

use super::{
    channels::Channels,
    fields::{Fields, list_or_one, mapping, short, text, text_of},
    language::BRIDGE,
    names::{Names, template},
    source::{Reporter, suggest},
    yaml::{Entry, Node},
};
use crate::{bridge::Bridge, template::Template};

/// Bytes of an exchange's name, by AMQP 0-9-1.
const EXCHANGE_BYTES_MAX: usize = 127;

pub(crate) fn bridges(report: &Reporter, entry: &Entry, channels: &Channels) -> Vec<Bridge> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "bridges") else { return Vec::new() };
    entries.iter().filter_map(|entry| bridge(report, entry, channels)).collect()
}

fn bridge(report: &Reporter, entry: &Entry, channels: &Channels) -> Option<Bridge> {
    let good = !entry.key.is_empty() && entry.key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !good {
        let help = Some("letters, digits, - and _".to_owned());
        report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be a bridge's name", short(&entry.key)), help);
    }
    let fields = Fields::read(report, &entry.value, &entry.key_span, &BRIDGE, false)?;
    let exchange = fields.get("amqp").and_then(|e| exchange(report, e));
    let (of, whole) = fields.get("of").map_or((Vec::new(), false), |e| carried(report, e, channels));
    let shared = of.iter().map(|at| channels.list[*at].address.variables().collect::<Vec<_>>());
    let shared = shared.reduce(|all, own| all.into_iter().filter(|v| own.contains(v)).collect()).unwrap_or_default();
    // Of a channel that could not be found or read, nobody knows what its address has.
    let names = Names::plain(&["contract", "channel", "type"]).with_vars(shared).open(!whole || !channels.whole());
    let routing_key = match fields.get("routing_key") {
        Some(e) => template(report, &e.value, &names),
        None => Template::Name(vec!["type".to_owned()]),
    };
    if let (Some(e), false) = (fields.get("routing_key"), is_text(&routing_key)) {
        let help = Some("e.g. `$contract.$channel.$type`".to_owned());
        report.add("wrong-type", e.value.span.clone(), format!("a routing key is text, and here is {}", e.value.describe()), help);
    }
    Some(Bridge { name: entry.key.clone(), exchange: exchange?, of, routing_key })
}

fn is_text(template: &Template) -> bool {
    match template {
        Template::Value(value) => value.is_string(),
        Template::Name(_) | Template::Text(_) => true,
        Template::Array(_) | Template::Object(_) => false,
    }
}

fn exchange(report: &Reporter, entry: &Entry) -> Option<String> {
    let name = text(report, entry)?;
    if name.len() > EXCHANGE_BYTES_MAX || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) {
        let message = format!("`{}` cannot be an exchange's name", short(name));
        let help = format!("letters, digits and - _ . : , at most {EXCHANGE_BYTES_MAX} of them");
        report.add("bad-name", entry.value.span.clone(), message, Some(help));
    }
    Some(name.to_owned())
}

/// `of:`, as far as there are such channels, and whether that is all of it.
fn carried(report: &Reporter, entry: &Entry, channels: &Channels) -> (Vec<usize>, bool) {
    let (mut of, mut whole) = (Vec::new(), true);
    let items = list_or_one(&entry.value);
    if items.is_empty() {
        let help = suggest("", channels.names.iter().map(String::as_str), "the channels are");
        report.add("missing-key", entry.value.span.clone(), "a bridge of no channel carries nothing", help);
    }
    for node in items {
        let found = text_of(report, node, &entry.key_span, "of").and_then(|name| channels.find(report, node, name));
        let Some(at) = found else {
            whole = false;
            continue;
        };
        mirror(report, node, channels, at);
        if of.contains(&at) {
            report.add("duplicate-key", node.span.clone(), format!("`{}` is here twice", channels.list[at].id), None);
        } else {
            of.push(at);
        }
    }
    (of, whole)
}

fn mirror(report: &Reporter, node: &Node, channels: &Channels, at: usize) {
    if let Some(of) = channels.list[at].mirrors {
        let help = Some(format!("write `{}`, which it mirrors", channels.list[of].id));
        report.add("bad-mirror", node.span.clone(), format!("`{}` is a mirror: it has no events of its own", channels.list[at].id), help);
    }
}

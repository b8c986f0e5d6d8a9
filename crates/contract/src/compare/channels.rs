//! Channels: their addresses, who may join, and what is kept.

use super::{
    endpoints::shape,
    finding::Who,
    findings::{Findings, Spot},
    limits::duration,
    presence::presence,
    rules::{Absent, rule},
};
use crate::{Contract, channel::Channel};

pub(super) const CLIENTS: &[Who] = &[Who::OldClients];
const ALL: &[Who] = &[Who::OldClients, Who::OldBackends];

/// The channel of `other` that `channel` is: of the same key, or, if it has none, of the same address.
pub(super) fn same_channel<'c>(of: &Contract, channel: &Channel, other: &'c Contract) -> Option<&'c Channel> {
    let by_key = |contract: &'c Contract, key: &str| contract.channels.iter().find(|c| c.id == key && c.closed == channel.closed);
    by_key(other, &channel.id).or_else(|| {
        let free = |c: &&Channel| of.channels.iter().all(|o| o.id != c.id);
        other.channels.iter().filter(free).find(|c| shape(&c.address) == shape(&channel.address) && c.closed == channel.closed)
    })
}

pub(super) fn channels(findings: &mut Findings<'_>) {
    let (old, new) = (findings.old.contract, findings.new.contract);
    for channel in old.channels.iter().filter(|channel| !channel.closed) {
        match same_channel(old, channel, new) {
            Some(now) => one(findings, channel, now),
            None => {
                let message = format!("`{}` ({}) is gone", channel.id, channel.address.source);
                findings.add("channel-removed", Spot::old(&format!("/channels/{}", channel.id)), ALL, message);
            }
        }
    }
}

fn one(findings: &mut Findings<'_>, old: &Channel, new: &Channel) {
    let name = &new.id;
    let at = |findings: &Findings<'_>, key: &str| findings.at(&format!("/channels/{}/{key}", old.id), &format!("/channels/{name}/{key}"));
    if shape(&old.address) != shape(&new.address) {
        let message = format!("`{name}` is {} now, and was {}", new.address.source, old.address.source);
        let spot = at(findings, "address");
        findings.add("channel-address-changed", spot, ALL, message);
    }
    let spot = at(findings, "join");
    rule(findings, old.join.as_ref(), new.join.as_ref(), Absent::Everybody, spot, CLIENTS, &format!("join `{name}`"));
    let spot = at(findings, "oversees");
    rule(findings, old.oversees.as_ref(), new.oversees.as_ref(), Absent::Nobody, spot, CLIENTS, &format!("see all of `{name}`"));
    history(findings, old, new);
    // What a mirror shows is as durable as what it mirrors.
    if new.durability < old.durability && new.mirrors.is_none() {
        let message = format!("`{name}` survives less: `{}`, and it was `{}`", new.durability.as_str(), old.durability.as_str());
        let spot = at(findings, "durability");
        findings.add("durability-weakened", spot, ALL, message);
    }
    if new.priority < old.priority {
        let spot = at(findings, "priority");
        findings.add("priority-lowered", spot, CLIENTS, format!("`{name}` comes after what it came before"));
    }
    let mirrored = |contract: &Contract, channel: &Channel| {
        channel
            .mirrors
            .and_then(|of| contract.channels.get(of))
            .map(|c| shape(&c.address).into_iter().map(|p| p.map(str::to_owned)).collect::<Vec<_>>())
    };
    if mirrored(findings.old.contract, old) != mirrored(findings.new.contract, new) {
        let spot = at(findings, "mirrors");
        findings.add("mirror-changed", spot, CLIENTS, format!("`{name}` shows the events of another channel"));
    }
    presence(findings, old, new);
    for (value, event) in &old.retain {
        let here = |key: &str| format!("/channels/{key}/retain/{value}");
        match new.retain.iter().find(|(v, _)| v == value) {
            None => findings.add(
                "retained-removed",
                Spot::old(&here(&old.id)),
                CLIENTS,
                format!("the latest `{event}` of `{name}` is not kept as `{value}` any more"),
            ),
            Some((_, now)) if now != event => {
                findings.add(
                    "retained-changed",
                    Spot::new(&here(name)),
                    CLIENTS,
                    format!("`{value}` of `{name}` is the latest `{now}`, and was that of `{event}`"),
                );
            }
            Some(_) => {}
        }
    }
}

fn history(findings: &mut Findings<'_>, old: &Channel, new: &Channel) {
    // A mirror has none of its own.
    if new.mirrors.is_some() {
        return;
    }
    let name = &new.id;
    let (before, now) = (&old.history, &new.history);
    let bounds = [
        ("keep", before.keep.map(|d| d.as_millis()), now.keep.map(|d| d.as_millis())),
        ("count", before.count.map(u128::from), now.count.map(u128::from)),
        ("bytes", before.bytes.map(u128::from), now.bytes.map(u128::from)),
    ];
    for (bound, before, now) in bounds {
        let Some(most) = now.filter(|now| before.is_none_or(|before| *now < before)) else { continue };
        let said = |n: u128| match bound {
            "keep" => duration(std::time::Duration::from_millis(u64::try_from(n).unwrap_or(u64::MAX))),
            "count" => format!("{n} events"),
            _ => format!("{n} bytes"),
        };
        let before = before.map_or("there was no such bound".to_owned(), |before| format!("it was {}", said(before)));
        let spot = findings.at(&format!("/channels/{}/history/{bound}", old.id), &format!("/channels/{name}/history/{bound}"));
        findings.add("history-shortened", spot, CLIENTS, format!("`{name}` keeps {}, and {before}", said(most)));
    }
}

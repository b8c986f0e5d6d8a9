//! How much a client may do, and how long it may be silent.

use super::{
    finding::Who,
    findings::{Findings, Spot},
};
use crate::limits::Rate;
use std::{collections::BTreeSet, time::Duration};

const CLIENTS: &[Who] = &[Who::OldClients];

pub(super) fn limits(findings: &mut Findings<'_>) {
    let (old, new) = (&findings.old.contract.limits, &findings.new.contract.limits);
    let total = if findings.new.says("/limits/total") { "/limits/total" } else { "/limits/messages" };
    let spot = findings.at("/limits/messages", total);
    lowered(findings, old.total, new.total, spot, "messages of a client");
    for frame in old.frames.keys().chain(new.frames.keys()).collect::<BTreeSet<_>>() {
        let spot = findings.here(&format!("/limits/{}", frame.replace('~', "~0").replace('/', "~1")));
        lowered(findings, old.frames.get(frame).copied(), new.frames.get(frame).copied(), spot, &format!("`{frame}`"));
    }
    if new.per_principal && !old.per_principal && (new.total.is_some() || !new.frames.is_empty()) {
        let message = "the rates are a principal's, over all its connections, and were each connection's";
        findings.add("limit-lowered", Spot::new("/limits/per"), CLIENTS, message);
    }
    let spot = findings.here("/limits/connections");
    match (old.connections, new.connections) {
        (None, Some(now)) => findings.add(
            "limit-lowered",
            spot,
            CLIENTS,
            format!("{now} connections of a principal, and there was no limit but the server's"),
        ),
        (Some(before), Some(now)) if now < before => {
            findings.add("limit-lowered", spot, CLIENTS, format!("{now} connections of a principal, and it were {before}"));
        }
        _ => {}
    }
    if old.connections.is_some() && new.connections.is_some() && old.newest_wins != new.newest_wins {
        let now = if new.newest_wins { "closes the oldest" } else { "is refused" };
        let spot = findings.here("/limits/connections/newest");
        findings.add("newest-connection-changed", spot, CLIENTS, format!("a connection too many {now} now"));
    }
}

/// Tells of a rate that allows less: fewer at once, or fewer in the long run.
pub(super) fn lowered(findings: &mut Findings<'_>, old: Option<Rate>, new: Option<Rate>, spot: Spot, what: &str) {
    match (old, new) {
        (None, Some(now)) => findings.add("limit-lowered", spot, CLIENTS, format!("{what}: {}, and there was no limit", written(now))),
        (Some(before), Some(now)) => {
            let per = |rate: Rate| u128::from(rate.count) * 1_000_000;
            let slower = per(now) * before.per.as_micros() < per(before) * now.per.as_micros();
            let words = match (now.count < before.count, slower) {
                (true, _) => "",
                (false, true) => " in the long run",
                (false, false) => return,
            };
            findings.add("limit-lowered", spot, CLIENTS, format!("{what}: {} is less{words} than {}", written(now), written(before)));
        }
        _ => {}
    }
}

fn written(rate: Rate) -> String {
    format!("{}/{}", rate.count, duration(rate.per))
}

/// As a contract writes it: `90s`, `5m`.
pub(super) fn duration(time: Duration) -> String {
    let ms = time.as_millis();
    let unit = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        .into_iter()
        .find(|(_, unit)| ms >= *unit && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(word, unit)| format!("{}{word}", ms / unit))
}

pub(super) fn keepalive(findings: &mut Findings<'_>) {
    let (old, new) = (findings.old.contract.keepalive, findings.new.contract.keepalive);
    if new.ping > old.ping {
        let message = format!("a ping after {} of silence, and it was {}", duration(new.ping), duration(old.ping));
        let spot = findings.here("/keepalive/ping");
        findings.add("keepalive-ping-rarer", spot, CLIENTS, message);
    }
    if new.timeout < old.timeout {
        let message = format!("the end after {} of silence, and it was {}", duration(new.timeout), duration(old.timeout));
        let spot = findings.here("/keepalive/timeout");
        findings.add("keepalive-timeout-shortened", spot, CLIENTS, message);
    }
}

//! How this node's lines to the shared log are doing, for whoever runs it.

use super::Across;
use crate::metrics::{Provider, Sample};
use std::sync::Arc;
use tidewire_redis::{Seen, Shared};

/// The figures of all contracts, and of what belongs to none.
pub struct LineFigures(pub Arc<Shared>);

impl Provider for LineFigures {
    fn samples(&self) -> Vec<Sample> {
        let mut all = Vec::new();
        for (contract, condition) in self.0.conditions() {
            let mut push = |sample: Sample| all.push(sample.with("contract", contract));
            traffic(&condition.seen, &mut push);
            following(&condition.seen, &mut push);
            push(Sample::level(
                "tidewire_redis_whole",
                "Whether what the nodes told each other is caught up with: 1, or 0",
                f64::from(u8::from(condition.whole)),
            ));
            if let Some(echo) = condition.echo {
                let help = "How long ago the newest probe that came back was sent; over 3, publishes are refused";
                push(Sample::level("tidewire_redis_probe_age_seconds", help, echo.as_secs_f64()));
            }
        }
        for (_, figures) in self.0.log().figures().into_iter().filter(|(contract, _)| contract.is_none()) {
            traffic(&figures.seen(), &mut |sample| all.push(sample.with("contract", "")));
        }
        all
    }
}

/// How many there are.
pub struct NodeFigures(pub Arc<Across>);

impl Provider for NodeFigures {
    fn samples(&self) -> Vec<Sample> {
        vec![Sample::level("tidewire_redis_nodes", "Nodes that live, as far as this one knows, itself among them", self.0.nodes() as f64)]
    }
}

fn traffic(seen: &Seen, push: &mut impl FnMut(Sample)) {
    for (name, help, n) in [
        ("tidewire_redis_commands", "Commands and scripts that were sent to Redis", seen.commands),
        ("tidewire_redis_scripts", "Scripts among these: one publishes up to 512 events", seen.scripts),
        ("tidewire_redis_failures", "Commands, scripts and connections that had no good answer", seen.failures),
        (
            "tidewire_redis_connections_made",
            "Connections that were made to Redis: each but the first few is one that broke",
            seen.connections,
        ),
    ] {
        push(Sample::count(name, help, n));
    }
    push(Sample::spread("tidewire_redis_seconds", "From sending a command or a script to its answer", seen.times));
}

fn following(seen: &Seen, push: &mut impl FnMut(Sample)) {
    for (name, help, n) in [
        ("tidewire_redis_heard", "Messages of all nodes that were heard, this one's and probes included", seen.heard),
        ("tidewire_redis_missed", "Messages that were lost or late: what they told was read from the log", seen.missed),
        ("tidewire_redis_pages", "Pages that were read from logs to fill holes", seen.pages),
        ("tidewire_redis_resets", "Times that a log was found to have lost acknowledged events; its clients were told", seen.resets),
    ] {
        push(Sample::count(name, help, n));
    }
    for (name, help, n) in [
        ("tidewire_redis_waiting", "Publishes that were handed in and are not answered yet", seen.waiting),
        (
            "tidewire_redis_behind_events",
            "Events that Redis has and this node cannot show yet, as others before them are missing",
            seen.behind,
        ),
    ] {
        push(Sample::level(name, help, n as f64));
    }
    push(Sample::spread("tidewire_redis_probe_seconds", "From sending a probe to hearing it as the others do", seen.probes));
}

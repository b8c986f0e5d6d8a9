//! Fan-out in a closed loop: the next events are published when everybody has the last ones.

use crate::{
    Scale,
    clients::{self, Seen, since},
    floor::Floor,
    publisher::{Publisher, frame},
    report::Figure,
    server::{Server, cpu_ns},
};
use std::{io, rc::Rc, time::Instant};
use tokio::io::AsyncWriteExt;

/// Rounds of floor and server in turn, so that what disturbs one disturbs the other.
const ROUNDS: usize = 5;

pub async fn run(server: &Server, scale: Scale, subscribers: usize, together: usize) -> io::Result<Figure> {
    let seen = Seen::new()?;
    for i in 0..subscribers {
        let (stream, rest) = clients::open(server.address, i, &format!("/ws/process/1?token={}", server.token), true).await?;
        clients::follow(stream, rest, Some(0), seen.clone());
    }
    let mut floor = Floor::start()?;
    let floor_seen = Seen::new()?;
    for i in 0..subscribers {
        let mut stream = clients::connect(floor.address, i).await?;
        stream.write_all(b"S").await?;
        clients::follow(stream, Vec::new(), Some(0), floor_seen.clone());
    }
    floor.begin()?;
    let mut publisher = Publisher::new(server.address).await?;
    let turns = (scale.of(400_000, 60_000) / subscribers / together / ROUNDS).max(3);
    let (mut ratios, mut costs, mut wall) = (Vec::new(), Vec::new(), 0.0);
    let mut floor_seq = 0;
    for round in 0..=ROUNDS {
        let before = cpu_ns(floor.pid());
        for _ in 0..turns {
            let mut bytes = Vec::new();
            for _ in 0..together {
                floor_seq += 1;
                bytes.extend(frame(floor_seq));
            }
            floor.write(&bytes)?;
            let target = floor_seq * subscribers as u64;
            if !floor_seen.until(target).await {
                return Err(io::Error::other("the floor stalled"));
            }
        }
        let floor_cost = (cpu_ns(floor.pid()) - before) as f64;
        let before = cpu_ns(server.pid());
        let started = Instant::now();
        turn(&mut publisher, &seen, turns, subscribers, together).await?;
        let cost = (cpu_ns(server.pid()) - before) as f64;
        // The first round warms up.
        if round > 0 {
            wall += since(started);
            ratios.push(cost / floor_cost);
            costs.push(cost / (turns * subscribers * together) as f64);
        } else {
            seen.latency.borrow_mut().reset();
        }
    }
    let name = format!("fanout to {subscribers}, {}", if together == 1 { "one by one".into() } else { format!("{together} together") });
    let deliveries = (ROUNDS * turns * subscribers * together) as f64;
    Ok(figure(name, &seen, deliveries / wall, &mut costs).ratio(&mut ratios).target(if together == 1 { 1.05 } else { 1.0 }))
}

/// The floor by itself: what this machine and the clients here come to without a server.
pub async fn floor(scale: Scale) -> io::Result<Figure> {
    let (subscribers, turns) = (scale.of(1_000, 100), scale.of(400, 50) as u64);
    let mut floor = Floor::start()?;
    let seen = Seen::new()?;
    for i in 0..subscribers {
        let mut stream = clients::connect(floor.address, i).await?;
        stream.write_all(b"S").await?;
        clients::follow(stream, Vec::new(), Some(0), seen.clone());
    }
    floor.begin()?;
    let before = cpu_ns(floor.pid());
    let started = Instant::now();
    for seq in 1..=turns {
        floor.write(&frame(seq))?;
        if !seen.until(seq * subscribers as u64).await {
            return Err(io::Error::other("the floor stalled"));
        }
    }
    let deliveries = (turns * subscribers as u64) as f64;
    let cost = (cpu_ns(floor.pid()) - before) as f64 / deliveries;
    Ok(figure(format!("the floor alone, to {subscribers}"), &seen, deliveries / since(started), &mut [cost]))
}

async fn turn(publisher: &mut Publisher, seen: &Rc<Seen>, turns: usize, subscribers: usize, together: usize) -> io::Result<()> {
    for _ in 0..turns {
        let target = seen.delivered.get() + (subscribers * together) as u64;
        publisher.publish("process:1", together).await?;
        if !seen.until(target).await {
            return Err(io::Error::other(format!("{} of {target} deliveries came", seen.delivered.get())));
        }
    }
    Ok(())
}

/// Many channels with few subscribers each; every turn publishes one event to each channel.
pub async fn many_channels(server: &Server, scale: Scale, channels: usize, subscribers: usize) -> io::Result<Figure> {
    let seen = Seen::new()?;
    let names: Vec<String> = (0..channels).map(|c| format!("process:c{c}")).collect();
    for i in 0..channels * subscribers {
        let path = format!("/ws/process/c{}?token={}", i % channels, server.token);
        let (stream, rest) = clients::open(server.address, i, &path, true).await?;
        clients::follow(stream, rest, Some(0), seen.clone());
    }
    let mut floor = Floor::start()?;
    let floor_seen = Seen::new()?;
    for i in 0..channels * subscribers {
        let mut stream = clients::connect(floor.address, i).await?;
        stream.write_all(b"S").await?;
        clients::follow(stream, Vec::new(), Some(0), floor_seen.clone());
    }
    floor.begin()?;
    let mut publisher = Publisher::new(server.address).await?;
    let all = (channels * subscribers) as u64;
    let (mut ratios, mut costs, mut wall) = (Vec::new(), Vec::new(), 0.0);
    let turns = scale.of(6, 3);
    for round in 0..=turns as u64 {
        let before = cpu_ns(floor.pid());
        floor.write(&frame(round + 1))?;
        if !floor_seen.until((round + 1) * all).await {
            return Err(io::Error::other("the floor stalled"));
        }
        let floor_cost = (cpu_ns(floor.pid()) - before) as f64;
        let before = cpu_ns(server.pid());
        let started = Instant::now();
        publisher.publish_each(&names).await?;
        if !seen.until((round + 1) * all).await {
            return Err(io::Error::other("deliveries are missing"));
        }
        if round > 0 {
            wall += since(started);
            let cost = (cpu_ns(server.pid()) - before) as f64;
            ratios.push(cost / floor_cost);
            costs.push(cost / all as f64);
        }
    }
    let figure = figure(format!("{channels} channels with {subscribers} each"), &seen, turns as f64 * all as f64 / wall, &mut costs);
    Ok(figure.ratio(&mut ratios).target(1.10))
}

fn figure(name: String, seen: &Seen, per_second: f64, costs: &mut [f64]) -> Figure {
    costs.sort_by(f64::total_cmp);
    let latency = seen.latency.borrow();
    Figure::new(name)
        .with("deliveries/s", per_second)
        .with("cpu s per million, least", costs.first().copied().unwrap_or_default() / 1000.0)
        .with("cpu s per million, median", costs.get(costs.len() / 2).copied().unwrap_or_default() / 1000.0)
        .with("p50 ms", latency.quantile(0.5))
        .with("p99 ms", latency.quantile(0.99))
        .with("max ms", latency.max())
        .faults(seen)
}

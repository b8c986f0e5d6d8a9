//! Coming back: one client that missed much, and many that missed a little, while others listen; beside a bare loop that
//! writes the same bytes to those who come.

use crate::{
    connect::{self, Kind},
    crowd::Crowd,
    floor::Floor,
    floor_clients::{FloorClients, at_once},
    live::Live,
    publisher::{Publisher, To, frame},
    report::Figure,
    seen::{now, since},
    server::{Meter, Server},
};
use std::{
    io,
    time::{Duration, Instant},
};

const BATCH: usize = 500;
/// A target of "the speed of the socket": no more than a tenth longer than the bare loop.
const MOST: f64 = 1.1;

/// What the same bytes take without a server.
struct Bare {
    seconds: f64,
    cpu: f64,
}

async fn bare(clients: usize, events: u64) -> io::Result<Bare> {
    let mut floor = Floor::start()?;
    floor.prepare(&(1..=events).flat_map(|seq| frame(seq, now())).collect::<Vec<u8>>())?;
    let mut there = FloorClients::start(floor.address)?;
    // Nobody waits for a process to start.
    there.latency().await?;
    let mut meter = Meter::new(Some(floor.pid()))?;
    let seconds = there.come(clients, events).await?;
    Ok(Bare { seconds, cpu: meter.spent()?.unwrap_or_default() })
}

pub async fn one(server: &Server, missed: usize) -> io::Result<Vec<Figure>> {
    let mut publisher = Publisher::new(server.address, To::Contract).await?;
    let name = server.fresh();
    for _ in 0..missed / BATCH {
        publisher.publish(&format!("process:{name}"), BATCH).await?;
    }
    let mut crowd = Crowd::new()?;
    let mut meter = Meter::new(server.pid)?;
    let started = Instant::now();
    crowd.json(server.address, &format!("/ws/process/{name}?after=0&token={}", server.token), 0).await?;
    crowd.seen.until(missed as u64, "the client that missed much").await?;
    let (seconds, spent) = (since(started), meter.spent()?);
    let bare = bare(1, missed as u64).await?;
    let figure = Figure::new(format!("resume of {missed} events by one"))
        .with("events/s", missed as f64 / seconds)
        .with("MB/s", crowd.seen.bytes.get() as f64 / seconds / 1e6);
    Ok(vec![beside(figure, seconds, spent, &bare, missed as f64).faults(&crowd.seen)])
}

pub async fn many(server: &Server, clients: usize) -> io::Result<Vec<Figure>> {
    const MISSED: u64 = 100;
    let mut publisher = Publisher::new(server.address, To::Contract).await?;
    let name = server.fresh();
    publisher.publish(&format!("process:{name}"), MISSED as usize).await?;
    let live = Live::start(server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    live.busy();
    let mut meter = Meter::new(server.pid)?;
    let mut crowd = Crowd::new()?;
    let started = Instant::now();
    let (address, path) = (server.address, format!("/ws/process/{name}?after=0&token={}", server.token));
    let open = move || {
        let path = path.clone();
        async move { connect::open(address, &path, Kind::WebSocket).await }
    };
    at_once(&mut crowd, clients, open).await?;
    let events = MISSED * clients as u64;
    crowd.seen.until(events, "those who came back").await?;
    let (seconds, spent) = (since(started), meter.spent()?);
    let late = live.finish().await?;
    let bare = bare(clients, MISSED).await?;
    let figure = Figure::new(format!("resume of {MISSED} events by {clients}"))
        .with("clients/s", clients as f64 / seconds)
        .with("events/s", events as f64 / seconds)
        .with("live p99 ms before", late.before)
        .with("live p99 ms meanwhile", late.meanwhile);
    let figure = beside(figure, seconds, spent, &bare, events as f64)
        .at_most("live p99, ratio to before", Some(late.meanwhile / late.before.max(0.001)), 2.0)
        .faults(&crowd.seen)
        .faulty("live events at fault", late.faults);
    Ok(vec![figure])
}

fn beside(figure: Figure, seconds: f64, spent: Option<f64>, bare: &Bare, events: f64) -> Figure {
    let figure = figure.with("seconds", seconds).with("bare loop: seconds", bare.seconds);
    let figure = figure.with("bare loop: cpu s per million", bare.cpu / events / 1000.0);
    let figure = match spent {
        Some(spent) => figure.with("cpu s per million", spent / events / 1000.0).with("cpu ratio to the bare loop", spent / bare.cpu),
        None => figure,
    };
    figure.at_most("time, ratio to a bare loop", Some(seconds / bare.seconds), MOST)
}

//! Fan-out: one event to many subscribers, in a closed loop and on a fixed schedule, beside the floor.

use crate::{
    Scale,
    crowd::Crowd,
    floor::Floor,
    floor_loop::LISTEN,
    pace::{self, Paced},
    publisher::{Publisher, To, frame},
    report::{Figure, median},
    seen::{now, since},
    server::{Meter, Server},
    sides::{Bottom, Measured, Side, compare},
};
use std::{
    io,
    time::{Duration, Instant},
};

/// Turns of a round for so many deliveries.
fn turns(scale: Scale, subscribers: usize, together: usize) -> usize {
    (scale.of(80_000, 12_000) / subscribers / together).max(3)
}

fn rounds(scale: Scale) -> usize {
    scale.of(9, 5)
}

/// What a fan-out is called.
pub fn name(subscribers: usize, together: usize) -> String {
    let how = if together == 1 { "one by one".to_owned() } else { format!("{together} together") };
    format!("fanout to {subscribers}, {how}")
}

/// The closed loop, and where events come one by one, the open loop too.
pub async fn run(server: &Server, scale: Scale, subscribers: usize, together: usize) -> io::Result<Vec<Figure>> {
    let mut bottom = Bottom::new(subscribers).await?;
    let mut sides = [Side::json(server, subscribers).await?];
    let measured = compare(server, &mut bottom, &mut sides, rounds(scale), turns(scale, subscribers, together), together).await?;
    let [side] = sides;
    let [measured] = <[Measured; 1]>::try_from(measured).map_err(|_| io::ErrorKind::InvalidData)?;
    let per_second = measured.per_second;
    let most = if together == 1 { 1.05 } else { 1.0 };
    let closed = figure(name(subscribers, together), &side.crowd, measured, most);
    if together > 1 {
        return Ok(vec![closed]);
    }
    let open = open_loop(server, scale, &mut bottom, &side, per_second / 2.0 / subscribers as f64).await?;
    Ok(vec![closed, open])
}

/// So many events a second, whether or not the last one has arrived; latency counts from when an event was meant to be sent.
async fn open_loop(server: &Server, scale: Scale, bottom: &mut Bottom, side: &Side, rate: f64) -> io::Result<Figure> {
    let rate = rate.max(1.0);
    let interval = Duration::from_secs_f64(1.0 / rate);
    let count = (rate * scale.of(5, 1) as f64).ceil() as u64;
    let (seen, subscribers) = (&side.crowd.seen, side.crowd.len());
    seen.latency.borrow_mut().reset();
    let before = (seen.delivered.get(), seen.faults());
    let mut meter = Meter::new(server.pid)?;
    Paced::start(server.address, side.channel.clone(), interval, count).finish().await?;
    seen.until(before.0 + count * subscribers, &side.channel).await?;
    let spent = meter.spent()?;
    bottom.clients.latency().await?;
    bottom.spent()?;
    let (mut write, first) = (bottom.floor.writer()?, bottom.seq + 1);
    let floor = move || pace::on_schedule(interval, |i| i < count, |i, at| write(&frame(first + i, at)));
    bottom.seq += tokio::task::spawn_blocking(floor).await.map_err(io::Error::other)??;
    bottom.clients.until(bottom.seq * bottom.count).await?;
    let floor_spent = bottom.spent()?;
    let [p50, p99, max] = bottom.clients.latency().await?;
    let latency = seen.latency.borrow();
    let figure = Figure::new(format!("fanout to {subscribers}, {rate:.0} events/s on schedule"))
        .with("p99 ms", latency.quantile(0.99))
        .with("p50 ms", latency.quantile(0.5))
        .with("max ms", latency.max())
        .with("floor p99 ms", p99)
        .with("floor p50 ms", p50)
        .with("floor max ms", max);
    let figure = match spent {
        Some(spent) => figure.with("cpu ratio to the floor", spent / floor_spent),
        None => figure,
    };
    // The closed loop has told of the faults before.
    Ok(figure.faulty("events at fault", seen.faults() - before.1))
}

/// The Pusher wire beside the JSON wire.
pub async fn pusher(server: &Server, scale: Scale, subscribers: usize, together: usize) -> io::Result<Vec<Figure>> {
    let mut bottom = Bottom::new(subscribers).await?;
    let mut sides = [Side::json(server, subscribers).await?, Side::pusher(server, subscribers).await?];
    let measured = compare(server, &mut bottom, &mut sides, rounds(scale), turns(scale, subscribers, together), together).await?;
    let [json, pusher] = <[Measured; 2]>::try_from(measured).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut ratios: Vec<f64> = pusher.costs.iter().zip(&json.costs).map(|(pusher, json)| pusher / json).collect();
    let ratio = median(&mut ratios);
    let [_, side] = sides;
    let json_per_second = json.per_second;
    let figure = plain(format!("{} on the Pusher wire", name(subscribers, together)), &side.crowd, pusher)
        .with("JSON wire: deliveries/s", json_per_second)
        .at_most("cpu ratio to the JSON wire, median", ratio, 1.0);
    Ok(vec![figure])
}

/// The floor by itself: what this machine and the clients here come to without a server.
pub async fn floor(scale: Scale) -> io::Result<Vec<Figure>> {
    let (subscribers, turns) = (scale.of(1_000, 100) as u64, scale.of(400, 50) as u64);
    let mut floor = Floor::start()?;
    let mut crowd = Crowd::new()?;
    for _ in 0..subscribers {
        crowd.floor(floor.address, LISTEN).await?;
    }
    floor.await_clients(subscribers)?;
    let mut meter = Meter::new(Some(floor.pid()))?;
    let started = Instant::now();
    for seq in 1..=turns {
        floor.write(&frame(seq, now()))?;
        crowd.seen.until(seq * subscribers, "the floor").await?;
    }
    let deliveries = (turns * subscribers) as f64;
    let costs = meter.spent()?.into_iter().map(|spent| spent / deliveries).collect();
    let measured = Measured { ratios: Vec::new(), costs, per_second: deliveries / since(started) };
    Ok(vec![plain(format!("the floor alone, to {subscribers}"), &crowd, measured)])
}

/// Many channels with few subscribers each; every turn publishes one event to each channel.
pub async fn many_channels(server: &Server, scale: Scale, channels: usize, subscribers: usize) -> io::Result<Vec<Figure>> {
    let mut bottom = Bottom::new(channels * subscribers).await?;
    let mut crowd = Crowd::new()?;
    let ids: Vec<String> = (0..channels).map(|_| server.fresh()).collect();
    for i in 0..channels * subscribers {
        crowd.json(server.address, &format!("/ws/process/{}?token={}", ids[i % channels], server.token), 0).await?;
    }
    let names: Vec<String> = ids.iter().map(|id| format!("process:{id}")).collect();
    let mut publisher = Publisher::new(server.address, To::Contract).await?;
    let all = (channels * subscribers) as u64;
    let (mut measured, mut wall, mut meter) = (Measured::default(), 0.0, Meter::new(server.pid)?);
    let rounds = scale.of(12, 5) as u64;
    for round in 0..=rounds {
        let floor = bottom.turns(1, 1).await?;
        meter.spent()?;
        let started = Instant::now();
        publisher.publish_each(&names).await?;
        crowd.seen.until((round + 1) * all, "many channels").await?;
        if round == 0 {
            crowd.seen.latency.borrow_mut().reset();
            continue;
        }
        wall += since(started);
        if let Some(spent) = meter.spent()? {
            measured.ratios.push(spent / floor);
            measured.costs.push(spent / all as f64);
        }
    }
    measured.per_second = (rounds * all) as f64 / wall;
    Ok(vec![figure(format!("{channels} channels with {subscribers} each"), &crowd, measured, 1.10)])
}

/// With the ratio to the floor, which is to be at most so much.
fn figure(name: String, crowd: &Crowd, mut measured: Measured, most: f64) -> Figure {
    let ratio = median(&mut measured.ratios);
    let least = measured.ratios.first().copied();
    let figure = plain(name, crowd, measured);
    let figure = match least {
        Some(least) => figure.with("cpu ratio to the floor, least", least),
        None => figure,
    };
    figure.at_most("cpu ratio to the floor, median", ratio, most)
}

fn plain(name: String, crowd: &Crowd, mut measured: Measured) -> Figure {
    let cost = median(&mut measured.costs);
    let latency = crowd.seen.latency.borrow();
    let mut figure = Figure::new(name).with("deliveries/s", measured.per_second);
    if let (Some(least), Some(cost)) = (measured.costs.first(), cost) {
        figure = figure.with("cpu s per million, least", least / 1000.0).with("cpu s per million, median", cost / 1000.0);
    }
    figure.with("p50 ms", latency.quantile(0.5)).with("p99 ms", latency.quantile(0.99)).with("max ms", latency.max()).faults(&crowd.seen)
}

//! Coming back: one client that missed much, and many that missed a little, while others listen.

use crate::{
    clients::{self, Seen, since},
    live::Live,
    publisher::Publisher,
    report::Figure,
    server::{Server, cpu_ns},
};
use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinSet};

const CONNECTING: usize = 512;

pub async fn one(server: &Server, missed: usize) -> io::Result<Figure> {
    let mut publisher = Publisher::new(server.address).await?;
    for _ in 0..missed / 500 {
        publisher.publish("process:long", 500).await?;
    }
    let seen = Seen::new()?;
    let before = cpu_ns(server.pid());
    let started = Instant::now();
    let (stream, rest) = clients::open(server.address, 0, &format!("/ws/process/long?after=0&token={}", server.token), true).await?;
    clients::follow(stream, rest, Some(0), seen.clone());
    if !seen.until((missed / 500 * 500) as u64).await {
        return Err(io::Error::other(format!("only {} events came", seen.delivered.get())));
    }
    let seconds = since(started);
    let cpu = (cpu_ns(server.pid()) - before) as f64;
    Ok(Figure::new(format!("resume of {missed} events by one"))
        .with("events/s", missed as f64 / seconds)
        .with("MB/s", seen.bytes.get() as f64 / seconds / 1e6)
        .with("cpu s per million", cpu / missed as f64 / 1000.0)
        .faults(&seen))
}

pub async fn many(server: &Server, clients_count: usize) -> io::Result<Figure> {
    const MISSED: u64 = 100;
    let mut publisher = Publisher::new(server.address).await?;
    publisher.publish("process:many", MISSED as usize).await?;
    let live = Live::start(server.address, server.token.clone());
    let address = server.address;
    tokio::time::sleep(Duration::from_secs(2)).await;
    live.busy();
    let before = cpu_ns(server.pid());
    let seen = Seen::new()?;
    let started = Instant::now();
    let path = format!("/ws/process/many?after=0&token={}", server.token);
    // They come back all at once, as after a restart: each connects for itself, so many at a time. Where the
    // server's queue of connections holds fewer, the system drops some, and they try again a second later.
    let queue = Rc::new(Semaphore::new(CONNECTING));
    let mut coming = JoinSet::new();
    for i in 0..clients_count {
        let (seen, path, queue) = (seen.clone(), path.clone(), queue.clone());
        coming.spawn_local(async move {
            let _place = queue.acquire().await.map_err(io::Error::other)?;
            let (stream, rest) = clients::open(address, i, &path, true).await?;
            clients::follow(stream, rest, Some(0), seen);
            Ok::<(), io::Error>(())
        });
    }
    while let Some(came) = coming.join_next().await {
        came.map_err(io::Error::other)??;
    }
    let all = seen.until(MISSED * clients_count as u64).await;
    let seconds = since(started);
    let cpu = (cpu_ns(server.pid()) - before) as f64;
    let late = live.finish()?;
    if !all {
        return Err(io::Error::other(format!("only {} events came", seen.delivered.get())));
    }
    Ok(Figure::new(format!("resume of {MISSED} events by {clients_count}"))
        .with("clients/s", clients_count as f64 / seconds)
        .with("events/s", (MISSED * clients_count as u64) as f64 / seconds)
        .with("cpu s per million", cpu / (MISSED * clients_count as u64) as f64 / 1000.0)
        .with("live p99 ms before", late.before)
        .with("live p99 ms meanwhile", late.meanwhile)
        .bound(late.meanwhile / late.before.max(0.001), 2.0)
        .faults(&seen)
        .live_faults(late.faults))
}

//! Publishing: as much as goes, and one alone.

use crate::{
    Scale,
    clients::since,
    latency::Latency,
    publisher::Publisher,
    report::Figure,
    server::{Server, cpu_ns},
};
use std::{
    fs::File,
    io::{self, Write},
    time::{Duration, Instant},
};

const BATCH: usize = 500;
const CONNECTIONS: usize = 4;

pub async fn run(server: &Server, scale: Scale, durability: &str) -> io::Result<Figure> {
    let seconds = Duration::from_secs(scale.of(5, 1) as u64);
    let before = cpu_ns(server.pid());
    let started = Instant::now();
    let mut tasks = Vec::new();
    for i in 0..CONNECTIONS {
        let (address, channel) = (server.address, format!("{durability}:{i}"));
        tasks.push(tokio::task::spawn_local(async move {
            let mut publisher = Publisher::new(address).await?;
            let mut count = 0;
            while started.elapsed() < seconds {
                publisher.publish(&channel, BATCH).await?;
                count += BATCH;
            }
            Ok::<_, io::Error>(count)
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await.map_err(io::Error::other)??;
    }
    let rate = count as f64 / since(started);
    let cpu = (cpu_ns(server.pid()) - before) as f64 / count as f64 / 1000.0;
    let mut alone = Latency::new()?;
    let mut publisher = Publisher::new(server.address).await?;
    for _ in 0..scale.of(2000, 300) {
        let started = Instant::now();
        publisher.publish(&format!("{durability}:alone"), 1).await?;
        alone.record(started.elapsed().as_micros() as u64);
    }
    let figure = Figure::new(format!("publish, {durability}"))
        .with("events/s, batches of 500", rate)
        .with("cpu µs per event", cpu)
        .with("alone p50 ms", alone.quantile(0.5))
        .with("alone p99 ms", alone.quantile(0.99));
    if durability != "disk" {
        return Ok(figure);
    }
    let (p50, p99) = fsync()?;
    let p99_alone = alone.quantile(0.99);
    Ok(figure
        .with("fdatasync p50 ms", p50)
        .with("fdatasync p99 ms", p99)
        .with("alone p99 as fdatasyncs of p50", p99_alone / p50.max(0.001))
        .least(rate, 250_000.0))
}

/// What the medium takes for 200 bytes, in ms.
fn fsync() -> io::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("probe"))?;
    let mut times = Latency::new()?;
    for _ in 0..2000 {
        file.write_all(&[7; 200])?;
        let started = Instant::now();
        file.sync_data()?;
        times.record(started.elapsed().as_micros() as u64);
    }
    Ok((times.quantile(0.5), times.quantile(0.99)))
}

//! Publishing: as much as goes, and one alone.

use crate::{
    Scale,
    latency::Latency,
    publisher::{Flood, Publisher, To, flood},
    report::Figure,
    server::{Meter, Server},
};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

const BATCH: usize = 500;
const CONNECTIONS: usize = 4;

pub async fn run(server: &Server, scale: Scale, durability: &str) -> io::Result<Vec<Figure>> {
    let seconds = Duration::from_secs(scale.of(5, 1) as u64);
    let mut meter = Meter::new(server.pid)?;
    let channels = (0..CONNECTIONS).map(|_| (server.address, format!("{durability}:{}", server.fresh())));
    let Flood { count, rate } = flood(channels, BATCH, seconds).await?;
    let cpu = meter.spent()?.map(|spent| spent / count as f64 / 1000.0);
    // On the server's own disk; where that is another machine's, what its disk takes is not known.
    let mut probe = server.folder().filter(|_| durability == "disk").map(Probe::new).transpose()?;
    let mut alone = Latency::new()?;
    let mut publisher = Publisher::new(server.address, To::Contract).await?;
    let channel = format!("{durability}:{}", server.fresh());
    for _ in 0..scale.of(2000, 300) {
        let started = Instant::now();
        publisher.publish(&channel, 1).await?;
        alone.record(started.elapsed().as_micros() as u64);
        // In turn, so that what disturbs the disk disturbs both.
        if let Some(probe) = &mut probe {
            probe.write()?;
        }
    }
    let mut figure = Figure::new(format!("publish, {durability}"));
    if durability == "disk" {
        figure = figure.at_least("events/s, batches of 500", Some(rate), 250_000.0);
    } else {
        figure = figure.with("events/s, batches of 500", rate);
    }
    if let Some(cpu) = cpu {
        figure = figure.with("cpu µs per event", cpu);
    }
    figure = figure.with("alone p50 ms", alone.quantile(0.5)).with("alone p99 ms", alone.quantile(0.99));
    if let Some(Probe { times, .. }) = probe {
        let (p50, p99) = (times.quantile(0.5).max(0.001), times.quantile(0.99).max(0.001));
        figure = figure
            .with("fsync p50 ms", p50)
            .with("fsync p99 ms", p99)
            .with("alone p99 in fsyncs of p99", alone.quantile(0.99) / p99)
            .at_most("alone p99 in fsyncs of p50", Some(alone.quantile(0.99) / p50), 2.0);
    }
    Ok(vec![figure])
}

/// What the disk takes to make 200 bytes last.
struct Probe {
    file: File,
    times: Latency,
}

impl Probe {
    fn new(folder: &Path) -> io::Result<Probe> {
        Ok(Probe { file: File::create(folder.join("probe"))?, times: Latency::new()? })
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&[7; 200])?;
        let started = Instant::now();
        self.file.sync_data()?;
        self.times.record(started.elapsed().as_micros() as u64);
        Ok(())
    }
}

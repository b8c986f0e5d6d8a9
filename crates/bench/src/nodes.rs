//! Several nodes that share channels through Redis: publishing, fan-out, and what an event costs Redis.

use crate::{
    Scale,
    crowd::Crowd,
    latency::Latency,
    pace::Paced,
    publisher::{Flood, Publisher, To, flood},
    report::Figure,
    server::Server,
};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const BATCH: usize = 100;
const CONNECTIONS: usize = 6;
const SUBSCRIBERS: usize = 300;
/// Between two events of which the delay is measured.
const INTERVAL: Duration = Duration::from_millis(5);

/// A Redis of this run's own, without a file: its disk is not what is measured.
pub struct Redis {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// `None`: there is no redis-server on this machine.
    pub fn start() -> io::Result<Option<Redis>> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let spawned = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn();
        let child = match spawned {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            spawned => spawned?,
        };
        let redis = Redis { child, port, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("redis-server does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(redis))
    }

    /// What it says of itself, by name; of a command, how often it was called.
    fn info(&self) -> io::Result<BTreeMap<String, f64>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(b"INFO all\r\nQUIT\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let mut found = BTreeMap::new();
        for (name, value) in said.lines().filter_map(|line| line.split_once(':')) {
            let calls = value.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
            if let Ok(number) = calls.unwrap_or(value).trim().parse() {
                found.insert(name.to_owned(), number);
            }
        }
        Ok(found)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many nodes on one Redis.
pub async fn run(redis: &Redis, program: Option<&Path>, scale: Scale, nodes: usize) -> io::Result<Vec<Figure>> {
    let environment = [
        ("TIDEWIRE_STORE_REDIS", format!("redis://127.0.0.1:{}/0", redis.port)),
        ("TIDEWIRE_STORE_REDIS_WEAKER", "true".to_owned()),
        ("TIDEWIRE_STORE_REDIS_PREFIX", format!("bench{nodes}")),
    ];
    let servers = (0..nodes).map(|_| Server::start_with(program, &environment)).collect::<io::Result<Vec<_>>>()?;
    for server in &servers {
        taken(server).await?;
    }
    let mut figures = vec![publish(redis, &servers, scale).await?];
    figures.push(fan_out(redis, &servers, scale).await?);
    Ok(figures)
}

/// Waits until a node takes events.
async fn taken(server: &Server) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        let mut publisher = Publisher::new(server.address, To::Contract).await?;
        match publisher.publish(&format!("process:{}", server.fresh()), 1).await {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() > Duration::from_secs(10) => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn publish(redis: &Redis, servers: &[Server], scale: Scale) -> io::Result<Figure> {
    let seconds = Duration::from_secs(scale.of(5, 1) as u64);
    let before = redis.info()?;
    let channels = (0..CONNECTIONS).map(|connection| {
        let server = &servers[connection % servers.len()];
        (server.address, format!("process:{}", server.fresh()))
    });
    let Flood { count, rate } = flood(channels, BATCH, seconds).await?;
    let figure = Figure::new(format!("{} nodes, publish", servers.len())).with("events/s, batches of 100", rate);
    Ok(costs(figure, &before, &redis.info()?, count as f64))
}

/// One event after another, and listeners on every node.
async fn fan_out(redis: &Redis, servers: &[Server], scale: Scale) -> io::Result<Figure> {
    let subscribers = scale.of(SUBSCRIBERS, SUBSCRIBERS / 3) / servers.len();
    let name = servers[0].fresh();
    let mut crowd = Crowd::new()?;
    for server in servers {
        for _ in 0..subscribers {
            crowd.json(server.address, &format!("/ws/process/{name}?token={}", server.token), 0).await?;
        }
    }
    let before = redis.info()?;
    let count = scale.of(1000, 200) as u64;
    let paced = Paced::start(servers[0].address, format!("process:{name}"), INTERVAL, count);
    let published = paced.finish().await?;
    let seen = crowd.seen.clone();
    seen.until(published * crowd.len(), "a listener of several nodes").await?;
    let mut alone = Latency::new()?;
    let mut publisher = Publisher::new(servers[servers.len() - 1].address, To::Contract).await?;
    let after = redis.info()?;
    let channel = format!("process:{}", servers[0].fresh());
    for _ in 0..scale.of(1000, 200) {
        let started = Instant::now();
        publisher.publish(&channel, 1).await?;
        alone.record(started.elapsed().as_micros() as u64);
    }
    let figure = Figure::new(format!("{} nodes, {} listeners", servers.len(), crowd.len()))
        .with("delay p50 ms", seen.latency.borrow().quantile(0.5))
        .with("delay p99 ms", seen.latency.borrow().quantile(0.99))
        .with("publish alone p50 ms", alone.quantile(0.5))
        .with("publish alone p99 ms", alone.quantile(0.99))
        .faults(&seen);
    Ok(costs(figure, &before, &after, published as f64))
}

/// What an event cost Redis. Probes and words of life are in it, too.
fn costs(figure: Figure, before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, events: f64) -> Figure {
    let spent = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    let within: f64 =
        after.keys().filter(|name| name.starts_with("cmdstat_") && !name.starts_with("cmdstat_evalsha")).map(|name| spent(name)).sum();
    figure
        .with("scripts per event", spent("cmdstat_evalsha") / events)
        .with("commands per event, within scripts too", within / events)
        .with("bytes into Redis per event", spent("total_net_input_bytes") / events)
        .with("bytes out of Redis per event", spent("total_net_output_bytes") / events)
        .with("cpu µs of Redis per event", (spent("used_cpu_user") + spent("used_cpu_sys")) * 1e6 / events)
}

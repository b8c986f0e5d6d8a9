//! The floor's clients, in a process of their own: with ten thousand of them here and ten thousand of the server's in the
//! generator itself, no process needs more open files than systems usually allow.

use crate::{
    crowd::Crowd,
    floor_loop::{CATCH_UP, LISTEN},
    seen::since,
};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};

/// How many connect at the same time.
pub const CONNECTING: usize = 512;
/// How long the process may take for one order; its own waiting ends earlier.
const PATIENCE: Duration = Duration::from_secs(120);

/// The process, which does one order after the other.
pub struct FloorClients {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Child,
}

impl FloorClients {
    pub fn start(floor: SocketAddr) -> io::Result<FloorClients> {
        // It ends when its standard input does: with this process.
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "--floor-clients", &floor.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(FloorClients { input, output: BufReader::new(output), _child: child }),
            _ => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// So many more clients that listen.
    pub async fn connect(&mut self, count: usize) -> io::Result<()> {
        self.ask(format!("connect {count}")).await.map(drop)
    }

    /// Waits until all of them together have had so many events.
    pub async fn until(&mut self, target: u64) -> io::Result<()> {
        self.ask(format!("until {target}")).await.map(drop)
    }

    /// The 50th and 99th percentile and the longest of the latencies since the last question, in ms.
    pub async fn latency(&mut self) -> io::Result<[f64; 3]> {
        let answer = self.ask("latency".to_owned()).await?;
        <[f64; 3]>::try_from(answer).map_err(|_| io::Error::other("the floor's clients gave no latencies"))
    }

    /// So many clients come at once and catch up on so many events each; how long it takes in all, in seconds.
    pub async fn come(&mut self, count: usize, events: u64) -> io::Result<f64> {
        let answer = self.ask(format!("come {count} {events}")).await?;
        answer.first().copied().ok_or_else(|| io::Error::other("the floor's clients gave no time"))
    }

    async fn ask(&mut self, order: String) -> io::Result<Vec<f64>> {
        self.input.write_all(format!("{order}\n").as_bytes()).await?;
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.output.read_line(&mut line)).await;
        if read.map_err(|_| io::Error::new(ErrorKind::TimedOut, "the floor's clients do not answer"))?? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the floor's clients have gone"));
        }
        match line.trim().strip_prefix("ok") {
            Some(numbers) => Ok(numbers.split_whitespace().filter_map(|n| n.parse().ok()).collect()),
            None => Err(io::Error::other(line.trim().to_owned())),
        }
    }
}

/// The process itself: reads orders, answers each with `ok` and numbers, or with what went wrong.
pub async fn serve(floor: SocketAddr) -> io::Result<()> {
    super::raise_open_files();
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut crowd = Crowd::new()?;
    while let Some(order) = orders.next_line().await? {
        let words: Vec<&str> = order.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|w| w.parse::<u64>().ok()).unwrap_or(0);
        let done = match words.first().copied() {
            Some("connect") => connect(&mut crowd, floor, number(1)).await,
            Some("until") => crowd.seen.until(number(1), "the floor").await.map(|()| String::new()),
            Some("latency") => {
                let mut latency = crowd.seen.latency.borrow_mut();
                let text = format!("{} {} {}", latency.quantile(0.5), latency.quantile(0.99), latency.max());
                latency.reset();
                Ok(text)
            }
            Some("come") => come(floor, number(1) as usize, number(2)).await.map(|seconds| seconds.to_string()),
            _ => Err(io::Error::other(format!("unknown order: {order}"))),
        };
        match done {
            Ok(numbers) => println!("ok {numbers}"),
            Err(error) => println!("{}", error.to_string().replace('\n', " ")),
        }
    }
    Ok(())
}

async fn connect(crowd: &mut Crowd, floor: SocketAddr, count: u64) -> io::Result<String> {
    for _ in 0..count {
        crowd.floor(floor, LISTEN).await?;
    }
    Ok(String::new())
}

async fn come(floor: SocketAddr, count: usize, events: u64) -> io::Result<f64> {
    let mut crowd = Crowd::new()?;
    let started = Instant::now();
    at_once(&mut crowd, count, move || async move {
        let mut stream = crate::connect::connect(floor).await?;
        stream.write_all(&[CATCH_UP]).await?;
        Ok((stream, Vec::new()))
    })
    .await?;
    crowd.seen.until(count as u64 * events, "the floor").await?;
    Ok(since(started))
}

/// Has many clients come at once, as after a restart: each connects for itself, so many at a time. Where the server's queue
/// of connections holds fewer, the system drops some, and they try again a second later.
pub async fn at_once<F>(crowd: &mut Crowd, count: usize, open: impl Fn() -> F + Clone + 'static) -> io::Result<()>
where
    F: Future<Output = io::Result<(tokio::net::TcpStream, Vec<u8>)>> + 'static,
{
    let (came, mut coming) = mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..CONNECTING.min(count) {
        let (open, came) = (open.clone(), came.clone());
        tasks.spawn_local(async move {
            for _ in (first..count).step_by(CONNECTING) {
                // Nobody waits for it any more: so it need not go on.
                if came.send(open().await).is_err() {
                    return;
                }
            }
        });
    }
    drop(came);
    while let Some(opened) = coming.recv().await {
        let (stream, rest) = opened?;
        crowd.take_in(stream, rest);
    }
    Ok(())
}

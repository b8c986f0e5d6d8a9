//! The load generator: drives a server over its public interface, beside the floor, a loop that only writes prepared bytes
//! to as many sockets. Machines are noisy: what counts is a figure's ratio to the floor of the same run.

mod connect;
mod crowd;
mod fanout;
mod floor;
mod floor_clients;
mod floor_loop;
mod idle;
pub mod latency;
mod live;
mod nodes;
pub mod order;
mod pace;
mod process;
mod publish;
mod publisher;
mod report;
mod resume;
mod seen;
mod server;
mod setup;
mod sides;

use idle::Idle;
use report::Report;
use server::Server;
use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

/// Measures a server that it starts for the purpose, or one that runs: fan-out, publishing, resuming, memory of idle clients.
///
/// Exits with 1 if an event was lost, repeated or out of order, or if a benchmark did not come to an end. A target that is
/// missed is told, and changes nothing: machines differ.
#[derive(clap::Args)]
pub struct Args {
    /// A short run of everything, under a minute.
    #[arg(long)]
    quick: bool,
    /// Only this one.
    #[arg(long, value_parser = ["floor", "fanout", "channels", "pusher", "idle", "publish", "resume", "nodes"])]
    only: Option<String>,
    /// Prints figures as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Measures the server of this program, of another build for instance; its own where nothing is said.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "url")]
    server: Option<PathBuf>,
    /// Measures a server that runs already, with the configuration that --prepare writes: http://HOST:PORT.
    #[arg(long)]
    url: Option<String>,
    /// The process of the server at --url, for its processor time and its memory.
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Writes the configuration and the contract that a server needs for --url into this folder, and does nothing else.
    #[arg(long, value_name = "FOLDER")]
    prepare: Option<PathBuf>,
    #[arg(long, hide = true)]
    floor_server: bool,
    #[arg(long, hide = true, value_name = "ADDRESS")]
    floor_clients: Option<SocketAddr>,
}

pub fn main(args: Args) -> ExitCode {
    if args.floor_server {
        return ended(floor_loop::serve());
    }
    if let Some(folder) = &args.prepare {
        return ended(prepare(folder));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    if let Some(floor) = args.floor_clients {
        return ended(tokio::task::LocalSet::new().block_on(&runtime, floor_clients::serve(floor)));
    }
    // Children end with what holds them: an interrupted run leaves none behind.
    let mut report = Report::default();
    let result = tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = run(&args, &mut report) => result,
            _ = tokio::signal::ctrl_c() => Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
            _ = terminate.recv() => Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
        }
    });
    // What had been measured when it was interrupted is told, too.
    report.print(args.json);
    if let Err(error) = result {
        return fail(&error.to_string());
    }
    if report.failed() > 0 {
        fail(&format!("{} benchmarks did not come to an end", report.failed()))
    } else if report.faults() == 0 {
        ExitCode::SUCCESS
    } else {
        fail(&format!("{} events were lost, repeated or out of order", report.faults()))
    }
}

fn ended(result: io::Result<()>) -> ExitCode {
    result.map_or_else(|error| fail(&error.to_string()), |()| ExitCode::SUCCESS)
}

fn prepare(folder: &std::path::Path) -> io::Result<()> {
    setup::write(folder).map_err(|e| io::Error::other(format!("{} cannot be written: {e}", folder.display())))?;
    let folder = folder.display();
    println!("tidewire serve --config {folder}/tidewire.toml --contracts {folder}/contracts --data {folder}/data");
    Ok(())
}

fn fail(message: &str) -> ExitCode {
    eprintln!("tidewire bench: {message}");
    ExitCode::FAILURE
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub quick: bool,
}

impl Scale {
    /// The full number, or a part of it in a quick run.
    pub fn of(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Open files that are no client's.
const SPARE_FILES: u64 = 200;

/// Where servers come from: a fresh one for each benchmark, or always the same one.
struct Source<'a> {
    args: &'a Args,
}

impl Source<'_> {
    async fn server(&self) -> io::Result<Server> {
        match &self.args.url {
            Some(url) => Server::running(url, self.args.pid).await,
            None => Server::start(self.args.server.as_deref()),
        }
    }
}

async fn run(args: &Args, report: &mut Report) -> io::Result<()> {
    // The floor's clients are in a process of their own.
    let room = raise_open_files().saturating_sub(SPARE_FILES) as usize;
    let scale = Scale { quick: args.quick };
    if room < idle::COUNT {
        eprintln!("tidewire bench: no more than {room} clients: the limit of open files is low (ulimit -n)");
    }
    let most = scale.of(10_000, 2_000).min(room);
    let source = Source { args };
    if args.url.is_some() {
        // Says at once that nobody is there, not once for each benchmark.
        source.server().await?;
    }
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    if wanted("floor") {
        report.add("floor", fanout::floor(scale).await);
    }
    if wanted("fanout") {
        for (subscribers, together) in [(1_000.min(room), 1), (1_000.min(room), 16), (most, 1), (most, 16)] {
            let run = async { fanout::run(&source.server().await?, scale, subscribers, together).await };
            report.add(&fanout::name(subscribers, together), run.await);
        }
    }
    if wanted("channels") {
        let run = async { fanout::many_channels(&source.server().await?, scale, most / 10, 10).await };
        report.add("many channels", run.await);
    }
    if wanted("pusher") {
        for together in [1, 16] {
            let run = async { fanout::pusher(&source.server().await?, scale, 1_000.min(room / 2), together).await };
            report.add(&format!("the Pusher wire, {together} together"), run.await);
        }
    }
    if wanted("idle") {
        for kind in Idle::ALL {
            let run = async { idle::run(&source.server().await?, kind, idle::COUNT.min(room)).await };
            report.add(&format!("idle clients, {}", kind.target().0), run.await);
        }
    }
    if wanted("publish") {
        for durability in ["memory", "process", "disk"] {
            let run = async { publish::run(&source.server().await?, scale, durability).await };
            report.add(&format!("publish, {durability}"), run.await);
        }
    }
    if wanted("resume") {
        let run = async { resume::one(&source.server().await?, scale.of(100_000, 20_000)).await };
        report.add("resume by one", run.await);
        let run = async { resume::many(&source.server().await?, scale.of(10_000, 1_000).min(room)).await };
        report.add("resume by many", run.await);
    }
    if wanted("nodes") && args.url.is_none() {
        match nodes::Redis::start()? {
            Some(redis) => {
                for nodes in 1..=3 {
                    let run = nodes::run(&redis, args.server.as_deref(), scale, nodes);
                    report.add(&format!("{nodes} nodes"), run.await);
                }
            }
            None => eprintln!("tidewire bench: several nodes are not measured: there is no redis-server here"),
        }
    }
    Ok(())
}

/// How many files may be open now: what the system allows for the asking.
fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    let tries = [most.map(|m| m.max(65_536)), most];
    // The first needs a privilege; the second does not.
    let _ = tries.iter().any(|limit| setrlimit(Resource::Nofile, Rlimit { current: *limit, maximum: *limit }).is_ok());
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

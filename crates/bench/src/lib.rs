//! The load generator: drives a server over its public interface, beside the floor, a loop that only writes prepared bytes
//! to as many sockets. Machines are noisy: what counts is a figure's ratio to the floor of the same run.

mod clients;
mod fanout;
mod floor;
mod idle;
pub mod latency;
mod live;
pub mod order;
mod publish;
mod publisher;
mod report;
mod resume;
mod server;

use report::Report;
use server::Server;
use std::process::ExitCode;

/// Measures a server that it starts for the purpose: fan-out, publishing, resuming, memory of idle clients.
///
/// Exits with 1 if an event was lost, repeated or out of order, or if a benchmark did not come to an end.
#[derive(clap::Args)]
pub struct Args {
    /// A short run of everything, under a minute.
    #[arg(long)]
    quick: bool,
    /// Only this one.
    #[arg(long, value_parser = ["floor", "fanout", "channels", "idle", "publish", "resume"])]
    only: Option<String>,
    /// Prints figures as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Measures the server of this program, of another build for instance; its own where nothing is said.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<std::path::PathBuf>,
    #[arg(long, hide = true)]
    floor_server: bool,
}

pub fn main(args: Args) -> ExitCode {
    if args.floor_server {
        return floor::serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    // Children end with what holds them: an interrupted run leaves none behind.
    let result = tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = run(&args) => result,
            _ = tokio::signal::ctrl_c() => Err(std::io::ErrorKind::Interrupted.into()),
            _ = terminate.recv() => Err(std::io::ErrorKind::Interrupted.into()),
        }
    });
    match result {
        Ok(report) => {
            report.print(args.json);
            if report.failed() > 0 {
                fail(&format!("{} benchmarks did not come to an end", report.failed()))
            } else if report.faults() == 0 {
                ExitCode::SUCCESS
            } else {
                fail(&format!("{} events were lost, repeated or out of order", report.faults()))
            }
        }
        Err(error) => fail(&error.to_string()),
    }
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

async fn run(args: &Args) -> std::io::Result<Report> {
    // Half of the sockets are the floor's.
    let room = (raise_open_files().saturating_sub(SPARE_FILES) / 2) as usize;
    if room < 10_000 && !args.quick {
        eprintln!("tidewire bench: no more than {room} clients beside the floor: the limit of open files is low");
    }
    let program = args.server.as_deref();
    let scale = Scale { quick: args.quick };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    let mut report = Report::default();
    if wanted("floor") {
        report.add(fanout::floor(scale).await);
    }
    if wanted("fanout") {
        for subscribers in [1_000, scale.of(10_000, 2_000).min(room)] {
            for together in [1, 16] {
                let server = Server::start(program)?;
                report.add(fanout::run(&server, scale, subscribers, together).await);
            }
        }
    }
    if wanted("channels") {
        let server = Server::start(program)?;
        report.add(fanout::many_channels(&server, scale, scale.of(1_000, 200).min(room / 10), 10).await);
    }
    if wanted("idle") {
        for kind in ["ws", "sse"] {
            let server = Server::start(program)?;
            report.add(idle::run(&server, kind, scale.of(10_000, 2_000)).await);
        }
    }
    if wanted("publish") {
        for durability in ["memory", "process", "disk"] {
            let server = Server::start(program)?;
            report.add(publish::run(&server, scale, durability).await);
        }
    }
    if wanted("resume") {
        let server = Server::start(program)?;
        report.add(resume::one(&server, scale.of(100_000, 20_000)).await);
        let server = Server::start(program)?;
        report.add(resume::many(&server, scale.of(10_000, 1_000)).await);
    }
    Ok(report)
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

//! The one binary: a file per verb.

mod against;
mod check;
mod checklist;
mod client;
mod demo;
mod device;
mod flow;
mod follow;
mod r#gen;
mod logging;
mod memory;
mod mock;
mod new;
mod publish;
mod serve;
mod tail;
mod token;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A realtime event server that speaks your protocol.
#[derive(Parser)]
#[command(name = "tidewire", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve contracts to clients and backends.
    Serve(serve::Args),
    /// Serve the contracts that come with Tidewire, with their reference backends at work: the quickest way to see it.
    Demo(demo::Args),
    /// Check contracts, and say everything that is wrong with them.
    Check(check::Args),
    /// Begin a contract: a folder that can be checked, mocked and served at once.
    New(new::Args),
    /// Make documents and code from contracts.
    Gen(r#gen::Args),
    /// Publish events as a backend.
    Publish(publish::Args),
    /// Watch a channel in the terminal, as a client or as a backend.
    Tail(tail::Args),
    /// Register, change, block and list the devices of a contract.
    Device(device::Args),
    /// Make a client's token from a key of the configuration.
    Token(token::Args),
    /// Play the flows of a contract, and show where reality differs.
    Flow(flow::Args),
    /// Serve a contract without a backend: made-up events, and what goes wrong in production on request.
    Mock(mock::Args),
    /// Measure a server under load, beside the floor: a loop that only writes.
    Bench(tidewire_bench::Args),
}

fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Serve(args) => serve::main(args),
        Verb::Demo(args) => demo::main(args),
        Verb::Check(args) => check::main(&args),
        Verb::New(args) => new::main(&args),
        Verb::Gen(args) => r#gen::main(&args),
        Verb::Publish(args) => publish::main(args),
        Verb::Tail(args) => tail::main(args),
        Verb::Device(args) => device::main(args),
        Verb::Token(args) => token::main(args),
        Verb::Flow(args) => flow::main(args),
        Verb::Mock(args) => mock::main(args),
        Verb::Bench(args) => tidewire_bench::main(args),
    }
}

/// Says what went wrong, on standard error, and fails.
fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("tidewire: {message}");
    ExitCode::FAILURE
}

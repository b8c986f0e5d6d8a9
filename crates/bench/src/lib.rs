//! The load generator.
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {}

pub fn main(_: Args) -> ExitCode {
    ExitCode::FAILURE
}

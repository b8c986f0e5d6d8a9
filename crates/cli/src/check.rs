//! `tidewire check`: the same code as the start of the server.

use crate::fail;
use clap::ValueEnum;
use std::{path::PathBuf, process::ExitCode};
use tidewire_contract::{load_all, problem::render_all};

/// Checks every contract below a folder (or the one in it), and that they can be served side by side.
///
/// Exits with 1 on a mistake.
#[derive(clap::Args)]
pub struct Args {
    /// A contract's folder, or a folder of contracts.
    #[arg(default_value = "contracts")]
    folder: PathBuf,
    /// For people, or for machines: a JSON array of {file, line, column, code, message, help}.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn main(args: &Args) -> ExitCode {
    let result = load_all(&args.folder);
    let problems = result.as_ref().err().map_or(&[][..], Vec::as_slice);
    if let Format::Json = args.format {
        match serde_json::to_string_pretty(problems) {
            Ok(json) => println!("{json}"),
            Err(error) => return fail(error),
        }
    } else if let Ok(contracts) = &result {
        for contract in contracts {
            println!(
                "{} {}: {} channels, {} events, {} endpoints: no mistakes",
                contract.name,
                contract.version,
                contract.channels.len(),
                contract.events.len(),
                contract.endpoints.len()
            );
        }
    } else {
        eprint!("{}", render_all(problems));
        let plural = if problems.len() == 1 { "mistake" } else { "mistakes" };
        eprintln!("{} {plural} in {}", problems.len(), args.folder.display());
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `tidewire check`: the same code as the start of the server, and then the checklist.

use crate::{against, checklist, fail};
use clap::ValueEnum;
use std::{path::PathBuf, process::ExitCode};
use tidewire_contract::{load_all, problem::render_all};

/// Checks every contract below a folder (or the one in it): that it has no mistake, that they can be served side by side, and that each
/// is complete, consistent and can be tested.
///
/// Exits with 1 on a mistake, and where an item of the checklist fails.
#[derive(clap::Args)]
pub struct Args {
    /// A contract's folder, or a folder of contracts.
    #[arg(default_value = "contracts")]
    folder: PathBuf,
    /// Only looks for mistakes that keep a server from serving it, and leaves the checklist out.
    #[arg(long)]
    no_checklist: bool,
    /// For people, or for machines: a JSON array of {file, line, column, code, message, help}.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    against: against::Against,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn main(args: &Args) -> ExitCode {
    let result = load_all(&args.folder);
    if let Ok(contracts) = &result
        && args.against.wanted()
    {
        return against::main(&args.against, &args.folder, contracts, matches!(args.format, Format::Json));
    }
    let outcomes: Vec<_> = match &result {
        Ok(contracts) if !args.no_checklist => contracts.iter().map(|contract| tidewire_contract::checklist(contract)).collect(),
        _ => Vec::new(),
    };
    let failing = outcomes.iter().flatten().flat_map(|outcome| &outcome.problems);
    let problems: Vec<_> = result.as_ref().err().into_iter().flatten().chain(failing).collect();
    if let Format::Json = args.format {
        match serde_json::to_string_pretty(&problems) {
            Ok(json) => println!("{json}"),
            Err(error) => return fail(error),
        }
    } else if let Ok(contracts) = &result {
        for (at, contract) in contracts.iter().enumerate() {
            let passes = outcomes.get(at).is_none_or(|outcomes| outcomes.iter().all(|outcome| outcome.problems.is_empty()));
            println!(
                "{} {}: {} channels, {} events, {} endpoints: {}",
                contract.name,
                contract.version,
                contract.channels.len(),
                contract.events.len(),
                contract.endpoints.len(),
                if passes { "no mistakes" } else { "it could be served, and is not finished" }
            );
            if let Some(outcomes) = outcomes.get(at) {
                print!("{}", checklist::in_words(outcomes));
            }
        }
    }
    if let (Format::Text, false) = (args.format, problems.is_empty()) {
        let owned: Vec<_> = problems.iter().map(|problem| (*problem).clone()).collect();
        eprint!("{}", render_all(&owned));
        let plural = if problems.len() == 1 { "mistake" } else { "mistakes" };
        eprintln!("{} {plural} in {}", problems.len(), args.folder.display());
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

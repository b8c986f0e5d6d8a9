//! `tidewire flow`: the contract's flows, played.

use crate::{client::block_on, fail};
use clap::ValueEnum;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};
use tidewire_contract::{Contract, load_all, problem::render_all};
use tidewire_play::{
    flow::{self, Against, Listening, Options, Play},
    link::Transport,
    site::{Keys, Site},
};
use tidewire_server::{Config, Flags, config::units::parse_duration};

/// Plays every flow of a contract, with as many clients as it names, over each transport that can carry it, and shows step by step
/// where reality differs.
///
/// Against a server that is started for it, with keys of its own and a temporary data folder, a new one for each play; or with --url against
/// one that is there. Exits with 1 on a difference.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire flow contracts/conversation\n  \
    tidewire flow contracts/board --transport sse --flow 'a ticket moves'\n  \
    tidewire flow contracts/party --url http://127.0.0.1:8080 --config tidewire.toml --backend-key $KEY --backend-listen 127.0.0.1:9700")]
pub struct Args {
    /// The contract's folder, or a folder of contracts.
    contract: PathBuf,
    /// Only over this transport; several times for several [default: each that can carry it; with --url the one by which clients send].
    #[arg(long, value_enum)]
    transport: Vec<Over>,
    /// Only the flow of this title.
    #[arg(long, value_name = "TITLE")]
    flow: Option<String>,
    /// How long something may take to come [default: 20s, and twice what the contract lets members be away].
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// A server that serves the contract, instead of one that is started. It should be a fresh one: flows have keys and versions.
    #[arg(long, env = "TIDEWIRE_URL")]
    url: Option<String>,
    /// With --url: the server's configuration, to sign tokens with its HS256 key, and for the key of a Pusher app.
    #[arg(long, requires = "url")]
    config: Option<PathBuf>,
    /// With --url: the token of an actor; several times for several.
    #[arg(long, value_name = "NAME=TOKEN", requires = "url")]
    token: Vec<String>,
    /// With --url: a backend key of the contract, for what backends publish in flows.
    #[arg(long, env = "TIDEWIRE_BACKEND_KEY", hide_env_values = true)]
    backend_key: Option<String>,
    /// With --url: where the server's configuration has the contract's backends; here they are played.
    #[arg(long, value_name = "ADDRESS", requires = "url")]
    backend_listen: Option<SocketAddr>,
    /// With --backend-listen: what the server signs with; unless it is given, signatures are not checked.
    #[arg(long, env = "TIDEWIRE_BACKEND_SECRET", hide_env_values = true, requires = "backend_listen")]
    backend_secret: Option<String>,
    /// For people, or for machines: a JSON array of {contract, flow, transport, ok, steps, difference}.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Over {
    Websocket,
    Sse,
    Poll,
    Pusher,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn main(args: Args) -> ExitCode {
    let contracts = match load_all(&args.contract) {
        Ok(contracts) => contracts,
        Err(problems) => return fail(render_all(&problems)),
    };
    match block_on(run(&args, &contracts)) {
        Ok(Ok(plays)) => conclude(&args, &contracts, &plays),
        Ok(Err(why)) => fail(why),
        Err(error) => fail(error),
    }
}

async fn run(args: &Args, contracts: &[Arc<Contract>]) -> Result<Vec<Play>, String> {
    let timeout = match &args.timeout {
        Some(text) => Some(parse_duration(text).ok_or_else(|| format!("'{text}' is not a duration such as 500ms, 30s or 2m"))?),
        None => None,
    };
    let transports = args.transport.iter().map(|over| match over {
        Over::Websocket => Transport::WebSocket,
        Over::Sse => Transport::Sse,
        Over::Poll => Transport::Poll,
        Over::Pusher => Transport::Pusher,
    });
    let options = Options { transports: transports.collect(), flow: args.flow.clone(), timeout };
    let listening = match args.backend_listen {
        Some(address) => Some(Listening::open(address, args.backend_secret.clone()).await?),
        None => None,
    };
    let mut plays = Vec::new();
    for contract in contracts {
        let mut told = |play: &Play| {
            if args.format == Format::Text {
                println!("{}", flow::text(play));
            }
        };
        let played = match &args.url {
            None => flow::play(contract, &options, Against::Own, &mut told).await,
            Some(url) => {
                let site = Site::new(contract.clone(), url, keys(args, &contract.name)?);
                flow::play(contract, &options, Against::There(&site, listening.as_ref()), &mut told).await
            }
        };
        plays.extend(played);
    }
    Ok(plays)
}

fn keys(args: &Args, contract: &str) -> Result<Keys, String> {
    let mut keys = match &args.config {
        Some(file) => {
            let flags = Flags { config: Some(file.clone()), ..Flags::default() };
            Keys::of(&Config::load(&flags).map_err(|e| e.to_string())?, contract)
        }
        None => Keys::default(),
    };
    for given in &args.token {
        let (name, token) = given.split_once('=').ok_or_else(|| format!("'{given}' is not NAME=TOKEN"))?;
        keys.tokens.insert(name.to_owned(), token.to_owned());
    }
    keys.backend.clone_from(&args.backend_key);
    Ok(keys)
}

fn conclude(args: &Args, contracts: &[Arc<Contract>], plays: &[Play]) -> ExitCode {
    let other = plays.iter().filter(|play| !play.is_as_written()).count();
    if args.format == Format::Json {
        match serde_json::to_string_pretty(&flow::json(plays)) {
            Ok(json) => println!("{json}"),
            Err(error) => return fail(error),
        }
    } else if !plays.is_empty() {
        let (played, plural) = (plays.len(), if plays.len() == 1 { "" } else { "s" });
        println!(
            "{played} play{plural} of {} flows: {}",
            flows(contracts),
            if other == 0 { "as written".to_owned() } else { format!("{other} differ") }
        );
    }
    if plays.is_empty() {
        return nothing_to_play(args, contracts);
    }
    if other == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn flows(contracts: &[Arc<Contract>]) -> usize {
    contracts.iter().map(|contract| contract.flows.len()).sum()
}

fn nothing_to_play(args: &Args, contracts: &[Arc<Contract>]) -> ExitCode {
    let titles: Vec<&str> = contracts.iter().flat_map(|c| &c.flows).map(|flow| flow.title.as_str()).collect();
    match &args.flow {
        _ if titles.is_empty() => fail(format!("{} has no flows: write some under `flows:`", args.contract.display())),
        Some(title) if !titles.contains(&title.as_str()) => fail(format!("there is no flow '{title}'; there are: {}", titles.join(", "))),
        _ => fail("no flow can be played over the transports that were asked for"),
    }
}

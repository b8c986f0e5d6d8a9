//! `tidewire mock`: a contract without a backend.

use crate::{
    client::{block_on, post},
    fail,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tidewire_contract::{Contract, Publisher, load_all, problem::render_all};
use tidewire_play::{
    mock::{Mischief, Mock, Options, channels},
    sample::{Sampler, concrete},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::signal::unix::{SignalKind, signal};

/// Serves a contract without a backend: realistic events made up from its schemas and examples, at a rate or on demand; what clients send is
/// answered as the contract's flows have it.
///
/// No keys to configure: it makes its own, and prints a token for each actor of the contract. With --once it asks a mock that runs, or with
/// --backend-key any server, for one event, and ends.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire mock contracts/board --rate 2/s\n  \
    tidewire mock contracts/board --once task.removed --data '{\"ticketId\":\"t1\"}'\n  \
    tidewire mock contracts/conversation --seed 7 --misbehave duplicates=0.2,gaps,late,expired-tokens,closed-sockets=0.05")]
pub struct Args {
    /// The contract's folder.
    contract: PathBuf,
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The same seed makes up the same events, and the same mischief.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often something happens on each channel: 2/s, 30/minute; 0: only on demand.
    #[arg(long, default_value = "1/s")]
    rate: String,
    /// A channel on which something happens [default: those that the contract's actors may join]; several times for several.
    #[arg(long)]
    channel: Vec<String>,
    /// What goes wrong, each with a probability (0.1, if none is said): duplicates, gaps, late, expired-tokens, closed-sockets, all.
    #[arg(long, value_name = "WHAT[=P],…", default_value = "", hide_default_value = true)]
    misbehave: Mischief,
    /// Times in payloads are of this moment (ISO 8601), so that the same seed makes the same bytes.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// A web page's origin that may connect with a cookie; several times for several.
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// Once all is ready, prints one line of JSON: addresses, keys and tokens.
    #[arg(long)]
    json: bool,
    /// Makes one event of this type happen at a server that runs, and ends.
    #[arg(long, value_name = "TYPE")]
    once: Option<String>,
    /// With --once: the payload as JSON [default: made up].
    #[arg(long, value_name = "JSON", requires = "once")]
    data: Option<String>,
    /// With --once: the server.
    #[arg(long, env = "TIDEWIRE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// With --once: publishes as a backend to any server, instead of asking a mock.
    #[arg(long, env = "TIDEWIRE_BACKEND_KEY", hide_env_values = true)]
    backend_key: Option<String>,
}

pub fn main(args: Args) -> ExitCode {
    let contracts = match load_all(&args.contract) {
        Ok(contracts) => contracts,
        Err(problems) => return fail(render_all(&problems)),
    };
    let [contract] = contracts.as_slice() else {
        let names: Vec<&str> = contracts.iter().map(|c| c.name.as_str()).collect();
        return fail(format!("{} has several contracts: name the folder of one of {}", args.contract.display(), names.join(", ")));
    };
    if let Some(event_type) = &args.once {
        return match block_on(once(&args, contract, event_type)) {
            Ok(Ok(answer)) => {
                println!("{answer}");
                ExitCode::SUCCESS
            }
            Ok(Err(why)) => fail(why),
            Err(error) => fail(error),
        };
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    let code = runtime.block_on(async {
        match run(&args, contract).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(why),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn run(args: &Args, contract: &Arc<Contract>) -> Result<(), String> {
    let now = match &args.now {
        Some(text) => {
            Some(OffsetDateTime::parse(text, &Rfc3339).map_err(|e| format!("'{text}' is no time such as 2026-01-31T10:00:00Z: {e}"))?)
        }
        None => None,
    };
    let options = Options {
        listen: args.listen,
        seed: args.seed,
        rate: rate(&args.rate).ok_or_else(|| format!("'{}' is no rate such as 2/s, 30/minute or 0", args.rate))?,
        channels: args.channel.clone(),
        mischief: args.misbehave.clone(),
        now,
        origins: args.origin.clone(),
    };
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return Err("cannot listen for signals".to_owned());
    };
    crate::logging::start("auto", "warn");
    let mock = Mock::start(contract, options).await?;
    if args.json {
        println!("{}", mock.described().await?);
    } else {
        println!("{}", mock.in_words().await?);
    }
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    mock.stop().await;
    Ok(())
}

/// Events in a second.
fn rate(text: &str) -> Option<f64> {
    let (count, per) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match per.trim() {
        "s" | "second" => 1.0,
        "m" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return None,
    };
    let count: f64 = count.trim().parse().ok()?;
    (count.is_finite() && (0.0..=10_000.0).contains(&count)).then_some(count / seconds)
}

async fn once(args: &Args, contract: &Arc<Contract>, event_type: &str) -> Result<Value, String> {
    let data: Option<Value> = match &args.data {
        Some(text) => Some(serde_json::from_str(text).map_err(|e| format!("the payload is not JSON: {e}"))?),
        None => None,
    };
    let url = args.url.trim_end_matches('/');
    let mut wanted = json!({ "type": event_type });
    if let Some(channel) = args.channel.first() {
        wanted["channel"] = channel.clone().into();
    }
    if let Some(data) = data {
        wanted["data"] = data;
    }
    let (status, answer) = match &args.backend_key {
        None => post(&format!("{url}/mock/events"), "", wanted.to_string()).await?,
        Some(key) => post(&format!("{url}/v1/events"), key, as_backend(args, contract, event_type, wanted)?.to_string()).await?,
    };
    if status.is_success() {
        return Ok(answer);
    }
    let why = answer["message"].as_str().or_else(|| answer["detail"].as_str()).map_or_else(|| answer.to_string(), str::to_owned);
    Err(format!("{status}: {why}"))
}

/// The whole of a publish: channel and payload are made up here where they are not given.
fn as_backend(args: &Args, contract: &Arc<Contract>, event_type: &str, mut wanted: Value) -> Result<Value, String> {
    let known = || contract.events.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", ");
    let event = contract.event(event_type).ok_or_else(|| format!("the contract has no event '{event_type}'; there are: {}", known()))?;
    if event.from != Publisher::Backend {
        return Err(format!("'{event_type}' is no backend's event: ask a mock for it, without --backend-key"));
    }
    let event_type = if event_type.ends_with('*') { concrete(event)[0].clone() } else { event_type.to_owned() };
    let found = args
        .channel
        .first()
        .cloned()
        .or_else(|| channels(contract).into_iter().find(|name| contract.channel(name).is_some_and(|c| event.on.contains(&c.log_kind))));
    let channel = found.ok_or("no actor of the contract may join such a channel: name one with --channel")?;
    let name = contract.channel(&channel).ok_or_else(|| format!("the contract has no channel '{channel}'"))?;
    if wanted["data"].is_null() {
        let mut sampler = Sampler::new(contract, args.seed);
        wanted["data"] =
            sampler.typed(event, &event_type, &name).ok_or_else(|| format!("no payload of '{event_type}' could be made up"))?;
    }
    wanted["channel"] = channel.into();
    wanted["type"] = event_type.into();
    Ok(wanted)
}

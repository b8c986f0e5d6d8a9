//! `tidewire tail`: a channel in the terminal: as a client over WebSocket, in the contract's own wire, or as a backend.

use crate::{
    client::{block_on, escape},
    fail,
    follow::Follow,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tidewire_contract::{ClientFrame, Contract, EndpointKind, OptionRole, TokenPlace, load_all};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

/// Shows what is published on a channel as it comes, one event a line.
///
/// With --token as a client of the contract sees it, over its WebSocket. With --backend-key everything, whoever it is for; so any
/// channel can be followed, also one of a Pusher app, and the audit trail. Reconnects by itself, and goes on where it was.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire tail world:w1 --token $TOKEN --since 2026-11-20T22:00:00Z\n  \
    tidewire tail audit --key $KEY --since 0")]
pub struct Args {
    /// The channel, e.g. world:w1.
    channel: String,
    /// A client's token (see `tidewire token`).
    #[arg(long, env = "TIDEWIRE_TOKEN", hide_env_values = true, required_unless_present = "backend_key")]
    token: Option<String>,
    /// A backend key of the contract; it goes before a token.
    #[arg(long, visible_alias = "key", env = "TIDEWIRE_BACKEND_KEY", hide_env_values = true)]
    backend_key: Option<String>,
    /// Begin behind this event id, seq, position or ISO 8601 time, instead of with what comes from now on.
    #[arg(long)]
    since: Option<String>,
    /// Only these types, e.g. 'chat.*;item.*'.
    #[arg(long)]
    types: Option<String>,
    /// Ends after so many events.
    #[arg(long)]
    count: Option<u64>,
    /// The server.
    #[arg(long, env = "TIDEWIRE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The contracts that the server serves.
    #[arg(long, env = "TIDEWIRE_CONTRACTS", default_value = "contracts")]
    contracts: PathBuf,
}

pub fn main(args: Args) -> ExitCode {
    if let Some(backend_key) = &args.backend_key {
        let (since, types) = (args.since.as_deref(), args.types.as_deref());
        let follow = Follow { url: &args.url, channel: &args.channel, backend_key, since, types, count: args.count };
        return match block_on(follow.run()) {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => fail(error),
            Err(error) => fail(error),
        };
    }
    let contracts = match load_all(&args.contracts) {
        Ok(contracts) => contracts,
        Err(problems) => return fail(tidewire_contract::problem::render_all(&problems)),
    };
    let Some(plan) = contracts.iter().find_map(|c| plan(c, &args)) else {
        return fail(format!(
            "no WebSocket endpoint of the contracts in {} leads to a channel '{}'",
            args.contracts.display(),
            args.channel
        ));
    };
    match block_on(run(&args, &plan)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(error),
        Err(error) => fail(error),
    }
}

/// How to get to the channel.
struct Plan {
    /// Path and query, without the token and where to resume.
    path: String,
    token: TokenPlace,
    /// Sent first, if the endpoint does not subscribe by itself.
    subscribe: Option<Value>,
    resume: Option<String>,
}

fn plan(contract: &Contract, args: &Args) -> Option<Plan> {
    let channel = contract.channel(&args.channel)?;
    let token = contract.auth.websocket.first()?.clone();
    contract.endpoints.iter().filter(|e| e.kind == EndpointKind::WebSocket).find_map(|endpoint| {
        let vars = match &endpoint.channel {
            Some(address) => address.parse(&args.channel)?,
            None => channel.vars.clone(),
        };
        let value = |name: &str| vars.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.clone());
        let mut path = endpoint.path.fill(value)?;
        let mut query: Vec<(String, String)> = Vec::new();
        for (parameter, var) in &endpoint.query {
            query.push((parameter.clone(), value(var)?));
        }
        let option = |role| endpoint.options.iter().find(|(_, r)| *r == role).map(|(name, _)| name.clone());
        if let (Some(name), Some(types)) = (option(OptionRole::Filter), &args.types) {
            query.push((name, types.clone()));
        }
        let template = || contract.wire.client(ClientFrame::Subscribe);
        let subscribe = if endpoint.channel.is_some() {
            None
        } else {
            Some(template()?.fill(&mut |path| match path[0].as_str() {
                "channel" => Some(args.channel.clone().into()),
                "channels" => Some(vec![args.channel.clone()].into()),
                "after" => args.since.clone().map(Value::String),
                _ => None,
            }))
        };
        for (i, (name, value)) in query.iter().enumerate() {
            path.push(if i == 0 { '?' } else { '&' });
            path.push_str(&format!("{name}={}", escape(value)));
        }
        Some(Plan { path, token: token.clone(), subscribe, resume: option(OptionRole::Resume) })
    })
}

async fn run(args: &Args, plan: &Plan) -> Result<(), String> {
    let mut since = args.since.clone();
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut pause = Duration::from_millis(250);
    loop {
        match connect(args, plan, since.as_deref()).await {
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                return Err(format!("the server refused: {} {body}", response.status()));
            }
            Err(error) => eprintln!("tidewire: {error}; again in {} s", pause.as_secs_f32()),
            Ok(mut socket) => {
                pause = Duration::from_millis(250);
                if let Some(frame) = &plan.subscribe {
                    socket.send(Message::text(frame.to_string())).await.map_err(|e| e.to_string())?;
                }
                while let Some(message) = socket.next().await {
                    match message {
                        Ok(Message::Text(text)) => {
                            println!("{}", text.as_str());
                            since = place(&text).or(since);
                            left -= 1;
                            if left == 0 {
                                return Ok(());
                            }
                        }
                        Ok(Message::Close(Some(close))) => eprintln!("tidewire: closed with {}: {}", u16::from(close.code), close.reason),
                        Ok(_) => {}
                        Err(error) => eprintln!("tidewire: {error}"),
                    }
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// What an event can be resumed after: its id, its time.
fn place(text: &str) -> Option<String> {
    let event: Value = serde_json::from_str(text).ok()?;
    ["id", "event_id", "at", "timestamp"].iter().find_map(|name| event.get(name)?.as_str().map(str::to_owned))
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(args: &Args, plan: &Plan, since: Option<&str>) -> Result<Socket, Error> {
    let token = args.token.as_deref().unwrap_or_default();
    let mut url = format!("{}{}", args.url.trim_end_matches('/').replacen("http", "ws", 1), plan.path);
    let mut add = |name: &str, value: &str| {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{name}={}", escape(value)));
    };
    if let (Some(name), Some(since)) = (&plan.resume, since) {
        add(name, since);
    }
    if let TokenPlace::Query(name) = &plan.token {
        add(name, token);
    }
    let mut request = url.into_client_request()?;
    let header = |value: String| HeaderValue::from_str(&value).map_err(|e| Error::Io(std::io::Error::other(e)));
    match &plan.token {
        TokenPlace::Header => request.headers_mut().insert("authorization", header(format!("Bearer {token}"))?),
        TokenPlace::Cookie(name) => request.headers_mut().insert("cookie", header(format!("{name}={token}"))?),
        TokenPlace::Query(_) => None,
    };
    Ok(connect_async(request).await?.0)
}

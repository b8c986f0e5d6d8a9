//! `tidewire publish`: one event, or one a line.

use crate::{
    client::{block_on, post},
    fail,
};
use serde_json::{Map, Value};
use std::{
    io::{BufRead, Read},
    process::ExitCode,
};

/// Publishes an event as a backend, and prints where it stands in the channel's log.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire publish world:w1 sound.play '{\"url\":\"/bell.ogg\",\"volume\":0.5,\"by_user_id\":\"u1\"}' --backend-key $KEY\n  \
    tidewire publish --lines --backend-key $KEY < events.ndjson     (one {channel, type, data, …} a line)")]
pub struct Args {
    /// The channel, e.g. world:w1.
    #[arg(required_unless_present = "lines")]
    channel: Option<String>,
    /// The event's type, e.g. sound.play.
    #[arg(value_name = "TYPE", required_unless_present = "lines")]
    event_type: Option<String>,
    /// The payload as JSON; - reads it from standard input.
    #[arg(required_unless_present = "lines")]
    data: Option<String>,
    /// Deduplicates: the same key again publishes nothing and gets the first answer.
    #[arg(long)]
    key: Option<String>,
    /// Reads whole requests from standard input, one JSON object a line, and publishes each.
    #[arg(long, conflicts_with_all = ["channel", "event_type", "data", "key"])]
    lines: bool,
    /// The server.
    #[arg(long, env = "TIDEWIRE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A backend key of the contract.
    #[arg(long, env = "TIDEWIRE_BACKEND_KEY", hide_env_values = true)]
    backend_key: String,
}

pub fn main(args: Args) -> ExitCode {
    match block_on(run(args)) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) => fail(error),
        Err(error) => fail(error),
    }
}

async fn run(args: Args) -> Result<bool, String> {
    let url = format!("{}/v1/events", args.url.trim_end_matches('/'));
    if args.lines {
        let mut all = true;
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|e| e.to_string())?;
            if !line.trim().is_empty() {
                all &= one(&url, &args.backend_key, line).await?;
            }
        }
        return Ok(all);
    }
    let mut data = args.data.unwrap_or_default();
    if data == "-" {
        data.clear();
        std::io::stdin().read_to_string(&mut data).map_err(|e| e.to_string())?;
    }
    let data: Value = serde_json::from_str(&data).map_err(|e| format!("the payload is not JSON: {e}"))?;
    let mut request = Map::new();
    request.insert("channel".into(), args.channel.into());
    request.insert("type".into(), args.event_type.into());
    request.insert("data".into(), data);
    if let Some(key) = args.key {
        request.insert("key".into(), key.into());
    }
    one(&url, &args.backend_key, Value::Object(request).to_string()).await
}

async fn one(url: &str, key: &str, body: String) -> Result<bool, String> {
    let (status, answer) = post(url, key, body).await?;
    if status.is_success() {
        println!("{answer}");
    } else {
        eprintln!("{status}: {answer:#}");
    }
    Ok(status.is_success())
}

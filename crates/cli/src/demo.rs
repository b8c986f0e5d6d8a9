//! `tidewire demo`: the shipped contracts, their reference backends at work, and a token for each kind of client.

use crate::{fail, serve, token::sign};
use include_dir::{Dir, include_dir};
use rand::{Rng, distr::Alphanumeric};
use serde_json::{Map, Value, json};
use std::{
    fmt::Write,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tidewire_server::{Config, Flags, config::BackendKey};

/// Serves the contracts that come with Tidewire and runs their reference backends, with nothing else installed; prints what to
/// open, and a token for each kind of client.
///
/// Keys are made anew at each start, and nothing is kept unless --data is given.
#[derive(clap::Args)]
pub struct Args {
    /// Where clients and backends connect; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where metrics and health are served [default: 127.0.0.1:9601; a free port when --listen asks for one].
    #[arg(long)]
    metrics_listen: Option<SocketAddr>,
    /// Keeps the channels here from one demo to the next.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Once all is ready, prints one line of JSON: addresses, keys and tokens.
    #[arg(long)]
    json: bool,
    /// The backends answer, but nothing happens by itself.
    #[arg(long)]
    quiet: bool,
}

static CONTRACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../contracts");

/// What the demo knows of a contract: a channel worth watching, and who might connect.
struct Role {
    name: &'static str,
    claims: fn() -> Value,
}

struct Show {
    contract: &'static str,
    channel: &'static str,
    roles: &'static [Role],
    /// Paths that the backend answers.
    paths: &'static [&'static str],
}

const SHOWS: &[Show] = &[
    Show {
        contract: "world",
        channel: "world:w1",
        roles: &[
            Role { name: "player", claims: || json!({ "sub": "ana", "character_id": "c1", "worlds": ["w1"], "role": "player" }) },
            Role { name: "player2", claims: || json!({ "sub": "boris", "character_id": "c2", "worlds": ["w1"], "role": "player" }) },
            Role { name: "gamemaster", claims: || json!({ "sub": "gm", "character_id": null, "worlds": ["w1"], "role": "gamemaster" }) },
            Role { name: "stranger", claims: || json!({ "sub": "eve", "character_id": "c9", "worlds": ["w9"], "role": "player" }) },
        ],
        paths: &["/worlds"],
    },
    Show {
        contract: "board",
        channel: "board:zoo",
        roles: &[
            Role { name: "worker", claims: || json!({ "sub": "w123", "role": "worker", "worker_id": "w123" }) },
            Role { name: "zootechnician", claims: || json!({ "sub": "z1", "role": "zootechnician" }) },
            Role { name: "stakeholder", claims: || json!({ "sub": "s1", "role": "stakeholder" }) },
        ],
        paths: &["/api/board", "/api/tickets", "/api/sprints", "/api/workers"],
    },
];

struct Stage {
    show: &'static Show,
    secret: String,
    backend_key: String,
    backend: SocketAddr,
}

pub fn main(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    let code = runtime.block_on(async {
        match run(&args).await {
            Ok(code) => code,
            Err(message) => fail(message),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

async fn run(args: &Args) -> Result<ExitCode, String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let words = |e: io::Error| format!("cannot prepare the demo: {e}");
    let contracts = folder.path().join("contracts");
    fs::create_dir(&contracts).map_err(words)?;
    CONTRACTS.extract(&contracts).map_err(words)?;
    let mut stages = Vec::new();
    for show in SHOWS {
        // The backends come after the server, which has to know their addresses: so these are chosen first.
        let backend = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(words)?;
        stages.push(Stage { show, secret: random(48), backend_key: format!("{}-{}", show.contract, random(32)), backend });
    }
    let file = folder.path().join("tidewire.toml");
    fs::write(&file, configuration(&stages)).map_err(words)?;
    let flags = Flags {
        config: Some(file),
        contracts: Some(contracts),
        data: Some(args.data.clone().unwrap_or_else(|| folder.path().join("data"))),
        listen: Some(args.listen),
        metrics_listen: args.metrics_listen,
    };
    let config = Config::load(&flags).map_err(|e| e.to_string())?;
    serve::start_logging(&config);
    let started = serve::start(config, false).await?;
    for stage in &stages {
        backend(stage, &started.url, !args.quiet, args.data.as_deref())
            .await
            .map_err(|e| format!("the backend of {} did not start: {e}", stage.show.contract))?;
    }
    let described = describe(&stages, &started)?;
    if args.json {
        println!("{described}");
    } else {
        println!("{}", in_words(&stages, &started, &described));
    }
    Ok(started.until_told().await)
}

fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// The demo's `tidewire.toml`: what a user would write, with keys of its own.
fn configuration(stages: &[Stage]) -> String {
    let mut text = "[shutdown]\ndrain = \"1s\"\n\n[log]\nlevel = \"warn\"\n\n[proxy]\n".to_owned();
    for stage in stages {
        for path in stage.show.paths {
            let _ = writeln!(text, "\"{path}\" = \"http://{}\"", stage.backend);
        }
    }
    for Stage { show, secret, backend_key, .. } in stages {
        let name = show.contract;
        let hash = BackendKey::of(backend_key).to_text();
        let _ = writeln!(
            text,
            "\n[contracts.{name}]\nbackend_keys = [\"{hash}\"]\n\n[[contracts.{name}.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{secret}\""
        );
    }
    text
}

async fn backend(stage: &Stage, url: &str, life: bool, data: Option<&Path>) -> io::Result<()> {
    let (tidewire_url, backend_key, listen) = (url.to_owned(), stage.backend_key.clone(), stage.backend);
    let data = data.map(|d| d.join("backends").join(stage.show.contract));
    match stage.show.contract {
        "world" => {
            let config = tidewire_example_world::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            tidewire_example_world::run(config).await.map(std::mem::forget).map_err(io::Error::other)
        }
        _ => {
            let config = tidewire_example_board::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            tidewire_example_board::run(config).await.map(std::mem::forget).map_err(io::Error::other)
        }
    }
}

fn tokens(stage: &Stage) -> Result<Map<String, Value>, String> {
    let mut tokens = Map::new();
    for role in stage.show.roles {
        let Value::Object(claims) = (role.claims)() else { continue };
        tokens.insert(role.name.to_owned(), sign(claims, 7 * 24 * 3600, stage.secret.as_bytes(), None)?.into());
    }
    Ok(tokens)
}

fn describe(stages: &[Stage], started: &serve::Started) -> Result<Value, String> {
    let mut contracts = Map::new();
    for stage in stages {
        let described = json!({ "backend_key": stage.backend_key, "channel": stage.show.channel, "tokens": tokens(stage)? });
        contracts.insert(stage.show.contract.to_owned(), described);
    }
    Ok(json!({ "url": started.url, "metrics": started.metrics, "contracts": contracts }))
}

fn in_words(stages: &[Stage], started: &serve::Started, described: &Value) -> String {
    let url = &started.url;
    let ws = url.replacen("http", "ws", 1);
    let mut text =
        format!("Tidewire serves {} contracts at {url}; metrics at {}/metrics. Ctrl-C ends it.\n", stages.len(), started.metrics);
    for stage in stages {
        let show = stage.show;
        let _ = writeln!(text, "\n{} · {}", show.contract, show.channel);
        let _ = writeln!(text, "  backend key    {}", stage.backend_key);
        let tokens = &described["contracts"][show.contract]["tokens"];
        for role in show.roles {
            let _ = writeln!(text, "  {:14} {}", role.name, tokens[role.name].as_str().unwrap_or_default());
        }
        let token = tokens[show.roles[0].name].as_str().unwrap_or_default();
        let try_it: &[String] = match show.contract {
            "world" => &[
                format!("curl -N '{url}/sse?world_id=w1' -H 'Authorization: Bearer {token}'"),
                format!("curl '{url}/worlds/w1/history?limit=3' -H 'Authorization: Bearer {token}'"),
                format!("{ws}/ws?world_id=w1&token={token}"),
            ],
            _ => &[
                format!("curl -N '{url}/api/events' -H 'Accept: text/event-stream' --cookie 'session={token}'"),
                format!("curl '{url}/api/board'"),
            ],
        };
        for line in try_it {
            let _ = writeln!(text, "  try            {line}");
        }
    }
    text
}

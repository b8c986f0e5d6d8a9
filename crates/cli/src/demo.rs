//! `tidewire demo`: the shipped contracts, their reference backends at work, and a token for each kind of client.

use crate::{fail, memory, serve, token::sign};
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
    /// Where clients are devices: those that are registered.
    devices: &'static [Kind],
    /// Paths that the backend answers.
    paths: &'static [&'static str],
    /// The contract's name for the backend, where clients' events are handed to it.
    takes: Option<&'static str>,
}

/// A device of the demo's registry.
struct Kind {
    name: &'static str,
    device_type: &'static str,
    abilities: &'static [&'static str],
}

/// The shop of the demo.
const SKU: &str = "pizza-bab-el-oued";

/// Who subscribes to what, as the document of the store has it.
const DEVICES: &[Kind] = &[
    Kind {
        name: "pos",
        device_type: "POS",
        abilities: &["order.read", "order.create", "order.status.set", "ticket.create", "device.sync"],
    },
    Kind { name: "kiosk", device_type: "Kiosk", abilities: &["order.read", "order.create", "device.sync"] },
    Kind { name: "kds", device_type: "KDS", abilities: &["kds.read", "kds.update", "device.sync"] },
    Kind { name: "printer", device_type: "PrinterGateway", abilities: &["printer.read", "device.sync"] },
    Kind {
        name: "back_office",
        device_type: "BackOffice",
        abilities: &["devices.read", "devices.update", "order.read", "kds.read", "media.update"],
    },
];

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
        devices: &[],
        paths: &["/worlds"],
        takes: None,
    },
    Show {
        contract: "board",
        channel: "board:zoo",
        roles: &[
            Role { name: "worker", claims: || json!({ "sub": "w123", "role": "worker", "worker_id": "w123" }) },
            Role { name: "zootechnician", claims: || json!({ "sub": "z1", "role": "zootechnician" }) },
            Role { name: "stakeholder", claims: || json!({ "sub": "s1", "role": "stakeholder" }) },
        ],
        devices: &[],
        paths: &["/api/board", "/api/tickets", "/api/sprints", "/api/workers"],
        takes: None,
    },
    Show {
        contract: "store",
        channel: "private-store.pizza-bab-el-oued.kds",
        roles: &[],
        devices: DEVICES,
        paths: &["/v1/orders", "/v1/kds", "/v1/print-jobs", "/v1/media", "/devices", "/kitchen"],
        takes: None,
    },
    Show {
        contract: "conversation",
        channel: "conversation:c1",
        roles: &[
            Role { name: "ana", claims: || json!({ "sub": "ana", "name": "Ana", "conversations": ["c1"] }) },
            Role { name: "boris", claims: || json!({ "sub": "boris", "name": "Boris", "conversations": ["c1"] }) },
            Role { name: "stranger", claims: || json!({ "sub": "eve", "conversations": [] }) },
        ],
        devices: &[],
        paths: &["/api/conversations"],
        takes: Some("conversations"),
    },
    Show {
        contract: "party",
        channel: "party:p1",
        roles: &[
            Role { name: "ana", claims: || adventurer("ana", "Ana", "p1") },
            Role { name: "boris", claims: || adventurer("boris", "Boris", "p1") },
            Role { name: "stranger", claims: || adventurer("stranger", "A stranger", "p9") },
        ],
        devices: &[],
        paths: &["/parties"],
        takes: Some("engine"),
    },
];

/// Somebody who plays in a party and its run of the campaign: `r1` for `p1`.
fn adventurer(id: &str, name: &str, party: &str) -> Value {
    let run = party.replacen('p', "r", 1);
    json!({ "sub": id, "character_id": id, "display_name": name, "parties": [party], "campaign_runs": [run] })
}

struct Stage {
    show: &'static Show,
    secret: String,
    backend_key: String,
    /// What clients' events are signed with on their way to the backend.
    handover_secret: String,
    backend: SocketAddr,
    /// Of a contract that speaks the Pusher protocol.
    app: Option<Credentials>,
    /// Of its devices, by name.
    tokens: Map<String, Value>,
}

/// An app of the Pusher protocol.
struct Credentials {
    app_id: &'static str,
    key: String,
    secret: String,
}

impl Credentials {
    fn new(app_id: &'static str) -> Credentials {
        Credentials { app_id, key: random(20), secret: random(40) }
    }

    fn json(&self) -> Value {
        json!({ "app_id": self.app_id, "key": self.key, "secret": self.secret })
    }

    fn toml(&self) -> String {
        format!("app_id = \"{}\"\nkey = \"{}\"\nsecret = \"{}\"\n", self.app_id, self.key, self.secret)
    }
}

pub fn main(args: Args) -> ExitCode {
    memory::keep_small_pages();
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
    // Those whose backend is at work here.
    for folder in SHOWS.iter().filter_map(|show| CONTRACTS.get_dir(show.contract)) {
        fs::create_dir_all(contracts.join(folder.path())).map_err(words)?;
        folder.extract(&contracts).map_err(words)?;
    }
    let mut stages = Vec::new();
    for show in SHOWS {
        // The backends come after the server, which has to know their addresses: so these are chosen first.
        let backend = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(words)?;
        let app = (!show.devices.is_empty()).then(|| Credentials::new("1"));
        let backend_key = format!("{}-{}", show.contract, random(32));
        let handover_secret = random(48);
        stages.push(Stage { show, secret: random(48), backend_key, handover_secret, backend, app, tokens: Map::new() });
    }
    // Beside the contracts, an app for whoever wants the Pusher protocol and nothing else.
    let plain = Credentials::new("2");
    let file = folder.path().join("tidewire.toml");
    fs::write(&file, configuration(&stages, &plain)).map_err(words)?;
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
    for stage in &mut stages {
        register(stage, &started).await?;
    }
    for stage in &stages {
        backend(stage, &started.url, !args.quiet, args.data.as_deref())
            .await
            .map_err(|e| format!("the backend of {} did not start: {e}", stage.show.contract))?;
    }
    let described = describe(&stages, &plain, &started)?;
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
fn configuration(stages: &[Stage], plain: &Credentials) -> String {
    let mut text = "[shutdown]\ndrain = \"1s\"\n\n[log]\nlevel = \"warn\"\n\n[proxy]\n".to_owned();
    for stage in stages {
        for path in stage.show.paths {
            let _ = writeln!(text, "\"{path}\" = \"http://{}\"", stage.backend);
        }
    }
    for Stage { show, secret, backend_key, handover_secret, backend, app, .. } in stages {
        let name = show.contract;
        let hash = BackendKey::of(backend_key).to_text();
        let _ = writeln!(text, "\n[contracts.{name}]\nbackend_keys = [\"{hash}\"]\n");
        let _ = match app {
            Some(app) => writeln!(text, "[contracts.{name}.pusher]\n{}", app.toml()),
            None => writeln!(text, "[[contracts.{name}.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{secret}\""),
        };
        if let Some(taker) = show.takes {
            let url = format!("http://{backend}/handed-over");
            let _ = writeln!(text, "[contracts.{name}.backends.{taker}]\nurl = \"{url}\"\nsecret = \"{handover_secret}\"");
        }
    }
    let _ = writeln!(text, "\n[apps.app]\n{}client_events = true\nsubscription_counts = true\nwatchlist = true", plain.toml());
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
        "store" => {
            let common = tidewire_example_world::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            let app_key = stage.app.as_ref().map(|app| app.key.clone()).unwrap_or_default();
            let pusher_js = std::env::var_os("PUSHER_JS").map(PathBuf::from);
            let token = |(name, token): (&String, &Value)| Some((name.clone(), token.as_str()?.to_owned()));
            let tokens = stage.tokens.iter().filter_map(token).collect();
            let config = tidewire_example_store::Config { common, app_key, pusher_js, tokens, ..Default::default() };
            tidewire_example_store::run(config).await.map(std::mem::forget).map_err(io::Error::other)
        }
        "conversation" => {
            let common = tidewire_example_world::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            let config = tidewire_example_conversation::Config { common, secret: stage.handover_secret.clone() };
            tidewire_example_conversation::run(config).await.map(std::mem::forget)
        }
        "party" => {
            let common = tidewire_example_world::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            let secret = stage.handover_secret.clone();
            let config = tidewire_example_party::Config { common, secret, ..Default::default() };
            tidewire_example_party::run(config).await.map(std::mem::forget).map_err(io::Error::other)
        }
        _ => {
            let config = tidewire_example_board::Config { tidewire_url, backend_key, listen, data, life, ..Default::default() };
            tidewire_example_board::run(config).await.map(std::mem::forget).map_err(io::Error::other)
        }
    }
}

/// Registers the devices of a contract that has some. A demo that goes on with its data gives them new tokens.
async fn register(stage: &mut Stage, started: &serve::Started) -> Result<(), String> {
    let Some(devices) = started.node.app.auth.devices(stage.show.contract) else { return Ok(()) };
    let words = |e: tidewire_server::devices::Refused| format!("cannot register the demo's devices: {e}");
    for kind in stage.show.devices {
        let known = devices.list().into_iter().find(|device| device.name == kind.name);
        let (_, token) = match known {
            Some(device) => devices.rotate(device.id).await.map_err(words)?,
            None => {
                let new = tidewire_server::devices::New {
                    name: kind.name.to_owned(),
                    device_type: kind.device_type.to_owned(),
                    store: SKU.to_owned(),
                    abilities: kind.abilities.iter().map(|a| (*a).to_owned()).collect(),
                    ..Default::default()
                };
                devices.create(new).await.map_err(words)?
            }
        };
        stage.tokens.insert(kind.name.to_owned(), token.into());
    }
    Ok(())
}

fn tokens(stage: &Stage) -> Result<Map<String, Value>, String> {
    let mut tokens = stage.tokens.clone();
    for role in stage.show.roles {
        let Value::Object(claims) = (role.claims)() else { continue };
        tokens.insert(role.name.to_owned(), sign(claims, 7 * 24 * 3600, stage.secret.as_bytes(), None)?.into());
    }
    Ok(tokens)
}

fn describe(stages: &[Stage], plain: &Credentials, started: &serve::Started) -> Result<Value, String> {
    let mut contracts = Map::new();
    for stage in stages {
        let mut described = json!({ "backend_key": stage.backend_key, "channel": stage.show.channel, "tokens": tokens(stage)? });
        if let Some(app) = &stage.app {
            described["pusher"] = app.json();
        }
        contracts.insert(stage.show.contract.to_owned(), described);
    }
    let store = contracts.get("store").cloned();
    Ok(json!({
        "url": started.url, "metrics": started.metrics, "contracts": contracts, "store": store, "pusher": plain.json(),
    }))
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
        let names = show.roles.iter().map(|r| r.name).chain(show.devices.iter().map(|d| d.name));
        for name in names.clone() {
            let _ = writeln!(text, "  {name:14} {}", tokens[name].as_str().unwrap_or_default());
        }
        let token = names.clone().next().and_then(|name| tokens[name].as_str()).unwrap_or_default();
        let try_it: &[String] = match show.contract {
            "world" => &[
                format!("curl -N '{url}/sse?world_id=w1' -H 'Authorization: Bearer {token}'"),
                format!("curl '{url}/worlds/w1/history?limit=3' -H 'Authorization: Bearer {token}'"),
                format!("{ws}/ws?world_id=w1&token={token}"),
            ],
            "store" => &[
                format!("{url}/kitchen#token={}", percent(tokens["kds"].as_str().unwrap_or_default())),
                format!("curl '{url}/v1/orders?updated_since=2026-01-01T00:00:00Z' -H 'Authorization: Bearer {token}'"),
                format!("curl '{url}/v1/events/since?channel=private-store.{SKU}.orders&seq=0' -H 'Authorization: Bearer {token}'"),
            ],
            "conversation" => &[
                format!("curl '{url}/api/conversations/c1/messages'"),
                format!("curl -N '{url}/conversations/events?room=conversation:c1' -H 'Authorization: Bearer {token}'"),
                format!("{ws}/conversations/ws?token={token}"),
            ],
            "party" => &[
                format!("{ws}/party/p1/ws?run=r1&character=ana&token={token}"),
                format!("curl -N '{url}/party/p1/events?run=r1' -H 'Accept: text/event-stream' -H 'Authorization: Bearer {token}'"),
                format!("curl '{url}/parties/p1'"),
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
    let app = &described["pusher"];
    let shown = ["app_id", "key", "secret"].map(|name| app[name].as_str().unwrap_or_default());
    let _ = writeln!(text, "\nan app of the Pusher protocol, for pusher-js, Laravel Echo and the server libraries");
    let _ = writeln!(text, "  app_id {}   key {}   secret {}", shown[0], shown[1], shown[2]);
    text
}

/// A device's token has a `|` in it.
fn percent(token: &str) -> String {
    token.replace('|', "%7C")
}

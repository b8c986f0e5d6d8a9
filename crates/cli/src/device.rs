//! `tidewire device`: the registry of a running server.

use crate::{
    client::{block_on, send},
    fail,
};
use clap::Subcommand;
use hyper::Method;
use serde_json::{Map, Value, json};
use std::{fmt::Write, process::ExitCode};

/// Registers, changes, blocks and lists the devices of a contract with `auth: { devices: registry }`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire device create --type KDS --store pizza-7 --ability kds.read --ability kds.update --name 'Grill'\n  \
    tidewire device block 42\n  \
    tidewire device rotate 42      (prints the new token; the old one ends at once)")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// The server.
    #[arg(long, env = "TIDEWIRE_URL", default_value = "http://127.0.0.1:8080", global = true)]
    url: String,
    /// A backend key of the contract.
    #[arg(long, env = "TIDEWIRE_BACKEND_KEY", hide_env_values = true, global = true, default_value = "", hide_default_value = true)]
    backend_key: String,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Register a device; its token is printed this once.
    Create {
        /// Its id [default: the next one].
        #[arg(long)]
        id: Option<u64>,
        #[command(flatten)]
        what: What,
    },
    /// All devices.
    List,
    /// One device.
    Show { id: u64 },
    /// Change a device; what is not given stays. A list that is given takes the place of the old one.
    Update {
        id: u64,
        #[command(flatten)]
        what: What,
        /// Lets it have no abilities.
        #[arg(long, conflicts_with = "ability")]
        no_abilities: bool,
        /// Lets it come from any address.
        #[arg(long, conflicts_with = "allow")]
        allow_any: bool,
    },
    /// Block a device; its connections end at once.
    Block { id: u64 },
    /// Unblock a device.
    Unblock { id: u64 },
    /// Give a device another token, in place of the one that it has.
    Rotate { id: u64 },
    /// Forget a device. Its id is not given again.
    Remove { id: u64 },
}

#[derive(clap::Args)]
struct What {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// POS, Kiosk, KDS, PrinterGateway, BackOffice, or whatever the contract knows.
    #[arg(long = "type", value_name = "TYPE")]
    device_type: Option<String>,
    /// The shop that it stands in.
    #[arg(long)]
    store: Option<String>,
    /// What it may, e.g. kds.read; several times for several.
    #[arg(long, value_name = "ABILITY")]
    ability: Vec<String>,
    /// An address or network that it may come from, e.g. 10.0.0.0/8; several times for several; any if none is given.
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<String>,
}

impl What {
    fn members(self) -> Map<String, Value> {
        let mut members = Map::new();
        for (key, value) in [("name", self.name), ("type", self.device_type), ("store", self.store)] {
            members.extend(value.map(|value| (key.to_owned(), Value::String(value))));
        }
        for (key, list) in [("abilities", self.ability), ("allow", self.allow)] {
            if !list.is_empty() {
                members.insert(key.to_owned(), json!(list));
            }
        }
        members
    }
}

pub fn main(args: Args) -> ExitCode {
    if args.backend_key.is_empty() {
        return fail("a backend key is needed: --backend-key, or TIDEWIRE_BACKEND_KEY");
    }
    match block_on(run(args)) {
        Ok(Ok(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(error),
        Err(error) => fail(error),
    }
}

async fn run(args: Args) -> Result<String, String> {
    let (method, path, body) = match args.verb {
        Verb::Create { id, what } => {
            let mut members = what.members();
            members.extend(id.map(|id| ("id".to_owned(), id.into())));
            (Method::POST, String::new(), Value::Object(members))
        }
        Verb::List => (Method::GET, String::new(), Value::Null),
        Verb::Show { id } => (Method::GET, format!("/{id}"), Value::Null),
        Verb::Update { id, what, no_abilities, allow_any } => {
            let mut members = what.members();
            members.extend(no_abilities.then(|| ("abilities".to_owned(), json!([]))));
            members.extend(allow_any.then(|| ("allow".to_owned(), json!([]))));
            (Method::PATCH, format!("/{id}"), Value::Object(members))
        }
        Verb::Block { id } => (Method::PATCH, format!("/{id}"), json!({ "blocked": true })),
        Verb::Unblock { id } => (Method::PATCH, format!("/{id}"), json!({ "blocked": false })),
        Verb::Rotate { id } => (Method::POST, format!("/{id}/token"), Value::Null),
        Verb::Remove { id } => (Method::DELETE, format!("/{id}"), Value::Null),
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let url = format!("{}/v1/devices{path}", args.url.trim_end_matches('/'));
    let (status, answer) = send(method, &url, &args.backend_key, body).await?;
    if !status.is_success() {
        return Err(answer["detail"].as_str().map_or_else(|| format!("{status}: {answer}"), |detail| format!("{status}: {detail}")));
    }
    Ok(if args.json { answer.to_string() } else { in_words(&answer) })
}

fn in_words(answer: &Value) -> String {
    let Some(devices) = answer["devices"].as_array() else { return one(answer) };
    let mut text = format!("{:>6}  {:16} {:16} {:8} {:20} ABILITIES", "ID", "TYPE", "STORE", "", "NAME");
    for device in devices {
        let state = if device["blocked"] == true { "blocked" } else { "" };
        let _ = write!(
            text,
            "\n{:>6}  {:16} {:16} {state:8} {:20} {}",
            device["id"].to_string(),
            plain(&device["type"]),
            plain(&device["store"]),
            plain(&device["name"]),
            list(&device["abilities"])
        );
    }
    text
}

fn one(device: &Value) -> String {
    let mut text = String::new();
    for key in ["id", "name", "type", "store", "abilities", "allow", "blocked", "created_at", "token_at", "token"] {
        let value = &device[key];
        if !value.is_null() {
            let shown = if value.is_array() { list(value) } else { plain(value) };
            let _ = write!(text, "{}{key:12}{shown}", if text.is_empty() { "" } else { "\n" });
        }
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(", ")
}

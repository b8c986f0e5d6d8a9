//! A contract as an AsyncAPI 3.0 document, and the way back.
//!
//! There are two views. *Logical*: a channel for each address pattern, payloads as they are, operations from the server's perspective.
//! *Wire*: a channel for each endpoint, with the frames that go over it. What AsyncAPI can say is said in its own words and read back
//! from there; what it has no word for is under `x-tidewire`, next to what it belongs to. So a contract that went there and back is the
//! same. Source: <https://www.asyncapi.com/docs/reference/specification/v3.0.0>.

mod back;
mod foreign;
mod logical;
mod parts;
mod read;
mod residue;
mod schemas;
mod understand;
mod wire;

pub use back::{Failure, Restored, restore};

use schemas::Shelf;
use serde_json::{Map, Value};
use tidewire_contract::Contract;

/// The extension that holds what AsyncAPI has no word for.
pub const EXTENSION: &str = "x-tidewire";

/// What a document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Channels and events.
    Logical,
    /// Endpoints and frames.
    Wire,
}

impl View {
    pub fn as_str(self) -> &'static str {
        match self {
            View::Logical => "logical",
            View::Wire => "wire",
        }
    }
}

/// The document, and what it could not say (a sentence each).
pub fn document(contract: &Contract, view: View) -> (Value, Vec<String>) {
    let shelf = Shelf::new(&contract.source.schemas);
    let (components, notes) = shelf.components();
    let mut made = match view {
        View::Logical => logical::document(contract, &shelf),
        View::Wire => wire::document(contract, &shelf),
    };
    if let Some(all) = made.pointer_mut("/components").and_then(Value::as_object_mut) {
        all.insert("schemas".to_owned(), Value::Object(components));
        all.retain(|_, part| part.as_object().is_none_or(|part| !part.is_empty()));
    }
    said_elsewhere(contract, view, &mut made);
    (made, notes)
}

/// Puts under `x-tidewire` what a reader of the rest would not find out.
fn said_elsewhere(contract: &Contract, view: View, made: &mut Value) {
    let Some(meant) = contract.source.document.as_object() else { return };
    // What the root says comes first: what is read off channels and messages depends on it.
    let understood = understand::root(made);
    let mut rest = residue::residue(&understood, meant);
    for key in ["channels", "events", "endpoints", "auth"] {
        rest.shift_remove(key);
    }
    let mut own = Map::from_iter([("view".to_owned(), view.as_str().into())]);
    own.extend(rest);
    made[EXTENSION] = Value::Object(own);
    let auth = residue::residue(&understand::auth(made), object(meant.get("auth")));
    if !auth.is_empty() {
        made[EXTENSION]["auth"] = Value::Object(auth);
    }
    for (section, understood) in
        [("channels", understand::channels(made)), ("events", understand::events(made)), ("endpoints", understand::endpoints(made))]
    {
        let found =
            understood.iter().filter_map(|one| one.at.as_ref().map(|at| (at.clone(), residue_of(section, meant, one)))).collect::<Vec<_>>();
        for (at, rest) in found {
            if let Some(place) = made.pointer_mut(&at)
                && !rest.is_empty()
            {
                place[EXTENSION] = Value::Object(rest);
            }
        }
        // What this view does not show, or not in this order, is said as it is.
        if understand::is_whole(section, &understand::section(made, section), meant.get(section)) {
            continue;
        }
        if let Some(whole) = meant.get(section) {
            made[EXTENSION][section] = whole.clone();
        }
    }
}

fn residue_of(section: &str, meant: &Map<String, Value>, one: &understand::One) -> Map<String, Value> {
    let of = match (section, meant.get(section)) {
        ("endpoints", Some(Value::Array(all))) => one.name.parse::<usize>().ok().and_then(|at| all.get(at)),
        (_, Some(all)) => all.get(&one.name),
        _ => None,
    };
    of.and_then(Value::as_object).map(|of| residue::residue(&one.said, of)).unwrap_or_default()
}

fn object(value: Option<&Value>) -> &Map<String, Value> {
    static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.and_then(Value::as_object).unwrap_or(&NOTHING)
}

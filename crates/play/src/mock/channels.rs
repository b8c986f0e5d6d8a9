//! On which channels something happens: those that the contract's actors may join.

use crate::actor::Actors;
use serde_json::{Map, Value};
use tidewire_contract::{Contract, Principal, Publisher};

/// Of one kind at most.
const FEW: usize = 4;

/// The channels, in the order of the contract. Where no actor may join one of a kind without variables, it is there all the same.
pub fn channels(contract: &Contract) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, channel) in contract.channels.iter().enumerate() {
        let published = contract.events.iter().any(|e| e.on.contains(&kind) && e.from == Publisher::Backend);
        if channel.closed || channel.mirrors.is_some() || !published {
            continue;
        }
        let mut of_kind: Vec<String> = Vec::new();
        for actor in Actors(contract).names() {
            for name in candidates(contract, kind, &actor) {
                if !of_kind.contains(&name) && may_join(contract, &actor, &name) {
                    of_kind.push(name);
                }
            }
        }
        if of_kind.is_empty() && channel.address.variables().next().is_none() {
            of_kind.push(channel.address.source.clone());
        }
        of_kind.truncate(FEW);
        found.extend(of_kind);
    }
    found
}

/// Whether the contract lets this actor on the channel.
pub fn may_join(contract: &Contract, actor: &str, name: &str) -> bool {
    let (Some(channel), Some(principal)) = (contract.channel(name), Actors(contract).principal(actor)) else { return false };
    contract.channels[channel.kind].may_join(&principal, &channel.vars)
}

/// Names that the kind's address makes of what actors' claims say: of those that are called like the variable, whoever has them; where
/// nobody has one, of all of this actor's.
fn candidates(contract: &Contract, kind: usize, actor: &str) -> Vec<String> {
    let actors = Actors(contract);
    let claims = actors.claims(actor);
    let principal: Principal = actors.principal(actor).unwrap_or_default();
    let attributes = principal.attributes.to_json();
    let address = &contract.channels[kind].address;
    let variables: Vec<&str> = address.variables().collect();
    let mut names = vec![Vec::<(String, String)>::new()];
    for variable in variables {
        let stem = variable.strip_suffix("_id").unwrap_or(variable);
        let called = |name: &str| name == variable || name == stem || name == format!("{stem}s") || name == format!("{stem}_ids");
        let named = |claims: &Map<String, Value>| -> Vec<String> {
            claims.iter().filter(|(name, _)| called(name)).flat_map(|(_, value)| texts(value)).collect()
        };
        let mut values: Vec<String> = actors.names().iter().flat_map(|name| named(&actors.claims(name))).collect();
        values.extend(named(&attributes));
        if values.is_empty() {
            values = claims.iter().chain(&attributes).flat_map(|(_, value)| texts(value)).collect();
        }
        values.sort();
        values.dedup();
        names = names
            .into_iter()
            .flat_map(|set| values.iter().map(move |v| [set.clone(), vec![(variable.to_owned(), v.clone())]].concat()))
            .take(256)
            .collect();
    }
    let fill = |set: &Vec<(String, String)>| address.fill(|var| set.iter().find(|(n, _)| n == var).map(|(_, v)| v.clone()));
    names.iter().filter_map(fill).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

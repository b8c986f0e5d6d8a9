//! Who plays: the contract's `actors`, and those that flows name beside them.

use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, Principal, Tokens};

/// The actors of a contract.
#[derive(Debug, Clone, Copy)]
pub struct Actors<'c>(pub &'c Contract);

impl Actors<'_> {
    /// The claims of somebody's token, or the attributes of their device. One whom the contract does not describe has the name as `sub`.
    pub fn claims(&self, name: &str) -> Map<String, Value> {
        let found = self.0.actors.iter().find(|actor| actor.name == name);
        let mut claims = found.map_or_else(|| Map::from_iter([("sub".to_owned(), json!(name))]), |actor| actor.claims.clone());
        if self.0.auth.tokens == Tokens::Devices && !claims.contains_key("id") {
            claims.extend(self.number(name).map(|id| ("id".to_owned(), id.into())));
        }
        claims
    }

    /// The number of a device that the contract gives none: its place among the actors, beside the numbers that are given.
    fn number(&self, name: &str) -> Option<u64> {
        let given: Vec<u64> = self.0.actors.iter().filter_map(|actor| actor.claims.get("id")?.as_u64()).collect();
        let without = self.0.actors.iter().filter(|actor| !actor.claims.contains_key("id"));
        let place = without.map(|actor| &actor.name).position(|n| n == name)?;
        (1..).filter(|id| !given.contains(id)).nth(place)
    }

    /// Who the server takes them for.
    pub fn principal(&self, name: &str) -> Option<Principal> {
        self.0.principal(&self.claims(name))
    }

    /// What a variable of an endpoint's path stands for of this actor, where its channel does not say: the claim or attribute of that
    /// name, or the first of several (`runs` for `run_id`); else the name itself.
    pub fn variable(&self, name: &str, variable: &str) -> String {
        let claims = self.claims(name);
        let attributes = self.principal(name).map(|principal| principal.attributes.to_json()).unwrap_or_default();
        let stem = variable.strip_suffix("_id").unwrap_or(variable);
        let plural = format!("{stem}s");
        let fits: [&dyn Fn(&str) -> bool; 3] = [&|n| n == variable, &|n| n == stem || n == plural, &|n| {
            n.ends_with(&format!("_{stem}")) || n.ends_with(&format!("_{plural}"))
        }];
        let found = fits.iter().find_map(|fits| {
            claims.iter().chain(&attributes).filter(|(n, _)| fits(n)).find_map(|(_, value)| match value {
                Value::Array(items) => items.first().and_then(text),
                value => text(value),
            })
        });
        found.unwrap_or_else(|| variable.to_owned())
    }

    /// All names: those of the contract.
    pub fn names(&self) -> Vec<String> {
        self.0.actors.iter().map(|actor| actor.name.clone()).collect()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

//! Which endpoints are at a path. Built once; a path without variables costs one lookup.

use crate::served::Served;
use percent_encoding::percent_decode_str;
use std::{collections::HashMap, sync::Arc};
use tidewire_contract::{
    EndpointKind,
    address::{Address, Part, Vars},
};

/// An endpoint of a contract, with the variables of its path.
pub(super) struct Found {
    /// Index into the served contracts.
    pub served: usize,
    /// Index into the contract's endpoints.
    pub endpoint: usize,
    pub vars: Vars,
}

#[derive(Default)]
pub(super) struct Table {
    exact: HashMap<String, Vec<(usize, usize)>>,
    patterns: Vec<(Address, usize, usize)>,
}

impl Table {
    pub(super) fn new(served: &[Arc<Served>]) -> Table {
        let mut table = Table::default();
        for (s, served) in served.iter().enumerate() {
            for (e, endpoint) in served.contract.endpoints.iter().enumerate() {
                if !matches!(endpoint.kind, EndpointKind::WebSocket | EndpointKind::Sse | EndpointKind::Poll | EndpointKind::History) {
                    continue;
                }
                if endpoint.path.parts.iter().any(|part| matches!(part, Part::Variable(_))) {
                    table.patterns.push((endpoint.path.clone(), s, e));
                } else {
                    table.exact.entry(endpoint.path.source.clone()).or_default().push((s, e));
                }
            }
        }
        table
    }

    pub(super) fn lookup(&self, path: &str) -> Vec<Found> {
        if let Some(found) = self.exact.get(path) {
            return found.iter().map(|&(served, endpoint)| Found { served, endpoint, vars: Vars::new() }).collect();
        }
        let matching = self.patterns.iter().filter_map(|(address, served, endpoint)| {
            let vars = decode(address.parse(path)?)?;
            Some(Found { served: *served, endpoint: *endpoint, vars })
        });
        matching.collect()
    }
}

/// A variable of a path is one segment of it, percent-decoded.
fn decode(vars: Vars) -> Option<Vars> {
    let mut decoded = Vars::with_capacity(vars.len());
    for (name, value) in vars {
        if value.contains('/') {
            return None;
        }
        let value = percent_decode_str(&value).decode_utf8().ok()?.into_owned();
        if value.contains(|c: char| c.is_control()) {
            return None;
        }
        decoded.push((name, value));
    }
    Some(decoded)
}

//! WebSockets of the Pusher protocol: `/app/{key}?protocol=7`.
//!
//! A browser's page never sees the status of a refused handshake, so whoever asks for a WebSocket gets one, and is told by the
//! code of a close frame why it cannot stay.

use super::{Admission, Admitted, Wanted, Welcome, parse_query, upgrade};
use crate::{
    limits::Place,
    problem::Problem,
    served::Served,
    session::{SessionSpec, Transport},
};
use http::{StatusCode, request::Parts};
use std::{net::IpAddr, sync::Arc};
use tidewire_contract::{EndpointKind, address::Part};
use tidewire_wire::pusher::{VERSIONS, close};

/// Where apps are found.
pub(super) struct Apps {
    /// What stands before the key, the place of the contract, and of the endpoint in it.
    paths: Vec<(String, usize, usize)>,
}

/// Contract, endpoint, and a place under the app's own limit.
type Named = (usize, usize, Option<Place<(usize, String)>>);

/// Characters of a client's version.
const VERSION_MAX: usize = 64;

impl Apps {
    pub(super) fn new(served: &[Arc<Served>]) -> Apps {
        let mut paths = Vec::new();
        for (place, served) in served.iter().enumerate().filter(|(_, served)| served.pusher.is_some()) {
            for (at, endpoint) in served.contract.endpoints.iter().enumerate().filter(|(_, e)| e.kind == EndpointKind::Pusher) {
                if let Some(Part::Literal(before)) = endpoint.path.parts.first() {
                    paths.push((before.clone(), place, at));
                }
            }
        }
        Apps { paths }
    }
}

impl Admission {
    /// What becomes of a request below a path of apps; `None` for any other.
    pub(super) fn pusher(&self, parts: &Parts, peer: IpAddr) -> Option<Result<Admitted, Problem>> {
        let path = parts.uri.path();
        let below = |before: &str| path.strip_prefix(before).is_some() || path == before.trim_end_matches('/');
        // Any of the apps lends a refusal its frames.
        let (_, lender, endpoint) = self.apps.paths.iter().find(|(before, ..)| below(before))?;
        if !Wanted::of(parts).websocket {
            let detail = format!("{path} is a WebSocket endpoint of the Pusher protocol: send an upgrade request (RFC 6455)");
            return Some(Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "This is a WebSocket endpoint", detail)));
        }
        let switch = match upgrade::check(parts) {
            Ok(switch) => switch,
            Err(problem) => return Some(Err(problem)),
        };
        let (place, endpoint, permit, refused) = match self.app(parts) {
            Ok((place, endpoint, permit)) => (place, endpoint, permit, None),
            Err(refused) => (*lender, *endpoint, None, Some(refused)),
        };
        let spec = SessionSpec {
            connection: self.connection(),
            served: self.served[place].clone(),
            endpoint,
            transport: Transport::Pusher(switch.agreed),
            principal: self.nobody.clone(),
            expires: None,
            device: None,
            joins: Vec::new(),
            filter: self.everything.clone(),
            vars: Vec::new(),
            peer,
            permit: Box::new(permit),
            refused,
        };
        Some(Ok(Admitted::Session(Box::new(Welcome { spec, status: StatusCode::SWITCHING_PROTOCOLS, headers: switch.headers }))))
    }

    /// The app that the path names, and a place in it; or the close code and its reason.
    fn app(&self, parts: &Parts) -> Result<Named, (u16, String)> {
        let path = parts.uri.path();
        let keys = || self.apps.paths.iter().filter_map(|(before, place, at)| Some((path.strip_prefix(before.as_str())?, *place, *at)));
        if keys().all(|(key, ..)| key.is_empty() || key.contains('/')) {
            return Err((close::BAD_PATH, "the path is /app/<key>".to_owned()));
        }
        let named = keys().find(|(key, place, _)| self.served[*place].pusher.as_ref().is_some_and(|app| app.key == *key));
        let Some((key, place, endpoint)) = named else {
            return Err((close::NO_SUCH_APP, "there is no app with this key".to_owned()));
        };
        let query = parse_query(parts.uri.query().unwrap_or_default())
            .map_err(|problem| (close::BAD_PATH, problem.detail.chars().take(100).collect()))?;
        let find = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        match find("protocol").map(str::parse::<u32>) {
            None => return Err((close::NO_PROTOCOL, "the parameter `protocol` is missing".to_owned())),
            Some(Ok(version)) if VERSIONS.contains(&version) => {}
            Some(_) => {
                return Err((close::UNSUPPORTED_PROTOCOL, format!("protocols {} to {} are spoken", VERSIONS.start(), VERSIONS.end())));
            }
        }
        let good = |v: &str| v.len() <= VERSION_MAX && v.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_".contains(&b));
        if find("version").is_some_and(|version| !version.is_empty() && !good(version)) {
            return Err((close::BAD_VERSION, "`version` is not a version".to_owned()));
        }
        let most = self.served[place].pusher.as_ref().map_or(0, |app| app.options.connections);
        if most == 0 {
            return Ok((place, endpoint, None));
        }
        // No principal has an empty id: the count of the app itself.
        match self.principals.take((place, String::new()), most) {
            Some(taken) => Ok((place, endpoint, Some(taken))),
            None => Err((close::OVER_QUOTA, format!("the app {key} has {most} connections already"))),
        }
    }
}

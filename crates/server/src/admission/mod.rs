//! Who may come in, to what: everything that is decided about a request before a session begins.

mod options;
mod pusher;
mod query;
mod table;
mod upgrade;

pub use query::parse_query;

use crate::{
    app::App,
    auth::{Auth, find_token, origin_allowed},
    config::Config,
    devices::Standing,
    limits::{Counts, Place},
    nodes::Wish,
    problem::Problem,
    served::Served,
    session::{Join, SessionSpec, Transport},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{
    any::Any,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use table::{Found, Table};
use tidewire_contract::{ClientFrame, EndpointKind, Filter, Principal, TokenPlace, address::Vars};
use tidewire_engine::Resume;

/// Decides about requests. Built once, from all contracts.
pub struct Admission {
    config: Arc<Config>,
    auth: Arc<Auth>,
    served: Vec<Arc<Served>>,
    table: Table,
    apps: pusher::Apps,
    principals: Arc<Counts<(usize, String)>>,
    /// What most clients have, the same for all of them: no filter, and under the Pusher protocol no principal yet.
    everything: Arc<Filter>,
    nobody: Arc<Principal>,
    next_connection: AtomicU64,
}

/// What becomes of a request.
pub enum Admitted {
    /// A WebSocket or an event stream: goes to a shard.
    Session(Box<Welcome>),
    /// A poll or a page of history.
    Query(Box<Query>),
    /// No path of a contract.
    Rest,
}

/// A session that may begin, and the head of the response that begins it.
pub struct Welcome {
    pub spec: SessionSpec,
    /// 101 or 200.
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// An admitted poll or history request.
pub struct Query {
    pub served: Arc<Served>,
    /// Index into the contract's endpoints.
    pub endpoint: usize,
    /// `Poll` or `History`.
    pub kind: EndpointKind,
    pub principal: Arc<Principal>,
    /// The device that asks, where the contract's clients are devices.
    pub device: Option<Standing>,
    /// The channels that are read, already checked against their `join` rules; each with `resume`.
    pub joins: Vec<Join>,
    pub filter: Arc<Filter>,
    /// Where the client was; `None`: it did not say.
    pub resume: Option<Resume>,
    /// Most events that the answer has.
    pub limit: usize,
    /// How long a poll waits for a first event.
    pub wait: Duration,
    /// The path and query variables of the endpoint.
    pub vars: Vars,
    /// Holds the client's places under the limits; to be kept until the answer is there.
    pub permit: Box<dyn Any + Send>,
}

impl Admission {
    pub fn new(config: Arc<Config>, auth: Arc<Auth>, served: &[Arc<Served>]) -> Admission {
        Admission {
            config,
            auth,
            served: served.to_vec(),
            table: Table::new(served),
            apps: pusher::Apps::new(served),
            principals: Arc::default(),
            everything: Arc::default(),
            nobody: Arc::default(),
            next_connection: AtomicU64::new(u64::from(rand::random::<u32>())),
        }
    }

    /// Decides about a request from its head alone.
    ///
    /// # Errors
    /// The answer that refuses it: 400, 401, 403, 404, 405, 426, 429.
    pub async fn decide(&self, parts: &Parts, peer: IpAddr) -> Result<Admitted, Problem> {
        let path = parts.uri.path();
        if let Some(decided) = self.pusher(parts, peer) {
            return decided;
        }
        let candidates = self.table.lookup(path);
        if candidates.is_empty() {
            return Ok(Admitted::Rest);
        }
        let wanted = Wanted::of(parts);
        let kinds: Vec<EndpointKind> = candidates.iter().map(|c| self.endpoint(c).kind).collect();
        let kind = wanted.choose(&kinds, path)?;
        if parts.method != Method::GET {
            return Err(method_not_allowed(path));
        }
        let query = parse_query(parts.uri.query().unwrap_or_default())?;
        let of_kind = candidates.into_iter().filter(|c| self.endpoint(c).kind == kind);
        let (found, vars) = self.with_variables(of_kind.collect(), &query)?;
        let served = &self.served[found.served];
        let contract = &served.contract;
        let endpoint = &contract.endpoints[found.endpoint];

        let (principal, expires, device) = {
            let (token, place) = find_token(contract.auth.places(kind), &parts.headers, &query).map_err(|e| e.problem())?;
            if kind == EndpointKind::WebSocket && matches!(place, TokenPlace::Cookie(_)) {
                self.check_origin(parts, &contract.name)?;
            }
            let verified = self.auth.verify_fetching(contract, &token, Some(peer)).await.map_err(|e| e.problem())?;
            (verified.principal, verified.expires, verified.device)
        };
        if !endpoint.allows(&principal, &vars) {
            return Err(Problem::forbidden("not-allowed", format!("this principal may not use {path}")).with("principal", &*principal.id));
        }
        let options = options::parse(endpoint, &query, &parts.headers, &self.config.limits)?;
        let names = self.channels(served, found.endpoint, &vars, &principal, options.channels)?;
        let optional = contract.wire.client(ClientFrame::Subscribe).is_some();
        if names.is_empty() && !(kind == EndpointKind::WebSocket && optional) {
            return Err(Problem::forbidden("no-channel", "there is no channel here that this principal may join"));
        }
        let joins: Vec<Join> = names.into_iter().map(|channel| Join { channel, resume: options.resume, place: None }).collect();
        let filter = if options.filter.is_everything() { self.everything.clone() } else { Arc::new(options.filter) };

        let switch = match kind {
            EndpointKind::WebSocket => Some(upgrade::check(parts)?),
            _ => None,
        };
        // Where the newest wins, the oldest makes room for it.
        let most = contract.limits.connections.filter(|_| !contract.limits.newest_wins);
        let permit = Box::new(self.place(found.served, most, &principal)?);
        let transport = match kind {
            EndpointKind::Poll | EndpointKind::History => {
                let query = Query {
                    served: served.clone(),
                    endpoint: found.endpoint,
                    kind,
                    principal,
                    device,
                    joins,
                    filter,
                    resume: options.resume,
                    limit: options.limit,
                    wait: options.wait,
                    vars,
                    permit,
                };
                return Ok(Admitted::Query(Box::new(query)));
            }
            EndpointKind::WebSocket => Transport::WebSocket(switch.as_ref().map(|s| s.agreed).unwrap_or_default()),
            _ => Transport::Sse,
        };
        let (status, headers) = match switch {
            Some(switch) => (StatusCode::SWITCHING_PROTOCOLS, switch.headers),
            None => (StatusCode::OK, upgrade::event_stream_headers()),
        };
        let spec = SessionSpec {
            connection: self.connection(),
            served: served.clone(),
            endpoint: found.endpoint,
            transport,
            principal,
            expires,
            device,
            joins,
            filter,
            vars,
            peer,
            permit,
            refused: None,
        };
        Ok(Admitted::Session(Box::new(Welcome { spec, status, headers })))
    }

    /// Whether a page of this origin may call the path, as far as the contracts say.
    pub fn origin_listed(&self, path: &str, origin: &str) -> bool {
        let lists = |served: &Served| {
            let settings = self.config.contract(&served.contract.name);
            settings.is_some_and(|s| s.allowed_origins.iter().any(|o| o == origin))
        };
        let signs = |served: &Served| {
            let kinds = [EndpointKind::Authorize, EndpointKind::SignIn];
            served.contract.endpoints.iter().any(|e| kinds.contains(&e.kind) && e.path.source == path)
        };
        self.table.lookup(path).iter().any(|found| lists(&self.served[found.served]))
            || self.served.iter().any(|served| signs(served) && lists(served))
    }

    /// Whether the path takes a token from a cookie.
    pub fn uses_cookies(&self, path: &str) -> bool {
        self.table.lookup(path).iter().any(|found| {
            let places = self.served[found.served].contract.auth.places(self.endpoint(found).kind);
            places.iter().any(|place| matches!(place, TokenPlace::Cookie(_)))
        })
    }

    /// Another id for each connection. Its lower 20 bits are by chance, so that nobody knows that of the next one.
    fn connection(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed) << 20 | u64::from(rand::random::<u32>() & 0xf_ffff)
    }

    fn endpoint(&self, found: &Found) -> &tidewire_contract::Endpoint {
        &self.served[found.served].contract.endpoints[found.endpoint]
    }

    /// Of the endpoints at a path, the one whose query variables are all given; with the values of all its variables.
    fn with_variables(&self, candidates: Vec<Found>, query: &[(String, String)]) -> Result<(Found, Vars), Problem> {
        let mut missing = None;
        for found in candidates {
            let mut vars = found.vars.clone();
            let lacking = self.endpoint(&found).query.iter().find(|(parameter, variable)| {
                match query.iter().find(|(name, value)| name == parameter && !value.is_empty()) {
                    Some((_, value)) => {
                        vars.push((variable.as_str().into(), value.clone()));
                        false
                    }
                    None => true,
                }
            });
            match lacking {
                None => return Ok((found, vars)),
                Some((parameter, _)) => missing = missing.or(Some(parameter.clone())),
            }
        }
        let parameter = missing.unwrap_or_default();
        Err(Problem::bad_request("missing-parameter", format!("the query parameter `{parameter}` is missing")).with("parameter", parameter))
    }

    /// The channels of a connection, each joinable.
    fn channels(
        &self,
        served: &Served,
        endpoint: usize,
        vars: &Vars,
        principal: &Principal,
        asked: Option<Vec<String>>,
    ) -> Result<Vec<tidewire_contract::ChannelName>, Problem> {
        let contract = &served.contract;
        let endpoint = &contract.endpoints[endpoint];
        let mut names: Vec<String> = Vec::new();
        if let Some(address) = &endpoint.channel {
            let lookup = |var: &str| vars.iter().find(|(name, _)| &**name == var).map(|(_, value)| value.clone());
            names.extend(address.fill(lookup));
        }
        names.extend(asked.iter().flatten().cloned());
        let max = self.config.limits.channels_per_client;
        if names.len() > max {
            let detail = format!("{} channels are asked for, and a client may have {max}", names.len());
            return Err(Problem::limit(StatusCode::BAD_REQUEST, "channels_per_client", detail));
        }
        let mut found: Vec<tidewire_contract::ChannelName> = Vec::new();
        for name in names {
            let Some(channel) = contract.channel(&name) else {
                let known: Vec<&str> = contract.channels.iter().map(|c| c.address.source.as_str()).collect();
                let detail = format!("`{name}` is no channel of the contract `{}`; its channels are {}", contract.name, known.join(", "));
                return Err(Problem::not_found("unknown-channel", detail).with("channel", name));
            };
            if !contract.channels[channel.kind].may_join(principal, &channel.vars) {
                let detail = format!("this principal may not join the channel `{name}`");
                return Err(Problem::forbidden("not-allowed", detail).with("channel", name).with("principal", &*principal.id));
            }
            if found.iter().all(|f| f.name != channel.name) {
                found.push(channel);
            }
        }
        if asked.is_none() {
            for channel in options::unless_asked(endpoint, principal).iter().filter_map(|name| contract.channel(name)) {
                // Two names of one log would give every event twice.
                let known = found.iter().any(|f| f.log_kind == channel.log_kind && f.log == channel.log);
                if !known && contract.channels[channel.kind].may_join(principal, &channel.vars) {
                    found.push(channel);
                }
            }
        }
        Ok(found)
    }

    fn check_origin(&self, parts: &Parts, contract: &str) -> Result<(), Problem> {
        let listed = self.config.contract(contract).map(|c| c.allowed_origins.as_slice()).unwrap_or_default();
        if origin_allowed(&parts.headers, &[listed, &self.config.cors.allowed_origins]) {
            return Ok(());
        }
        let detail =
            format!("pages of this origin may not connect with a cookie; it can be listed in contracts.{contract}.allowed_origins");
        Err(Problem::forbidden("origin", detail))
    }

    fn place(&self, served: usize, contract_max: Option<u32>, principal: &Principal) -> Result<Place<(usize, String)>, Problem> {
        let max = contract_max.map_or(self.config.limits.connections_per_principal, |max| max as usize);
        self.principals.take((served, principal.id.to_string()), max).ok_or_else(|| no_place(principal, max))
    }
}

impl App {
    /// [`Admission::decide`].
    ///
    /// # Errors
    /// The answer that refuses the request.
    pub async fn decide(&self, parts: &Parts, peer: IpAddr) -> Result<Admitted, Problem> {
        let mut admitted = self.admission.decide(parts, peer).await?;
        if let Admitted::Session(welcome) = &mut admitted {
            self.place_everywhere(&mut welcome.spec).await?;
            let served = welcome.spec.served.clone();
            for join in &mut welcome.spec.joins {
                let place = self.hub.place(&served.contract, &join.channel, join.resume).await;
                join.place = place.map_err(|error| crate::http::unreadable(&error))?;
            }
        }
        Ok(admitted)
    }

    /// Where a principal's connections are limited and the newest is refused, it needs a place over all nodes, beside that on its own.
    async fn place_everywhere(&self, spec: &mut SessionSpec) -> Result<(), Problem> {
        let limits = &spec.served.contract.limits;
        let (Some(across), Some(at_most), false) = (&self.across, limits.connections, limits.newest_wins) else { return Ok(()) };
        // Under the Pusher protocol nobody is known yet.
        if spec.principal.id.is_empty() {
            return Ok(());
        }
        let at_most = at_most as usize;
        let wish = Wish { contract: &spec.served.contract.name, principal: &spec.principal.id, connection: spec.connection, at_most };
        let Some(seat) = across.seats().ask(across, wish).await else { return Err(no_place(&spec.principal, at_most)) };
        let permit = std::mem::replace(&mut spec.permit, Box::new(()));
        spec.permit = Box::new((permit, seat));
        Ok(())
    }
}

fn no_place(principal: &Principal, max: usize) -> Problem {
    let detail = format!("`{}` already has {max} connections", principal.id);
    Problem::limit(StatusCode::TOO_MANY_REQUESTS, "connections_per_principal", detail)
}

/// What a request's headers say it wants.
struct Wanted {
    websocket: bool,
    event_stream: bool,
}

impl Wanted {
    fn of(parts: &Parts) -> Wanted {
        let upgrades = parts.headers.get_all(header::UPGRADE).iter().filter_map(|v| v.to_str().ok());
        let websocket = upgrades.flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case("websocket"));
        let accepts = parts.headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
        let event_stream = accepts
            .flat_map(|v| v.split(','))
            .any(|v| v.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("text/event-stream")));
        Wanted { websocket, event_stream }
    }

    fn choose(&self, kinds: &[EndpointKind], path: &str) -> Result<EndpointKind, Problem> {
        let has = |kind| kinds.contains(&kind);
        if self.websocket {
            if has(EndpointKind::WebSocket) {
                return Ok(EndpointKind::WebSocket);
            }
            return Err(Problem::bad_request("not-a-websocket", format!("{path} is no WebSocket endpoint")));
        }
        if self.event_stream && has(EndpointKind::Sse) {
            return Ok(EndpointKind::Sse);
        }
        let plain = kinds.iter().copied().find(|kind| matches!(kind, EndpointKind::Poll | EndpointKind::History));
        if let Some(kind) = plain.or(has(EndpointKind::Sse).then_some(EndpointKind::Sse)) {
            return Ok(kind);
        }
        let detail = format!("{path} is a WebSocket endpoint: send an upgrade request (RFC 6455)");
        Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "This is a WebSocket endpoint", detail)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "upgrade"))
    }
}

fn method_not_allowed(path: &str) -> Problem {
    let detail = format!("{path} takes GET only");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "The method is not allowed", detail).header(header::ALLOW, "GET, OPTIONS")
}

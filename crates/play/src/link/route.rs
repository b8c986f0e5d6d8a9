//! Which endpoint leads to a channel, and how its path is spelled for a client.

use super::Transport;
use crate::{actor::Actors, http::escape};
use tidewire_contract::{ClientFrame, Contract, Endpoint, OptionRole, TokenPlace};

/// The way of a client to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// By its place in [`Contract::endpoints`].
    pub endpoint: usize,
    /// Path and query, without token and options.
    pub path: String,
    /// Query parameters that are known from the beginning.
    pub query: Vec<(String, String)>,
    /// Connecting joins the channel; else a frame does.
    pub joins: bool,
    /// Where the endpoint can be asked to go on from some place: the parameter.
    pub resume: Option<String>,
}

/// The way over a transport, if the contract has one.
pub fn route(contract: &Contract, transport: Transport, channel: &str, actor: &str) -> Option<Route> {
    let of_kind = contract.endpoints.iter().enumerate().filter(|(_, e)| e.kind == transport.kind());
    let frames = transport.sends() && (transport == Transport::Pusher || contract.wire.client(ClientFrame::Subscribe).is_some());
    let ways = of_kind.filter_map(|(at, endpoint)| {
        let resume = option(endpoint, OptionRole::Resume);
        let way = |path, query, joins| Some(Route { endpoint: at, path, query, joins, resume });
        if let Some(address) = &endpoint.channel {
            let vars = address.parse(channel)?;
            let lookup = |name: &str| {
                let of_channel = vars.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.clone());
                Some(of_channel.unwrap_or_else(|| Actors(contract).variable(actor, name)))
            };
            let mut query = Vec::new();
            for (parameter, variable) in &endpoint.query {
                query.push((parameter.clone(), lookup(variable)?));
            }
            return way(endpoint.path.fill(lookup)?, query, true);
        }
        let lookup = |name: &str| Some(Actors(contract).variable(actor, name));
        let mut query: Vec<(String, String)> = Vec::new();
        for (parameter, variable) in &endpoint.query {
            query.push((parameter.clone(), lookup(variable)?));
        }
        let path = if transport == Transport::Pusher { endpoint.path.source.clone() } else { endpoint.path.fill(lookup)? };
        match option(endpoint, OptionRole::Subscribe) {
            Some(parameter) => {
                query.push((parameter, channel.to_owned()));
                way(path, query, true)
            }
            None if frames => way(path, query, false),
            // Whoever names no channel is on these.
            None => unasked(contract, endpoint, actor).iter().any(|name| name == channel).then(|| way(path, query, true))?,
        }
    });
    // One that leads nowhere else goes before one that wants to be told.
    ways.min_by_key(|way| (!way.joins, way.endpoint))
}

fn option(endpoint: &Endpoint, role: OptionRole) -> Option<String> {
    endpoint.options.iter().find(|(_, r)| *r == role).map(|(name, _)| name.clone())
}

fn unasked(contract: &Contract, endpoint: &Endpoint, actor: &str) -> Vec<String> {
    let principal = Actors(contract).principal(actor).unwrap_or_default();
    let filled = endpoint.unless_asked.iter().map(|template| {
        template.fill(&mut |path| match path {
            [root, attribute @ ..] if root == "principal" => principal.attributes.at(attribute),
            _ => None,
        })
    });
    filled.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

impl Route {
    /// The address, and the headers that go with it: the token in its place, and where to go on from.
    pub fn address(
        &self,
        contract: &Contract,
        transport: Transport,
        url: &str,
        token: &str,
        after: Option<&str>,
    ) -> (String, Vec<(&'static str, String)>) {
        let mut address = format!("{}{}", url.trim_end_matches('/'), self.path);
        let mut headers = Vec::new();
        let mut query = self.query.clone();
        match (after, &self.resume) {
            (Some(after), _) if transport == Transport::Sse => headers.push(("last-event-id", after.to_owned())),
            (Some(after), Some(parameter)) => query.push((parameter.clone(), after.to_owned())),
            _ => {}
        }
        match contract.auth.places(transport.kind()).first() {
            Some(TokenPlace::Header) => headers.push(("authorization", format!("Bearer {token}"))),
            Some(TokenPlace::Query(name)) => query.push((name.clone(), token.to_owned())),
            Some(TokenPlace::Cookie(name)) => headers.push(("cookie", format!("{name}={token}"))),
            None => {}
        }
        for (name, value) in query {
            address.push(if address.contains('?') { '&' } else { '?' });
            address += &format!("{}={}", escape(&name), escape(&value));
        }
        (address, headers)
    }
}

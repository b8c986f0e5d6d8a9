//! What a contract can say of the Pusher protocol, of devices, limits, the audit trail and bridges, and what follows.
//! What it cannot say is in `problems`.

use serde_json::{Value, json};
use tidewire_contract::{Contract, EndpointKind, Protocol, Rate, Template, TokenPlace, Tokens, compile_source, render_all};

const AUTH: &str = "{ devices: registry, principal: { id: $device.id, store: $device.store, abilities: $device.abilities } }";

/// A contract with this `auth`, and more sections below it.
fn source(auth: &str, more: &str) -> String {
    let wire = if more.contains("wire:") { "" } else { "wire: { protocol: pusher, event: $data }\n" };
    let endpoints = if more.contains("endpoints:") { "" } else { "endpoints: [{ pusher: '/app/{key}' }]\n" };
    let channels = if more.contains("channels:") { "" } else { "channels: { orders: { address: 'private-{shop}.orders' } }\n" };
    let events = if more.contains("events:") { "" } else { "events: { made: { on: orders } }\n" };
    format!("tidewire: 1\nname: shop\nversion: '1'\nauth: {auth}\n{wire}{endpoints}{channels}{events}{more}")
}

fn contract(auth: &str, more: &str) -> Contract {
    compile_source("contract.yaml", &source(auth, more), &|_| None).unwrap_or_else(|problems| panic!("{}", render_all(&problems)))
}

// K-1
#[test]
fn the_payload_alone_may_be_the_event() {
    let bare = contract(AUTH, "");
    assert_eq!((bare.wire.protocol, &bare.wire.event), (Protocol::Pusher, &Template::Name(vec!["data".to_owned()])));
    assert!(bare.wire.client.is_empty() && bare.wire.server.is_empty());
    for event in ["[$type, $data]", "{ t: $type, again: $replay }", "$type of $shop"] {
        contract(AUTH, &format!("wire: {{ protocol: pusher, event: {event} }}\n"));
    }
}

// K-3: a device's token is in the header wherever nothing else is said.
#[test]
fn a_device_shows_its_token_in_the_header_unless_the_contract_says_where() {
    let places = |auth: &str| {
        let auth = contract(auth, "").auth;
        [auth.websocket, auth.sse, auth.poll, auth.history]
    };
    let (header, query) = (vec![TokenPlace::Header], vec![TokenPlace::Query("t".to_owned())]);
    assert_eq!(places(AUTH), [header.clone(), header.clone(), header.clone(), header.clone()]);
    let with = |words: &str| AUTH.replace("devices: registry", &format!("devices: registry, {words}"));
    assert_eq!(places(&with("token: bearer query.t")), [query.clone(), query.clone(), query.clone(), query.clone()]);
    assert_eq!(places(&with("sse: [bearer query.t]")), [header.clone(), query, header.clone(), header]);
}

#[test]
fn who_shows_nothing_but_signatures_needs_no_place_for_tokens() {
    let none = contract("{ principal: { id: $claims.sub } }", "");
    assert_eq!(none.auth.tokens, Tokens::Signed);
    assert!([EndpointKind::Pusher, EndpointKind::Sse, EndpointKind::Replay].iter().all(|kind| none.auth.places(*kind).is_empty()));
    let beside = "endpoints:\n  - pusher: /app/{key}\n  - sse: /events/{shop}\n    subscribes: private-{shop}.orders\n";
    assert!(compile_source("contract.yaml", &source("{ principal: { id: $claims.sub } }", beside), &|_| None).is_err());
    let beside = contract("{ sse: bearer header, principal: { id: $claims.sub } }", beside);
    assert_eq!(beside.endpoints[1].kind, EndpointKind::Sse);
}

#[test]
fn a_principal_is_made_of_what_the_registry_knows() {
    let auth = "{ devices: registry, principal: { id: $device.id, label: $device.type $device.name, may: { do: $device.abilities } } }";
    let known = json!({ "id": 42, "name": "Till", "type": "POS", "store": "s", "abilities": ["a"] });
    let principal = contract(auth, "").principal(known.as_object().unwrap()).unwrap();
    assert_eq!(&*principal.id, "42");
    assert_eq!(Value::Object(principal.attributes.to_json()), json!({ "id": 42, "label": "POS Till", "may": { "do": ["a"] } }));
}

// K-5, K-6
#[test]
fn limits_are_a_connections_or_a_principals() {
    let limits = |words: &str| contract(AUTH, &format!("limits: {{ {words} }}\n")).limits;
    let rate = Some(Rate { count: 30, per: std::time::Duration::from_secs(10) });
    assert_eq!((limits("messages: 30/10s").total, limits("total: 30/10s").total), (rate, rate));
    let all = |words: &str| {
        let limits = limits(words);
        (limits.connections, limits.newest_wins, limits.per_principal)
    };
    assert_eq!(all("connections: 3"), (Some(3), false, false));
    assert_eq!(all("connections: { at_most: 3 }, per: connection"), (Some(3), false, false));
    assert_eq!(all("connections: { at_most: 3, newest: waits }"), (Some(3), false, false));
    assert_eq!(all("connections: { at_most: 1, newest: wins }, per: principal.id"), (Some(1), true, true));
    let typing = "channels: { orders: { address: 'private-{shop}.orders' } }\nevents: { client-typing: { on: orders, from: client } }\n";
    assert!(contract(AUTH, &format!("{typing}limits: {{ client-typing: 5/second }}\n")).limits.frames.contains_key("client-typing"));
}

// K-17
#[test]
fn the_audit_trail_is_there_for_who_needs_it_and_nobody_joins_it() {
    let plain = contract(AUTH, "");
    assert!(plain.audit.is_none() && plain.channel("audit").is_none());
    let audited = contract(AUTH, "events: { made: { on: orders, audit: true }, unmade: { on: orders, audit: false } }\n");
    let channel = audited.channel("audit").unwrap();
    assert_eq!(Some(channel.kind), audited.audit);
    assert!(audited.event("made").unwrap().audit && !audited.event("unmade").unwrap().audit);
    let who = audited.principal(json!({ "id": 1 }).as_object().unwrap()).unwrap();
    assert!(!audited.channels[channel.kind].may_join(&who, &channel.vars) && !audited.channels[channel.kind].oversees(&who, &channel.vars));
}

// K-1: a signed-in user's channel is that user's, also where channels may have any name.
#[test]
fn the_channels_of_signed_in_users_are_no_others() {
    let any = contract(AUTH, "channels: { any: { address: '{name}' } }\nevents: { '*': { on: any } }\n");
    let kind = |name: &str| any.channel(name).map(|c| any.channels[c.kind].id.clone());
    assert_eq!(kind("#server-to-user-7").as_deref(), Some("server-to-user"));
    assert_eq!(kind("#server-to-user-").as_deref(), Some("any"));
    assert_eq!(kind("private-7").as_deref(), Some("any"));
    let channel = any.channel("#server-to-user-7").unwrap();
    let who = any.principal(json!({ "id": 7 }).as_object().unwrap()).unwrap();
    assert!(Some(channel.kind) == any.users && !any.channels[channel.kind].may_join(&who, &channel.vars));
    let templates = "wire: { event: { t: $type } }\nendpoints: [{ websocket: '/{shop}', subscribes: 'private-{shop}.orders' }]\n";
    let own = contract("{ token: bearer header, principal: { id: $claims.sub } }", templates);
    assert!(own.users.is_none() && own.channel("#server-to-user-7").is_none());
}

// K-19
#[test]
fn a_bridges_key_is_made_of_what_its_channels_share() {
    let channels = "channels:\n  orders: { address: 'private-{shop}.orders' }\n  tables: { address: 'private-{shop}.table.{table}' }\n\
                    events: { made: { on: [orders, tables] } }\n";
    let bridges = "bridges:\n  plain: { amqp: x.y, of: orders }\n  one: { amqp: x, of: tables, routing_key: $shop.$table }\n  \
                   both: { amqp: x, of: [tables, orders], routing_key: t.$shop.$type }\n";
    let contract = contract(AUTH, &format!("{channels}{bridges}"));
    let found: Vec<(&str, &[usize], Value)> = contract
        .bridges
        .iter()
        .map(|b| (b.name.as_str(), b.of.as_slice(), b.routing_key.fill(&mut |path| Some(json!(format!("<{}>", path.join(".")))))))
        .collect();
    assert_eq!(
        found,
        [("plain", &[0][..], json!("<type>")), ("one", &[1], json!("<shop>.<table>")), ("both", &[1, 0], json!("t.<shop>.<type>"))]
    );
}

// K-3: an address's variable is text; who it names may be known by a number.
#[test]
fn a_variable_names_a_number_as_it_is_written() {
    let rule = |join: &str, id: Value, name: &str| {
        let channels = format!("channels: {{ orders: {{ address: 'private-{{who}}.orders', join: '{join}' }} }}\n");
        let contract = contract(AUTH, &channels);
        let who = contract.principal(json!({ "id": id, "abilities": [1, 42, "x"] }).as_object().unwrap()).unwrap();
        let channel = contract.channel(name).unwrap();
        contract.channels[0].may_join(&who, &channel.vars)
    };
    for join in ["who == principal.id", "principal.id == who", "who in [principal.id]"] {
        assert!(rule(join, json!(42), "private-42.orders"), "{join}");
        assert!(rule(join, json!("42"), "private-42.orders"), "{join}");
        for other in ["private-4.orders", "private-042.orders", "private-42.0.orders", "private- 42.orders", "private-+42.orders"] {
            assert!(!rule(join, json!(42), other), "{join} {other}");
        }
    }
    assert!(rule("who in principal.abilities", json!(1), "private-42.orders"));
    assert!(!rule("who in principal.abilities", json!(1), "private-2.orders"));
    assert!(!rule("principal.id == \"42\"", json!(42), "private-42.orders"), "what is no name is compared by its kind");
}

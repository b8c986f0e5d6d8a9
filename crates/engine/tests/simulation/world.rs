//! What is said in the simulation: a contract, the events of its publishers, and who looks.

use crate::rng::Rng;
use serde_json::json;
use std::sync::{Arc, OnceLock};
use tidewire_contract::{AudienceRequest, Contract, Durability, Filter, MemberChange, audience::Named, compile_source};
use tidewire_engine::{Draft, Eye, Version};

pub const LOGS: [(&str, Durability); 5] = [
    ("world/d:1", Durability::Disk),
    ("world/d:2", Durability::Disk),
    ("world/p:1", Durability::Process),
    ("world/p:2", Durability::Process),
    ("world/m:1", Durability::Memory),
];

const CHARACTERS: [&str; 4] = ["c1", "c2", "c3", "c4"];
const PLACES: [&str; 3] = ["p1", "p2", "p3"];
const GROUPS: [&str; 2] = ["g1", "g2"];
/// What has versions.
const RESOURCES: [&str; 3] = ["r1", "r2", "r3"];
/// The newest of this type is retained, under two names.
pub const RETAINED: &str = "chat.shown";
const TYPES: [&str; 3] = ["chat.said", "chat.shown", "item.moved"];

fn contract() -> Arc<Contract> {
    let yaml = "tidewire: 1\nname: world\nversion: '1'\n\
        auth: { token: bearer header, principal: { id: $claims.sub, character: $claims.character, role: $claims.role } }\n\
        channels:\n\
        \x20 d: { address: 'd:{n}', durability: disk, oversees: 'principal.role == \"master\"' }\n\
        \x20 p: { address: 'p:{n}', durability: process, oversees: 'principal.role == \"master\"' }\n\
        \x20 m: { address: 'm:{n}', durability: memory, oversees: 'principal.role == \"master\"' }\n\
        members:\n\
        \x20 place: { of: character, on: moved, member: $data.id, now_in: $data.place }\n\
        \x20 group: { of: character, on: grouped, group: $data.id, joins: $data.in, leaves: $data.out }\n\
        wire: { event: { t: $type } }\n\
        endpoints: [{ websocket: '/ws/{n}', subscribes: 'd:{n}' }]\n\
        events:\n\
        \x20 moved: { on: [d, p, m] }\n\
        \x20 grouped: { on: [d, p, m] }\n";
    Arc::new(compile_source("world.yaml", yaml, &|_| None).unwrap_or_else(|p| panic!("{}", tidewire_contract::render_all(&p))))
}

/// [`contract`], compiled once.
pub fn shared() -> Arc<Contract> {
    static ONCE: OnceLock<Arc<Contract>> = OnceLock::new();
    ONCE.get_or_init(contract).clone()
}

/// An event as a publisher means it; `n` tells it from every other.
#[derive(Debug, Clone)]
pub struct Spec {
    pub n: u64,
    pub log: usize,
    pub event_type: &'static str,
    pub key: Option<Arc<str>>,
    pub audience: Vec<AudienceRequest>,
    pub changes: Vec<MemberChange>,
    pub version: Option<Version>,
}

impl Spec {
    pub fn invent(rng: &mut Rng, n: u64, log: usize, keyed: bool) -> Spec {
        let audience = (0..[0, 0, 1, 1, 1, 2][rng.below(6)]).map(|_| request(rng)).collect();
        let changes = (0..[0, 0, 1, 1, 2][rng.below(5)]).map(|_| change(rng)).collect();
        // Most rise; some are stale by then.
        let is = n as i64 - [0, 0, 0, 2, 20][rng.below(5)];
        let version = rng.one_in(2).then(|| Version { of: (*rng.pick(&RESOURCES)).into(), is });
        Spec { n, log, event_type: TYPES[rng.below(TYPES.len())], key: keyed.then(|| format!("k{n}").into()), audience, changes, version }
    }

    pub fn draft(&self, contract: &Arc<Contract>) -> Draft {
        let (log, durability) = LOGS[self.log];
        let data = format!("{{\"n\":{}}}", self.n);
        Draft {
            key: self.key.clone(),
            audience: self.audience.clone(),
            changes: self.changes.clone(),
            version: self.version.clone(),
            retain: if self.event_type == RETAINED { vec!["shown".into(), "again".into()] } else { Vec::new() },
            ..Draft::new(contract.clone(), log.into(), durability, self.event_type.into(), data.into())
        }
    }
}

/// The number that [`Spec::draft`] put into the payload.
pub fn number(data: &[u8]) -> Option<u64> {
    std::str::from_utf8(data).ok()?.strip_prefix("{\"n\":")?.strip_suffix('}')?.parse().ok()
}

fn request(rng: &mut Rng) -> AudienceRequest {
    let parts = (0..1 + rng.below(2)).map(|_| match rng.below(4) {
        0 => Named { by: "character".into(), values: vec![(*rng.pick(&CHARACTERS)).into(), (*rng.pick(&CHARACTERS)).into()] },
        1 => Named { by: "group".into(), values: vec![(*rng.pick(&GROUPS)).into()] },
        _ => Named { by: "place".into(), values: vec![(*rng.pick(&PLACES)).into()] },
    });
    AudienceRequest::Only(parts.collect())
}

fn change(rng: &mut Rng) -> MemberChange {
    let member = (*rng.pick(&CHARACTERS)).to_owned();
    match rng.below(5) {
        0 => MemberChange::Join { relation: "group".into(), group: (*rng.pick(&GROUPS)).into(), member },
        1 => MemberChange::Leave { relation: "group".into(), group: (*rng.pick(&GROUPS)).into(), member },
        n => MemberChange::Move { relation: "place".into(), member, to: (n > 2 || rng.one_in(2)).then(|| (*rng.pick(&PLACES)).into()) },
    }
}

/// One who looks: a character or one who sees everything, with a filter.
#[derive(Debug, Clone)]
pub struct Looker {
    pub character: Option<&'static str>,
    pub filter: Arc<Filter>,
}

impl Looker {
    pub fn invent(rng: &mut Rng) -> Looker {
        let character = (!rng.one_in(5)).then(|| *rng.pick(&CHARACTERS));
        let filter = [None, None, Some("chat.*"), Some("chat.said;item.*")][rng.below(4)];
        Looker { character, filter: filter.map(|f| Filter::parse(f).unwrap()).unwrap_or_default().into() }
    }

    pub fn eye(&self, contract: &Contract, log: usize) -> Eye {
        let (_, channel) = LOGS[log].0.split_once('/').unwrap();
        let claims = match self.character {
            Some(c) => json!({ "sub": c, "character": c, "role": "player" }),
            None => json!({ "sub": "gm", "role": "master" }),
        };
        let principal = contract.principal(claims.as_object().unwrap()).unwrap().into();
        Eye::new(contract, &contract.channel(channel).unwrap(), &principal)
    }
}

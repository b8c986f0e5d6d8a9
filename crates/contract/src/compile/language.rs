//! The words of the language, in one table: what the compiler accepts, and what the reference and the editors' schema list.

/// A mapping with fixed keys.
#[derive(Debug)]
pub struct Section {
    /// As messages call it: `a channel`.
    pub title: &'static str,
    /// Where it stands: `channels.*`.
    pub path: &'static str,
    /// What the schema for editors calls it.
    pub definition: &'static str,
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub required: bool,
}

const fn must(name: &'static str) -> Key {
    Key { name, required: true }
}

const fn may(name: &'static str) -> Key {
    Key { name, required: false }
}

pub const CONTRACT: Section = Section {
    title: "a contract",
    path: "",
    definition: "contract",
    keys: &[
        must("tidewire"),
        must("name"),
        must("version"),
        may("title"),
        may("description"),
        may("feature"),
        must("auth"),
        may("limits"),
        may("keepalive"),
        may("reconnect"),
        may("errors"),
        must("channels"),
        may("members"),
        must("wire"),
        must("endpoints"),
        must("events"),
        may("backends"),
        may("bridges"),
        may("conventions"),
        may("actors"),
        may("flows"),
    ],
};

pub const FEATURE: Section =
    Section { title: "feature", path: "feature", definition: "feature", keys: &[may("branch"), may("date"), may("spec")] };

pub const AUTH: Section = Section {
    title: "auth",
    path: "auth",
    definition: "auth",
    keys: &[may("token"), may("devices"), may("websocket"), may("sse"), may("poll"), may("history"), must("principal")],
};

/// Beside these, any type of a client's frame may have a rate.
pub const LIMITS: Section = Section {
    title: "limits",
    path: "limits",
    definition: "limits",
    keys: &[may("messages"), may("total"), may("per"), may("connections")],
};

pub const CONNECTIONS: Section =
    Section { title: "limits.connections", path: "limits.connections", definition: "connections", keys: &[must("at_most"), may("newest")] };

pub const KEEPALIVE: Section =
    Section { title: "keepalive", path: "keepalive", definition: "keepalive", keys: &[may("ping"), may("timeout")] };

pub const RECONNECT: Section = Section {
    title: "reconnect",
    path: "reconnect",
    definition: "reconnect",
    keys: &[may("clean"), may("network"), may("auth"), may("restart")],
};

pub const ERROR: Section = Section { title: "an error", path: "errors.*", definition: "error", keys: &[may("means"), may("action")] };

pub const CHANNEL: Section = Section {
    title: "a channel",
    path: "channels.*",
    definition: "channel",
    keys: &[
        must("address"),
        may("join"),
        may("oversees"),
        may("history"),
        may("durability"),
        may("priority"),
        may("mirrors"),
        may("presence"),
        may("retain"),
    ],
};

pub const HISTORY: Section =
    Section { title: "history", path: "channels.*.history", definition: "history", keys: &[may("keep"), may("count"), may("bytes")] };

pub const PRESENCE: Section = Section {
    title: "presence",
    path: "channels.*.presence",
    definition: "presence",
    keys: &[must("member"), may("info"), may("joins"), may("leaves")],
};

pub const JOINS: Section =
    Section { title: "presence.joins", path: "channels.*.presence.joins", definition: "joins", keys: &[must("publishes"), may("data")] };

pub const LEAVES: Section = Section {
    title: "presence.leaves",
    path: "channels.*.presence.leaves",
    definition: "leaves",
    keys: &[must("publishes"), may("data"), may("after")],
};

/// Beside these, a relation's own name is a key: `group: $data.id`.
pub const MEMBERS: Section = Section {
    title: "a relation of members",
    path: "members.*",
    definition: "membership",
    keys: &[must("of"), must("on"), may("member"), may("now_in"), may("joins"), may("leaves")],
};

pub const WIRE: Section =
    Section { title: "wire", path: "wire", definition: "wire", keys: &[may("protocol"), must("event"), may("client"), may("server")] };

pub const WIRE_CLIENT: Section = Section {
    title: "wire.client",
    path: "wire.client",
    definition: "client",
    keys: &[may("subscribe"), may("unsubscribe"), may("sync"), may("ping"), may("pong"), may("send"), may("refresh")],
};

pub const WIRE_SERVER: Section = Section {
    title: "wire.server",
    path: "wire.server",
    definition: "server",
    keys: &[
        may("hello"),
        may("subscribed"),
        may("unsubscribed"),
        may("synced"),
        may("ack"),
        may("refused"),
        may("error"),
        may("ping"),
        may("pong"),
        may("refreshed"),
        may("gap"),
    ],
};

pub const ENDPOINT: Section = Section {
    title: "an endpoint",
    path: "endpoints[]",
    definition: "endpoint",
    keys: &[
        may("websocket"),
        may("sse"),
        may("poll"),
        may("history"),
        may("pusher"),
        may("authorize"),
        may("signin"),
        may("replay"),
        may("subscribes"),
        may("reads"),
        may("unless_asked"),
        may("allow"),
        may("options"),
    ],
};

pub const EVENT: Section = Section {
    title: "an event",
    path: "events.*",
    definition: "event",
    keys: &[
        may("on"),
        may("in"),
        may("from"),
        may("to"),
        may("publishes"),
        may("trigger"),
        may("story"),
        may("data"),
        may("audience"),
        may("key"),
        may("newest"),
        may("version"),
        may("limit"),
        may("rules"),
        may("audit"),
        may("example"),
        may("examples"),
    ],
};

pub const PUBLISHES: Section =
    Section { title: "publishes", path: "events.*.publishes", definition: "publishes", keys: &[must("type"), may("data")] };

pub const VERSION: Section = Section { title: "version", path: "events.*.version", definition: "version", keys: &[must("of"), must("is")] };

/// Beside these, attributes of principals and relations of `members` are keys.
pub const AUDIENCE: Section =
    Section { title: "an audience", path: "events.*.audience", definition: "audience", keys: &[may("when"), may("unless"), may("any")] };

pub const BACKEND: Section =
    Section { title: "a backend", path: "backends.*", definition: "backend", keys: &[may("sends"), may("deadline")] };

pub const CONVENTIONS: Section =
    Section { title: "conventions", path: "conventions", definition: "conventions", keys: &[may("names"), may("otherwise")] };

/// The items of the checklist.
pub const OTHERWISE: Section = Section {
    title: "otherwise",
    path: "conventions.otherwise",
    definition: "otherwise",
    keys: &[
        may("answers"),
        may("reach"),
        may("errors"),
        may("names"),
        may("payloads"),
        may("fields"),
        may("timestamps"),
        may("alone"),
        may("examples"),
    ],
};

pub const BRIDGE: Section =
    Section { title: "a bridge", path: "bridges.*", definition: "bridge", keys: &[must("amqp"), must("of"), may("routing_key")] };

/// What an option of an endpoint may do.
pub const OPTION_ROLES: &[&str] = &["filter", "resume", "page", "subscribe"];

/// Every section of the language.
pub const SECTIONS: &[&Section] = &[
    &CONTRACT,
    &FEATURE,
    &AUTH,
    &LIMITS,
    &CONNECTIONS,
    &KEEPALIVE,
    &RECONNECT,
    &ERROR,
    &CHANNEL,
    &HISTORY,
    &PRESENCE,
    &JOINS,
    &LEAVES,
    &MEMBERS,
    &WIRE,
    &WIRE_CLIENT,
    &WIRE_SERVER,
    &ENDPOINT,
    &EVENT,
    &PUBLISHES,
    &VERSION,
    &AUDIENCE,
    &BACKEND,
    &BRIDGE,
    &CONVENTIONS,
    &OTHERWISE,
];

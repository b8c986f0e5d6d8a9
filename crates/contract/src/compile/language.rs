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
        must("auth"),
        may("limits"),
        may("keepalive"),
        must("channels"),
        may("members"),
        must("wire"),
        must("endpoints"),
        must("events"),
    ],
};

pub const AUTH: Section = Section {
    title: "auth",
    path: "auth",
    definition: "auth",
    keys: &[may("token"), may("websocket"), may("sse"), may("poll"), may("history"), must("principal")],
};

/// Beside these, any type of a client's frame may have a rate.
pub const LIMITS: Section = Section { title: "limits", path: "limits", definition: "limits", keys: &[may("total"), may("connections")] };

pub const KEEPALIVE: Section =
    Section { title: "keepalive", path: "keepalive", definition: "keepalive", keys: &[may("ping"), may("timeout")] };

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
    ],
};

pub const HISTORY: Section =
    Section { title: "history", path: "channels.*.history", definition: "history", keys: &[may("keep"), may("count"), may("bytes")] };

pub const PRESENCE: Section =
    Section { title: "presence", path: "channels.*.presence", definition: "presence", keys: &[must("member"), may("info")] };

/// Beside these, a relation's own name is a key: `group: $data.id`.
pub const MEMBERS: Section = Section {
    title: "a relation of members",
    path: "members.*",
    definition: "membership",
    keys: &[must("of"), must("on"), may("member"), may("now_in"), may("joins"), may("leaves")],
};

pub const WIRE: Section = Section { title: "wire", path: "wire", definition: "wire", keys: &[must("event"), may("client"), may("server")] };

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
        may("from"),
        may("publishes"),
        may("trigger"),
        may("story"),
        may("data"),
        may("audience"),
        may("key"),
        may("newest"),
        may("limit"),
        may("rules"),
        may("example"),
        may("examples"),
    ],
};

/// Beside these, attributes of principals and relations of `members` are keys.
pub const AUDIENCE: Section =
    Section { title: "an audience", path: "events.*.audience", definition: "audience", keys: &[may("when"), may("unless"), may("any")] };

/// What an option of an endpoint may do.
pub const OPTION_ROLES: &[&str] = &["filter", "resume", "page", "subscribe"];

/// Every section of the language.
pub const SECTIONS: &[&Section] = &[
    &CONTRACT,
    &AUTH,
    &LIMITS,
    &KEEPALIVE,
    &CHANNEL,
    &HISTORY,
    &PRESENCE,
    &MEMBERS,
    &WIRE,
    &WIRE_CLIENT,
    &WIRE_SERVER,
    &ENDPOINT,
    &EVENT,
    &AUDIENCE,
];

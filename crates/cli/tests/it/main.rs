//! The server as its users meet it: the binary, started as they start it, and real clients.
//!
//! One program, so that it is built and linked once: `cargo test --workspace --test it party::` runs what is in `party.rs`.

mod support;

mod against;
mod board;
mod bridge;
mod comings;
mod conversation;
mod device;
mod door;
mod flows;
mod generate;
mod handover;
mod handover_pusher;
mod house;
mod kill;
mod mock;
mod new;
mod nodes;
mod nodes_chaos;
mod nodes_cluster;
mod nodes_comings;
mod nodes_figures;
mod nodes_found;
mod nodes_others;
mod nodes_people;
mod operations;
mod party;
mod party_chaos;
mod party_door;
mod party_redis;
mod presence;
mod priority;
mod readiness;
mod sessions;
mod stopping;
mod store;
mod tokens;
mod verbs;
mod versions;
mod world;

//! A contract with every kind of audience and durability, for the tests of the engine.
#![allow(dead_code)]

use std::sync::{Arc, LazyLock};
use tidewire_contract::{Contract, compile_source, render_all};

const YAML: &str = "tidewire: 1
name: town
version: '1'
auth:
  token: bearer header
  principal: { id: $claims.sub, character: $claims.character, badge: $claims.badge, role: $claims.role }
channels:
  square: { address: 'square:{n}', durability: disk, oversees: 'principal.role == \"mayor\"' }
  street: { address: 'street:{n}', durability: process, oversees: 'principal.role == \"mayor\"' }
members:
  place: { of: character, on: moved, member: $data.id, now_in: $data.place }
  guild: { of: badge, on: joined, guild: $data.id, joins: $data.in, leaves: $data.out }
wire: { event: { t: $type } }
endpoints: [{ websocket: '/ws/{n}', subscribes: 'square:{n}' }]
events:
  moved: { on: [square, street] }
  joined: { on: [square, street] }
";

/// Compiled once.
pub static TOWN: LazyLock<Arc<Contract>> =
    LazyLock::new(|| Arc::new(compile_source("town.yaml", YAML, &|_| None).unwrap_or_else(|p| panic!("{}", render_all(&p)))));

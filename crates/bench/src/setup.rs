//! What a server needs to be measured: a contract, an app of the Pusher protocol, and keys that are known here.

use sha2::{Digest, Sha256};
use std::{fs, io, path::Path};

pub const SECRET: &str = "a secret of the benchmarks, long enough";
/// The backend's key for the contract.
pub const KEY: &str = "bench-backend-key";
/// The Pusher app's key, and its secret, which is its backend's key too.
pub const APP_KEY: &str = "bench-app-key";
pub const APP_SECRET: &str = "bench-app-secret";

const CONTRACT: &str = "tidewire: 1
name: bench
version: 1.0.0
title: Benchmark
auth:
  token: [bearer query.token]
  principal: { id: $claims.sub }
channels:
  memory:  { address: 'memory:{id}', durability: memory }
  process: { address: 'process:{id}', durability: process }
  disk:    { address: 'disk:{id}', durability: disk }
wire:
  event: { seq: $seq, data: $data }
endpoints:
  - { websocket: '/ws/memory/{id}', subscribes: 'memory:{id}', options: { after: resume } }
  - { websocket: '/ws/process/{id}', subscribes: 'process:{id}', options: { after: resume } }
  - { websocket: '/ws/disk/{id}', subscribes: 'disk:{id}', options: { after: resume } }
  - { sse: '/sse/process/{id}', subscribes: 'process:{id}', options: { after: resume } }
events:
  tick: { on: [memory, process, disk], data: tick.json, example: { at: 1, pad: x } }
";

const SCHEMA: &str = r#"{"type":"object","properties":{"at":{"type":"integer"},"pad":{"type":"string"}},"required":["at","pad"],"additionalProperties":false}"#;

/// Writes the configuration `tidewire.toml` and the folder `contracts` into the folder.
pub fn write(folder: &Path) -> io::Result<()> {
    let contract = folder.join("contracts/bench");
    fs::create_dir_all(&contract)?;
    fs::write(contract.join("contract.yaml"), CONTRACT)?;
    fs::write(contract.join("tick.json"), SCHEMA)?;
    let hash = Sha256::digest(KEY).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let config = format!(
        "[limits]\nconnections_per_address = 1000000\nconnections_per_principal = 1000000\nconnections_total = 1000000\n\
         body_bytes = 4194304\n[contracts.bench]\nbackend_keys = [\"sha256:{hash}\"]\n[[contracts.bench.auth.keys]]\n\
         algorithm = \"HS256\"\nsecret = \"{SECRET}\"\n[apps.plain]\napp_id = \"1\"\nkey = \"{APP_KEY}\"\nsecret = \"{APP_SECRET}\"\n"
    );
    fs::write(folder.join("tidewire.toml"), config)
}

//! The server under test: its own process, so that its CPU time and memory are its own.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

const SECRET: &str = "a secret of the benchmarks, long enough";
pub const KEY: &str = "bench-backend-key";

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub token: String,
    _folder: tempfile::TempDir,
}

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

impl Server {
    /// Starts a server: that of `program`, or of this one.
    pub fn start(program: Option<&Path>) -> io::Result<Server> {
        let program = program.map_or_else(std::env::current_exe, |p| Ok(p.to_owned()))?;
        let folder = tempfile::tempdir()?;
        let contract = folder.path().join("contracts/bench");
        fs::create_dir_all(&contract)?;
        fs::write(contract.join("contract.yaml"), CONTRACT)?;
        fs::write(contract.join("tick.json"), SCHEMA)?;
        let hash = Sha256::digest(KEY).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let config = format!(
            "[limits]\nconnections_per_address = 1000000\nconnections_per_principal = 1000000\nconnections_total = 1000000\n\
             body_bytes = 4194304\n[contracts.bench]\nbackend_keys = [\"sha256:{hash}\"]\n[[contracts.bench.auth.keys]]\n\
             algorithm = \"HS256\"\nsecret = \"{SECRET}\"\n"
        );
        fs::write(folder.path().join("tidewire.toml"), config)?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--config"])
            .arg(folder.path().join("tidewire.toml"))
            .arg("--contracts")
            .arg(folder.path().join("contracts"))
            .arg("--data")
            .arg(folder.path().join("data"))
            .stderr(Stdio::piped())
            .spawn()?;
        let address = child.stderr.take().and_then(listening);
        let claims = json!({ "sub": "bench", "exp": 4_000_000_000u64 });
        let token =
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).map_err(io::Error::other)?;
        match address {
            Some(address) => Ok(Server { child, address, token, _folder: folder }),
            None => {
                let _ = child.wait();
                Err(io::Error::other("the server did not start"))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(stderr: std::process::ChildStderr) -> Option<SocketAddr> {
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        let json: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if let Some(url) = json["url"].as_str() {
            let address = url.trim_start_matches("http://").parse().ok();
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return address;
        }
        said += &line;
        said.push('\n');
    }
    eprint!("{said}");
    None
}

/// CPU time of a process so far, in nanoseconds, over all its threads.
pub fn cpu_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let of = |path: std::path::PathBuf| fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok();
    tasks.filter_map(|t| of(t.ok()?.path())).sum()
}

/// Memory of a process that it shares with nobody, in bytes.
pub fn memory(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("Pss:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}

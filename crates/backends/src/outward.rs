//! Clients' events for a backend, put into a stream: each once, by a script that knows what is there.

use crate::Door;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tidewire_redis::{Failure, Link};
use tidewire_server::handover::{Answer, Backend, Handed, NoAnswer, Pending};
use tokio::time::Instant;

/// Entries that may wait for the backend; it takes away what it has done.
const WAITING_MAX: usize = 100_000;
/// How long an event is known (s).
const KNOWN: usize = 24 * 3600;
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

const PUT: &str = "
local known = redis.call('GET', KEYS[2])
if known then return {1, known} end
local length = redis.call('XLEN', KEYS[1])
if length >= tonumber(ARGV[3]) then return {0, tostring(length)} end
local entry = redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'event', ARGV[2])
redis.call('SET', KEYS[2], entry, 'EX', ARGV[4])
return {1, entry}";

/// The stream of one backend.
pub(crate) struct Outward {
    link: Link,
    stream: String,
}

impl Outward {
    pub fn new(door: &Arc<Door>, backend: &str) -> Outward {
        let stream = format!("{}:{backend}", door.prefix);
        Outward { link: door.link(&stream), stream }
    }

    async fn put(&self, id: &str, body: &[u8]) -> Result<(bool, String), Failure> {
        let mut command = redis::cmd("EVAL");
        command.arg(PUT).arg(2).arg(&self.stream).arg(format!("{{{}}}:known:{id}", self.stream));
        command.arg(id).arg(body).arg(WAITING_MAX).arg(KNOWN);
        self.link.ask(&command).await
    }

    async fn hand_over(&self, handed: &Handed, until: Instant) -> Result<Answer, NoAnswer> {
        let body = handed.body().map_err(|e| NoAnswer::Unreadable(e.to_string()))?;
        let mut pause = PAUSE;
        loop {
            match self.put(&handed.id, &body).await {
                Ok((true, entry)) => return Ok(accepted(&entry)),
                Ok((false, length)) => return Err(NoAnswer::Full(length.parse().unwrap_or(WAITING_MAX))),
                // Once more does no harm: what is there is known.
                Err(failure) if Instant::now() + pause >= until => return Err(NoAnswer::Late(failure.to_string())),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// It is in the stream; what becomes of it, the backend's events say.
fn accepted(entry: &str) -> Answer {
    let reply: Value = json!({ "accepted": true, "entry": entry });
    Answer::Accepted { reply, events: Vec::new() }
}

impl Backend for Outward {
    fn hand_over<'a>(&'a self, handed: &'a Handed, until: Instant) -> Pending<'a> {
        Box::pin(Outward::hand_over(self, handed, until))
    }
}

//! What backends `PUBLISH` on a channel's name. Every node hears it; a script lets it into the contract's stream once.
//!
//! A message has no id. So each node counts how often it heard the same text on the same channel, and a message goes in when its
//! node has heard it more often than any node before. Counts are kept for ten seconds: what is published again later is another
//! message, and of two same messages within the first ten seconds of a node that has just started, alone, one may be lost. What a
//! node hears has a number there, so that a try whose answer was lost is not counted again by the next one.

use crate::Door;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_contract::address::Part;
use tidewire_redis::{Ear, Link, Push};
use tokio::{sync::watch, time::MissedTickBehavior};
use xxhash_rust::xxh3::xxh3_128;

/// How long counts are kept (ms).
const COUNTED: usize = 10_000;
const PAUSE: Duration = Duration::from_millis(500);
/// Tries to put a message into the stream.
const TRIES: usize = 20;

/// How often a connection is asked whether it is one still: one that is dead may not say so.
const LOOK: Duration = Duration::from_secs(2);

/// How long a node's number is kept: longer than Redis may be away between a try and the next (s).
const NUMBERED: usize = 3_600;

/// KEYS: the stream, the counts of this text, the number of what the node heard last. ARGV: the node, channel, text, how long
/// counts are kept, the number of this, how long that is kept.
const HEARD: &str = "
if tonumber(ARGV[5]) <= tonumber(redis.call('GET', KEYS[3]) or '0') then return 0 end
redis.call('SET', KEYS[3], ARGV[5], 'EX', ARGV[6])
local mine = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local most = tonumber(redis.call('HGET', KEYS[2], 'most') or '0')
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if mine <= most then return 0 end
redis.call('HSET', KEYS[2], 'most', mine)
redis.call('XADD', KEYS[1], '*', 'channel', ARGV[2], 'event', ARGV[3])
return 1";

pub(crate) async fn run(door: Arc<Door>, mut stop: watch::Receiver<bool>) {
    let patterns = patterns(&door);
    let mut forward = Forward { door: door.clone(), link: door.link(&door.inward()), number: 0 };
    while !*stop.borrow() {
        let listening = listen(&mut forward, &patterns);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            why = listening => {
                door.figures.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(contract = %door.contract.name, why, "does not hear what backends publish on Redis");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(forward: &mut Forward, patterns: &[String]) -> String {
    let door = forward.door.clone();
    let mut ear = match Ear::matching(&door.settings, patterns).await {
        Ok(ear) => ear,
        Err(failure) => return failure.to_string(),
    };
    tracing::debug!(contract = %door.contract.name, ?patterns, "hears what backends publish on Redis");
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            push = ear.next() => {
                let Some(push) = push else { return "the connection broke".to_owned() };
                door.figures.heard.fetch_add(1, Ordering::Relaxed);
                // The pattern may say less than the contract's address.
                if door.contract.channel(&push.channel).is_some() {
                    forward.put(&push).await;
                }
            }
            _ = look.tick() => if let Err(failure) = ear.look().await {
                return failure.to_string();
            },
        }
    }
}

/// Puts what this node hears into the contract's stream.
struct Forward {
    door: Arc<Door>,
    link: Link,
    /// Of what was heard last.
    number: u64,
}

impl Forward {
    async fn put(&mut self, push: &Push) {
        self.number += 1;
        let (door, stream) = (&self.door, self.door.inward());
        let text = [push.channel.as_bytes(), b"\0", &push.payload].concat();
        let mut command = redis::cmd("EVAL");
        command.arg(HEARD).arg(3).arg(&stream).arg(format!("{{{stream}}}:heard:{:032x}", xxh3_128(&text)));
        command.arg(format!("{{{stream}}}:heard-by:{}", door.node));
        command.arg(&door.node).arg(&push.channel).arg(&push.payload[..]).arg(COUNTED).arg(self.number).arg(NUMBERED);
        for _ in 0..TRIES {
            match self.link.ask::<u8>(&command).await {
                Ok(_) => return,
                Err(failure) => {
                    door.figures.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(contract = %door.contract.name, channel = push.channel, %failure, "cannot keep what a backend published yet");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        door.figures.lost.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            contract = %door.contract.name, channel = push.channel, bytes = push.payload.len(),
            "what a backend published is lost, unless another node kept it: Redis took it in none of {TRIES} tries"
        );
    }
}

/// Patterns of Redis for the names of the contract's channels.
fn patterns(door: &Door) -> Vec<String> {
    let open = door.contract.channels.iter().filter(|c| !c.closed && c.mirrors.is_none());
    let of = |parts: &[Part]| {
        let part = |part: &Part| match part {
            Part::Literal(text) => {
                text.chars().fold(String::new(), |all, c| if "*?[]\\".contains(c) { all + "\\" } else { all } + c.encode_utf8(&mut [0; 4]))
            }
            Part::Variable(_) => "*".to_owned(),
        };
        parts.iter().map(part).collect::<String>()
    };
    open.map(|c| of(&c.address.parts)).collect()
}

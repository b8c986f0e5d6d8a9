//! What backends `XADD`: read by one node at a time, in order, published, and then taken off the stream.

use crate::{
    Door,
    letter::{self, Letter},
};
use redis::Value;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_redis::{Failure, Lease, Link};
use tidewire_server::{App, PublishError};
use tokio::{sync::watch, time::Instant};

/// The group, and its one consumer whichever node that is: what one node left is there for the next.
const GROUP: &str = "tidewire";
const BATCH: usize = 64;
/// How long a node that says nothing keeps the turn.
const TURN: Duration = Duration::from_secs(6);
/// How often it says something.
const RENEW: Duration = Duration::from_secs(2);
/// How long Redis waits for something to come (ms).
const WAIT: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(500);
/// Dead letters that are kept.
const DEAD_MAX: usize = 10_000;

/// Reads only while it is the reader's turn: one that was away for long, without knowing of it, takes nothing from the next.
/// KEYS: the turn, the stream. ARGV: who reads, for how long the turn is kept, the group, how many, from where.
/// Answers whether it is its turn, the entries, and behind which entry new ones will be.
const READ: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local found = redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[2], ARGV[5])
if found and #found[1][2] > 0 then return {1, found} end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  if group[2] == ARGV[3] then
    for i = 1, #group, 2 do
      if group[i] == 'last-delivered-id' then return {1, {}, group[i + 1]} end
    end
  end
end
return {1, {}, '0-0'}";

/// Why a turn ended.
enum End {
    Stopped,
    NotOurs,
    Failed(String),
}

struct Reading {
    door: Arc<Door>,
    app: Arc<App>,
    stream: String,
    turn: Lease,
    /// For commands that answer at once.
    link: Link,
    /// For those that wait.
    waiting: Link,
    stop: watch::Receiver<bool>,
}

pub(crate) async fn run(door: Arc<Door>, app: Arc<App>, stop: watch::Receiver<bool>) {
    let stream = door.inward();
    let (link, waiting) = (door.link(&stream), door.link(&stream));
    let turn = Lease::at(link.clone(), format!("{{{stream}}}:turn"), door.node.clone(), TURN);
    let mut reading = Reading { door, app, stream, turn, link, waiting, stop };
    loop {
        match reading.take_turn().await {
            End::Stopped => break,
            End::NotOurs => {}
            End::Failed(why) => {
                reading.door.figures.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(contract = %reading.door.contract.name, why, "cannot take what backends published through Redis");
            }
        }
        let stopped = reading.stop.wait_for(|stop| *stop);
        if tokio::time::timeout(PAUSE, stopped).await.is_ok() {
            break;
        }
    }
    let _ = tokio::time::timeout(PAUSE, reading.turn.let_go()).await;
}

impl Reading {
    async fn take_turn(&mut self) -> End {
        match self.turn.hold().await {
            Ok(true) => {}
            Ok(false) => return End::NotOurs,
            Err(failure) => return End::Failed(failure.to_string()),
        }
        if let Err(failure) = self.group().await {
            return End::Failed(failure.to_string());
        }
        // What was begun and not finished comes first.
        let mut from = "0";
        let mut renewed;
        while !*self.stop.borrow() {
            let (letters, last) = match self.read(from).await {
                Ok(Some(read)) => read,
                Ok(None) => return End::NotOurs,
                Err(failure) => return End::Failed(failure.to_string()),
            };
            renewed = Instant::now();
            if letters.is_empty() {
                if from == ">"
                    && let Err(failure) = self.wait(&last).await
                {
                    return End::Failed(failure.to_string());
                }
                from = ">";
            }
            for letter in letters {
                if let Err(end) = self.take(&letter, &mut renewed).await {
                    return end;
                }
            }
        }
        End::Stopped
    }

    async fn renew(&self, renewed: &mut Instant) -> Result<(), End> {
        if renewed.elapsed() < RENEW {
            return Ok(());
        }
        match self.turn.hold().await {
            Ok(true) => *renewed = Instant::now(),
            Ok(false) => return Err(End::NotOurs),
            Err(failure) => return Err(End::Failed(failure.to_string())),
        }
        Ok(())
    }

    async fn group(&self) -> Result<(), Failure> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.stream).arg(GROUP).arg("0").arg("MKSTREAM");
        match self.link.ask::<Value>(&command).await {
            Err(Failure::Refused(said)) if said.contains("BUSYGROUP") => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// What there is, and behind which entry there will be more; `None`: another node reads now.
    async fn read(&self, from: &str) -> Result<Option<(Vec<Letter>, String)>, Failure> {
        let mut command = redis::cmd("EVAL");
        command.arg(READ).arg(2).arg(self.turn.key()).arg(&self.stream);
        command.arg(&self.door.node).arg(TURN.as_millis() as u64).arg(GROUP).arg(BATCH).arg(from);
        let mut answer = self.link.ask::<Vec<Value>>(&command).await?.into_iter();
        if answer.next() != Some(Value::Int(1)) {
            return Ok(None);
        }
        let letters = answer.next().map(Letter::of_answer).unwrap_or_default();
        let last = answer.next().and_then(letter::text).unwrap_or_else(|| "0-0".to_owned());
        Ok(Some((letters, last)))
    }

    /// Returns when there is something behind this entry, or after a while. It takes nothing.
    async fn wait(&self, last: &str) -> Result<(), Failure> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(WAIT).arg("STREAMS").arg(&self.stream).arg(last);
        self.waiting.ask::<Value>(&command).await.map(drop)
    }

    /// Publishes it, or puts it aside, and then takes it off the stream: whatever breaks in between, it comes again and is one event.
    async fn take(&self, letter: &Letter, renewed: &mut Instant) -> Result<(), End> {
        let contract = &self.door.contract;
        let failed = |failure: Failure| End::Failed(failure.to_string());
        match letter.read(contract) {
            Err(why) => self.put_aside(letter, &why).await.map_err(failed)?,
            Ok(drafts) => loop {
                match self.app.hub.publish(drafts.clone()).await {
                    Ok(_) => {
                        self.door.figures.taken.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Err(PublishError::Stopping) => return Err(End::Stopped),
                    Err(conflict @ PublishError::Conflict(_)) => {
                        self.put_aside(letter, &conflict.to_string()).await.map_err(failed)?;
                        break;
                    }
                    Err(error) => {
                        self.door.figures.failures.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(contract = %contract.name, %error, "what a backend published through Redis waits");
                        if *self.stop.borrow() {
                            return Err(End::Stopped);
                        }
                        tokio::time::sleep(PAUSE).await;
                        self.renew(renewed).await?;
                    }
                }
            },
        }
        let mut done = redis::pipe();
        done.cmd("XACK").arg(&self.stream).arg(GROUP).arg(&letter.entry).ignore();
        done.cmd("XDEL").arg(&self.stream).arg(&letter.entry).ignore();
        self.link.ask_all::<()>(&done).await.map_err(failed)
    }

    /// For the operator, with the reason; the next message goes on.
    async fn put_aside(&self, letter: &Letter, why: &str) -> Result<(), Failure> {
        let dead = format!("{}:dead", self.door.prefix);
        tracing::error!(contract = %self.door.contract.name, entry = letter.entry, channel = letter.channel, why, "a backend's message is in {dead}");
        let mut command = redis::cmd("XADD");
        command.arg(&dead).arg("MAXLEN").arg("~").arg(DEAD_MAX).arg("*");
        command.arg("entry").arg(&letter.entry).arg("reason").arg(why);
        command.arg("channel").arg(letter.channel.as_deref().unwrap_or_default());
        command.arg("event").arg(letter.event.as_deref().unwrap_or_default());
        self.door.link(&dead).ask::<Value>(&command).await?;
        self.door.figures.dead.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

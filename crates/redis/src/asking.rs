//! What a follower asks of Redis, each in a task of its own, and how the answers come back.

use crate::{Ear, Failure, Figures, Link, RedisLog, ear::publish_command, message::Message, reply, scripts};
use std::{sync::Arc, time::Instant};
use tidewire_engine::follow::{Known, Mark, Read, Standing};
use tokio::sync::mpsc;

/// How far the contract's messages have got, and where logs stand.
type Found = (Mark, Vec<(Arc<str>, Standing)>);

/// What was asked of Redis, answered.
pub(crate) enum Done {
    Ear(Result<Ear, Failure>),
    Looked { turn: u64, found: Option<Found> },
    Paged { log: Arc<str>, read: Option<Read> },
    Lost(bool),
}

/// Asks about one contract; the answers go to whoever has the other end.
pub(crate) struct Asking {
    link: Link,
    channel: String,
    node: u64,
    answers: mpsc::UnboundedSender<Done>,
    /// What probes are stamped by.
    started: Instant,
}

/// Events of one look at a log, and bytes.
const PAGE: usize = 1000;
const PAGE_BYTES: usize = 1 << 20;
/// Logs of one look.
const LOOK: usize = 1000;

impl Asking {
    pub fn new(log: &RedisLog, contract: &str, node: u64, answers: mpsc::UnboundedSender<Done>) -> Asking {
        Asking { link: log.link(contract), channel: log.names().told(contract), node, answers, started: Instant::now() }
    }

    pub fn figures(&self) -> &Figures {
        self.link.figures()
    }

    /// When a probe of this stamp was sent.
    pub fn sent(&self, stamp: u64) -> Instant {
        self.started + std::time::Duration::from_micros(stamp)
    }

    /// For a connection over which the others are heard.
    pub fn ear(&self) {
        let (link, channel, answers) = (self.link.clone(), self.channel.clone(), self.answers.clone());
        tokio::spawn(async move {
            let made = Ear::open(link.settings(), &[channel]).await;
            match &made {
                Ok(_) => link.figures().connected(),
                Err(_) => link.figures().failed(),
            }
            let _ = answers.send(Done::Ear(made));
        });
    }

    /// Sends a probe, which comes back as everything that is told does.
    pub fn probe(&self) {
        let stamp = (self.started.elapsed().as_micros() as u64).to_be_bytes().to_vec();
        let link = self.link.clone();
        let arguments = vec![
            publish_command(link.settings()).as_bytes().to_vec(),
            self.channel.clone().into_bytes(),
            self.node.to_be_bytes().to_vec(),
            stamp,
        ];
        tokio::spawn(async move {
            if let Err(failure) = link.run(&scripts::probe, &arguments).await {
                tracing::debug!(%failure, "a probe was not sent");
            }
        });
    }

    /// Tells the other nodes something.
    pub fn say(&self, what: &[u8]) {
        let payload = Message::said(self.node, what);
        let (link, channel) = (self.link.clone(), self.channel.clone());
        tokio::spawn(async move {
            let mut command = redis::cmd(publish_command(link.settings()));
            command.arg(channel).arg(payload);
            if let Err(failure) = link.ask::<i64>(&command).await {
                tracing::debug!(%failure, "the others were not told");
            }
        });
    }

    /// Where logs stand.
    pub fn look(&self, turn: u64, logs: Vec<Known>) {
        let (link, answers, channel) = (self.link.clone(), self.answers.clone(), self.channel.clone());
        tokio::spawn(async move {
            let found = look(&link, &channel, &logs).await;
            if let Err(failure) = &found {
                tracing::debug!(%failure, "cannot look where the log stands");
            }
            let _ = answers.send(Done::Looked { turn, found: found.ok().flatten() });
        });
    }

    /// What follows in a log.
    pub fn page(&self, after: Known) {
        self.figures().paged();
        let Known { log, head, at } = after;
        let (link, answers) = (self.link.clone(), self.answers.clone());
        tokio::spawn(async move {
            let arguments =
                [log.to_string(), head.to_string(), PAGE.to_string(), PAGE_BYTES.to_string(), at.to_string()].map(String::into_bytes);
            let read = match link.run(&scripts::page, &arguments).await {
                Ok(page) => read_of(&log, &page),
                Err(failure) => {
                    tracing::debug!(%failure, %log, "cannot read what was missed");
                    None
                }
            };
            let _ = answers.send(Done::Paged { log, read });
        });
    }

    /// That all nodes be told of a loss.
    pub fn lose(&self, lost: i64, reached: u64, clock: i64) {
        let (link, answers, channel) = (self.link.clone(), self.answers.clone(), self.channel.clone());
        tokio::spawn(async move {
            let notify = publish_command(link.settings()).to_owned();
            let arguments = [notify, channel, lost.to_string(), reached.to_string(), clock.to_string()].map(String::into_bytes);
            let told = link.run(&scripts::lose, &arguments).await;
            let _ = answers.send(Done::Lost(told.is_ok()));
        });
    }
}

/// Where the contract and these logs stand.
async fn look(link: &Link, channel: &str, logs: &[Known]) -> Result<Option<Found>, Failure> {
    let mut oldest: Option<Mark> = None;
    let mut all = Vec::with_capacity(logs.len());
    let mut chunks: Vec<&[Known]> = logs.chunks(LOOK).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    for chunk in chunks {
        let mut arguments = vec![Vec::new(), channel.as_bytes().to_vec(), b"1".to_vec()];
        for Known { log, head, at } in chunk {
            arguments.extend([log.as_bytes().to_vec(), head.to_string().into_bytes(), at.to_string().into_bytes()]);
        }
        let found = link.run(&scripts::look, &arguments).await?;
        let [n, clock, lost, rows] = reply::list(&found) else { return Ok(None) };
        let (Some(n), Some(clock), Some(lost)) = (reply::int(n), reply::int(clock), reply::int(lost)) else { return Ok(None) };
        // What was looked at first was looked at before the rest: only its mark holds for all.
        oldest.get_or_insert(Mark { n: n as u64, clock, lost });
        for (known, row) in chunk.iter().zip(reply::list(rows)) {
            let [epoch, head, first, at, _, same] = reply::list(row) else { return Ok(None) };
            let number = |value| reply::int(value).unwrap_or(0);
            let (head, first) = (number(head) as u64, number(first) as u64);
            all.push((known.log.clone(), Standing { epoch: number(epoch), head, first, at: number(at), same: number(same) == 1 }));
        }
    }
    Ok(oldest.map(|mark| (mark, all)))
}

fn read_of(log: &str, page: &redis::Value) -> Option<Read> {
    let [_, head, first, entries, same] = reply::list(page) else { return None };
    let records = match reply::records(log, reply::list(entries)) {
        Ok(records) => records.into_iter().map(Arc::new).collect(),
        Err(error) => {
            tracing::error!(%error, "what was missed cannot be read");
            return None;
        }
    };
    Some(Read { head: reply::int(head)? as u64, first: reply::int(first)? as u64, same: reply::int(same)? == 1, records })
}

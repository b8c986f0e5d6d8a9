//! What a backend is to the server: somebody who is handed a client's event and answers. How it is reached is a matter of each.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use std::{future::Future, pin::Pin};
use tidewire_engine::at;
use tokio::time::Instant;

/// An answer that takes its time.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send + 'a>>;

/// An application that takes what clients send: over HTTP ([`super::Http`]), through a stream, in this process.
pub trait Backend: Send + Sync + 'static {
    /// Hands an event over until it is answered, at the latest at `until`. It may be handed over again, by another node or after
    /// a restart: then with the same [`Handed::id`].
    fn hand_over<'a>(&'a self, handed: &'a Handed, until: Instant) -> Pending<'a>;
}

/// What a backend is told of a client's event.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The same whenever the same event is handed over: what a backend deduplicates by.
    pub id: String,
    pub contract: String,
    pub backend: String,
    pub event_type: String,
    /// The channel that the client sent it to.
    pub channel: String,
    /// By the contract's `key`.
    pub key: Option<String>,
    /// JSON, valid by the contract.
    pub data: Bytes,
    /// The attributes of the client's principal.
    pub principal: Map<String, Value>,
    /// The client's connection, as its first frame and `/v1/disconnect` name it.
    pub connection: String,
    /// Trace or correlation id.
    pub trace: Option<String>,
    /// When it came (µs).
    pub at: i64,
}

#[derive(Serialize)]
struct Body<'a> {
    contract: &'a str,
    backend: &'a str,
    r#type: &'a str,
    channel: &'a str,
    key: Option<&'a str>,
    data: &'a RawValue,
    principal: &'a Map<String, Value>,
    connection: &'a str,
    trace: Option<&'a str>,
    at: String,
}

impl Handed {
    /// The JSON document that says all of it but the id.
    ///
    /// # Errors
    /// `data` is not JSON, which an event that was admitted cannot be.
    pub fn body(&self) -> Result<Bytes, serde_json::Error> {
        let body = Body {
            contract: &self.contract,
            backend: &self.backend,
            r#type: &self.event_type,
            channel: &self.channel,
            key: self.key.as_deref(),
            data: serde_json::from_slice(&self.data)?,
            principal: &self.principal,
            connection: &self.connection,
            trace: self.trace.as_deref(),
            at: at::to_iso(self.at),
        };
        serde_json::to_vec(&body).map(Bytes::from)
    }
}

/// What a backend says to an event.
#[derive(Debug)]
pub enum Answer {
    /// `reply` becomes `$reply` of the client's ack; the events, as `POST /v1/events` takes them, are published.
    Accepted {
        reply: Value,
        events: Vec<Box<RawValue>>,
    },
    Refused(Refused),
}

/// Why a client's event was not accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// One of the contract's `errors`, as a rule.
    pub code: String,
    pub message: String,
    /// A list of what is wrong in particular, maybe empty.
    pub errors: Value,
}

impl Refused {
    pub fn new(code: &str, message: impl Into<String>) -> Refused {
        Refused { code: code.to_owned(), message: message.into(), errors: Value::Array(Vec::new()) }
    }
}

/// Nobody knows what became of the event. For the operator; a client is told only that.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    #[error("no answer in time: {0}")]
    Late(String),
    #[error("the answer cannot be understood: {0}")]
    Unreadable(String),
    #[error("{0} events wait for it already")]
    Full(usize),
}

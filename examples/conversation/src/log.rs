//! Reading a conversation's events back from the server: `GET /v1/events/since`, with the backend key.

use crate::room::{Heard, Room};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::time::Duration;
use tidewire_example_backend::Refusal;

/// The server's log, as a backend sees it.
pub struct Log {
    http: Client<HttpConnector, Full<Bytes>>,
    server: String,
    key: String,
}

const PATIENCE: Duration = Duration::from_secs(3);

impl Log {
    pub fn new(tidewire_url: &str, backend_key: &str) -> Log {
        let server = tidewire_url.trim_end_matches('/').to_owned();
        Log { http: Client::builder(TokioExecutor::new()).build_http(), server, key: backend_key.to_owned() }
    }

    /// Takes in everything that the conversation has come to since the room was last up to date.
    ///
    /// # Errors
    /// The server does not answer, or not with a page.
    pub async fn catch_up(&self, channel: &str, room: &mut Room) -> Result<(), Refusal> {
        loop {
            let after = room.position.as_ref().map(|place| format!("&after={place}")).unwrap_or_default();
            let page = self.page(&format!("channel={}{after}", utf8_percent_encode(channel, NON_ALPHANUMERIC))).await?;
            let Page { events, more, position, lost } = page;
            if lost && room.position.is_some() {
                // The log is another one, or no longer reaches back: what it still has is what there is.
                *room = Room::default();
                continue;
            }
            events.into_iter().for_each(|heard| room.hear(heard));
            room.position = position.or(room.position.take());
            if !more {
                return Ok(());
            }
        }
    }

    /// All conversations, and the `seq` of each one's newest event.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn conversations(&self) -> Result<Vec<(String, u64)>, Refusal> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(|(name, _): &(String, u64)| format!("&after={}", utf8_percent_encode(name, NON_ALPHANUMERIC)));
            let url = format!("{}/v1/channels?prefix=conversation%3A&limit=1000{}", self.server, after.unwrap_or_default());
            let (status, page) = self.get(&url).await?;
            let channels =
                page["channels"].as_array().filter(|_| status.is_success()).ok_or_else(|| unread(&format!("the answer was {status}")))?;
            let one = |c: &Value| Some((c["channel"].as_str()?.to_owned(), c["seq"].as_u64()?));
            all.extend(channels.iter().filter_map(one));
            if page["more"] != true || channels.is_empty() {
                return Ok(all);
            }
        }
    }

    async fn get(&self, url: &str) -> Result<(StatusCode, Value), Refusal> {
        let request = Request::get(url).header("authorization", format!("Bearer {}", self.key));
        let request = request.body(Full::default()).map_err(|e| unread(&e.to_string()))?;
        let response = tokio::time::timeout(PATIENCE, self.http.request(request)).await;
        let response = response.map_err(|_| unread("no answer"))?.map_err(|e| unread(&e.to_string()))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|e| unread(&e.to_string()))?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn page(&self, query: &str) -> Result<Page, Refusal> {
        let (status, page) = self.get(&format!("{}/v1/events/since?{query}", self.server)).await?;
        if status == StatusCode::NOT_FOUND {
            return Err(Refusal::not_found("there is no such conversation"));
        }
        let events =
            page["events"].as_array().filter(|_| status.is_success()).ok_or_else(|| unread(&format!("the answer was {status}")))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let heard =
            |event: &Value| Heard { event_type: text(&event["type"]), data: event["payload"].clone(), at: text(&event["timestamp"]) };
        Ok(Page {
            events: events.iter().map(heard).collect(),
            more: page["more"].as_bool().unwrap_or(false),
            position: page["position"].as_str().map(str::to_owned),
            lost: !page["gap"].is_null(),
        })
    }
}

fn unread(why: &str) -> Refusal {
    Refusal::unavailable(format!("the conversation cannot be read: {why}"))
}

struct Page {
    events: Vec<Heard>,
    more: bool,
    position: Option<String>,
    lost: bool,
}

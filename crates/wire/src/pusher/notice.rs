//! What the server says beside events.

use super::{event::text, socket_id};
use crate::reply::{Gap, Reply};
use serde_json::{Map, Value, json};
use tidewire_engine::at;

/// Who is on a presence channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub user_id: String,
    /// Null where the member says nothing of itself.
    pub user_info: Value,
}

/// What only this protocol has words for.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// `members` for presence channels alone.
    Subscribed {
        channel: String,
        members: Option<Vec<Member>>,
    },
    /// The channel is not joined; the connection lives on. `status` as HTTP would have it.
    SubscriptionError {
        channel: String,
        error: String,
        status: u16,
    },
    MemberAdded {
        channel: String,
        member: Member,
    },
    MemberRemoved {
        channel: String,
        user_id: String,
    },
    SubscriptionCount {
        channel: String,
        count: usize,
    },
    CacheMiss {
        channel: String,
    },
    SignedIn {
        user_data: String,
    },
    /// Who of a user's watchlist is there, or no longer.
    Watchlist {
        online: Vec<String>,
        offline: Vec<String>,
    },
    /// Something a client did went wrong. `code` of the 43xx, if there is one for it.
    Error {
        code: Option<u16>,
        message: String,
    },
}

impl Notice {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Notice::Subscribed { channel, members } => {
                let data = members.as_ref().map_or_else(|| json!({}), |members| presence(members));
                within("pusher_internal:subscription_succeeded", Some(channel), &data, out);
            }
            Notice::SubscriptionError { channel, error, status } => {
                let kind = if matches!(status, 401 | 403) { "AuthError" } else { "SubscriptionError" };
                let data = json!({ "type": kind, "error": error, "status": status });
                plain("pusher:subscription_error", Some(channel), &data, out);
            }
            Notice::MemberAdded { channel, member } => {
                let mut data = Map::from_iter([("user_id".to_owned(), json!(member.user_id))]);
                if !member.user_info.is_null() {
                    data.insert("user_info".to_owned(), member.user_info.clone());
                }
                within("pusher_internal:member_added", Some(channel), &Value::Object(data), out);
            }
            Notice::MemberRemoved { channel, user_id } => {
                within("pusher_internal:member_removed", Some(channel), &json!({ "user_id": user_id }), out);
            }
            Notice::SubscriptionCount { channel, count } => {
                within("pusher_internal:subscription_count", Some(channel), &json!({ "subscription_count": count }), out);
            }
            Notice::CacheMiss { channel } => within("pusher:cache_miss", Some(channel), &json!({}), out),
            Notice::SignedIn { user_data } => within("pusher:signin_success", None, &json!({ "user_data": user_data }), out),
            Notice::Watchlist { online, offline } => {
                let named = [("online", online), ("offline", offline)];
                let events: Vec<Value> =
                    named.iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| json!({ "name": name, "user_ids": ids })).collect();
                within("pusher_internal:watchlist_events", None, &json!({ "events": events }), out);
            }
            Notice::Error { code, message } => {
                plain("pusher:error", None, &json!({ "message": message, "code": code }), out);
            }
        }
    }
}

fn presence(members: &[Member]) -> Value {
    let ids: Vec<&str> = members.iter().map(|m| m.user_id.as_str()).collect();
    let hash: Map<String, Value> = members.iter().map(|m| (m.user_id.clone(), m.user_info.clone())).collect();
    json!({ "presence": { "count": ids.len(), "ids": ids, "hash": hash } })
}

/// A frame whose data is an object.
fn plain(event: &str, channel: Option<&String>, data: &Value, out: &mut Vec<u8>) {
    frame(
        event,
        channel,
        |out| {
            // Writing to a Vec does not fail.
            let _ = serde_json::to_writer(out, data);
        },
        out,
    );
}

/// A frame whose data is a JSON text.
fn within(event: &str, channel: Option<&String>, data: &Value, out: &mut Vec<u8>) {
    frame(event, channel, |out| text(&data.to_string(), out), out);
}

fn frame(event: &str, channel: Option<&String>, data: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"event\":");
    text(event, out);
    if let Some(channel) = channel {
        out.extend_from_slice(b",\"channel\":");
        text(channel, out);
    }
    out.extend_from_slice(b",\"data\":");
    data(out);
    out.push(b'}');
}

/// What has a meaning in every protocol, in this one's words; false where it has none.
pub(super) fn reply(reply: &Reply, activity_timeout: u64, out: &mut Vec<u8>) -> bool {
    match reply {
        Reply::Hello { connection, .. } => {
            let socket = connection.parse().map(socket_id).unwrap_or_default();
            within("pusher:connection_established", None, &json!({ "socket_id": socket, "activity_timeout": activity_timeout }), out);
        }
        Reply::Ping { .. } => plain("pusher:ping", None, &json!({}), out),
        Reply::Pong { .. } => plain("pusher:pong", None, &json!({}), out),
        Reply::Error { code, message, .. } | Reply::Refused { code, message, .. } => {
            let code = (code.as_ref() == "RATE_LIMITED").then_some(super::code::TOO_MANY_CLIENT_EVENTS);
            Notice::Error { code, message: message.clone() }.write(out);
        }
        Reply::Gap(gap) => within(GAP, Some(&gap.channel), &told(gap), out),
        Reply::Subscribed { .. } | Reply::Unsubscribed { .. } | Reply::Synced { .. } | Reply::Ack { .. } | Reply::Refreshed { .. } => {
            return false;
        }
    }
    true
}

/// The event on a channel whose history no longer reaches back to where the client was.
pub(super) const GAP: &str = "tidewire:gap";

fn told(gap: &Gap) -> Value {
    json!({
        "from": gap.from,
        "from_at": gap.from_at.map(at::to_iso),
        "to": gap.to.seq,
        "position": gap.to.to_string(),
        "reason": gap.reason.as_str(),
        "action": gap.reason.action(),
    })
}

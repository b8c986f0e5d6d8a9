//! One thing that is told, as the protocol spells it.

use crate::{config::WebhookEvent, pusher::roster::Change};
use serde_json::{Value, json};

/// An event of a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub kind: WebhookEvent,
    pub channel: String,
    pub json: Value,
}

impl From<Change> for Notice {
    fn from(change: Change) -> Notice {
        let (kind, name, channel, more) = match change {
            Change::Occupied { channel } => (WebhookEvent::ChannelOccupied, "channel_occupied", channel, json!({})),
            Change::Vacated { channel } => (WebhookEvent::ChannelVacated, "channel_vacated", channel, json!({})),
            Change::MemberAdded { channel, user_id } => (WebhookEvent::MemberAdded, "member_added", channel, json!({ "user_id": user_id })),
            Change::MemberRemoved { channel, user_id } => {
                (WebhookEvent::MemberRemoved, "member_removed", channel, json!({ "user_id": user_id }))
            }
            Change::Count { channel, count } => {
                (WebhookEvent::SubscriptionCount, "subscription_count", channel, json!({ "subscription_count": count }))
            }
            Change::CacheMiss { channel } => (WebhookEvent::CacheMiss, "cache_miss", channel, json!({ "data": "{}" })),
            Change::ClientEvent { channel, event, data, socket_id, user_id } => {
                // A text stays what it says; anything else is told as its JSON.
                let data = serde_json::from_str::<String>(&data).unwrap_or(data);
                let mut more = json!({ "event": event, "data": data, "socket_id": socket_id });
                if let Some(user_id) = user_id {
                    more["user_id"] = user_id.into();
                }
                (WebhookEvent::ClientEvent, "client_event", channel, more)
            }
        };
        let mut json = json!({ "name": name, "channel": channel });
        if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
            json.extend(more);
        }
        Notice { kind, channel, json }
    }
}

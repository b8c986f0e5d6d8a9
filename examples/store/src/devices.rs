//! Which devices are there: heartbeats, and what follows when they stop.

use crate::shop::{Done, Shop, Told, told};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidewire_example_backend::Refusal;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub sku: String,
    pub device_type: String,
    /// `online`, `offline`, `inactive`, `blocked`.
    pub status: String,
    /// When it came to that.
    pub since: String,
}

/// What the back office can make of a device.
pub const PUT_TO: [&str; 3] = ["offline", "inactive", "blocked"];

impl Shop {
    /// A device has a status; told if it is another one than before.
    pub fn device_status(&mut self, id: u64, sku: &str, device_type: &str, status: &str, reason: &str, now: &str) -> Done {
        let body = json!({ "id": id, "status": status });
        if self.devices.get(&id).is_some_and(|known| known.status == status && known.sku == sku) {
            return Ok((body, Vec::new()));
        }
        let known = Known { sku: sku.to_owned(), device_type: device_type.to_owned(), status: status.to_owned(), since: now.to_owned() };
        self.devices.insert(id, known);
        let data = json!({ "device": { "id": id, "type": device_type, "status": status }, "reason": reason, "at": now });
        Ok((body, vec![told(sku, "devices", "DeviceStatusChanged", ("Device", id), data)]))
    }
}

/// A message to one device.
///
/// # Errors
/// What is wrong with it.
pub fn notify(sku: &str, id: u64, body: &Value) -> Done {
    let text = |name: &str, most: usize| {
        let found = body[name].as_str().filter(|text| (1..=most).contains(&text.chars().count()));
        found.map(str::to_owned).ok_or_else(|| Refusal::bad(format!("{name} is a text of 1 to {most} characters")))
    };
    let level = body.get("level").map_or(Some("info"), Value::as_str).filter(|level| ["info", "warning", "error"].contains(level));
    let level = level.ok_or_else(|| Refusal::bad("level is info, warning or error"))?;
    let mut data = json!({ "title": text("title", 200)?, "message": text("message", 2000)?, "level": level });
    if let Some(action) = body.get("action") {
        let kind = action["type"].as_str().filter(|kind| ["navigate", "reload", "open_url"].contains(kind));
        let kind = kind.ok_or_else(|| Refusal::bad("action.type is navigate, reload or open_url"))?;
        data["action"] = json!({ "type": kind });
        match &action["target"] {
            Value::Null => {}
            Value::String(target) if (1..=500).contains(&target.chars().count()) => data["action"]["target"] = target.as_str().into(),
            _ => return Err(Refusal::bad("action.target is a text of 1 to 500 characters")),
        }
    }
    let event = Told { channel: format!("private-device.{id}.notifications"), ..told(sku, "", "DeviceNotification", ("Device", id), data) };
    Ok((json!({ "id": id }), vec![event]))
}

/// A picture or a menu is not any more what screens have.
///
/// # Errors
/// What is wrong with it.
pub fn media(sku: &str, body: &Value, now: &str) -> Done {
    let wrong = || Refusal::bad("media has id (from 1), type (image, video, menu) and, if at all, url and version (from 1)");
    let known = ["id", "type", "url", "version"];
    let fields = body.as_object().filter(|fields| fields.keys().all(|name| known.contains(&name.as_str()))).ok_or_else(wrong)?;
    let number = |name: &str| fields.get(name).is_none_or(|v| v.as_u64().is_some_and(|n| n > 0));
    let kind = body["type"].as_str().is_some_and(|kind| ["image", "video", "menu"].contains(&kind));
    let url = fields.get("url").is_none_or(|v| v.as_str().is_some_and(|url| (1..=2000).contains(&url.chars().count())));
    let id = body["id"].as_u64().filter(|_| kind && url && number("id") && number("version")).ok_or_else(wrong)?;
    let data = json!({ "media": body, "at": now });
    let both = ["orders", "kds"].map(|of| told(sku, of, "MediaUpdated", ("Media", id), data.clone()));
    Ok((json!({ "media": body }), both.into()))
}

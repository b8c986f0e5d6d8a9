//! A registry of devices, and what a device reads: `/v1/devices…` and `/v1/events/since`.

use super::{Fake, KEY};
use http::{Method, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

impl Fake {
    /// One more device; its token.
    pub fn device(&self, id: u64, device_type: &str, store: &str, abilities: &[&str]) -> String {
        let token = format!("{id}|secret of {id}");
        let device =
            json!({ "id": id, "name": "", "type": device_type, "store": store, "abilities": abilities, "blocked": false, "allow": [] });
        self.inner.lock().unwrap().devices.insert(token.clone(), device);
        token
    }

    /// Changes what is known of a device: `null` forgets it.
    pub fn change(&self, id: u64, name: &str, value: Value) {
        let mut inner = self.inner.lock().unwrap();
        if value.is_null() {
            inner.devices.retain(|_, device| device["id"] != id);
        }
        for device in inner.devices.values_mut().filter(|device| device["id"] == id) {
            device[name] = value.clone();
        }
    }

    pub(super) fn registry(&self, parts: &Parts, body: &Value) -> Response<Full<Bytes>> {
        assert_eq!(parts.headers["authorization"], format!("Bearer {KEY}"));
        let path = parts.uri.path();
        if (&parts.method, path) == (&Method::POST, "/v1/devices/verify") {
            assert!(body["ip"].as_str().unwrap().parse::<std::net::IpAddr>().is_ok());
            let known = self.inner.lock().unwrap().devices.get(body["token"].as_str().unwrap()).cloned();
            return match known {
                None => refusal(401, "token"),
                Some(device) if device["blocked"] == true => refusal(403, "blocked"),
                Some(device) if device["allow"] != json!([]) && !device["allow"].as_array().unwrap().contains(&body["ip"]) => {
                    refusal(403, "ip")
                }
                Some(device) => answer(200, &device),
            };
        }
        let id: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
        if parts.method == Method::PATCH {
            self.change(id, "blocked", body["blocked"].clone());
        }
        let inner = self.inner.lock().unwrap();
        let found = inner.devices.values().find(|device| device["id"] == id);
        found.map_or_else(|| refusal(404, "device"), |device| answer(200, device))
    }

    /// Two events a page, so that a reader has to go on.
    pub(super) fn since(&self, parts: &Parts) -> Response<Full<Bytes>> {
        let query = parts.uri.query().unwrap();
        let find = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let channel = find("channel").unwrap();
        let from = find("seq").or_else(|| find("after")?.rsplit(':').next());
        let from: u64 = from.unwrap().parse().unwrap();
        let inner = self.inner.lock().unwrap();
        let missed: Vec<Value> = inner.log.iter().filter(|s| s.channel == channel && s.seq > from).map(|s| s.envelope()).collect();
        let gap = if inner.forgotten > from { json!({ "reason": "expired" }) } else { Value::Null };
        answer(
            200,
            &json!({ "channel": channel, "events": missed.iter().take(2).collect::<Vec<_>>(), "gap": gap, "more": missed.len() > 2 }),
        )
    }
}

fn answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Full::from(body.to_string())).unwrap()
}

fn refusal(status: u16, check: &str) -> Response<Full<Bytes>> {
    answer(status, &json!({ "status": status, "detail": format!("the check '{check}' failed"), "check": check }))
}

//! The backends of a flow, played here: they take what the server hands over, and answer when the flow says so.

use super::expect;
use crate::{
    serve::{Call, Serving, serve},
    wire::{Frame, Kind, Names},
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tidewire_contract::{Action, Contract, Expected, Flow};
use tokio::sync::{Notify, oneshot};

/// Where the server finds the backends: each under its name.
#[derive(Debug)]
pub struct Listening {
    desks: Arc<Mutex<HashMap<String, Arc<Desk>>>>,
    serving: Serving,
}

/// The backends of one play.
#[derive(Debug, Clone, Default)]
pub struct Backends(HashMap<String, Arc<Desk>>);

/// What one backend was asked, and how it answers.
#[derive(Debug, Default)]
pub struct Desk {
    state: Mutex<OnDesk>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct OnDesk {
    asked: Vec<Asked>,
    /// What the flow says of the requests that come, in its order.
    script: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    /// Any, where the flow answers what it did not mention before.
    expected: Option<Expected>,
    /// A step says what the answer is; else it is a plain yes, at once.
    answered: bool,
    used: bool,
}

/// A request of the server.
#[derive(Debug)]
pub struct Asked {
    pub frame: Frame,
    pub taken: bool,
    answer: Option<oneshot::Sender<(StatusCode, Value)>>,
}

impl Listening {
    /// Listens. `secret`: what requests have to be signed with.
    ///
    /// # Errors
    /// In words, when the address cannot be had.
    pub async fn open(listen: SocketAddr, secret: Option<String>) -> Result<Listening, String> {
        let desks: Arc<Mutex<HashMap<String, Arc<Desk>>>> = Arc::default();
        let of_requests = desks.clone();
        let serving = serve(listen, move |call| {
            // A server that is told one address for several backends says which of them it means.
            let name = call.body["backend"].as_str().map(str::to_owned).or_else(|| call.path.last().cloned()).unwrap_or_default();
            let desk = of_requests.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
            let signed = secret.as_ref().is_none_or(|secret| is_signed(secret, &call));
            async move {
                match desk {
                    _ if !signed => (StatusCode::UNAUTHORIZED, json!({ "code": "UNAUTHORIZED", "message": "the signature is wrong" })),
                    Some(desk) => desk.ask(call.body).await,
                    None => (StatusCode::NOT_FOUND, json!({ "code": "NOT_FOUND", "message": format!("no flow has a backend '{name}'") })),
                }
            }
        });
        Ok(Listening { desks, serving: serving.await? })
    }

    /// Where a backend of this name takes what is handed over.
    pub fn url(&self, backend: &str) -> String {
        format!("http://{}/{backend}", self.serving.address)
    }

    /// The contract's backends, ready for a flow; what was asked of them before is forgotten.
    pub fn backends(&self, contract: &Contract, flow: &Flow) -> Backends {
        let desks: HashMap<String, Arc<Desk>> =
            contract.backends.iter().map(|b| (b.name.clone(), Arc::new(Desk::of(flow, &b.name)))).collect();
        *self.desks.lock().unwrap_or_else(PoisonError::into_inner) = desks.clone();
        Backends(desks)
    }
}

/// Whether a request is signed with the secret (Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`).
fn is_signed(secret: &str, call: &Call) -> bool {
    let header = |name: &str| call.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => secret.as_bytes().to_vec(),
    };
    let mut text = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    text.extend_from_slice(&call.bytes);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    header("webhook-signature")
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| STANDARD.decode(one).is_ok_and(|tag| hmac::verify(&key, &text, &tag).is_ok()))
}

impl Backends {
    /// Whether something waits for an answer that the flow will say.
    pub fn are_asked(&self) -> bool {
        self.0.values().any(|desk| desk.look(|asked| asked.iter().any(|a| a.answer.is_some())))
    }

    pub fn desk(&self, name: &str) -> Option<&Arc<Desk>> {
        self.0.get(name)
    }
}

impl Desk {
    fn of(flow: &Flow, name: &str) -> Desk {
        let mut script: Vec<Line> = Vec::new();
        for step in &flow.steps {
            match &step.action {
                Action::Receive { who, what } if who.iter().any(|w| w == name) => {
                    script.extend(what.iter().map(|expected| Line { expected: Some(expected.clone()), answered: false, used: false }));
                }
                Action::Answer { who, .. } if who == name => match script.last_mut().filter(|line| !line.answered) {
                    Some(line) => line.answered = true,
                    None => script.push(Line { expected: None, answered: true, used: false }),
                },
                _ => {}
            }
        }
        Desk { state: Mutex::new(OnDesk { asked: Vec::new(), script }), moved: Notify::new() }
    }

    async fn ask(&self, body: Value) -> (StatusCode, Value) {
        let spelled = body["type"].as_str().unwrap_or_default().to_owned();
        let payload = body.get("data").cloned().unwrap_or(Value::Null);
        let frame = Frame { kind: Kind::Event, spelled, payload, whole: body, names: Names::new() };
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let line = state.script.iter_mut().find(|line| {
                !line.used && line.expected.as_ref().is_none_or(|e| expect::unlike(e, &frame).is_some_and(|fields| fields.is_empty()))
            });
            let waits = line.is_some_and(|line| {
                line.used = true;
                line.answered
            });
            let answer = if waits {
                Some(tell)
            } else {
                let _ = tell.send((StatusCode::OK, json!({})));
                None
            };
            state.asked.push(Asked { frame, taken: false, answer });
        }
        self.moved.notify_waiters();
        // A play that ended leaves nobody to answer.
        told.await.unwrap_or((StatusCode::SERVICE_UNAVAILABLE, json!({ "code": "UNAVAILABLE", "message": "the flow is over" })))
    }

    /// Waits until `find` finds something among what was asked.
    pub async fn wait<T>(&self, mut find: impl FnMut(&mut Vec<Asked>) -> Option<T>) -> T {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(found) = find(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).asked) {
                return found;
            }
            moved.await;
        }
    }

    pub fn look<T>(&self, look: impl FnOnce(&mut Vec<Asked>) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).asked)
    }

    /// Answers what was asked last and is not answered yet; waits for it.
    pub async fn answer(&self, data: &Value) {
        let answer = self.wait(|asked| asked.iter_mut().rev().find_map(|a| a.answer.take())).await;
        let _ = answer.send(spelled(data));
    }
}

/// A yes with a reply, or a no with a code.
fn spelled(data: &Value) -> (StatusCode, Value) {
    let Some(members) = data.as_object() else { return (StatusCode::OK, json!({ "reply": data })) };
    if let Some(code) = members.get("code").and_then(Value::as_str) {
        let status = if code == "CONFLICT" { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        let mut refusal = data.clone();
        if refusal["message"].is_null() {
            refusal["message"] = "refused".into();
        }
        return (status, refusal);
    }
    let whole = !members.is_empty() && members.keys().all(|key| key == "reply" || key == "events");
    if whole { (StatusCode::OK, data.clone()) } else { (StatusCode::OK, json!({ "reply": data })) }
}

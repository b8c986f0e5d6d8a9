//! `/v1/devices…`: the registry, for backends.

use super::{Answer, body, json_answer, query::excerpt, refuse::problem, who};
use crate::{
    App, Problem,
    config::Limits,
    devices::{Change, Denied, Device, Devices, Network, New, Refused},
    served::Served,
    shard::Selector,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc};
use tidewire_engine::log::LogError;

/// Characters of a name, a type, a store, an ability; abilities and networks of a device.
const TEXT_MAX: usize = 200;
const LIST_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBody {
    id: Option<u64>,
    #[serde(default)]
    name: String,
    r#type: String,
    #[serde(default)]
    store: String,
    #[serde(default)]
    abilities: Vec<String>,
    #[serde(default)]
    allow: Vec<Network>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    name: Option<String>,
    r#type: Option<String>,
    store: Option<String>,
    abilities: Option<Vec<String>>,
    allow: Option<Vec<Network>>,
    blocked: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyBody {
    token: String,
    ability: Option<String>,
    ip: Option<IpAddr>,
}

/// `GET`: all of them. `POST`: one more, with its token.
pub async fn all<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (served, devices) = registry(app, request.headers())?;
    if request.method() != Method::POST {
        let listed: Vec<Value> = devices.list().iter().map(|device| device.json()).collect();
        return Ok(json_answer(StatusCode::OK, &json!({ "devices": listed })));
    }
    let new = new(&read(request, &app.config.limits).await?, &app.config.limits)?;
    let (device, token) = devices.create(new).await.map_err(refusal)?;
    app.device_changed(&served.contract.name, device.id).await;
    let mut answer = device.json();
    answer["token"] = token.into();
    Ok(json_answer(StatusCode::CREATED, &answer))
}

/// `GET`, `PATCH` and `DELETE` of one.
pub async fn one<B>(app: &Arc<App>, id: &str, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (served, devices) = registry(app, request.headers())?;
    let id = number(id)?;
    match *request.method() {
        Method::PATCH => {
            let change = change(&read(request, &app.config.limits).await?, &app.config.limits)?;
            let app = app.clone();
            whole(async move {
                let (before, device) = devices.change(id, change).await.map_err(refusal)?;
                app.device_changed(&served.contract.name, id).await;
                if device.blocked {
                    app.disconnect(of(&served, &before), "the device is blocked").await;
                } else if !device.may_the_same(&before) {
                    app.recall(of(&served, &before), "what the device may has changed: connect again").await;
                }
                Ok(json_answer(StatusCode::OK, &device.json()))
            })
            .await
        }
        Method::DELETE => {
            let app = app.clone();
            whole(async move {
                let device = devices.remove(id).await.map_err(refusal)?;
                app.device_changed(&served.contract.name, id).await;
                app.disconnect(of(&served, &device), "the device was removed").await;
                Ok(json_answer(StatusCode::OK, &device.json()))
            })
            .await
        }
        _ => {
            let device = devices.get(id).ok_or_else(|| refusal(Refused::Unknown(id)))?;
            Ok(json_answer(StatusCode::OK, &device.json()))
        }
    }
}

/// `POST /v1/devices/{id}/token`: another token.
pub async fn rotate(app: &Arc<App>, headers: &HeaderMap, id: &str) -> Result<Answer, Problem> {
    let (served, devices) = registry(app, headers)?;
    let id = number(id)?;
    let app = app.clone();
    whole(async move {
        let (device, token) = devices.rotate(id).await.map_err(refusal)?;
        app.device_changed(&served.contract.name, id).await;
        app.disconnect(of(&served, &device), "the device's token was replaced").await;
        let mut answer = device.json();
        answer["token"] = token.into();
        Ok(json_answer(StatusCode::OK, &answer))
    })
    .await
}

/// `POST /v1/devices/verify`: whose token it is, for a backend that was given one.
pub async fn verify<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (_, devices) = registry(app, request.headers())?;
    let VerifyBody { token, ability, ip } = parse(&read(request, &app.config.limits).await?, &app.config.limits)?;
    let device = match ip {
        Some(ip) => devices.verify(&token, ip),
        // Whoever does not say where from has looked at that itself.
        None => devices.verify_anywhere(&token),
    };
    // 401 would say that the backend's own key is not good.
    let device =
        device.map_err(|denied| problem(StatusCode::FORBIDDEN, "not-allowed", denied.to_string()).with("check", denied.check()))?;
    if let Some(ability) = ability.filter(|ability| !device.abilities.contains(ability)) {
        let detail = format!("the device {} lacks the ability '{}'", device.id, excerpt(&ability));
        return Err(problem(StatusCode::FORBIDDEN, "not-allowed", detail).with("check", "ability").with("ability", ability));
    }
    Ok(json_answer(StatusCode::OK, &device.json()))
}

/// The problem of a device that was not let in.
pub fn refused(denied: &Denied) -> Problem {
    let status = if *denied == Denied::Token { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    let code = if *denied == Denied::Token { "unauthorized" } else { "not-allowed" };
    problem(status, code, denied.to_string()).with("check", denied.check())
}

/// The connections of a device.
fn of(served: &Served, device: &Device) -> Selector {
    // Who is no principal has none: its number is nobody's name then.
    let principal = served.contract.principal(&device.attributes()).map_or_else(|| device.id.to_string(), |principal| principal.id.into());
    Selector { contract: Some(served.contract.name.clone()), principal: Some(principal), ..Selector::default() }
}

/// A change and all that follows from it, also when whoever asked for it does not wait for the answer.
async fn whole(work: impl Future<Output = Result<Answer, Problem>> + Send + 'static) -> Result<Answer, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|e| Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string())))
}

/// The registry of the backend's contract.
fn registry(app: &App, headers: &HeaderMap) -> Result<(Arc<Served>, Arc<Devices>), Problem> {
    let served = who::backend(app, headers)?;
    let devices = app.auth.devices(&served.contract.name).ok_or_else(|| {
        let detail =
            format!("the contract '{}' has no registry of devices; it would say `devices: registry` in `auth`", served.contract.name);
        problem(StatusCode::NOT_FOUND, "not-found", detail)
    })?;
    Ok((served, devices))
}

async fn read<B>(request: Request<B>, limits: &Limits) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    body::read(&parts.headers, body, limits).await
}

fn parse<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, Problem> {
    body::shallow(bytes, limits.json_depth)?;
    serde_json::from_slice(bytes).map_err(|e| if e.is_data() { invalid(&e.to_string()) } else { body::invalid_json(&e) })
}

fn new(bytes: &[u8], limits: &Limits) -> Result<New, Problem> {
    let NewBody { id, name, r#type, store, abilities, allow } = parse(bytes, limits)?;
    short(&[&name, &store], 0)?;
    short(&[&r#type], 1)?;
    short(&abilities.iter().collect::<Vec<_>>(), 1)?;
    few(abilities.len().max(allow.len()))?;
    Ok(New { id, name, device_type: r#type, store, abilities, allow })
}

fn change(bytes: &[u8], limits: &Limits) -> Result<Change, Problem> {
    let ChangeBody { name, r#type, store, abilities, allow, blocked } = parse(bytes, limits)?;
    short(&name.iter().chain(&store).collect::<Vec<_>>(), 0)?;
    short(&r#type.iter().chain(abilities.iter().flatten()).collect::<Vec<_>>(), 1)?;
    few(abilities.as_ref().map_or(0, Vec::len).max(allow.as_ref().map_or(0, Vec::len)))?;
    Ok(Change { name, device_type: r#type, store, abilities, allow, blocked })
}

/// Reads a body as each route would, and does nothing with it: of a new device, of a change, of a check.
pub fn check_body(body: &[u8], limits: &Limits) -> [Result<(), Problem>; 3] {
    [new(body, limits).map(drop), change(body, limits).map(drop), parse::<VerifyBody>(body, limits).map(drop)]
}

fn invalid(detail: &str) -> Problem {
    problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-device", detail)
}

fn short(texts: &[&String], least: usize) -> Result<(), Problem> {
    let fits = |text: &&String| (least..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match texts.iter().find(|text| !fits(text)) {
        None => Ok(()),
        Some(text) => Err(invalid(&format!("'{}' has not {least} to {TEXT_MAX} characters, or has control characters", excerpt(text)))),
    }
}

fn few(count: usize) -> Result<(), Problem> {
    if count <= LIST_MAX { Ok(()) } else { Err(invalid(&format!("a device has at most {LIST_MAX} abilities and networks"))) }
}

fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| problem(StatusCode::NOT_FOUND, "not-found", format!("there is no device '{}'", excerpt(id))))
}

fn refusal(refused: Refused) -> Problem {
    let detail = refused.to_string();
    match refused {
        Refused::Unknown(_) => problem(StatusCode::NOT_FOUND, "not-found", detail),
        Refused::Taken(_) => problem(StatusCode::CONFLICT, "taken", detail),
        Refused::BadId(_) => invalid(&detail),
        Refused::Store(LogError::Full(_)) => problem(StatusCode::SERVICE_UNAVAILABLE, "store-full", detail),
        Refused::Store(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "store-failed", detail),
    }
}

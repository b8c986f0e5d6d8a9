//! The HTTP interface of the Pusher protocol, below `/apps/{app_id}`: what publishers' libraries call.
//!
//! Source: <https://pusher.com/docs/channels/library_auth_reference/rest-api/>. Errors have the statuses that are documented
//! there, and a problem document that says what is wrong.

mod channels;
mod publish;
mod signed;

pub use publish::check_body;

use super::{Answer, OfContract, json_answer, query, refuse::problem};
use crate::{App, Problem, served::Served, shard::Selector};
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Body;
use serde_json::json;
use std::sync::Arc;

/// A path below `/apps/{app_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    Events,
    Batch,
    Channels,
    Channel(String),
    Users(String),
    Terminate(String),
}

impl Path {
    /// The path of these segments behind the app's id.
    pub fn of(segments: &[&str]) -> Result<Option<Path>, Problem> {
        Ok(Some(match segments {
            ["events"] => Path::Events,
            ["batch_events"] => Path::Batch,
            ["channels"] => Path::Channels,
            ["channels", name] => Path::Channel(query::decode_segment(name)?),
            ["channels", name, "users"] => Path::Users(query::decode_segment(name)?),
            ["users", id, "terminate_connections"] => Path::Terminate(query::decode_segment(id)?),
            _ => return Ok(None),
        }))
    }

    /// The path's pattern, for whoever counts requests.
    pub fn name(&self) -> &'static str {
        match self {
            Path::Events => "/apps/{app}/events",
            Path::Batch => "/apps/{app}/batch_events",
            Path::Channels => "/apps/{app}/channels",
            Path::Channel(_) => "/apps/{app}/channels/{channel}",
            Path::Users(_) => "/apps/{app}/channels/{channel}/users",
            Path::Terminate(_) => "/apps/{app}/users/{user}/terminate_connections",
        }
    }

    pub fn allow(&self) -> &'static str {
        match self {
            Path::Events | Path::Batch | Path::Terminate(_) => "POST, OPTIONS",
            Path::Channels | Path::Channel(_) | Path::Users(_) => "GET, HEAD, OPTIONS",
        }
    }
}

/// Answers a request of the app with this id.
///
/// # Errors
/// 400, 401, 404, 413 and what the store says.
pub async fn respond<B>(app: &Arc<App>, id: &str, path: Path, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = find(app, id)?;
    let asked = signed::read(app, &served, request).await?;
    let publishes = matches!(path, Path::Events | Path::Batch);
    let mut answer = dispatch(app, &served, path, &asked).await;
    match &mut answer {
        Ok(answer) => drop(answer.extensions_mut().insert(OfContract(served.contract.name.as_str().into()))),
        Err(problem) if publishes => publish::refused(app, &served, &asked, problem),
        Err(_) => {}
    }
    answer
}

async fn dispatch(app: &Arc<App>, served: &Arc<Served>, path: Path, asked: &signed::Asked) -> Result<Answer, Problem> {
    match path {
        Path::Events => publish::events(app, served, asked).await,
        Path::Batch => publish::batch(app, served, asked).await,
        Path::Channels => channels::list(app, served, asked),
        Path::Channel(name) => channels::one(app, served, asked, &name).await,
        Path::Users(name) => channels::users(app, served, &name),
        Path::Terminate(user) => {
            let who = Selector { contract: Some(served.contract.name.clone()), user: Some(user), ..Selector::default() };
            app.disconnect(who, "the app ended the user's connections").await;
            Ok(json_answer(StatusCode::OK, &json!({})))
        }
    }
}

fn find(app: &App, id: &str) -> Result<Arc<Served>, Problem> {
    let found = app.served.iter().find(|served| served.pusher.as_ref().is_some_and(|app| app.id == id));
    found.cloned().ok_or_else(|| problem(StatusCode::NOT_FOUND, "unknown-app", format!("there is no app '{}'", query::excerpt(id))))
}

fn bad(detail: impl Into<String>) -> Problem {
    problem(StatusCode::BAD_REQUEST, "bad-request", detail)
}

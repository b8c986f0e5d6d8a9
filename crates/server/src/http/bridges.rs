//! `/v1/bridges…`: how a contract's bridges are doing, and what they have set aside.

use super::{Answer, json_answer, page::blocking, query::excerpt, refuse::problem, who};
use crate::{App, Problem};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// `GET`: all of them.
pub async fn list(app: &Arc<App>, headers: &HeaderMap) -> Result<Answer, Problem> {
    let served = who::backend(app, headers)?;
    let all = app.clone();
    let listed = blocking(move || match all.bridges.get() {
        Some(bridges) => bridges.list(&served.contract.name),
        None => Ok(json!([])),
    })
    .await?;
    Ok(json_answer(StatusCode::OK, &json!({ "bridges": listed })))
}

/// `POST /v1/bridges/{name}/retry`: tries again what was set aside.
pub async fn retry(app: &Arc<App>, headers: &HeaderMap, name: &str) -> Result<Answer, Problem> {
    let served = who::backend(app, headers)?;
    let (all, bridge) = (app.clone(), name.to_owned());
    let found = blocking(move || match all.bridges.get() {
        Some(bridges) => bridges.retry(&served.contract.name, &bridge),
        None => Ok(None),
    })
    .await?;
    match found {
        Some(count) => Ok(json_answer(StatusCode::OK, &json!({ "retrying": count }))),
        None => Err(problem(StatusCode::NOT_FOUND, "not-found", format!("there is no bridge '{}' at work", excerpt(name)))),
    }
}

//! `GET /asyncapi/{contract}.json`: a contract as AsyncAPI 3.0, for tools that read it.

use super::{
    Answer, json_answer,
    query::{self, Parameters},
    refuse::problem,
};
use crate::{App, Problem};
use http::{StatusCode, Uri};
use tidewire_engine::publish::nearest;
use tidewire_generate::asyncapi::{View, document};

/// The document; `?view=wire` for endpoints and frames, without it channels and events.
pub fn asyncapi(app: &App, name: &str, uri: &Uri) -> Result<Answer, Problem> {
    let query = Parameters::parse(uri.query())?;
    query.only(&["view"])?;
    let view = match query.find("view") {
        None | Some("logical") => View::Logical,
        Some("wire") => View::Wire,
        Some(_) => return Err(query::bad("view", "it is `logical` or `wire`")),
    };
    let contract = app.served.iter().map(|served| &served.contract).find(|contract| contract.name == name);
    // What is served for an app without a contract was never written down.
    let Some(contract) = contract.filter(|contract| contract.source.document.is_object()) else {
        let names = app.served.iter().map(|served| served.contract.name.as_str());
        let hint = nearest(name, names).map(|near| format!("; did you mean /asyncapi/{near}.json?")).unwrap_or_default();
        let detail = format!("no contract '{}' is served here{hint}", query::excerpt(name));
        return Err(problem(StatusCode::NOT_FOUND, "not-found", detail));
    };
    Ok(json_answer(StatusCode::OK, &document(contract, view).0))
}

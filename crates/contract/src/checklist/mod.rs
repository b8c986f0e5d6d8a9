//! The checklist of an events contract (C-12), as far as a machine can tell: completeness, consistency, testability.
//!
//! A contract that compiles can be served; one that passes here can be handed to those who write its clients. What it does
//! otherwise on purpose it says under `conventions.otherwise`, with the reason.

mod complete;
mod consistent;
mod payloads;
mod tested;

use crate::{Contract, event::Event, problem::Problem};

/// A point of the checklist.
#[derive(Debug)]
pub struct Item {
    /// As `conventions.otherwise` names it.
    pub id: &'static str,
    /// `completeness`, `consistency` or `testability`.
    pub part: &'static str,
    pub title: &'static str,
    find: fn(&Contract) -> Vec<Finding>,
}

/// Every item, in the order in which it is told.
pub const ITEMS: &[Item] = &[
    Item {
        id: "answers",
        part: "completeness",
        title: "every frame of a client has an answer, and every refusal",
        find: complete::answers,
    },
    Item { id: "reach", part: "completeness", title: "every state change reaches somebody", find: complete::reach },
    Item { id: "errors", part: "completeness", title: "every failure has an error, its code and what it means", find: complete::errors },
    Item { id: "names", part: "consistency", title: "events are called alike", find: consistent::names },
    Item {
        id: "payloads",
        part: "consistency",
        title: "what is created carries the resource, what is updated its changes and version, what is deleted its id",
        find: payloads::shapes,
    },
    Item { id: "fields", part: "consistency", title: "the same field has the same type everywhere", find: payloads::fields },
    Item { id: "timestamps", part: "consistency", title: "timestamps are ISO 8601", find: consistent::timestamps },
    Item { id: "alone", part: "testability", title: "every event can be triggered by itself", find: tested::alone },
    Item { id: "examples", part: "testability", title: "every event has an example to mock it by", find: tested::examples },
];

/// What an item finds.
struct Finding {
    /// JSON pointer into the contract: where it is.
    pointer: String,
    /// The event that it is about, if it is one.
    event: Option<String>,
    code: &'static str,
    message: String,
    help: String,
}

impl Finding {
    fn of(event: &Event, key: &str, code: &'static str, message: String, help: impl Into<String>) -> Finding {
        let name = event.name.replace('~', "~0").replace('/', "~1");
        let pointer = if key.is_empty() { format!("/events/{name}") } else { format!("/events/{name}/{key}") };
        Finding { pointer, event: Some(event.name.clone()), code, message, help: help.into() }
    }

    fn at(pointer: &str, code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding { pointer: pointer.to_owned(), event: None, code, message: message.into(), help: help.into() }
    }
}

/// How a contract stands to an item.
#[derive(Debug)]
pub struct Outcome {
    pub item: &'static Item,
    /// What fails; empty if it passes.
    pub problems: Vec<Problem>,
    /// What would fail and is so on purpose: of which event, if of one, and why.
    pub otherwise: Vec<(Option<String>, String)>,
}

/// How a contract stands to every item of the checklist.
pub fn checklist(contract: &Contract) -> Vec<Outcome> {
    ITEMS.iter().map(|item| outcome(contract, item)).collect()
}

fn outcome(contract: &Contract, item: &'static Item) -> Outcome {
    let mut outcome = Outcome { item, problems: Vec::new(), otherwise: Vec::new() };
    let exceptions: Vec<_> = contract.conventions.otherwise.iter().filter(|o| o.item == item.id).collect();
    let mut used = vec![false; exceptions.len()];
    for finding in (item.find)(contract) {
        let excepted = exceptions.iter().position(|o| o.event.is_none() || o.event == finding.event);
        match excepted {
            Some(at) => used[at] = true,
            None => {
                let help = format!("{}; or say why it is so: `conventions: {{ otherwise: {{ {}: … }} }}`", finding.help, item.id);
                outcome.problems.push(contract.source.problem(&finding.pointer, finding.code, finding.message, Some(help)));
            }
        }
    }
    for (exception, used) in exceptions.into_iter().zip(used) {
        if used {
            outcome.otherwise.push((exception.event.clone(), exception.reason.clone()));
        } else {
            let message = format!("nothing is otherwise here: {}", item.title);
            let help = Some("remove the exception".to_owned());
            outcome.problems.push(contract.source.problem(&exception.pointer, "needless-exception", message, help));
        }
    }
    outcome
}

//! Testability: whether an event can be made up by itself.

use super::Finding;
use crate::Contract;

pub(super) fn alone(contract: &Contract) -> Vec<Finding> {
    // Without a schema any payload will do; a type that stands for several needs an example to be one of them.
    let open = contract.events.iter().filter(|event| event.examples.is_empty() && (event.is_pattern() || event.schema.is_none()));
    open.map(|event| {
        let message = format!("nobody can tell what a payload of `{}` looks like", event.name);
        Finding::of(event, "", "not-alone", message, "write `data:` and a schema, or an example")
    })
    .collect()
}

pub(super) fn examples(contract: &Contract) -> Vec<Finding> {
    let lacking = contract.events.iter().filter(|event| event.examples.is_empty());
    lacking
        .map(|event| {
            let message = format!("`{}` has no example", event.name);
            Finding::of(event, "", "no-example", message, "write `example:` and a payload: mocks and documentation show it")
        })
        .collect()
}

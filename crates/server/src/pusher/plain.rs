//! The contract of an app that has none: any channel, any event, the payload as it is.

use crate::config::AppConfig;
use std::sync::Arc;
use tidewire_contract::{Contract, compile_source, render_all};

/// Makes the contract of the app `name`.
///
/// # Errors
/// In words: the name or the history is not one that a contract can have.
pub fn contract(name: &str, app: &AppConfig) -> Result<Arc<Contract>, String> {
    let keep = app.history.as_secs().max(1);
    let yaml = format!(
        "tidewire: 1\n\
         name: {name}\n\
         version: \"7\"\n\
         title: {name} (Pusher protocol)\n\
         auth: {{ token: bearer header, principal: {{ id: $claims.id }} }}\n\
         channels:\n  any: {{ address: \"{{channel}}\", history: {{ keep: {keep}s, count: {count} }}, durability: {durability} }}\n\
         wire: {{ protocol: pusher, event: $data }}\n\
         endpoints: [{{ pusher: \"/app/{{key}}\" }}]\n\
         events: {{ \"*\": {{ on: any }} }}\n",
        count = app.history_events,
        durability = app.durability.as_str(),
    );
    compile_source(&format!("[apps.{name}]"), &yaml, &|_| None).map(Arc::new).map_err(|problems| render_all(&problems))
}

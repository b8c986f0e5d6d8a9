//! Logs: readable on a terminal, JSON otherwise.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `format`: `text`, `json`, or `auto` by what standard error is.
pub fn start(format: &str, level: &str) {
    // What the storage engine says of its own affairs is of interest only when it is a warning.
    let directives = format!("fjall=warn,lsm_tree=warn,{level}");
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match format {
        "json" => true,
        "text" => false,
        _ => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (a test in the same process) changes nothing.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.with_target(false).try_init() };
}

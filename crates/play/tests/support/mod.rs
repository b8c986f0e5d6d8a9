//! The contracts of these tests, with flows of the test's own.
#![allow(dead_code)]

use std::{path::Path, sync::Arc};
use tidewire_contract::{Contract, compile_source, render_all};

/// Line of `contract.yaml` in which the first flow's first step stands.
pub fn first_line() -> usize {
    yaml().lines().count() + 3
}

fn yaml() -> String {
    std::fs::read_to_string(folder("chat").join("contract.yaml")).unwrap()
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// With one flow of these steps.
pub fn chat(steps: &str) -> Arc<Contract> {
    chat_of(&[("a flow", steps)])
}

pub fn chat_of(flows: &[(&str, &str)]) -> Arc<Contract> {
    with_flows("chat", flows)
}

/// Devices over the Pusher protocol.
pub fn kitchen(steps: &str) -> Arc<Contract> {
    with_flows("kitchen", &[("a flow", steps)])
}

fn with_flows(name: &str, flows: &[(&str, &str)]) -> Arc<Contract> {
    let folder = folder(name);
    let mut text = std::fs::read_to_string(folder.join("contract.yaml")).unwrap();
    text += "flows:\n";
    for (title, steps) in flows {
        text += &format!("  {title}: |\n");
        for step in steps.lines().map(str::trim).filter(|step| !step.is_empty()) {
            text += &format!("    {step}\n");
        }
    }
    let read = |path: &str| std::fs::read_to_string(folder.join(Path::new(path).file_name().unwrap())).ok();
    let compiled = compile_source(&folder.join("contract.yaml").display().to_string(), &text, &read);
    Arc::new(compiled.unwrap_or_else(|problems| panic!("{}", render_all(&problems))))
}

//! The contract document: what the template of an events contract asks for, filled in from the contract (C-13).
//!
//! For those who read it in a terminal and those who read it rendered: flows are drawn as text and as Mermaid diagrams.

mod end;
mod event;
mod fields;
mod flow;
mod head;
mod rooms;
mod system;
mod words;

use serde_json::Value;
use tidewire_contract::Contract;
use words::Page;

/// The whole document.
pub fn document(contract: &Contract) -> String {
    let mut page = Page::default();
    head::title(contract, &mut page);
    page.rule();
    head::overview(contract, &mut page);
    page.rule();
    event::from_clients(contract, &mut page);
    page.rule();
    event::from_server(contract, &mut page);
    page.rule();
    system::events(contract, &mut page);
    page.rule();
    rooms::rooms(contract, &mut page);
    page.rule();
    flow::diagrams(contract, &mut page);
    page.rule();
    end::reconnection(contract, &mut page);
    page.rule();
    end::limits(contract, &mut page);
    page.rule();
    end::typescript(contract, &mut page);
    page.rule();
    end::checklist(contract, &mut page);
    page.text
}

/// What the contract says at a place, as it is written there.
fn said<'c>(contract: &'c Contract, path: &[&str]) -> Option<&'c Value> {
    path.iter().try_fold(&contract.source.document, |value, key| value.get(key))
}

/// The same, of text.
fn said_text<'c>(contract: &'c Contract, path: &[&str]) -> Option<&'c str> {
    said(contract, path).and_then(Value::as_str)
}

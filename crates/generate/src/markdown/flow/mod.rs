//! Flows, drawn: as text for a terminal, and as Mermaid for those who read it rendered.

mod mermaid;
mod script;
mod text;

use super::words::Page;
use script::Script;
use tidewire_contract::Contract;

pub fn diagrams(contract: &Contract, page: &mut Page) {
    page.heading(2, "Event Flow Diagrams");
    if contract.flows.is_empty() {
        page.paragraph("The contract has no flows.");
        return;
    }
    for flow in &contract.flows {
        let mut chars = flow.title.chars();
        let title = chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect());
        page.heading(3, &title);
        let script = Script::of(contract, flow);
        page.code("text", &text::drawn(&script));
        page.code("mermaid", &mermaid::drawn(&script));
    }
}

//! A client's text frame, by the wires of the shipped contracts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tidewire_wire::{Dialect, TemplateDialect};

static DIALECTS: LazyLock<Vec<TemplateDialect>> = LazyLock::new(|| {
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts");
    let contracts = tidewire_contract::load_all(contracts.as_ref()).unwrap_or_default();
    contracts.iter().map(|c| TemplateDialect::new(c)).collect()
});

fuzz_target!(|frame: &[u8]| {
    for dialect in DIALECTS.iter() {
        let _ = dialect.decode(frame);
    }
});

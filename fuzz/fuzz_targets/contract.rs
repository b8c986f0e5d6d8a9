//! A contract: compiled, or told what is wrong with it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (yaml, schema) = input;
    let compiled = tidewire_contract::compile_source("fuzz", yaml, &|_| Some(schema.to_owned()));
    if let Err(problems) = compiled {
        assert!(!problems.is_empty());
        let _ = tidewire_contract::problem::render_all(&problems);
    }
});

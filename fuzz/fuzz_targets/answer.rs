#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidewire_hostile::run("answer", bytes));

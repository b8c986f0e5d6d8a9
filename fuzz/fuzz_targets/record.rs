//! Stored bytes: a record, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = tidewire_store::decode_record(bytes);
});

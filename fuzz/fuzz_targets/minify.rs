//! A body that is JSON is the same JSON without its white space, and what says that it is not too deep parses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    if tidewire_wire::depth::exceeds(body, 64) {
        return;
    }
    let mut small = Vec::new();
    tidewire_wire::minify::minify(body, &mut small);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(serde_json::from_slice::<Value>(&small).ok(), Some(value));
    }
});

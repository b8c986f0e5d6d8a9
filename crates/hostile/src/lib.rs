//! Bytes from outside, whatever they are: each parser of them as a function that a fuzzer calls.
//!
//! A function panics if the parser does, or if what it says of itself is not so. `fuzz/` gives them to libFuzzer
//! (`make fuzz`); `tests/smoke.rs` gives them some thousands of seeds and what is near to them, on every `cargo test`.

mod contracts;
mod door;
mod stored;
mod wires;

/// A parser, by the name of its fuzz target.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What a well-meaning sender sends: where a fuzzer begins.
    pub seeds: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    contracts::CONTRACT,
    contracts::COMPARE,
    door::HEAD,
    door::QUERY,
    door::PUBLISH_BODY,
    door::PUSHER_BODY,
    door::DEVICE_BODY,
    door::KEYS,
    door::ANSWER,
    stored::RECORD,
    stored::CHUNK,
    wires::FRAMES,
    wires::CLIENT_FRAME,
    wires::PUSHER,
    wires::MINIFY,
];

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target `{name}`")).run)(bytes);
}

/// The contracts that are shipped, for what needs one.
fn shipped() -> &'static [std::sync::Arc<tidewire_contract::Contract>] {
    static CONTRACTS: std::sync::LazyLock<Vec<std::sync::Arc<tidewire_contract::Contract>>> = std::sync::LazyLock::new(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts");
        tidewire_contract::load_all(folder.as_ref()).unwrap_or_default()
    });
    &CONTRACTS
}

/// The first byte, which makes a choice, and the rest.
fn choice(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

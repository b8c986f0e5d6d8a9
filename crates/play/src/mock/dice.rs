//! Chance that is the same again: it hangs on the seed and on what it is about, and on nothing else.

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Dice for one matter: `duplicates` of the third event of a channel.
pub fn dice(seed: u64, matter: &str, of: &str, number: u64) -> SmallRng {
    // FNV-1a: spread is all that is asked of it.
    let bytes = seed.to_le_bytes().into_iter().chain(matter.bytes()).chain([0]).chain(of.bytes()).chain(number.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    SmallRng::seed_from_u64(hash)
}

/// Whether it happens, at this probability.
pub fn falls(seed: u64, matter: &str, of: &str, number: u64, probability: f64) -> bool {
    probability > 0.0 && dice(seed, matter, of, number).random_range(0.0..1.0) < probability
}

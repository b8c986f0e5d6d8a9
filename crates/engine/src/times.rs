//! How long things took, counted in buckets that double. Knows no clock: what is counted was measured elsewhere.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Buckets with a bound; one more is for what took longer than all of them.
pub const BOUNDS: usize = 21;
/// The first bound, in nanoseconds: 10 µs. Each of the others is twice the one before it; the last is about 10 s.
const FIRST: u64 = 10_000;

/// Counts durations, from any number of threads; two additions each.
#[derive(Debug, Default)]
pub struct Times {
    counts: [AtomicU64; BOUNDS + 1],
    nanos: AtomicU64,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many in each bucket, not summed up; the last is for what is over every bound.
    pub counts: [u64; BOUNDS + 1],
    /// The sum of all, in nanoseconds.
    pub nanos: u64,
}

impl Times {
    pub fn note(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // The smallest `i` with nanos <= FIRST << i.
        let bucket = (u64::BITS - (nanos.saturating_sub(1) / FIRST).leading_zeros()) as usize;
        self.counts[bucket.min(BOUNDS)].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    pub fn spread(&self) -> Spread {
        let mut spread = Spread { nanos: self.nanos.load(Relaxed), ..Spread::default() };
        for (count, counted) in spread.counts.iter_mut().zip(&self.counts) {
            *count = counted.load(Relaxed);
        }
        spread
    }
}

impl Spread {
    pub fn add(&mut self, other: &Spread) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.nanos += other.nanos;
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The buckets' upper bounds, in seconds, the last infinite, and how many are in each.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.counts.iter().enumerate().map(|(i, count)| {
            let bound = if i == BOUNDS { f64::INFINITY } else { (FIRST << i) as f64 / 1e9 };
            (bound, *count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_falls_into_the_first_bucket_that_holds_it() {
        let times = Times::default();
        for nanos in [0, 1, 10_000, 10_001, 20_000, 20_001, u64::MAX] {
            times.note(Duration::from_nanos(nanos));
        }
        let spread = times.spread();
        assert_eq!((&spread.counts[..4], spread.counts[BOUNDS]), (&[3, 2, 1, 0][..], 1));
        assert_eq!(spread.count(), 7);
        let bounds: Vec<f64> = spread.buckets().map(|(bound, _)| bound).collect();
        assert_eq!((bounds[0], bounds[1], bounds[BOUNDS]), (0.000_01, 0.000_02, f64::INFINITY));
        assert!((10.0..11.0).contains(&bounds[BOUNDS - 1]));
    }
}

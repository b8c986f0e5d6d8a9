//! Times and their quantiles.

use hdrhistogram::Histogram;
use std::io;

/// Ten minutes, in µs: what takes longer counts as that.
const MOST: u64 = 600_000_000;

/// Times in µs. The bound is given from the start: a histogram that grows by itself does not grow for a clamped value, and
/// books what is above its first bound as the bound, 2 µs.
pub struct Latency(Histogram<u64>);

impl Latency {
    pub fn new() -> io::Result<Latency> {
        Histogram::new_with_bounds(1, MOST, 3).map(Latency).map_err(io::Error::other)
    }

    /// Adds a time in µs.
    pub fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros.max(1));
    }

    /// In ms.
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// In ms.
    pub fn max(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    pub fn reset(&mut self) {
        self.0.reset();
    }
}

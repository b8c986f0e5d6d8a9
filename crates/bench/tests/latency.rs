//! Times come out of the histogram as they went in, however long they are.

use tidewire_bench::latency::Latency;

#[test]
fn long_times_stay_long() {
    let mut latency = Latency::new().expect("a histogram");
    for micros in [100, 3_000, 4_000, 5_000, 2_000_000] {
        latency.record(micros);
    }
    let near = |value: f64, expected: f64| assert!((value - expected).abs() <= expected / 500.0, "{value} is not {expected}");
    near(latency.quantile(0.5), 4.0);
    near(latency.max(), 2000.0);
}

#[test]
fn a_time_beyond_the_bound_counts_as_the_bound() {
    let mut latency = Latency::new().expect("a histogram");
    latency.record(u64::MAX);
    assert!(latency.quantile(0.5) >= 600_000.0, "{}", latency.quantile(0.5));
}

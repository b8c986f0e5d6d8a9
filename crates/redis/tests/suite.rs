//! What every log promises, by a real Redis. // G-6

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use support::Redis;
use tidewire_engine::log::suite;
use tidewire_redis::{RedisLog, Settings};

#[test]
fn redis_keeps_what_every_log_promises() {
    let redis = Redis::start();
    let made = AtomicUsize::new(0);
    suite::all(&|| {
        let mut settings = Settings::parse(&redis.url()).unwrap();
        settings.prefix = format!("t{}", made.fetch_add(1, Ordering::Relaxed));
        Box::new(RedisLog::open(settings, suite::EPOCH).unwrap())
    });
}

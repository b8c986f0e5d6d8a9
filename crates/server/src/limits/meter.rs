//! How often a client may send what: one number for each limit (the generic cell rate algorithm).

use std::time::Duration;
use tidewire_contract::{Limits, Rate};

/// One rate limit of one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    rate: Rate,
    /// The time (µs) at which the client will have used up nothing.
    empty_at: i64,
}

/// All rate limits of one client.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    total: Option<Meter>,
    frames: Vec<(String, Meter)>,
}

/// Too many; try again after this long.
#[derive(Debug, PartialEq)]
pub(crate) struct Exceeded {
    pub(crate) limit: String,
    pub(crate) retry: Duration,
}

impl Meter {
    pub(crate) fn new(rate: Rate) -> Meter {
        Meter { rate, empty_at: 0 }
    }

    /// Counts one. `now` in µs.
    ///
    /// # Errors
    /// It is too many; how long to wait.
    pub(crate) fn take(&mut self, now: i64) -> Result<(), Duration> {
        let per = self.rate.per.as_micros() as i64;
        let step = per / i64::from(self.rate.count.max(1));
        let next = self.empty_at.max(now) + step;
        if next - now > per {
            return Err(Duration::from_micros((next - now - per) as u64));
        }
        self.empty_at = next;
        Ok(())
    }
}

/// A rate that holds for a frame, by the name under which it is counted where several nodes count.
pub(crate) struct Named {
    name: String,
    said: String,
    rate: Rate,
}

/// The rates that hold for a frame of this type, in the order in which [`Meters::take`] asks them.
pub(crate) fn rates(limits: &Limits, frame: Option<&str>, event: Option<Rate>) -> Vec<Named> {
    let named = |said: &str, name: String, rate| Named { name, said: said.to_owned(), rate };
    let total = limits.total.map(|rate| named("messages", "messages".to_owned(), rate));
    let own = frame.into_iter().flat_map(|frame| {
        let rates = [limits.frames.get(frame).copied(), event].into_iter().flatten();
        rates.map(move |rate| named(frame, format!("{frame} {}/{}", rate.count, rate.per.as_micros()), rate))
    });
    total.into_iter().chain(own).collect()
}

impl Named {
    /// As it is counted over all nodes.
    pub(crate) fn shared(&self) -> tidewire_redis::Rate<'_> {
        tidewire_redis::Rate { name: &self.name, per: self.rate.per, count: self.rate.count }
    }

    pub(crate) fn exceeded(&self, retry: Duration) -> Exceeded {
        Exceeded { limit: format!("{}: {} per {}", self.said, self.rate.count, humane(self.rate.per)), retry }
    }
}

impl Meters {
    /// Whether nothing of any rate is used up. `now` in µs.
    pub(crate) fn is_unused(&self, now: i64) -> bool {
        self.total.iter().chain(self.frames.iter().map(|(_, meter)| meter)).all(|meter| meter.empty_at <= now)
    }

    /// Counts a frame of this type (as the wire spells it). `now` in µs.
    pub(crate) fn take(&mut self, limits: &Limits, frame: Option<&str>, event: Option<Rate>, now: i64) -> Result<(), Exceeded> {
        let check = |name: &str, rate: Rate, meter: &mut Meter| {
            meter.rate = rate;
            meter.take(now).map_err(|retry| Exceeded { limit: format!("{name}: {} per {}", rate.count, humane(rate.per)), retry })
        };
        if let Some(rate) = limits.total {
            check("messages", rate, self.total.get_or_insert_with(|| Meter::new(rate)))?;
        }
        let Some(frame) = frame else { return Ok(()) };
        for rate in [limits.frames.get(frame).copied(), event].into_iter().flatten() {
            let at = self.frames.iter().position(|(name, m)| name == frame && m.rate == rate);
            let at = at.unwrap_or_else(|| {
                self.frames.push((frame.to_owned(), Meter::new(rate)));
                self.frames.len() - 1
            });
            check(frame, rate, &mut self.frames[at].1)?;
        }
        Ok(())
    }
}

fn humane(per: Duration) -> String {
    match per.as_secs() {
        1 => "second".into(),
        60 => "minute".into(),
        3600 => "hour".into(),
        s => format!("{s} s"),
    }
}

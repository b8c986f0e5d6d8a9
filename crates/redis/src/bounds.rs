//! What a principal may use over all nodes: places for its connections, and rates.

use crate::{Company, Failure, company::hex, reply, scripts};
use std::{sync::Arc, time::Duration};

/// How long a principal's places are kept when nobody takes or leaves one.
const PLACES: Duration = Duration::from_secs(24 * 3600);

/// A rate: its name, and how many in which time.
pub struct Rate<'a> {
    pub name: &'a str,
    pub per: Duration,
    pub count: u32,
}

/// Counts that all nodes share. Cheap to clone.
#[derive(Clone)]
pub struct Bounds {
    company: Arc<Company>,
}

impl Bounds {
    pub fn new(company: Arc<Company>) -> Bounds {
        Bounds { company }
    }

    /// A connection of this node takes a place; node and connection of those that have to make room, oldest first.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn take_place(&self, contract: &str, principal: &str, connection: u64, at_most: usize) -> Result<Vec<(u64, u64)>, Failure> {
        let link = self.company.log().link(contract);
        let mine = format!("{}:{connection}", hex(self.company.node()));
        let mut arguments = vec![mine, at_most.max(1).to_string(), PLACES.as_millis().to_string()];
        arguments.extend(self.company.alive().into_iter().map(hex));
        let key = format!("{}:pl:{principal}", link.key());
        let evicted = link.run_on(&scripts::seat, &key, &arguments).await?;
        let split = |seat: String| {
            let (node, connection) = seat.split_once(':')?;
            Some((u64::from_str_radix(node, 16).ok()?, connection.parse().ok()?))
        };
        Ok(reply::list(&evicted).iter().map(reply::text).filter_map(split).collect())
    }

    /// It gives it back.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn leave_place(&self, contract: &str, principal: &str, connection: u64) -> Result<(), Failure> {
        let link = self.company.log().link(contract);
        let mut command = redis::cmd("ZREM");
        command.arg(format!("{}:pl:{principal}", link.key())).arg(format!("{}:{connection}", hex(self.company.node())));
        link.ask::<i64>(&command).await.map(drop)
    }

    /// Counts one against each of the rates, in order; the first that is exceeded, and how long to wait.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn count(&self, contract: &str, principal: &str, rates: &[Rate<'_>]) -> Result<Option<(usize, Duration)>, Failure> {
        let link = self.company.log().link(contract);
        let arguments: Vec<String> =
            rates.iter().flat_map(|rate| [rate.name.to_owned(), rate.per.as_micros().to_string(), rate.count.to_string()]).collect();
        let said = link.run_on(&scripts::meter, &format!("{}:rate:{principal}", link.key()), &arguments).await?;
        let [place, wait] = reply::list(&said) else { return Ok(None) };
        let (place, wait) = (reply::int(place).unwrap_or(0), reply::int(wait).unwrap_or(0));
        Ok((place > 0).then(|| (place as usize - 1, Duration::from_micros(wait as u64))))
    }
}

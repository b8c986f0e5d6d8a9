//! What a principal uses over all nodes: its rates.

use crate::{Company, Failure, reply, scripts};
use std::{sync::Arc, time::Duration};

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

//! What one node at a time does: keep the house, carry a bridge.

use crate::{Failure, Link, RedisLog, reply, scripts};
use std::{sync::Arc, time::Duration};

/// Something that one node at a time may do.
#[derive(Clone)]
pub struct Lease {
    link: Link,
    key: String,
    holder: String,
    time: Duration,
}

impl Lease {
    /// `time`: how long after a holder's last word another may take it.
    pub fn new(log: &Arc<RedisLog>, name: &str, node: u64, time: Duration) -> Lease {
        Lease::at(log.common(), log.names().common(&format!("lease:{name}")), format!("{node:016x}"), time)
    }

    /// The same anywhere on Redis: `key` has the tag of the link's.
    pub fn at(link: Link, key: String, holder: String, time: Duration) -> Lease {
        Lease { link, key, holder, time }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// Takes it if nobody has it, keeps it if this node has it; whether it has it now. To be called several times within its time.
    ///
    /// # Errors
    /// Redis does not say: whoever had it must let go before its time is over.
    pub async fn hold(&self) -> Result<bool, Failure> {
        self.set(self.time).await
    }

    /// Lets go, so that another need not wait for the time to be over.
    pub async fn let_go(&self) {
        let _ = self.set(Duration::ZERO).await;
    }

    async fn set(&self, time: Duration) -> Result<bool, Failure> {
        let lease = self.clone();
        let asked = self.link.runtime().spawn(async move {
            let arguments = [lease.holder, time.as_millis().to_string()].map(String::into_bytes);
            lease.link.run_on(&scripts::lease, &lease.key, &arguments).await
        });
        let done = asked.await.map_err(|e| Failure::Unknown(e.to_string()))??;
        Ok(reply::int(&done) == Some(1))
    }
}

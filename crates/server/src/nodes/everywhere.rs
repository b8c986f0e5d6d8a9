//! What is done to clients wherever they are: on this node, and on those that share its channels.

use crate::{
    App,
    shard::{BoundToAnother, Selector},
};
use std::sync::Arc;
use tidewire_contract::Principal;

impl App {
    /// Closes the sessions that fit, with a close code that says why; how many there were.
    pub async fn disconnect(&self, who: Selector, reason: &str) -> usize {
        match &self.across {
            None => self.shards.disconnect(who, reason).await,
            Some(across) => {
                let (here, there) = tokio::join!(self.shards.disconnect(who.clone(), reason), across.disconnect(&who, reason));
                here + there
            }
        }
    }

    /// The same, with a code by which clients come back: what they may is another thing now, and they have to show it again.
    pub async fn recall(&self, who: Selector, reason: &str) -> usize {
        match &self.across {
            None => self.shards.recall(who, reason).await,
            Some(across) => {
                let (here, there) = tokio::join!(self.shards.recall(who.clone(), reason), across.recall(&who, reason));
                here + there
            }
        }
    }

    /// Takes the sessions that fit off the channel; how many there were.
    pub async fn unsubscribe(&self, who: Selector, channel: &str) -> usize {
        match &self.across {
            None => self.shards.unsubscribe(who, channel).await,
            Some(across) => {
                let (here, there) = tokio::join!(self.shards.unsubscribe(who.clone(), channel), across.unsubscribe(&who, channel));
                here + there
            }
        }
    }

    /// How many sessions are subscribed to a log (`contract/channel`).
    pub async fn subscribers(&self, log: &str) -> usize {
        match &self.across {
            None => self.shards.subscribers(log).await,
            Some(across) => {
                let (here, there) = tokio::join!(self.shards.subscribers(log), across.subscribers(log));
                here + there
            }
        }
    }

    /// The connection is this principal's of the contract from now on. `false`: the contract has no such connection.
    ///
    /// # Errors
    /// It is another principal's already.
    pub async fn bind(&self, connection: u64, contract: &str, principal: Arc<Principal>) -> Result<bool, BoundToAnother> {
        let here = self.shards.bind(connection, contract, principal.clone()).await?;
        let Some(across) = self.across.as_ref().filter(|_| !here) else { return Ok(here) };
        match across.bind(contract, connection, &principal).await {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BoundToAnother),
        }
    }

    /// A device was changed here: the other nodes know of it when this returns, if they live.
    pub async fn device_changed(&self, contract: &str, device: u64) {
        if let Some(across) = &self.across {
            across.device(contract, device).await;
        }
    }
}

//! Where a reader starts, looked up before it joins: a shard's thread waits for no store that is far away.

use super::Hub;
use tidewire_contract::{ChannelName, Contract};
use tidewire_engine::{
    Resume,
    feed::{self, Missing},
    log::LogError,
    publish::log_name,
};

/// Behind this event, and what is missing before it.
#[derive(Debug, Clone)]
pub struct Place {
    pub after: u64,
    pub missing: Option<Missing>,
}

impl Hub {
    /// Makes a channel's log known, and looks up where `resume` is in it. `None`: that is at hand on this node.
    ///
    /// # Errors
    /// What the store says.
    pub async fn place(&self, contract: &Contract, channel: &ChannelName, resume: Option<Resume>) -> Result<Option<Place>, LogError> {
        if !self.reader.is_shared() {
            return Ok(None);
        }
        let name = log_name(&contract.name, &channel.log);
        let log = self.order.open(&name, contract.channels[channel.log_kind].durability).await?;
        if !matches!(resume, Some(Resume::Id(_) | Resume::At(_) | Resume::Mark { .. })) {
            return Ok(None);
        }
        let reader = self.reader.clone();
        let started = tokio::task::spawn_blocking(move || feed::start(&reader, &log, resume)).await;
        let (after, missing) = started.map_err(|e| LogError::Failed(e.to_string()))??;
        Ok(Some(Place { after, missing }))
    }
}

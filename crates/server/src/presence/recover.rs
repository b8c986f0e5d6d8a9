//! Those who were told to be there by others that ended: the last run of this node, or another node that died.

use super::{Inner, Told, Who, row, tells};
use crate::hub::Hub;
use serde_json::Value;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_contract::{ChannelName, Contract, Durability};
use tidewire_engine::{log::LogError, publish::log_name};

/// Logs that are looked at before others get their turn at the store.
const PAGE: usize = 500;
/// How often other nodes are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// Takes up everybody whom the last run told to be there: who does not come back within its grace has left.
pub(super) async fn last_run(inner: Arc<Inner>, hub: Arc<Hub>, contracts: Vec<Arc<Contract>>) {
    for contract in contracts {
        if !contract.channels.iter().any(|channel| channel.presence.as_ref().is_some_and(tells)) {
            continue;
        }
        let mut after: Option<String> = None;
        loop {
            let (hub, of, from) = (hub.clone(), contract.clone(), after.clone());
            let page = tokio::task::spawn_blocking(move || page(&hub, &of, from.as_deref())).await;
            match page.map_err(|e| LogError::Failed(e.to_string())).flatten() {
                Ok((missed, next)) => {
                    missed.into_iter().for_each(|who| inner.miss(who));
                    after = next;
                }
                Err(error) => {
                    tracing::error!(contract = contract.name, %error, "who was there before the restart cannot be read; it is tried again");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            }
            if after.is_none() || inner.closed.load(Ordering::SeqCst) {
                break;
            }
        }
    }
}

/// The members of some of a contract's logs, and behind which name it goes on.
fn page(hub: &Hub, contract: &Arc<Contract>, after: Option<&str>) -> Result<(Vec<Who>, Option<String>), LogError> {
    let prefix = format!("{}/", contract.name);
    // What is in memory did not survive.
    let store = hub.reader().store(Durability::Disk);
    let logs = store.list(&prefix, after, PAGE)?;
    let mut missed = Vec::new();
    for (name, state) in &logs {
        let Some(channel) = name.strip_prefix(&prefix).and_then(|channel| contract.channel(channel)) else { continue };
        if contract.channels[channel.kind].presence.as_ref().is_some_and(tells) {
            missed.extend(row::all(store, state.id)?.into_iter().map(|told| told.who(contract, &channel)));
        }
    }
    Ok((missed, logs.last().filter(|_| logs.len() == PAGE).map(|(name, _)| name.clone())))
}

/// Looks after the members of other nodes that died.
pub(super) async fn orphans(inner: Arc<Inner>, contracts: Vec<Arc<Contract>>) {
    let Some(shared) = inner.shared.clone() else { return };
    while !inner.closed.load(Ordering::SeqCst) {
        match shared.orphans().await {
            Ok(orphans) => orphans.into_iter().for_each(|(log, member)| {
                if let Some(who) = orphan(&contracts, &log, member) {
                    inner.miss(who);
                }
            }),
            Err(why) => tracing::warn!(why, "whether other nodes live cannot be asked"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The row of the log says more of it, when it is told to have left.
fn orphan(contracts: &[Arc<Contract>], log: &str, member: Value) -> Option<Who> {
    let (name, channel) = log.split_once('/')?;
    let contract = contracts.iter().find(|c| c.name == name)?;
    let channel = contract.channel(channel)?;
    let told = Told { member, info: Value::Null, principal: serde_json::Map::new(), since: 0 };
    Some(told.who(contract, &channel))
}

impl Told {
    /// The member, as it was told to be there.
    pub(super) fn who(self, contract: &Arc<Contract>, channel: &ChannelName) -> Who {
        let Told { member, info, principal, since } = self;
        let log = log_name(&contract.name, &channel.name);
        Who { contract: contract.clone(), channel: channel.clone(), log, member, info, principal, since }
    }
}

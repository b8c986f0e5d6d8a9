//! Whether this Redis can keep what the contracts promise.

use crate::{Failure, RedisLog};
use std::collections::HashMap;
use tidewire_contract::Durability;

/// What Redis says of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Said {
    version: Vec<u32>,
    append_only: Option<String>,
    sync: Option<String>,
    eviction: Option<String>,
}

impl RedisLog {
    /// Asks each Redis that the contracts are on whether it keeps as much as `strongest` promises; what an operator should know.
    /// Blocks. `weaker`: to start all the same.
    ///
    /// # Errors
    /// It keeps less, or is too old; in words.
    pub fn promises(&self, contracts: &[String], strongest: Durability, weaker: bool) -> Result<Vec<String>, String> {
        let mut warnings = Vec::new();
        for contract in contracts {
            let link = self.link(contract);
            let said = self.io().wait(async move {
                let info: String = link.ask(redis::cmd("INFO").arg("server")).await?;
                let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default();
                let version = version.trim().split('.').filter_map(|part| part.parse().ok()).collect();
                let mut said = Said { version, ..Said::default() };
                // Some who run Redis for others do not let it be asked.
                let mut ask = redis::cmd("CONFIG");
                ask.arg("GET").arg("append*").arg("maxmemory-policy");
                if let Ok(found) = link.ask::<HashMap<String, String>>(&ask).await {
                    said.append_only = found.get("appendonly").cloned();
                    said.sync = found.get("appendfsync").cloned();
                    said.eviction = found.get("maxmemory-policy").cloned();
                }
                Ok::<_, Failure>(said)
            });
            let found = judge(&said.map_err(|e| e.to_string())?, strongest, weaker)?;
            found.into_iter().for_each(|warning| {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            });
        }
        Ok(warnings)
    }
}

fn judge(said: &Said, strongest: Durability, weaker: bool) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    if said.version.first().is_none_or(|major| *major < 7) {
        return Err(format!("Redis {:?} is too old: version 7 or later is needed", said.version));
    }
    let missing = match (strongest, said.append_only.as_deref(), said.sync.as_deref()) {
        (Durability::Memory, ..) | (_, Some("yes"), Some("always")) | (Durability::Process, Some("yes"), _) => None,
        (_, None, _) => {
            warnings.push("Redis does not say whether it writes an append-only file: what the contracts promise is not checked".to_owned());
            None
        }
        (Durability::Disk, Some("yes"), _) => {
            Some("a contract promises 'disk', and Redis syncs its file now and then: set appendfsync always")
        }
        (..) => Some("a contract promises that events survive a crash, and Redis writes no file: set appendonly yes"),
    };
    match missing {
        Some(missing) if weaker => warnings.push(format!("{missing}. store.redis_weaker: started all the same")),
        Some(missing) => return Err(format!("{missing}; or store.redis_weaker = true to start all the same")),
        None => {}
    }
    if said.eviction.as_deref().is_some_and(|policy| policy != "noeviction") {
        warnings.push("Redis may evict keys when its memory is full: set maxmemory-policy noeviction, or events are lost".to_owned());
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_needs_what_keeps_it() {
        let said = |append_only: &str, sync: &str| Said {
            version: vec![7, 0, 15],
            append_only: Some(append_only.into()),
            sync: Some(sync.into()),
            eviction: Some("noeviction".into()),
        };
        assert_eq!(judge(&said("yes", "always"), Durability::Disk, false), Ok(vec![]));
        assert!(judge(&said("yes", "everysec"), Durability::Disk, false).unwrap_err().contains("appendfsync always"));
        assert_eq!(judge(&said("yes", "everysec"), Durability::Process, false), Ok(vec![]));
        assert!(judge(&said("no", "everysec"), Durability::Process, false).unwrap_err().contains("appendonly yes"));
        assert_eq!(judge(&said("no", "everysec"), Durability::Process, true).unwrap().len(), 1);
        assert_eq!(judge(&said("no", "everysec"), Durability::Memory, false), Ok(vec![]));
        let unknown = Said { version: vec![7], ..Said::default() };
        assert_eq!(judge(&unknown, Durability::Disk, false).unwrap().len(), 1);
        assert!(judge(&Said { version: vec![6, 2], ..unknown }, Durability::Memory, true).is_err());
        let evicting = Said { eviction: Some("allkeys-lru".into()), ..said("yes", "always") };
        assert!(judge(&evicting, Durability::Disk, false).unwrap()[0].contains("noeviction"));
    }
}

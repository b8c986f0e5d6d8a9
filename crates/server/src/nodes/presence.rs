//! Who is on the channels of the other nodes, by the contracts' `presence`.

use crate::presence::{Member, Pending, PresenceStore};
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_redis::People;

/// What is written down of people, for [`crate::presence::Presences`].
pub struct Elsewhere(Arc<People>);

impl Elsewhere {
    pub fn new(people: Arc<People>) -> Elsewhere {
        Elsewhere(people)
    }
}

impl PresenceStore for Elsewhere {
    fn here<'a>(&'a self, log: &'a str, member: &'a Member) -> Pending<'a, ()> {
        let said = json!([member.info, member.connections, member.since]).to_string();
        Box::pin(async move { self.0.here(log, &member.member.to_string(), &said).await.map_err(|e| e.to_string()) })
    }

    fn gone<'a>(&'a self, log: &'a str, member: &'a Value) -> Pending<'a, ()> {
        Box::pin(async move { self.0.gone(log, &member.to_string()).await.map_err(|e| e.to_string()) })
    }

    fn elsewhere<'a>(&'a self, log: &'a str, member: &'a Value) -> Pending<'a, bool> {
        let member = member.to_string();
        Box::pin(async move {
            let others = self.0.others(log).await.map_err(|e| e.to_string())?;
            Ok(others.iter().any(|(_, other, _)| *other == member))
        })
    }

    fn others<'a>(&'a self, log: &'a str) -> Pending<'a, Vec<Member>> {
        Box::pin(async move {
            let mut all: Vec<Member> = Vec::new();
            for (_, member, said) in self.0.others(log).await.map_err(|e| e.to_string())? {
                let (Ok(member), Ok(said)) = (serde_json::from_str::<Value>(&member), serde_json::from_str::<Value>(&said)) else {
                    continue;
                };
                let connections = said[1].as_u64().map_or(0, |n| n as usize);
                let since = said[2].as_i64().unwrap_or(0);
                match all.iter_mut().find(|known| known.member == member) {
                    Some(known) => {
                        known.connections += connections;
                        known.since = known.since.min(since);
                    }
                    None => all.push(Member { member, info: said[0].clone(), connections, since }),
                }
            }
            Ok(all)
        })
    }

    fn orphans(&self) -> Pending<'_, Vec<(Arc<str>, Value)>> {
        Box::pin(async move {
            let left = self.0.orphans().await.map_err(|e| e.to_string())?;
            let place = |(log, member): (String, String)| Some((log.into(), serde_json::from_str(&member).ok()?));
            Ok(left.into_iter().filter_map(place).collect())
        })
    }
}

//! Votes: options, ballots, a tally, and a time after which a vote is over whoever has voted.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    pub id: String,
    pub question: String,
    pub options: Vec<Opt>,
    /// Character → option.
    pub ballots: BTreeMap<String, String>,
    /// Whose votes are waited for: those who were in the party when it began.
    pub voters: Vec<String>,
    /// ms.
    pub timeout: i64,
    /// When it finishes by itself; ms since 1970. Kept, so a restart changes nothing.
    pub ends_at: i64,
}

/// An option, and the scene that it leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opt {
    pub id: String,
    pub title: String,
    pub leads_to: u32,
    pub text: String,
}

impl Vote {
    pub fn is_complete(&self) -> bool {
        self.voters.iter().all(|v| self.ballots.contains_key(v))
    }

    /// Option → votes; in the options' order.
    pub fn tally(&self) -> Vec<(&str, usize)> {
        let votes = |o: &Opt| self.ballots.values().filter(|b| **b == o.id).count();
        self.options.iter().map(|o| (o.id.as_str(), votes(o))).collect()
    }

    /// The option with most votes; of several, the first.
    pub fn winner(&self) -> Option<&Opt> {
        let most = self.tally().into_iter().map(|(_, n)| n).max()?;
        let id = self.tally().into_iter().find(|(_, n)| *n == most)?.0.to_owned();
        self.options.iter().find(|o| o.id == id)
    }

    pub fn started(&self) -> Value {
        let options: Vec<Value> = self.options.iter().map(|o| json!({ "id": o.id, "title": o.title })).collect();
        json!({
            "vote_id": self.id, "question": self.question, "options": options, "timeout": self.timeout as f64 / 1000.0,
            "ends_at": crate::iso(self.ends_at), "voters": self.voters,
        })
    }

    pub fn update(&self) -> Value {
        json!({ "vote_id": self.id, "tally": self.tally_json(), "votes": self.ballots.len(), "voters": self.voters.len() })
    }

    pub fn finished(&self, winner: &Opt, reason: &str) -> Value {
        json!({
            "vote_id": self.id, "winner": winner.id, "reason": reason, "tally": self.tally_json(),
            "applied": { "effect": "scene", "scene_number": winner.leads_to, "text": winner.text },
        })
    }

    fn tally_json(&self) -> Value {
        Value::Object(self.tally().into_iter().map(|(id, n)| (id.to_owned(), n.into())).collect())
    }
}

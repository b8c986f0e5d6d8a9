//! State and what is still to be published, kept as one: the transactional outbox.
//!
//! A change writes the new state together with its events, then publishes, then notes where the channels stand. Killed
//! anywhere in between, the next start publishes the same events with the same keys.

use crate::publish::{Event, Publisher, Receipt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// A backend's state, at known places of its channels.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keep<S> {
    pub state: S,
    /// Channel → the position at which the state is true.
    pub positions: BTreeMap<String, String>,
    /// The `at` of the newest event of the state.
    pub at: Option<String>,
    outbox: Vec<Event>,
    /// Numbers keys; never goes back.
    counter: u64,
    /// Tells the keys of this state from those of another one.
    instance: String,
    #[serde(skip)]
    file: Option<PathBuf>,
}

impl<S: Serialize + DeserializeOwned> Keep<S> {
    /// Takes up what is kept in `folder`, or begins with `first`. `instance` must be another one at each beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: Option<PathBuf>, first: S, instance: String) -> io::Result<Keep<S>> {
        let file = folder.map(|f| f.join("state.json"));
        if let Some(path) = &file
            && path.exists()
        {
            let mut kept: Keep<S> = serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)?;
            kept.file = file;
            return Ok(kept);
        }
        Ok(Keep { state: first, positions: BTreeMap::new(), at: None, outbox: Vec::new(), counter: 0, instance, file })
    }

    /// A key that no other event has.
    pub fn next_key(&mut self) -> String {
        self.counter += 1;
        format!("{}-{}", self.instance, self.counter)
    }

    /// Makes `state` the state, and publishes the events that tell of it. Whoever calls holds the state locked meanwhile.
    ///
    /// # Errors
    /// The server's words where it refuses the events; the state is as before then.
    pub async fn change(&mut self, publisher: &Publisher, state: S, events: Vec<Event>) -> Result<Vec<Receipt>, Value> {
        let before = std::mem::replace(&mut self.state, state);
        self.outbox = events;
        self.save().map_err(|e| Value::String(format!("cannot keep the state: {e}")))?;
        match self.flush(publisher).await {
            Ok(receipts) => Ok(receipts),
            Err(refused) => {
                self.state = before;
                self.outbox.clear();
                let _ = self.save();
                Err(refused)
            }
        }
    }

    /// Publishes what an earlier run could not finish.
    ///
    /// # Errors
    /// The server's words where it refuses the events.
    pub async fn flush(&mut self, publisher: &Publisher) -> Result<Vec<Receipt>, Value> {
        if self.outbox.is_empty() {
            return Ok(Vec::new());
        }
        let receipts = publisher.publish(&self.outbox).await?;
        for receipt in &receipts {
            self.positions.insert(receipt.channel.clone(), receipt.position.clone());
            self.at = Some(receipt.at.clone()).max(self.at.take());
        }
        self.outbox.clear();
        self.save().map_err(|e| Value::String(format!("cannot keep the state: {e}")))?;
        Ok(receipts)
    }

    fn save(&self) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(new, path)
    }
}

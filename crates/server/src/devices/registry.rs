//! The devices of one contract: in memory for whoever asks, in the store for ever.

use super::{Denied, Device, Network, token, token::TokenHash};
use crate::hub::now;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
};
use tidewire_engine::log::{Log, LogError};

/// A contract's registry. Cheap to share.
pub struct Devices {
    contract: String,
    values: Arc<dyn Log>,
    known: RwLock<Known>,
    /// One change at a time.
    writing: Mutex<()>,
}

#[derive(Default)]
struct Known {
    by_id: BTreeMap<u64, Arc<Device>>,
    by_token: HashMap<TokenHash, u64>,
    /// The greatest id that there ever was.
    last: u64,
}

/// A device that is to be made.
#[derive(Debug, Clone, Default)]
pub struct New {
    /// The next one, if it is not said.
    pub id: Option<u64>,
    pub name: String,
    pub device_type: String,
    pub store: String,
    pub abilities: Vec<String>,
    pub allow: Vec<Network>,
}

/// What is to be another of a device; what is not said stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub name: Option<String>,
    pub device_type: Option<String>,
    pub store: Option<String>,
    pub abilities: Option<Vec<String>>,
    pub allow: Option<Vec<Network>>,
    pub blocked: Option<bool>,
}

/// Why a device was not made or changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("there is no device {0}")]
    Unknown(u64),
    #[error("there is a device {0} already")]
    Taken(u64),
    #[error("{0} cannot be a device's id: they go from 1 to {ID_MAX}")]
    BadId(u64),
    #[error(transparent)]
    Store(#[from] LogError),
}

/// The greatest id that a caller may choose: behind it there is room for as many again that every JSON reader takes for whole numbers.
pub const ID_MAX: u64 = (1 << 52) - 1;

/// How a device lies in the store.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    #[serde(flatten)]
    device: Device,
}

/// A small value of the store: key, and what is there.
type Row = (Vec<u8>, Option<Vec<u8>>);

const VERSION: u32 = 1;

/// A device, and the bytes that the store has of it.
type Fresh = (Option<Arc<Device>>, Option<Vec<u8>>);

impl Devices {
    /// Reads the contract's devices from the store.
    ///
    /// # Errors
    /// What the store says, and a value that is none of ours.
    pub fn open(values: Arc<dyn Log>, contract: &str) -> Result<Devices, LogError> {
        let mut known = Known::default();
        for (key, value) in values.values(prefix(contract).as_bytes())? {
            let damaged = |why: String| LogError::Damaged(format!("the value {}: {why}", String::from_utf8_lossy(&key)));
            let kept: Kept = serde_json::from_slice(&value).map_err(|e| damaged(e.to_string()))?;
            if kept.version != VERSION {
                return Err(damaged(format!("it has the version {}, and {VERSION} is what this server reads", kept.version)));
            }
            known.put(kept.device);
        }
        let counter = counter(contract);
        if let Some(last) = values.get(counter.as_bytes())? {
            let last = std::str::from_utf8(&last).ok().and_then(|last| last.parse().ok());
            known.last = known.last.max(last.ok_or_else(|| LogError::Damaged(format!("the value {counter} is no number")))?);
        }
        Ok(Devices { contract: contract.to_owned(), values, known: RwLock::new(known), writing: Mutex::default() })
    }

    /// The device that the token is of, if it may come from there.
    ///
    /// # Errors
    /// Which check it did not pass.
    pub fn verify(&self, token: &str, from: IpAddr) -> Result<Arc<Device>, Denied> {
        let device = self.verify_anywhere(token)?;
        if !device.allow.is_empty() && !device.allow.iter().any(|network| network.has(from)) {
            return Err(Denied::Address(device.id, from));
        }
        Ok(device)
    }

    /// The same, wherever it comes from.
    ///
    /// # Errors
    /// Which check it did not pass.
    pub fn verify_anywhere(&self, token: &str) -> Result<Arc<Device>, Denied> {
        // Found by its hash, so that the time that it takes says nothing of any token.
        let hash = TokenHash::of(token);
        let known = self.known();
        let device = known.by_token.get(&hash).and_then(|id| known.by_id.get(id)).ok_or(Denied::Token)?;
        if device.blocked { Err(Denied::Blocked(device.id)) } else { Ok(device.clone()) }
    }

    /// All of them, by id.
    pub fn list(&self) -> Vec<Arc<Device>> {
        self.known().by_id.values().cloned().collect()
    }

    pub fn get(&self, id: u64) -> Option<Arc<Device>> {
        self.known().by_id.get(&id).cloned()
    }

    /// Makes a device; its token is told this once.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn create(self: &Arc<Self>, new: New) -> Result<(Arc<Device>, String), Refused> {
        self.at_work(move |devices| {
            loop {
                // In one write with the device: so an id is not given twice, whatever happens, and whoever else gives some.
                let counted = devices.values.get(counter(&devices.contract).as_bytes())?;
                let last = counted.as_deref().and_then(|last| std::str::from_utf8(last).ok()?.parse().ok());
                let last = devices.known().last.max(last.unwrap_or(0));
                let id = match new.id {
                    Some(id) if !(1..=ID_MAX).contains(&id) => return Err(Refused::BadId(id)),
                    Some(id) => id,
                    None => last + 1,
                };
                if let (Some(_), _) = devices.fresh(id)? {
                    return Err(Refused::Taken(id));
                }
                let (token, hashed) = token::fresh(id);
                let New { name, device_type, store, abilities, allow, .. } = new.clone();
                let (created_at, blocked) = (now(), false);
                let device =
                    Device { id, name, device_type, store, abilities, allow, blocked, created_at, token_at: created_at, token: hashed };
                let counter = counter(&devices.contract).into_bytes();
                let expected = (counter.clone(), counted.map(|value| value.to_vec()));
                let beside = (counter, Some(id.max(last).to_string().into_bytes()));
                if let Some(device) = devices.keep(device, None, Some((expected, beside)))? {
                    return Ok((device, token));
                }
            }
        })
        .await
    }

    /// Changes a device; what it was before, and what it is now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn change(self: &Arc<Self>, id: u64, change: Change) -> Result<(Arc<Device>, Arc<Device>), Refused> {
        self.at_work(move |devices| {
            loop {
                let (Some(before), was) = devices.fresh(id)? else { return Err(Refused::Unknown(id)) };
                let change = change.clone();
                let mut device = (*before).clone();
                device.name = change.name.unwrap_or(device.name);
                device.device_type = change.device_type.unwrap_or(device.device_type);
                device.store = change.store.unwrap_or(device.store);
                device.abilities = change.abilities.unwrap_or(device.abilities);
                device.allow = change.allow.unwrap_or(device.allow);
                device.blocked = change.blocked.unwrap_or(device.blocked);
                if let Some(after) = devices.keep(device, was, None)? {
                    return Ok((before, after));
                }
            }
        })
        .await
    }

    /// Gives a device another token, in place of the one that it had.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn rotate(self: &Arc<Self>, id: u64) -> Result<(Arc<Device>, String), Refused> {
        self.at_work(move |devices| {
            loop {
                let (Some(before), was) = devices.fresh(id)? else { return Err(Refused::Unknown(id)) };
                let mut device = (*before).clone();
                let (token, hashed) = token::fresh(id);
                (device.token, device.token_at) = (hashed, now());
                if let Some(device) = devices.keep(device, was, None)? {
                    return Ok((device, token));
                }
            }
        })
        .await
    }

    /// Forgets a device. Its id is not given again but to whoever asks for it by number.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn remove(self: &Arc<Self>, id: u64) -> Result<Arc<Device>, Refused> {
        self.at_work(move |devices| {
            let (Some(device), _) = devices.fresh(id)? else { return Err(Refused::Unknown(id)) };
            devices.values.put(key(&devices.contract, id).as_bytes(), None)?;
            devices.known.write().unwrap_or_else(PoisonError::into_inner).take(id);
            Ok(device)
        })
        .await
    }

    /// Reads one device anew: another node may have changed it. Blocks.
    ///
    /// # Errors
    /// What the store says.
    pub fn look_anew(&self, id: u64) -> Result<(), LogError> {
        self.fresh(id).map(drop)
    }

    /// Reads all of them anew. Blocks.
    ///
    /// # Errors
    /// What the store says; nothing has changed then.
    pub fn look_at_all(&self) -> Result<(), LogError> {
        let read = Devices::open(self.values.clone(), &self.contract)?;
        let read = read.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// A device as the store has it now, and its bytes there; what is in memory is the same from now on.
    fn fresh(&self, id: u64) -> Result<Fresh, LogError> {
        let value = self.values.get(key(&self.contract, id).as_bytes())?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(value) = value else {
            known.take(id);
            return Ok((None, None));
        };
        let kept: Kept = serde_json::from_slice(&value).map_err(|e| LogError::Damaged(format!("the device {id}: {e}")))?;
        match known.by_id.get(&id) {
            Some(device) if **device == kept.device => Ok((Some(device.clone()), Some(value.to_vec()))),
            _ => Ok((Some(known.put(kept.device)), Some(value.to_vec()))),
        }
    }

    /// One change, where it may wait for the disk. It is done whole, also when whoever asked for it is gone: what is in memory and
    /// what is in the store never part.
    async fn at_work<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Devices) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let devices = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = devices.writing.lock().unwrap_or_else(PoisonError::into_inner);
            change(&devices)
        });
        done.await.map_err(|e| LogError::Failed(e.to_string()))?
    }

    /// `None`: another node was faster, and it has to be looked at anew. `was`: the device's bytes before; `beside`: what is expected and
    /// written beside it.
    fn keep(&self, device: Device, was: Option<Vec<u8>>, beside: Option<(Row, Row)>) -> Result<Option<Arc<Device>>, LogError> {
        let kept = Kept { version: VERSION, device };
        let value = serde_json::to_vec(&kept).map_err(|e| LogError::Failed(e.to_string()))?;
        let place = key(&self.contract, kept.device.id).into_bytes();
        let (mut expected, mut values) = (vec![(place.clone(), was)], vec![(place, Some(value))]);
        if let Some((is, becomes)) = beside {
            expected.push(is);
            values.push(becomes);
        }
        if !self.values.put_if(&expected, &values)? {
            return Ok(None);
        }
        Ok(Some(self.known.write().unwrap_or_else(PoisonError::into_inner).put(kept.device)))
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, device: Device) -> Arc<Device> {
        self.take(device.id);
        self.last = self.last.max(device.id);
        self.by_token.insert(device.token, device.id);
        let device = Arc::new(device);
        self.by_id.insert(device.id, device.clone());
        device
    }

    fn take(&mut self, id: u64) {
        if let Some(device) = self.by_id.remove(&id) {
            self.by_token.remove(&device.token);
        }
    }
}

fn prefix(contract: &str) -> String {
    format!("device/{contract}/")
}

fn key(contract: &str, id: u64) -> String {
    format!("device/{contract}/{id:020}")
}

fn counter(contract: &str) -> String {
    format!("devices/{contract}/last")
}

//! Who is it: tokens of clients, keys of backends.
//!
//! A token is a signed JWT. Which algorithm checks it is decided by the configured key, never by the token's own header.
//! No token is ever part of an error or a log line.

mod error;
mod jwks;
mod origin;
mod token;
mod verifier;

pub use error::AuthError;
pub use jwks::check_keys;
pub use origin::origin_allowed;
pub use token::{find as find_token, redact_query};
pub use verifier::Verified;

use crate::{
    config::{BackendKey, Config, ConfigError},
    devices::{Devices, Standing},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::{collections::HashMap, net::IpAddr, sync::Arc};
use tidewire_contract::Contract;
use verifier::Verifier;

/// The keys of all contracts.
pub struct Auth {
    contracts: Vec<OfContract>,
}

struct OfContract {
    name: String,
    verifier: Arc<Verifier>,
    backend_keys: Vec<BackendKey>,
    /// Whose tokens those of its clients are, if they are devices.
    devices: Option<Arc<Devices>>,
}

impl Auth {
    /// Reads the keys of these contracts.
    ///
    /// # Errors
    /// A key that cannot be read.
    pub fn new(config: &Config, contracts: &[&Contract]) -> Result<Auth, ConfigError> {
        let mut found = Vec::new();
        for contract in contracts {
            let settings = config.contract(&contract.name).cloned().unwrap_or_default();
            let verifier = Arc::new(Verifier::new(&contract.name, &settings.auth)?);
            found.push(OfContract { name: contract.name.clone(), verifier, backend_keys: settings.backend_keys, devices: None });
        }
        Ok(Auth { contracts: found })
    }

    /// From now on the tokens of this contract's clients are those of its devices.
    pub fn set_devices(&mut self, contract: &str, devices: Devices) {
        if let Some(of) = self.contracts.iter_mut().find(|of| of.name == contract) {
            of.devices = Some(Arc::new(devices));
        }
    }

    /// The registry of a contract that has one.
    /// All registries, by contract.
    pub fn registries(&self) -> HashMap<String, Arc<Devices>> {
        self.contracts.iter().filter_map(|of| Some((of.name.clone(), of.devices.clone()?))).collect()
    }

    pub fn devices(&self, contract: &str) -> Option<Arc<Devices>> {
        self.contracts.iter().find(|of| of.name == contract)?.devices.clone()
    }

    /// Fetches the keys that are published elsewhere, so that the first clients need not wait for them.
    pub fn warm(&self) {
        for contract in &self.contracts {
            contract.verifier.refresh_soon();
        }
    }

    /// Verifies a client's token with the keys at hand. `from`: the address that it comes from, where that
    /// is known. Where it names a key that is not known, the published keys are
    /// asked for in the background; the same token may be good a moment later.
    ///
    /// # Errors
    /// Which check failed.
    pub fn verify(&self, contract: &Contract, token: &str, from: Option<IpAddr>) -> Result<Verified, AuthError> {
        if let Some(devices) = self.devices(&contract.name) {
            return of_device(&devices, contract, token, from);
        }
        let verifier = self.verifier(contract)?;
        let verified = verifier.verify(contract, token);
        if matches!(verified, Err(AuthError::UnknownKey)) {
            verifier.refresh_soon();
        }
        verified
    }

    /// [`Auth::verify`], which waits for the published keys where the token names one that is not known.
    ///
    /// # Errors
    /// Which check failed.
    pub async fn verify_fetching(&self, contract: &Contract, token: &str, from: Option<IpAddr>) -> Result<Verified, AuthError> {
        if let Some(devices) = self.devices(&contract.name) {
            return of_device(&devices, contract, token, from);
        }
        let verifier = self.verifier(contract)?;
        let verified = verifier.verify(contract, token);
        if matches!(verified, Err(AuthError::UnknownKey)) && verifier.refresh().await {
            return verifier.verify(contract, token);
        }
        verified
    }

    /// The place, in the list that [`Auth::new`] was given, of the contract that this backend key belongs to. Takes the same
    /// time whichever key it is.
    pub fn backend(&self, key: &str) -> Option<usize> {
        let hash = BackendKey::of(key);
        let mut found = None;
        for (i, contract) in self.contracts.iter().enumerate() {
            for candidate in &contract.backend_keys {
                if verify_slices_are_equal(&candidate.0, &hash.0).is_ok() {
                    found = Some(i);
                }
            }
        }
        found
    }

    fn verifier(&self, contract: &Contract) -> Result<&Arc<Verifier>, AuthError> {
        self.contracts.iter().find(|c| c.name == contract.name).map(|c| &c.verifier).ok_or(AuthError::UnknownKey)
    }
}

/// A device's token: good until it is replaced.
fn of_device(devices: &Arc<Devices>, contract: &Contract, token: &str, from: Option<IpAddr>) -> Result<Verified, AuthError> {
    let device = match from {
        Some(from) => devices.verify(token, from),
        None => devices.verify_anywhere(token),
    };
    let device = device.map_err(AuthError::Device)?;
    let principal = contract.principal(&device.attributes()).ok_or(AuthError::NoPrincipal)?;
    let device = Some(Standing::new(devices.clone(), device));
    Ok(Verified { principal: Arc::new(principal), expires: None, device })
}

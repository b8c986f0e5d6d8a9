//! A contract as it is served: with its dialect and its keys.

use std::sync::Arc;
use tidewire_contract::Contract;
use tidewire_wire::Dialect;

pub struct Served {
    pub contract: Arc<Contract>,
    pub dialect: Arc<dyn Dialect>,
}

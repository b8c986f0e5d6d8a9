//! Whether what a device was let in for still is so.

use super::{Device, Devices};
use std::{fmt, sync::Arc};

/// A device as it was when it was let in.
///
/// Between that look at the registry and the moment from which a connection can be found and ended, the device may be blocked: so whoever
/// begins or answers something looks again.
#[derive(Clone)]
pub struct Standing {
    devices: Arc<Devices>,
    device: Arc<Device>,
}

impl Standing {
    pub fn new(devices: Arc<Devices>, device: Arc<Device>) -> Standing {
        Standing { devices, device }
    }

    /// Whether it is there, and may what it might then.
    pub fn holds(&self) -> bool {
        let now = self.devices.get(self.device.id);
        now.is_some_and(|now| now.token == self.device.token && now.may_the_same(&self.device))
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Standing) -> bool {
        Arc::ptr_eq(&self.devices, &other.devices) && self.device == other.device
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Standing({})", self.device.id)
    }
}

impl Device {
    /// Whether it may what the other may: all but its name and its token.
    pub fn may_the_same(&self, other: &Device) -> bool {
        (self.id, self.blocked, &self.device_type, &self.store) == (other.id, other.blocked, &other.device_type, &other.store)
            && (&self.abilities, &self.allow) == (&other.abilities, &other.allow)
    }
}

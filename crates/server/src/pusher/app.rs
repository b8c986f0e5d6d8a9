//! An app: the credentials and options under which a contract speaks the Pusher protocol.

use crate::config::{AppConfig, Secret};
use std::time::Duration;
use tidewire_contract::Contract;
use tidewire_wire::pusher::{Frames, sign};

/// An app of the Pusher protocol, and its frames.
pub struct PusherApp {
    pub id: String,
    pub key: String,
    pub secret: Secret,
    pub options: AppConfig,
    pub frames: Frames,
    /// It has no contract of its own: any channel, any event.
    pub plain: bool,
}

impl PusherApp {
    /// `depth`: how deep a client's frame may nest.
    pub fn new(config: &AppConfig, contract: &Contract, plain: bool, depth: usize) -> PusherApp {
        PusherApp {
            id: config.app_id.clone(),
            key: config.key.clone(),
            secret: config.secret.clone(),
            frames: Frames::new(&contract.wire.event, config.activity_timeout.as_secs().max(1), depth),
            options: config.clone(),
            plain,
        }
    }

    /// Signs a subscription; with `channel_data` where the channel's members are known by it.
    pub fn sign_channel(&self, socket_id: &str, channel: &str, channel_data: Option<&str>) -> String {
        sign::channel_auth(&self.key, self.secret.reveal(), socket_id, channel, channel_data)
    }

    /// Signs who a user is.
    pub fn sign_user(&self, socket_id: &str, user_data: &str) -> String {
        sign::user_auth(&self.key, self.secret.reveal(), socket_id, user_data)
    }

    /// Whether `auth` is this app's signature of `text`.
    pub fn verifies(&self, auth: &str, text: &str) -> bool {
        sign::verify_auth(&self.key, self.secret.reveal(), auth, text)
    }

    /// A ping when nothing was heard for so long, and how long its answer may take.
    pub fn patience(&self) -> (Duration, Duration) {
        (self.options.activity_timeout, PONG)
    }
}

/// How long a client may take to answer a ping, as the protocol's page has it.
const PONG: Duration = Duration::from_secs(30);

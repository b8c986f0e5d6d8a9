//! A contract as it is served: with its dialect and its keys.

use crate::{pusher::PusherApp, session::Transport};
use std::sync::Arc;
use tidewire_contract::{ClientFrame, Contract, OptionRole, ServerFrame};
use tidewire_wire::{Dialect, TemplateDialect};

pub struct Served {
    pub contract: Arc<Contract>,
    /// Its own JSON: of WebSockets of its own protocol, event streams, polls and pages.
    pub dialect: Arc<dyn Dialect>,
    /// Under the Pusher protocol: the app, and the frames of its WebSockets.
    pub pusher: Option<PusherApp>,
    /// Whether the event's template names `$replay`.
    pub tells_replay: bool,
    /// Whether the first frame of a connection names `$presence`.
    pub greets_with_presence: bool,
    /// Whether it names `$retained`.
    pub greets_with_retained: bool,
}

impl Served {
    /// `depth`: how deep a client's JSON may nest.
    pub fn new(contract: Arc<Contract>, pusher: Option<PusherApp>, depth: usize) -> Served {
        let mut names = Vec::new();
        contract.wire.event.names(&mut names);
        let tells_replay = names.contains(&"replay");
        let mut named = Vec::new();
        if let Some(hello) = contract.wire.server(ServerFrame::Hello) {
            hello.names(&mut named);
        }
        let (greets_with_presence, greets_with_retained) = (named.contains(&"presence"), named.contains(&"retained"));
        Served {
            dialect: Arc::new(TemplateDialect::of(&contract.wire, depth).with_errors(&contract.errors)),
            contract,
            pusher,
            tells_replay,
            greets_with_presence,
            greets_with_retained,
        }
    }

    /// Whether a channel's `priority` lets its events overtake those of others. Not where a client that comes back has one id or
    /// time for all its channels: behind that of an event that overtook lies nothing of what it overtook.
    pub fn overtakes(&self, endpoint: usize, transport: Transport) -> bool {
        match transport {
            Transport::Pusher(_) => true,
            Transport::Sse => false,
            Transport::WebSocket(_) => {
                let resumes = |(_, role): &(String, OptionRole)| *role == OptionRole::Resume;
                let endpoint = self.contract.endpoints.get(endpoint);
                self.contract.wire.client(ClientFrame::Sync).is_none() && !endpoint.is_some_and(|e| e.options.iter().any(resumes))
            }
        }
    }
}

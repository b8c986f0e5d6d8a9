//! What several nodes have to know of each other's members: a seam. One node alone needs none of it.

use super::Member;
use serde_json::Value;
use std::{future::Future, pin::Pin, sync::Arc};

/// An answer that takes its time. In words where there is none.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Who is connected, over all nodes that share a log. Who was *told* to be there is no matter of this: that are rows of state of
/// the log itself, written by the commits of the events that tell it.
///
/// A log is named `contract/channel`. A member is what the contract's `presence.member` makes of its principal.
pub trait PresenceStore: Send + Sync + 'static {
    /// The member is connected to this node, so often; told again when that changes, and until [`PresenceStore::gone`]. It counts
    /// as long as this node is alive.
    fn here<'a>(&'a self, log: &'a str, member: &'a Member) -> Pending<'a, ()>;

    /// Its last connection to this node is gone.
    fn gone<'a>(&'a self, log: &'a str, member: &'a Value) -> Pending<'a, ()>;

    /// Whether it is connected to another node that is alive.
    fn elsewhere<'a>(&'a self, log: &'a str, member: &'a Value) -> Pending<'a, bool>;

    /// Those who are connected to other nodes that are alive.
    fn others<'a>(&'a self, log: &'a str) -> Pending<'a, Vec<Member>>;

    /// Members of nodes that have died since this was last asked: they have their grace from now on, and whoever is told of them
    /// here says so when it is over. Several nodes may be told of the same.
    fn orphans(&self) -> Pending<'_, Vec<(Arc<str>, Value)>>;
}

//! A world, and what it can go back to.

use crate::{
    action::{Action, Moment, Told, act},
    state::{Earlier, World},
};
use serde::{Deserialize, Serialize};
use tidewire_example_backend::Refusal;

/// What is kept: the world, and the state that a rollback goes back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub world: World,
    /// Since when the world is as it is.
    pub as_of: String,
    pub earlier: Option<Earlier>,
    since_earlier: u32,
}

/// Actions between two states that a rollback can go back to.
const QUIET: u32 = 5;

impl Held {
    pub fn new(world: World, at: String) -> Held {
        Held { world, as_of: at, earlier: None, since_earlier: 0 }
    }

    /// What is after an action, and what happened.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn step(&self, action: Action, moment: &Moment) -> Result<(Held, Told), Refusal> {
        let mut next = self.clone();
        let is_rollback = matches!(action, Action::Rollback { .. });
        let told = act(&mut next.world, self.earlier.as_ref(), action, moment)?;
        next.since_earlier += 1;
        let is_due = self.earlier.is_none() || (next.since_earlier >= QUIET && !is_rollback);
        // A frozen moment is none to go back to: whoever rolls back wants things to go on.
        if is_due && self.world.frozen.is_none() {
            next.earlier = Some(Earlier { at: self.as_of.clone(), world: self.world.clone() });
            next.since_earlier = 0;
        }
        next.as_of.clone_from(&moment.at);
        Ok((next, told))
    }
}

//! Dice that fall the same way whenever the same thing is tried again: a roll is made of the seed and of what it is for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice { seed }
    }

    /// From 1 to `sides`. `cause` is what made it fall (an action's id), `what` which of its dice it is.
    pub fn roll(&self, cause: &str, what: &str, sides: u32) -> u32 {
        let text = format!("{}/{cause}/{what}", self.seed);
        let hash = Sha256::digest(text.as_bytes());
        let number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        // 64 bits for a die of at most a few sides: no side is favoured to speak of.
        (number % u64::from(sides.max(1))) as u32 + 1
    }
}

/// How far a roll got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Partial,
    Failure,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Partial => "partial",
            Outcome::Failure => "failure",
        }
    }
}

/// A twenty-sided die with something added, against a difficulty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    pub value: u32,
    pub modifier: i32,
    pub difficulty: u32,
    /// So little below the difficulty is half a success.
    pub margin: u32,
}

impl Check {
    pub fn outcome(&self) -> Outcome {
        let total = self.value as i32 + self.modifier;
        match self.difficulty as i32 - total {
            missing if missing <= 0 => Outcome::Success,
            missing if missing <= self.margin as i32 => Outcome::Partial,
            _ => Outcome::Failure,
        }
    }

    pub fn json(&self) -> Value {
        json!({ "die": 20, "value": self.value, "modifier": self.modifier, "difficulty": self.difficulty })
    }
}

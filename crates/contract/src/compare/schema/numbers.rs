//! Numbers of schemas, compared exactly: whole ones as such, others as what they are in memory.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Above it, what is whole is compared as a float, too.
const WHOLE_MAX: f64 = 1e30;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Num {
    Whole(i128),
    Float(f64),
}

impl Num {
    pub fn of(value: &Value) -> Option<Num> {
        let Value::Number(number) = value else { return None };
        Num::number(number)
    }

    fn number(number: &Number) -> Option<Num> {
        if let Some(n) = number.as_i64() {
            return Some(Num::Whole(i128::from(n)));
        }
        if let Some(n) = number.as_u64() {
            return Some(Num::Whole(i128::from(n)));
        }
        let n = number.as_f64()?;
        Some(if n.fract() == 0.0 && n.abs() < WHOLE_MAX { Num::Whole(n as i128) } else { Num::Float(n) })
    }

    pub fn cmp(self, other: Num) -> Ordering {
        match (self, other) {
            (Num::Whole(a), Num::Whole(b)) => a.cmp(&b),
            (a, b) => a.float().total_cmp(&b.float()),
        }
    }

    pub fn float(self) -> f64 {
        match self {
            Num::Whole(n) => n as f64,
            Num::Float(n) => n,
        }
    }

    pub fn json(self) -> Option<Value> {
        match self {
            Num::Whole(n) => i64::try_from(n).map(Value::from).or_else(|_| u64::try_from(n).map(Value::from)).ok(),
            Num::Float(n) => Number::from_f64(n).map(Value::Number),
        }
    }

    /// This and what is near it, on both sides.
    pub fn around(self) -> Vec<Value> {
        let near = match self {
            Num::Whole(n) => {
                let half = n as f64 + 0.5;
                vec![Num::Whole(n), Num::Whole(n - 1), Num::Whole(n + 1), Num::Float(half), Num::Float(half - 1.0)]
            }
            Num::Float(n) => {
                vec![Num::Float(n), Num::Float(n - 0.25), Num::Float(n + 0.25), Num::Whole(n.floor() as i128), Num::Whole(n.ceil() as i128)]
            }
        };
        near.into_iter().filter_map(Num::json).collect()
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub at: Num,
    /// The number itself is not in it.
    pub open: bool,
}

impl End {
    /// Among whole numbers every end is one that is in the range.
    pub fn whole(self, lower: bool) -> End {
        let at = match self.at {
            Num::Whole(n) if self.open => Num::Whole(if lower { n + 1 } else { n - 1 }),
            Num::Float(n) if n.abs() < WHOLE_MAX => Num::Whole(if lower { n.ceil() as i128 } else { n.floor() as i128 }),
            at => return End { at, ..self },
        };
        End { at, open: false }
    }

    /// As a lower end, this lets through nothing that `other` does not.
    pub fn at_least(self, other: End) -> bool {
        match self.at.cmp(other.at) {
            Ordering::Greater => true,
            Ordering::Equal => self.open || !other.open,
            Ordering::Less => false,
        }
    }

    /// As an upper end, this lets through nothing that `other` does not.
    pub fn at_most(self, other: End) -> bool {
        match self.at.cmp(other.at) {
            Ordering::Less => true,
            Ordering::Equal => self.open || !other.open,
            Ordering::Greater => false,
        }
    }
}

/// Whether every multiple of `a` is one of `b`, for sure.
pub(super) fn divides(b: Num, a: Num) -> bool {
    match (a, b) {
        (Num::Whole(a), Num::Whole(b)) => b != 0 && a % b == 0,
        (a, b) => a == b,
    }
}

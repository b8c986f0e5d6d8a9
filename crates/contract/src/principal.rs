//! Who a client was authenticated as.

use serde_json::{Map, Value};

/// A principal: `id` and the attributes that the contract's `auth.principal` names, read off the token's claims.
/// An attribute whose claim is missing is null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Principal {
    /// The value of the attribute `id`, as text; what limits, presence and `/v1/disconnect` go by.
    pub id: String,
    pub attributes: Map<String, Value>,
}

impl Principal {
    /// The attribute as text, if it is a string or a number.
    pub fn text(&self, attribute: &str) -> Option<String> {
        match self.attributes.get(attribute)? {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        }
    }
}

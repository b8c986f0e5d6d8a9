//! Who a client was authenticated as.

use serde_json::{Map, Number, Value};
use std::sync::Arc;

/// A principal: `id` and the attributes that the contract's `auth.principal` names, read off the token's claims.
/// An attribute whose claim is missing is null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Principal {
    /// The value of the attribute `id`, as text; what limits, presence and `/v1/disconnect` go by.
    pub id: Box<str>,
    pub attributes: Attributes,
}

impl Principal {
    /// The attribute as text, if it is a string or a number.
    pub fn text(&self, attribute: &str) -> Option<String> {
        match self.attributes.get(attribute)? {
            Attribute::Text(s) => Some(s.to_string()),
            Attribute::Number(n) => Some(n.to_string()),
            _ => None,
        }
    }
}

/// A principal's attributes, in the contract's order. Every client has some, so they are small: a map of JSON takes four times
/// as much.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    /// The same for all principals of a contract.
    names: Arc<[Box<str>]>,
    values: Box<[Attribute]>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    /// A list or an object.
    Nested(Box<Value>),
}

impl Attributes {
    /// With values for the names, in their order.
    pub(crate) fn new(names: &Arc<[Box<str>]>, values: impl Iterator<Item = Value>) -> Attributes {
        Attributes { names: names.clone(), values: values.map(Attribute::from).collect() }
    }

    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.values.get(self.names.iter().position(|known| **known == *name)?)
    }

    /// The value at `[attribute, key of an object, …]`.
    pub fn at(&self, path: &[String]) -> Option<Value> {
        let (name, deeper) = path.split_first()?;
        match (self.get(name)?, deeper) {
            (attribute, []) => Some(attribute.to_json()),
            (Attribute::Nested(value), deeper) => deeper.iter().try_fold(&**value, |value, key| value.get(key)).cloned(),
            _ => None,
        }
    }

    pub fn to_json(&self) -> Map<String, Value> {
        self.names.iter().map(|name| name.to_string()).zip(self.values.iter().map(Attribute::to_json)).collect()
    }
}

impl From<Map<String, Value>> for Attributes {
    fn from(map: Map<String, Value>) -> Attributes {
        let names = map.keys().map(|name| name.as_str().into()).collect();
        Attributes::new(&names, map.into_iter().map(|(_, value)| value))
    }
}

impl Attribute {
    pub fn to_json(&self) -> Value {
        match self {
            Attribute::Null => Value::Null,
            Attribute::Bool(b) => Value::Bool(*b),
            Attribute::Number(n) => Value::Number(n.clone()),
            Attribute::Text(s) => Value::String(s.to_string()),
            Attribute::Nested(value) => (**value).clone(),
        }
    }
}

impl From<Value> for Attribute {
    fn from(value: Value) -> Attribute {
        match value {
            Value::Null => Attribute::Null,
            Value::Bool(b) => Attribute::Bool(b),
            Value::Number(n) => Attribute::Number(n),
            Value::String(s) => Attribute::Text(s.into()),
            nested => Attribute::Nested(Box::new(nested)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(value: &Value) -> Attributes {
        value.as_object().expect("an object").clone().into()
    }

    #[test]
    fn attributes_are_the_json_that_they_were_made_of() {
        let value = json!({ "id": 42, "name": "ana", "gone": null, "good": true, "may": { "do": ["a"] }, "in": [1, "b"] });
        let attributes = attributes(&value);
        assert_eq!(Value::Object(attributes.to_json()), value);
        assert_eq!(attributes.to_json().keys().collect::<Vec<_>>(), ["id", "name", "gone", "good", "may", "in"]);
    }

    #[test]
    fn a_path_leads_into_objects_alone() {
        let attributes = attributes(&json!({ "name": "ana", "may": { "do": ["a"] } }));
        let at = |path: &[&str]| attributes.at(&path.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(at(&["name"]), Some(json!("ana")));
        assert_eq!(at(&["may", "do"]), Some(json!(["a"])));
        for nothing in [&[][..], &["age"], &["name", "first"], &["may", "go"], &["may", "do", "0"]] {
            assert_eq!(at(nothing), None, "{nothing:?}");
        }
    }

    /// Most clients' attributes are texts and numbers.
    #[test]
    fn an_attribute_is_small() {
        assert!(size_of::<Attribute>() <= 24, "{}", size_of::<Attribute>());
        assert!(size_of::<Principal>() <= 48, "{}", size_of::<Principal>());
    }
}

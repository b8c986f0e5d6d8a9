//! Sets of JSON's types. Numbers are of two kinds: whole ones, however they are written, and others.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Types(u8);

impl Types {
    pub const NONE: Types = Types(0);
    pub const NULL: Types = Types(1);
    pub const BOOL: Types = Types(2);
    pub const WHOLE: Types = Types(4);
    pub const FRACTION: Types = Types(8);
    pub const NUMBER: Types = Types(12);
    pub const TEXT: Types = Types(16);
    pub const LIST: Types = Types(32);
    pub const OBJECT: Types = Types(64);
    pub const ALL: Types = Types(127);
    /// Each alone.
    pub const EACH: [Types; 7] = [Types::OBJECT, Types::TEXT, Types::WHOLE, Types::FRACTION, Types::LIST, Types::BOOL, Types::NULL];

    pub fn and(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }

    pub fn or(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    pub fn without(self, other: Types) -> Types {
        Types(self.0 & !other.0)
    }

    pub fn has(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// What `type` allows.
    pub fn named(keyword: &Value) -> Types {
        match keyword {
            Value::String(name) => Types::word(name),
            Value::Array(names) => names.iter().filter_map(Value::as_str).fold(Types::NONE, |all, name| all.or(Types::word(name))),
            _ => Types::ALL,
        }
    }

    fn word(name: &str) -> Types {
        match name {
            "null" => Types::NULL,
            "boolean" => Types::BOOL,
            "integer" => Types::WHOLE,
            "number" => Types::NUMBER,
            "string" => Types::TEXT,
            "array" => Types::LIST,
            "object" => Types::OBJECT,
            _ => Types::NONE,
        }
    }

    pub fn of(value: &Value) -> Types {
        match value {
            Value::Null => Types::NULL,
            Value::Bool(_) => Types::BOOL,
            Value::Number(n) if n.as_f64().is_none_or(|n| n.fract() == 0.0) => Types::WHOLE,
            Value::Number(_) => Types::FRACTION,
            Value::String(_) => Types::TEXT,
            Value::Array(_) => Types::LIST,
            Value::Object(_) => Types::OBJECT,
        }
    }

    /// In words: `text or null`.
    pub fn words(self) -> String {
        const WORDS: [(Types, &str); 6] = [
            (Types::OBJECT, "an object"),
            (Types::TEXT, "text"),
            (Types::LIST, "a list"),
            (Types::BOOL, "true or false"),
            (Types::NULL, "null"),
            (Types::FRACTION, "a fraction"),
        ];
        let mut words: Vec<&str> = WORDS.iter().filter(|(t, _)| self.has(*t)).map(|(_, word)| *word).collect();
        if self.and(Types::NUMBER) == Types::NUMBER {
            words.retain(|word| *word != "a fraction");
            words.push("a number");
        } else if self.has(Types::WHOLE) {
            words.push("a whole number");
        }
        words.join(" or ")
    }
}

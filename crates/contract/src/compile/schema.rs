//! JSON Schema 2020-12: the one module that knows the validator.

#[derive(Debug)]
pub struct Schema {}

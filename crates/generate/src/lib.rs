//! What is made from a contract: files for those who work with it and never see the server.
//!
//! A generator is a function from a [`tidewire_contract::Contract`] to [`Files`]. It reads no clock, no environment and no
//! file, and writes none: the same contract gives the same bytes, so what it makes can be committed and compared.

pub mod asyncapi;
mod files;
pub mod frame;
pub mod jsonschema;
pub mod markdown;
pub mod name;
pub mod schema;
pub mod typescript;
pub mod yaml;

pub use files::{File, Files};

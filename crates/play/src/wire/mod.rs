//! What a server says, read back by the contract's own templates; and what a client says, written by them.

mod bind;
mod frame;
mod write;

pub use bind::{Names, bind};
pub use frame::{Frame, Kind, read};
pub use write::{Say, client_frame};

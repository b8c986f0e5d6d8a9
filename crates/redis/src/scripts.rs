//! The scripts, by name.

use redis::Script;
use std::sync::LazyLock;

macro_rules! scripts {
    ($($name:ident),*) => {
        $(pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(texts::$name));)*

        mod texts {
            $(pub(super) const $name: &str = include_str!(concat!("lua/", stringify!($name), ".lua"));)*
        }

        /// The text of one of them, by its hash.
        pub(crate) fn text_of(hash: &str) -> &'static str {
            $(if $name.get_hash() == hash { return texts::$name; })*
            ""
        }
    };
}

#[allow(non_upper_case_globals)]
mod all {
    use super::*;
    scripts!(publish, look, page, probe, trim, lose, lease, beat, seat, meter, append, open, seq_at, list, values);
}
pub(crate) use all::*;

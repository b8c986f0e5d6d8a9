//! The contracts that are shipped compile.

use std::path::Path;

#[test]
fn the_shipped_contracts_compile_side_by_side() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    match tidewire_contract::load_all(&folder) {
        Ok(contracts) => {
            assert!(["world", "board", "store", "party", "conversation"].iter().all(|name| contracts.iter().any(|c| c.name == *name)))
        }
        Err(problems) => panic!("{}", tidewire_contract::render_all(&problems)),
    }
}

//! Definitions for TypeScript. That a wrong payload does not compile, the compiler itself proves (clients/typescript/test).

use std::{fs, path::PathBuf};
use tidewire_contract::{Contract, compile, load_all};
use tidewire_generate::typescript::definitions;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compiled(folder: &str) -> Contract {
    compile(&root().join(folder)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Each shape that a schema can have, as it is written. `UPDATE_EXPECT=1` rewrites what is expected.
// C-11
#[test]
fn every_shape_of_a_schema_is_a_type() {
    let made = definitions(&compiled("clients/typescript/test/contracts/odd"));
    let expected = root().join("clients/typescript/test/contracts/odd.ts");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, &made).unwrap();
    }
    let there = fs::read_to_string(&expected).unwrap();
    for (line, (is, should)) in made.lines().zip(there.lines()).enumerate() {
        assert_eq!(is, should, "line {} of {}", line + 1, expected.display());
    }
    assert_eq!(made.len(), there.len());
}

// C-11
#[test]
fn the_same_contract_gives_the_same_text_and_nothing_is_any() {
    let contracts = load_all(&root().join("contracts")).unwrap();
    assert!(contracts.len() >= 3);
    for contract in contracts {
        let made = definitions(&contract);
        assert_eq!(made, definitions(&compiled(&format!("contracts/{}", contract.name))));
        let types = made.split("export const contract").next().unwrap();
        let words = types.split(|c: char| !c.is_alphanumeric());
        let comments =
            types.lines().filter(|line| line.trim_start().starts_with(['*', '/'])).flat_map(|l| l.split(|c: char| !c.is_alphanumeric()));
        assert_eq!(words.filter(|word| *word == "any").count(), comments.filter(|word| *word == "any").count(), "{}", contract.name);
        for event in contract.events.iter().filter(|event| !event.is_pattern()) {
            assert!(made.contains(&format!("'{}'", event.name)), "{} is missing", event.name);
        }
    }
}

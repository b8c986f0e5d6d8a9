//! Contracts and schemas: of those who write them, and of whoever wrote them before.

use crate::Target;
use serde_json::Value;
use tidewire_contract::{
    compare::{Answer, Edition, compare, is_schema, is_within},
    compile_source,
    problem::render_all,
};

pub const CONTRACT: Target = Target {
    name: "contract",
    run: contract,
    seeds: &[
        include_bytes!("../../../contracts/board/contract.yaml"),
        include_bytes!("../../../contracts/world/contract.yaml"),
        include_bytes!("../../../contracts/store/contract.yaml"),
        b"tidewire: 1\nname: a\nversion: '1'\nauth: { token: bearer header, principal: { id: $claims.sub } }\nchannels: { c: { address: 'c:{c}', join: c in principal.id } }\nwire: { event: { type: $type } }\nendpoints: [{ websocket: '/{c}', subscribes: 'c:{c}' }]\nevents: { e: { on: c, data: s.json, from: client } }\nflows:\n  a flow: |\n    ana, boris join c:1\n    ana sends e { a: 1 } to c:1\n    boris receives e { a: ($ 501 characters) }, f\n    ana disconnects\n---schema\n{ \"type\": \"object\", \"properties\": { \"a\": { \"$ref\": \"#\" } } }",
    ],
};

pub const COMPARE: Target = Target {
    name: "compare",
    run: schemas,
    seeds: &[
        br##"[{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]},{"anyOf":[{"type":"null"},{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"string","pattern":"^a+$"}}}]"##,
        br#"[{"oneOf":[{"const":1},{"enum":["a",null]}]},{"type":["integer","null"],"minimum":0.5}]"#,
    ],
};

/// A contract and a schema: compiled, or told what is wrong with it; and no surprise to itself.
fn contract(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (yaml, schema) = text.split_once("---schema\n").unwrap_or((text, "{}"));
    let read = |_: &str| Some(schema.to_owned());
    match compile_source("fuzz", yaml, &read) {
        Err(problems) => {
            assert!(!problems.is_empty());
            let _ = render_all(&problems);
        }
        Ok(contract) => {
            let files = |name: &str| Some(if name == "contract.yaml" { yaml } else { schema }.to_owned());
            let edition = || Edition::new(&contract, "fuzz".into(), &files);
            assert!(compare(&edition(), &edition()).is_empty(), "a contract is safe after itself");
        }
    }
}

/// Two schemas: an answer, and a witness that the validator agrees to.
fn schemas(bytes: &[u8]) {
    if tidewire_wire::depth::exceeds(bytes, 32) {
        return;
    }
    let Ok(Value::Array(both)) = serde_json::from_slice::<Value>(bytes) else { return };
    let [a, b] = &both[..] else { return };
    // What is no schema does not get so far: the contract has mistakes then.
    if is_schema(a) && is_schema(b) {
        let itself = is_within(&[("a", a.clone())], &[("b", a.clone())]);
        assert!(!matches!(itself, Answer::No(_)), "a schema is within itself: {itself:?}");
        let _ = is_within(&[("a", a.clone())], &[("b", b.clone())]);
    }
}

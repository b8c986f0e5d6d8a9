//! `example:` and `examples:`, which have to match the schema.

use super::{
    fields::Fields,
    schema::Schema,
    source::Reporter,
    yaml::{Kind, Node},
};

pub(super) fn examples(report: &Reporter, fields: &Fields<'_>, schema: Option<&Schema>) -> Vec<serde_json::Value> {
    let mut nodes: Vec<&Node> = Vec::new();
    if let Some(e) = fields.get("example") {
        nodes.push(&e.value);
    }
    if let Some(e) = fields.get("examples") {
        match &e.value.kind {
            Kind::List(items) => nodes.extend(items),
            _ => report.add("wrong-type", e.key_span.clone(), "`examples` is a list", Some("write `example:` for one alone".to_owned())),
        }
    }
    let mut all = Vec::new();
    for node in nodes {
        let example = node.to_json();
        for violation in schema.map_or_else(Vec::new, |s| s.validate(&example)) {
            let span = place(node, &violation.pointer);
            let help = Some(format!("its `{}` says so, and the example has a value of type {} there", violation.rule, violation.found));
            report.add("bad-example", span, format!("the example does not match the schema: {}", violation.message), help);
        }
        all.push(example);
    }
    all
}

/// Where the value at a JSON pointer stands.
pub(in crate::compile) fn place(node: &Node, pointer: &str) -> std::ops::Range<usize> {
    node.at_pointer(pointer).0.unwrap_or_else(|| node.span.clone())
}

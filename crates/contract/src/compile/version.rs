//! `version:`: of one resource, no event is accepted whose version is not higher than the last.

use super::{
    fields::Fields,
    language::VERSION,
    names::data_path,
    payloads::{Schemas, Wanted},
    source::Reporter,
    types::Field,
    yaml::{Entry, Kind},
};
use crate::{event::Version, template::Path};

/// `$data.version` is short for `{ of: $data.id, is: $data.version }`.
pub(super) fn version(report: &Reporter, schemas: &Schemas, event: &str, entry: &Entry) -> Option<Version> {
    if !matches!(entry.value.kind, Kind::Map(_)) {
        let is = data_path(report, &entry.value, &entry.key_span, "version")?;
        schemas.check_path(report, event, &is, &entry.value, Wanted::Whole);
        if let Some(Field::Forbidden(_)) = schemas.cursor(event).map(|cursor| cursor.field("id")) {
            let help = Some(format!("say what has versions: `version: {{ of: $data.…, is: $data.{} }}`", is.join(".")));
            report.add("unknown-field", entry.value.span.clone(), format!("the payload of `{event}` has no `id`"), help);
        }
        return Some(Version { of: vec!["id".to_owned()], is });
    }
    let fields = Fields::read(report, &entry.value, &entry.key_span, &VERSION, false)?;
    let path = |key: &str, wanted: Wanted| -> Option<Path> {
        let e = fields.get(key)?;
        let path = data_path(report, &e.value, &e.key_span, key)?;
        schemas.check_path(report, event, &path, &e.value, wanted);
        Some(path)
    };
    let (of, is) = (path("of", Wanted::Name), path("is", Wanted::Whole));
    Some(Version { of: of?, is: is? })
}

//! From the folder to the [`Contract`], or to every mistake in it.
//!
//! Each section is compiled by itself, and what it needs of another (the attributes of a principal, the names of the
//! channels) is taken as far as that one could be read: one mistake hides no other, and causes none.

mod actors;
mod address;
mod audience;
mod auth;
mod backends;
mod bridges;
mod channels;
mod conventions;
mod document;
mod endpoints;
mod events;
mod examples;
mod fields;
mod fits;
mod flows;
mod folder;
mod hello;
mod implicit;
pub mod language;
mod members;
mod names;
mod origin;
mod payloads;
mod presence;
mod publishes;
mod pusher;
mod retain;
pub(crate) mod rule;
pub(crate) mod schema;
pub(crate) mod source;
mod together;
pub(crate) mod types;
mod version;
mod wire;
pub(crate) mod yaml;

use crate::{Contract, Conventions, Reconnect, limits::Keepalive, limits::Limits, problem::Problem, wire::ClientFrame, wire::Protocol};
use backends::Backends;
use channels::Channels;
use fields::{Fields, text};
pub use folder::{compile, load_all};
use source::{Files, Reporter};
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};
use yaml::{Entry, Kind};

/// A contract with the places that are needed to compare it with others.
struct Compiled {
    contract: Contract,
    file: PathBuf,
    text: Arc<str>,
    name_span: Range<usize>,
    /// As long as the contract's endpoints.
    endpoint_spans: Vec<Range<usize>>,
}

/// Compiles a contract that is not in a folder: `yaml` is the text of its `contract.yaml`, called `name` in problems;
/// `schemas` gives the text of a file by its path relative to the contract.
///
/// # Errors
/// Every mistake found, in the order of the source; never empty.
pub fn compile_source(name: &str, yaml: &str, schemas: &dyn Fn(&str) -> Option<String>) -> Result<Contract, Vec<Problem>> {
    let files = Files { folder: PathBuf::new(), read: schemas, names: Vec::new() };
    compile_text(Path::new(name), yaml, &files).map(|compiled| compiled.contract)
}

fn compile_text(file: &Path, text: &str, files: &Files) -> Result<Compiled, Vec<Problem>> {
    let text: Arc<str> = text.into();
    let report = Reporter::new(file.to_owned(), Arc::clone(&text));
    let compiled = yaml::read(&text, &report).and_then(|document| compile_document(&report, &document, files));
    match compiled {
        Some((contract, name_span, endpoint_spans)) if report.count() == 0 => {
            Ok(Compiled { contract, file: file.to_owned(), text, name_span, endpoint_spans })
        }
        _ => Err(report.into_problems()),
    }
}

fn compile_document(report: &Reporter, document: &yaml::Node, files: &Files) -> Option<(Contract, Range<usize>, Vec<Range<usize>>)> {
    let fields = Fields::read(report, document, &(0..1), &language::CONTRACT, false)?;
    if let Some(e) = fields.get("tidewire")
        && !matches!(e.value.kind, Kind::Int(1))
    {
        report.add(
            "bad-version",
            e.value.span.clone(),
            "this version of the language is not known",
            Some("write `tidewire: 1`".to_owned()),
        );
    }
    let name = fields.get("name").and_then(|e| name(report, e));
    let said = |key: &str| fields.get(key).and_then(|e| text(report, e)).map(str::to_owned);
    let (version, title, description) = (said("version"), said("title"), said("description"));

    let auth = fields.get("auth").and_then(|e| auth::auth(report, e));
    let attributes: Vec<String> = auth.iter().flat_map(|a| a.principal.iter().map(|(name, _)| name.clone())).collect();
    let limits = fields.get("limits").map_or_else(Limits::default, |e| auth::limits(report, e));
    let keepalive = fields.get("keepalive").map_or_else(Keepalive::default, |e| auth::keepalive(report, e));
    let channels = match fields.get("channels") {
        Some(e) => channels::channels(report, e, &attributes),
        None => Channels { list: Vec::new(), spans: Vec::new(), names: Vec::new(), mirroring: Vec::new() },
    };
    let schemas = payloads::Schemas::read(report, fields.get("events"), files);
    let relations = members::names(fields.get("members"));
    let members = fields.get("members").map_or_else(Vec::new, |e| members::members(report, e, &attributes, &schemas));
    let paths = endpoints::variables(fields.get("endpoints"));
    let wire = fields.get("wire").and_then(|e| wire::wire(report, e, &channels, &paths, &schemas));
    let subscribe_frame = wire.as_ref().is_none_or(|wire| wire.client(ClientFrame::Subscribe).is_some());
    let endpoints =
        fields.get("endpoints").map_or_else(Vec::new, |e| endpoints::endpoints(report, e, &attributes, &channels, subscribe_frame));
    let backends = fields.get("backends").map_or_else(Backends::default, |e| backends::backends(report, e, &schemas));
    let context = events::Context {
        report,
        attributes: &attributes,
        relations: &relations,
        channels: &channels,
        backends: &backends,
        schemas: &schemas,
    };
    let events = fields.get("events").map_or_else(Vec::new, |e| events::events(&context, e));
    let whole = events.len() == schemas.names().count();
    if let Some(e) = fields.get("channels") {
        presence::check(report, e, &channels, &events, &schemas, whole);
        retain::check(report, e, &channels, &events, &schemas, whole);
    }
    if let Some(e) = fields.get("events")
        && channels.whole()
    {
        presence::unpublished(report, e, &channels, &events);
    }
    if let Some(e) = fields.get("backends") {
        backends::check(report, e, &backends, &events);
    }
    if let (Some(e), Some(wire)) = (fields.get("wire"), &wire) {
        together::event_template(report, e, wire, &events, &channels);
        if let Some(e) = fields.get("limits") {
            together::limits(report, e, wire, &events);
        }
        if let Some(e) = fields.get("events") {
            together::sending(report, e, wire, &events);
        }
    }
    let (protocol, tokens) = (wire.as_ref().map(|w| w.protocol), auth.as_ref().map(|a| a.tokens));
    if let (Some(e), Some(auth)) = (fields.get("auth"), &auth) {
        // What could not be read may have made it unnecessary.
        let protocol = protocol.unwrap_or(if wire::says_protocol(fields.get("wire")) { Protocol::Pusher } else { Protocol::Templates });
        together::tokens(report, e, auth, protocol, &endpoints);
    }
    if let (Some(e), Some(protocol)) = (fields.get("endpoints"), protocol) {
        pusher::endpoints(report, e, protocol, tokens, &endpoints);
    }
    if protocol == Some(Protocol::Pusher) {
        pusher::channels(report, &channels, tokens);
    }
    let errors = document::errors(report, fields.get("errors"), protocol.unwrap_or_default());
    let reconnect = fields.get("reconnect").map_or_else(Reconnect::default, |e| document::reconnect(report, e));
    let feature = fields.get("feature").and_then(|e| document::feature(report, e));
    let actors = fields.get("actors").map_or_else(Vec::new, |e| actors::actors(report, e, &backends));
    let conventions = fields.get("conventions").map_or_else(Conventions::default, |e| conventions::conventions(report, e, &schemas));
    let bridges = fields.get("bridges").map_or_else(Vec::new, |e| bridges::bridges(report, e, &channels));
    let channels_whole = channels.whole();
    let Channels { list: mut all, spans, .. } = channels;
    let audit = implicit::audit(report, &mut all, &spans, &events);
    let handed = implicit::backends(report, &mut all, &spans, &events);
    let users = (protocol == Some(Protocol::Pusher)).then(|| implicit::users(report, &mut all, &spans));

    let flows = fields.get("flows").map_or_else(Vec::new, |e| flows::flows(report, e));
    // What could not be read of channels and events, a flow may be about.
    let told = whole && channels_whole;
    let (endpoints, endpoint_spans) = endpoints.into_iter().unzip();
    let name_span = fields.get("name").map_or(0..0, |e| e.value.span.clone());
    let (name, version) = (name?, version?);
    let auth = auth?;
    let contract = Contract {
        title: title.unwrap_or_else(|| name.clone()),
        name,
        version,
        description,
        folder: files.folder.clone(),
        attributes: auth.principal.iter().map(|(name, _)| name.as_str().into()).collect(),
        auth,
        channels: all,
        members,
        wire: wire?,
        endpoints,
        index: events.iter().enumerate().map(|(at, e)| (e.name.clone(), at)).collect::<HashMap<_, _>>(),
        events: events.into_iter().map(Arc::new).collect(),
        limits,
        keepalive,
        bridges,
        backends: backends.list,
        actors,
        flows: flows.iter().map(|placed| placed.flow.clone()).collect(),
        errors,
        reconnect,
        feature,
        conventions,
        source: origin::source(report, document, &schemas),
        audit,
        handed,
        users,
    };
    if told {
        flows::check(report, &contract, &schemas, &flows);
    }
    Some((contract, name_span, endpoint_spans))
}

fn name(report: &Reporter, entry: &Entry) -> Option<String> {
    let name = text(report, entry)?;
    if !is_contract_name(name) {
        let help = Some("a-z, 0-9 and -, beginning with a letter, at most 63 of them".to_owned());
        report.add("bad-name", entry.value.span.clone(), format!("`{}` cannot be a contract's name", fields::short(name)), help);
    }
    Some(name.to_owned())
}

/// Whether a contract may have this name.
pub fn is_contract_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good) && name.len() <= 63
}

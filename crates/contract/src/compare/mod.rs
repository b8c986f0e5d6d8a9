//! An old contract against a new one: what would break those who are out there.
//!
//! [`compare`] takes two editions of one contract; [`compare_all`] those of a whole folder, of which some may be new or
//! gone. Nothing is read here but the text of the two, for the place of each finding. What is not certain to be safe is
//! never said to be: a rule or a schema that cannot be decided is a finding, too.

mod audience;
mod auth;
mod channels;
mod edition;
mod endpoints;
mod events;
mod finding;
mod findings;
mod kinds;
mod limits;
mod others;
mod presence;
mod rules;
mod schema;
mod templates;
mod version;
mod wire;

pub use edition::Edition;
pub use finding::{Finding, Severity, Version, Who};
use findings::{Findings, Spot};
pub use kinds::{Kind, kind_of, kinds};
#[doc(hidden)]
pub use schema::{Answer, is_schema, is_within};
pub use version::is_major;

/// Everything that changed and matters, the worst first.
pub fn compare(old: &Edition<'_>, new: &Edition<'_>) -> Vec<Finding> {
    let mut findings = Findings::new(old, new);
    auth::auth(&mut findings);
    limits::limits(&mut findings);
    limits::keepalive(&mut findings);
    channels::channels(&mut findings);
    wire::wire(&mut findings);
    endpoints::endpoints(&mut findings);
    events::events(&mut findings);
    others::others(&mut findings);
    if !findings.is_empty() && old.contract.version == new.contract.version {
        let message = format!("the contract changed, and is still {}", new.contract.version);
        findings.add("version-not-raised", Spot::new("/version"), &[], message);
    }
    findings.finish()
}

/// The same of all the contracts of two folders, by their names.
pub fn compare_all(old: &[Edition<'_>], new: &[Edition<'_>]) -> Vec<Finding> {
    let find = |all: &'_ [Edition<'_>], name: &str| all.iter().position(|edition| edition.contract.name == name);
    let mut all = Vec::new();
    for edition in old {
        match find(new, &edition.contract.name) {
            Some(at) => all.extend(compare(edition, &new[at])),
            None => {
                let mut findings = Findings::new(edition, edition);
                let message = format!("the contract `{}` is gone", edition.contract.name);
                findings.add("contract-removed", Spot::old("/name"), &[Who::OldClients, Who::OldBackends], message);
                all.extend(findings.finish());
            }
        }
    }
    for edition in new.iter().filter(|edition| find(old, &edition.contract.name).is_none()) {
        let mut findings = Findings::new(edition, edition);
        findings.add("contract-added", Spot::new("/name"), &[], format!("the contract `{}` is new", edition.contract.name));
        all.extend(findings.finish());
    }
    all.sort_by_key(|finding| finding.severity);
    all
}

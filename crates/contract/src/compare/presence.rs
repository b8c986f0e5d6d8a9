//! Who is shown to be there, and how.

use super::{
    channels::CLIENTS,
    findings::{Findings, Spot},
    limits::duration,
    templates::{Change, changes, field, written},
};
use crate::channel::Channel;

pub(super) fn presence(findings: &mut Findings<'_>, old: &Channel, new: &Channel) {
    let at = |channel: &Channel, key: &str| format!("/channels/{}/presence{key}", channel.id);
    let name = &new.id;
    let (before, now) = match (&old.presence, &new.presence) {
        (Some(before), Some(now)) => (before, now),
        (Some(_), None) => {
            let message = format!("who is on `{name}` is not told any more");
            return findings.add("presence-removed", Spot::old(&at(old, "")), CLIENTS, message);
        }
        (None, _) => return,
    };
    if before.member != now.member {
        let message = format!("a member of `{name}` is told by {} now, and was by {}", written(&now.member), written(&before.member));
        findings.add("presence-changed", Spot::new(&at(new, "/member")), CLIENTS, message);
    }
    for change in changes(&before.info, &now.info) {
        let (spot, message) = match &change {
            Change::Added { .. } => continue,
            Change::Removed { path, .. } => {
                (Spot::old(&at(old, &format!("/info{path}"))), format!("`{}` of members of `{name}` is gone", field(path)))
            }
            Change::Renamed { path, to } => {
                (Spot::new(&at(new, &format!("/info{to}"))), format!("`{}` of members of `{name}` is called `{}`", field(path), field(to)))
            }
            Change::Changed { path, old, new: now } => {
                let message = format!("`{}` of members of `{name}` is {} now, and was {}", field(path), written(now), written(old));
                (Spot::new(&at(new, &format!("/info{path}"))), message)
            }
        };
        findings.add("presence-changed", spot, CLIENTS, message);
    }
    for (key, was, is) in [("joins", &before.joins, &now.joins), ("leaves", &before.leaves, &now.leaves)] {
        let Some(was) = was else { continue };
        let same = is.as_ref().is_some_and(|is| is.event_type == was.event_type && is.data == was.data);
        if !same {
            let message = format!(
                "`{}` is not published as it was, when a member of `{name}` {}",
                was.event_type,
                if key == "joins" { "comes" } else { "goes" }
            );
            let spot = findings.at(&at(old, &format!("/{key}")), &at(new, &format!("/{key}")));
            findings.add("presence-changed", spot, CLIENTS, message);
        }
    }
    if before.grace != now.grace {
        let spot = findings.at(&at(old, "/leaves/after"), &at(new, "/leaves/after"));
        findings.add(
            "presence-grace-changed",
            spot,
            &[],
            format!("a member of `{name}` is gone after {}, and was after {}", duration(now.grace), duration(before.grace)),
        );
    }
}

//! Who clients are, and where they put their tokens.

use super::{finding::Who, findings::Findings, templates::written};
use crate::auth::{Auth, TokenPlace};

const CLIENTS: &[Who] = &[Who::OldClients];

pub(super) fn auth(findings: &mut Findings<'_>) {
    let (old, new) = (&findings.old.contract.auth, &findings.new.contract.auth);
    if old.tokens != new.tokens {
        let spot = findings.here("/auth/devices");
        return findings.add("tokens-changed", spot, CLIENTS, "tokens are of another kind");
    }
    places(findings, old, new, "token-place-removed", CLIENTS, "is not looked for any more");
    places(findings, new, old, "token-place-added", &[Who::NewClients], "is looked for, too");
    for (name, template) in &old.principal {
        let now = new.principal.iter().find(|(n, _)| n == name).map(|(_, t)| t);
        if now == Some(template) {
            continue;
        }
        let id = if name == "id" { "principal-id-changed" } else { "principal-changed" };
        let spot = findings.here(&format!("/auth/principal/{name}"));
        let now = now.map_or("gone".to_owned(), |now| format!("{} now", written(now)));
        findings.add(id, spot, CLIENTS, format!("`{name}` of principals is {now}, and was {}", written(template)));
    }
}

/// Tells of the places that `of` has and `without` lacks.
fn places(findings: &mut Findings<'_>, of: &Auth, without: &Auth, id: &'static str, who: &[Who], what: &str) {
    let transports = |auth: &Auth| {
        [("websocket", auth.websocket.clone()), ("sse", auth.sse.clone()), ("poll", auth.poll.clone()), ("history", auth.history.clone())]
    };
    let mut told: Vec<(TokenPlace, Vec<&str>)> = Vec::new();
    for ((transport, places), (_, others)) in transports(of).into_iter().zip(transports(without)) {
        for place in places.into_iter().filter(|place| !others.contains(place)) {
            match told.iter_mut().find(|(known, _)| *known == place) {
                Some((_, at)) => at.push(transport),
                None => told.push((place, vec![transport])),
            }
        }
    }
    for (place, at) in told {
        let own = format!("/auth/{}", at[0]);
        let said = findings.new.says(&own) || findings.old.says(&own) && !findings.new.says("/auth/token");
        let spot = findings.here(if said { &own } else { "/auth/token" });
        let at = if at.len() == 4 { String::new() } else { format!(" of {}", at.join(", ")) };
        findings.add(id, spot, who, format!("the token{at} {what} in `{}`", place_word(&place)));
    }
}

fn place_word(place: &TokenPlace) -> String {
    match place {
        TokenPlace::Header => "bearer header".to_owned(),
        TokenPlace::Query(name) => format!("bearer query.{name}"),
        TokenPlace::Cookie(name) => format!("cookie {name}"),
    }
}

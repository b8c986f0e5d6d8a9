//! What ends by itself: votes and turns. When is in the state, so a restart changes nothing.

use crate::{Engine, now};
use std::time::Duration;

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(engine: &Engine) {
    loop {
        let Some((at, party, cause)) = engine.look().deadline() else {
            engine.changed.notified().await;
            continue;
        };
        let wait = Duration::from_millis(u64::try_from(at - now()).unwrap_or(0));
        if !wait.is_zero() {
            // Earlier, if something is decided meanwhile.
            let _ = tokio::time::timeout(wait, engine.changed.notified()).await;
            continue;
        }
        let expired = engine.change(&party, "", &cause, |party, table| {
            // Somebody may have been faster.
            if party.deadline().is_some_and(|(_, next)| next == table.cause) {
                party.expire(table);
            }
            Ok(())
        });
        if let Err(refusal) = expired.await {
            eprintln!("party: {cause} could not be told: {}", refusal.detail);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

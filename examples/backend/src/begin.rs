//! Whether a backend has begun: what it found is published, what it announces is announced.

use crate::answer::Refusal;
use std::time::Duration;
use tokio::sync::watch;

/// Set once; requests that come earlier wait a little for it.
#[derive(Debug, Clone)]
pub struct Begun(watch::Sender<bool>);

/// The longest that a request waits for the beginning.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Between two tries to begin, where the server refuses.
const PAUSE: Duration = Duration::from_secs(5);

impl Default for Begun {
    fn default() -> Self {
        Begun(watch::Sender::new(false))
    }
}

impl Begun {
    /// Tries to begin until it is done: a refusal may be a key that is still to be configured.
    pub async fn begin<F: Future<Output = Result<(), Refusal>>>(&self, who: &str, announce: impl Fn() -> F) {
        while let Err(refusal) = announce().await {
            eprintln!("{who}: the first events were not taken: {}", refusal.detail);
            tokio::time::sleep(PAUSE).await;
        }
        self.0.send_replace(true);
    }

    /// Returns when it has begun.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn wait(&self) -> Result<(), Refusal> {
        let mut begun = self.0.subscribe();
        match tokio::time::timeout(WAIT_MAX, begun.wait_for(|begun| *begun)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Refusal::unavailable("the first events are not published yet: is the Tidewire server there?")),
        }
    }
}

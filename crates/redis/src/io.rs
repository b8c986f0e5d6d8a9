//! Where Redis is spoken to: a runtime of its own, so that whoever may block can wait for it from anywhere.

use std::{future::Future, sync::mpsc};
use tidewire_engine::log::LogError;
use tokio::runtime::{Builder, Handle, Runtime};

/// Two threads that do nothing but wait for Redis and take its answers apart.
pub struct Io {
    runtime: Option<Runtime>,
}

impl Io {
    /// # Errors
    /// When threads cannot be started.
    pub fn start() -> std::io::Result<Io> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("redis").enable_all().build()?;
        Ok(Io { runtime: Some(runtime) })
    }

    /// To spawn on.
    pub fn handle(&self) -> Handle {
        match &self.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => unreachable!("it is there until it is dropped"),
        }
    }

    /// Waits for an answer; blocks the thread.
    ///
    /// # Errors
    /// What was answered, or that nobody answers any more.
    pub fn wait<T: Send + 'static, E: Into<LogError> + Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, LogError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.handle().spawn(async move {
            let _ = answer.send(work.await);
        });
        match answered.recv() {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(LogError::Failed("the threads that speak to Redis are gone".into())),
        }
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

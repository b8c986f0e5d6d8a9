//! A connection for commands, to the master that has a key: made when it is needed, made anew when it broke or led astray.

use crate::{Failure, Figures, Settings, master};
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, Script, Value, aio::MultiplexedConnection};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Mutex};

/// Commands about one key, or keys with the same hash tag. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<Settings>,
    key: String,
    runtime: Handle,
    live: Mutex<Option<MultiplexedConnection>>,
    figures: Arc<Figures>,
}

impl Link {
    /// Nothing is connected before the first command. `runtime`: where the connection is served, whoever asks through it.
    pub fn new(settings: Arc<Settings>, key: &str, runtime: Handle) -> Link {
        let figures = Arc::default();
        Link { inner: Arc::new(Inner { settings, key: key.to_owned(), runtime, live: Mutex::default(), figures }) }
    }

    /// Where its connection is served.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// What is counted of it.
    pub fn figures(&self) -> &Arc<Figures> {
        &self.inner.figures
    }

    /// The key that it is for.
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.inner.settings
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        let mut live = self.inner.live.lock().await;
        if let Some(connection) = &*live {
            return Ok(connection.clone());
        }
        let (settings, key) = (self.inner.settings.clone(), self.inner.key.clone());
        let making = self.inner.runtime.spawn(async move { master::connect(&settings, &key, master::config(&settings)).await });
        let made = making.await.map_err(|e| Failure::Away(e.to_string()))??;
        self.inner.figures.connected();
        *live = Some(made.clone());
        Ok(made)
    }

    /// The next command makes a new connection.
    pub async fn forget(&self) {
        self.inner.live.lock().await.take();
    }

    /// Asks over the connection that there is.
    async fn answer<T>(
        &self,
        is_script: bool,
        asked: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let since = Instant::now();
        let answer = match self.connection().await {
            Ok(mut connection) => asked(&mut connection).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        // A script that Redis does not know yet is no failure.
        let is_good = match &answer {
            Ok(_) => true,
            Err(Failure::Refused(said)) => said.starts_with("NOSCRIPT"),
            Err(_) => false,
        };
        self.inner.figures.asked(since, is_script, is_good);
        self.noted(answer).await
    }

    async fn noted<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if result.as_ref().is_err_and(Failure::ends_the_connection) {
            self.forget().await;
        }
        result
    }

    /// One command. What certainly did not happen, as the connection led to the wrong Redis, is tried once more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        self.insist(command, false).await
    }

    async fn insist<T: FromRedisValue>(&self, command: &Cmd, is_script: bool) -> Result<T, Failure> {
        for last in [false, true] {
            match self.answer(is_script, async |connection| command.query_async(connection).await).await {
                Err(Failure::Away(_)) if !last => {}
                answer => return answer,
            }
        }
        Err(Failure::Away("it could not be reached".into()))
    }

    /// Several commands at once; on a cluster all keys must have the tag of this link.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        self.answer(false, async |connection| commands.query_async(connection).await).await
    }

    /// Waits until as many replicas have all that was written before over this connection.
    ///
    /// # Errors
    /// [`Failure::Unknown`]: not as many have it in time.
    pub async fn wait_for(&self, replicas: usize, time: Duration) -> Result<(), Failure> {
        if replicas == 0 {
            return Ok(());
        }
        let had: usize = self.ask(redis::cmd("WAIT").arg(replicas).arg(time.as_millis() as u64 / 2)).await?;
        if had < replicas {
            return Err(Failure::Unknown(format!("{had} of {replicas} replicas have it")));
        }
        Ok(())
    }

    /// Runs a script on the link's key. `arguments` follow.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, script: &Script, arguments: &[impl AsRef<[u8]>]) -> Result<Value, Failure> {
        self.run_on(script, &self.inner.key, arguments).await
    }

    /// The same on another key of the same tag.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run_on(&self, script: &Script, key: &str, arguments: &[impl AsRef<[u8]>]) -> Result<Value, Failure> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(1).arg(key);
        for argument in arguments {
            command.arg(argument.as_ref());
        }
        match self.insist(&command, true).await {
            // It never ran here, so nothing happened.
            Err(Failure::Refused(said)) if said.starts_with("NOSCRIPT") => {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(script_text(script));
                let _: String = self.ask(&load).await?;
                self.insist(&command, true).await
            }
            answer => answer,
        }
    }
}

fn script_text(script: &Script) -> &'static str {
    crate::scripts::text_of(script.get_hash())
}

//! What Redis tells by itself: a connection that is subscribed to channels.

use crate::{Deployment, Failure, Settings, master};
use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::sync::mpsc;

/// Subscribed. Whatever breaks it ends it: make another one, and look what was missed.
pub struct Ear {
    pushes: mpsc::UnboundedReceiver<PushInfo>,
    /// It lives as long as this.
    connection: MultiplexedConnection,
    /// Only a master's.
    of_master: bool,
}

/// A message on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub channel: String,
    pub payload: Vec<u8>,
}

impl Ear {
    /// Subscribes to channels, which on a cluster have one hash tag (they are sharded there).
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn open(settings: &Settings, channels: &[String]) -> Result<Ear, Failure> {
        let mut ear = Ear::deaf(settings, channels).await?;
        for channel in channels {
            let mut command = redis::cmd(if settings.deployment == Deployment::Cluster { "SSUBSCRIBE" } else { "SUBSCRIBE" });
            command.arg(channel);
            command.exec_async(&mut ear.connection).await.map_err(Failure::from)?;
        }
        Ok(ear)
    }

    /// Subscribes to all channels whose names are like one of these patterns. On a cluster, only what is published with `PUBLISH` is
    /// heard: that goes to all of its nodes.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn matching(settings: &Settings, patterns: &[String]) -> Result<Ear, Failure> {
        let mut ear = Ear::deaf(settings, patterns).await?;
        redis::cmd("PSUBSCRIBE").arg(patterns).exec_async(&mut ear.connection).await.map_err(Failure::from)?;
        Ok(ear)
    }

    /// A connection to where these names are, not yet subscribed to any.
    async fn deaf(settings: &Settings, names: &[String]) -> Result<Ear, Failure> {
        let (sender, pushes) = mpsc::unbounded_channel();
        let config = master::config(settings).set_push_sender(sender);
        let key = names.first().map_or("", String::as_str);
        let connection = master::connect(settings, key, config).await?;
        Ok(Ear { pushes, connection, of_master: settings.deployment != Deployment::One })
    }

    /// Whether it still hears: the connection answers, and leads to a master where there are others. For who has no other way to
    /// notice that nothing comes any more.
    ///
    /// # Errors
    /// [`Failure`]: make another one.
    pub async fn look(&mut self) -> Result<(), Failure> {
        if self.of_master {
            return master::is_one(&mut self.connection).await;
        }
        redis::cmd("PING").exec_async(&mut self.connection).await.map_err(Failure::from)
    }

    /// The next message; `None`: it is broken.
    pub async fn next(&mut self) -> Option<Push> {
        loop {
            let push = self.pushes.recv().await?;
            if let Some(push) = Ear::read(push)? {
                return Some(push);
            }
        }
    }

    /// The next one if it is there already.
    pub fn at_hand(&mut self) -> Option<Push> {
        while let Ok(push) = self.pushes.try_recv() {
            match Ear::read(push) {
                Some(Some(push)) => return Some(push),
                Some(None) => {}
                None => {
                    self.pushes.close();
                    return None;
                }
            }
        }
        None
    }

    /// `None`: it is the end.
    fn read(push: PushInfo) -> Option<Option<Push>> {
        match push.kind {
            PushKind::Message | PushKind::SMessage | PushKind::PMessage => {
                let mut data = push.data.into_iter();
                if push.kind == PushKind::PMessage {
                    data.next();
                }
                let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) = (data.next(), data.next()) else {
                    return Some(None);
                };
                Some(Some(Push { channel: String::from_utf8_lossy(&channel).into_owned(), payload }))
            }
            // A slot that went to another node takes its channels with it.
            PushKind::Disconnection | PushKind::SUnsubscribe | PushKind::Unsubscribe | PushKind::PUnsubscribe => None,
            _ => Some(None),
        }
    }
}

/// The command that tells others, by the kind of deployment.
pub(crate) fn publish_command(settings: &Settings) -> &'static str {
    if settings.deployment == Deployment::Cluster { "SPUBLISH" } else { "PUBLISH" }
}

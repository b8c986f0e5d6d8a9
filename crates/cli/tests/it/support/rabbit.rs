//! A real RabbitMQ, in a folder and on ports of its own.
use super::redis::free_port;
use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{BasicAckOptions, BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub struct Rabbit {
    folder: tempfile::TempDir,
    child: Option<Child>,
    port: u16,
    epmd: u16,
    dist: u16,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Got {
    pub id: String,
    pub event_type: String,
    pub channel: String,
    pub seq: i64,
    pub correlation: Option<String>,
    pub routing_key: String,
    pub body: serde_json::Value,
}

impl Rabbit {
    /// `None` where RabbitMQ is not installed: `make setup` does that.
    pub fn start(more: &str) -> Rabbit {
        let server = "/usr/lib/rabbitmq/bin/rabbitmq-server";
        assert!(Path::new(server).exists(), "RabbitMQ is not installed: run `make setup`");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plugins"), "[].").unwrap();
        std::fs::write(folder.path().join("rabbitmq.conf"), format!("loopback_users = none\n{more}\n")).unwrap();
        let mut rabbit = Rabbit { folder, child: None, port: free_port(), epmd: free_port(), dist: free_port() };
        rabbit.begin();
        rabbit
    }

    /// Starts it, on what is there of its data.
    pub fn begin(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let log = std::fs::File::options().create(true).append(true).open(path("out")).unwrap();
        let child = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server")
            .env("RABBITMQ_NODENAME", format!("tidewire{}@localhost", self.port))
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist.to_string())
            .env("ERL_EPMD_PORT", self.epmd.to_string())
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("HOME", self.folder.path())
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        self.child = Some(child);
        let patience = Instant::now() + Duration::from_secs(120);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = || std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
            assert!(Instant::now() < patience, "RabbitMQ does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `kill -9` of everything that belongs to it.
    pub fn kill(&mut self) {
        let node = format!("tidewire{}@localhost", self.port);
        let _ = Command::new("pkill").args(["-9", "-f", &node]).status();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// A connection; waits for the broker to be ready.
    pub async fn connect(&self) -> Connection {
        for _ in 0..600 {
            if let Ok(connection) = Connection::connect(&self.url(), ConnectionProperties::default()).await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("RabbitMQ takes no connections");
    }

    /// A durable queue that gets what has a routing key like this.
    pub async fn queue(&self, name: &str, pattern: &str, arguments: FieldTable) -> Channel {
        let channel = self.connect().await.create_channel().await.unwrap();
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        channel.exchange_declare("tidewire.events".into(), ExchangeKind::Topic, durable, FieldTable::default()).await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(name.into(), durable, arguments).await.unwrap();
        let options = QueueBindOptions::default();
        channel.queue_bind(name.into(), "tidewire.events".into(), pattern.into(), options, FieldTable::default()).await.unwrap();
        channel
    }
}

/// Everything that is in the queue now.
pub async fn drain(channel: &Channel, queue: &str) -> Vec<Got> {
    let mut all = Vec::new();
    while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap() {
        message.delivery.ack(BasicAckOptions::default()).await.unwrap();
        let properties = &message.delivery.properties;
        let text = |s: &Option<lapin::types::ShortString>| s.as_ref().map(ToString::to_string);
        let headers = properties.headers().clone().unwrap_or_default();
        let header = |name: &str| headers.inner().get(name).cloned();
        let channel = match header("channel") {
            Some(lapin::types::AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        let seq = match header("seq") {
            Some(lapin::types::AMQPValue::LongLongInt(n)) => n,
            _ => 0,
        };
        all.push(Got {
            id: text(properties.message_id()).unwrap_or_default(),
            event_type: text(properties.kind()).unwrap_or_default(),
            channel,
            seq,
            correlation: text(properties.correlation_id()),
            routing_key: message.delivery.routing_key.to_string(),
            body: serde_json::from_slice(&message.delivery.data).unwrap(),
        });
    }
    all
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.kill();
        let _ = Command::new("pkill").args(["-9", "-f", &format!("epmd.*{}", self.epmd)]).status();
    }
}

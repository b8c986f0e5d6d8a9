//! A Redis of a test's own: on a free port, in a folder of its own, stopped with the test.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

#[allow(dead_code)]
pub struct Redis {
    child: Child,
    pub port: u16,
    /// By which the nodes of a cluster speak to each other.
    pub bus_port: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

#[allow(dead_code)]
impl Redis {
    /// With an append-only file, synced before each answer.
    pub fn start() -> Redis {
        Redis::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub fn with(arguments: &[&str]) -> Redis {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let port = free_port();
        let child = spawn(port, folder.path(), &arguments);
        Redis { child, port, bus_port: 0, folder, arguments }
    }

    /// A sentinel that watches the master of this name.
    pub fn sentinel(name: &str, master: u16, quorum: usize) -> Redis {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        let config = format!(
            "sentinel monitor {name} 127.0.0.1 {master} {quorum}\nsentinel down-after-milliseconds {name} 1000\nsentinel failover-timeout {name} 5000\n"
        );
        std::fs::write(&file, config).unwrap();
        let arguments = vec![file.to_string_lossy().into_owned(), "--sentinel".to_owned()];
        let port = free_port();
        let child = spawn(port, folder.path(), &arguments);
        Redis { child, port, bus_port: 0, folder, arguments }
    }

    /// A node of a cluster that has no slots yet.
    pub fn of_cluster(more: &[&str]) -> Redis {
        let bus_port = free_port();
        let bus = bus_port.to_string();
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "3000"];
        let always = ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
        let mut redis = Redis::with(&[&always, &arguments[..], more].concat());
        redis.bus_port = bus_port;
        redis
    }

    /// Waits until the answer to a command has this in it.
    pub fn until(&self, asked: &str, has: &str) {
        let begun = Instant::now();
        while !command(self.port, asked).contains(has) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{asked} never has {has}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on what is in its folder.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, self.folder.path(), &self.arguments);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What redis-cli says to a command.
#[allow(dead_code)]
pub fn command(port: u16, command: &str) -> String {
    let said = Command::new("redis-cli").args(["-p", &port.to_string()]).args(command.split(' ')).output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A port on which nothing listens. Not one of those that the kernel gives to outgoing connections: another test's connection could
/// have it before it is used.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(101));
        let port = 12_000 + (next % 18_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Child {
    // A file of configuration comes before everything else.
    let (file, rest) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with("--") => (Some(first), rest),
        _ => (None, arguments),
    };
    let child = Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder)
        .args(if file.is_none() { &["--save", ""][..] } else { &[] })
        .args(rest)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is there: make setup");
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "Redis does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

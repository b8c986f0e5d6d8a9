//! The server under test: another process, so that its processor time and memory are its own.

use crate::{process::cpu_ns, setup};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// How long a server may take to start.
const STARTING: Duration = Duration::from_secs(30);
/// How long a server that runs already may take to accept a connection.
const ANSWERING: Duration = Duration::from_secs(5);

pub struct Server {
    pub address: SocketAddr,
    pub token: String,
    /// The process, where it is known.
    pub pid: Option<u32>,
    started: Option<Started>,
    channels: Cell<u32>,
}

struct Started {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server: that of `program`, or of this one.
    ///
    /// # Errors
    /// It does not start, or not in time; what it said has been printed.
    pub fn start(program: Option<&Path>) -> io::Result<Server> {
        Server::start_with(program, &[])
    }

    /// The same, with more said in its environment.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(program: Option<&Path>, environment: &[(&str, String)]) -> io::Result<Server> {
        let program = program.map_or_else(std::env::current_exe, |p| Ok(p.to_owned()))?;
        let folder = tempfile::tempdir()?;
        setup::write(folder.path())?;
        let mut child = Command::new(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--config"])
            .arg(folder.path().join("tidewire.toml"))
            .arg("--contracts")
            .arg(folder.path().join("contracts"))
            .arg("--data")
            .arg(folder.path().join("data"))
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::other(format!("{} cannot be started: {e}", program.display())))?;
        let stderr = child.stderr.take();
        // From here on it ends with this.
        let started = Started { child, folder };
        let pid = Some(started.child.id());
        let address = stderr.ok_or(io::ErrorKind::BrokenPipe.into()).and_then(listening)?;
        Ok(Server { address, token: token()?, pid, started: Some(started), channels: Cell::new(0) })
    }

    /// A server that runs already, with the configuration of [`setup::write`].
    ///
    /// # Errors
    /// The URL is none, or nobody listens there.
    pub async fn running(url: &str, pid: Option<u32>) -> io::Result<Server> {
        let name = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).filter(|name| !name.contains('/'));
        let name = name.ok_or_else(|| io::Error::other(format!("--url {url}: give http://HOST:PORT")))?;
        let name =
            if name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) { name.to_owned() } else { format!("{name}:80") };
        let nobody = |why: &str| {
            io::Error::other(format!(
                "no server listens at {url}: {why}. Start one: `tidewire bench --prepare FOLDER` writes the configuration it needs"
            ))
        };
        let connect = async {
            let stream = tokio::net::TcpStream::connect(&name).await?;
            stream.peer_addr()
        };
        let address = match tokio::time::timeout(ANSWERING, connect).await {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => return Err(nobody(&error.to_string())),
            Err(_) => return Err(nobody(&format!("no answer within {} s", ANSWERING.as_secs()))),
        };
        if let Some(pid) = pid {
            cpu_ns(pid)?;
        }
        Ok(Server { address, token: token()?, pid, started: None, channels: Cell::new(0) })
    }

    /// Part of a channel's name that no other has, in this run or another one.
    pub fn fresh(&self) -> String {
        self.channels.set(self.channels.get() + 1);
        format!("{}-{}-{}", crate::seen::now() / 1_000_000, std::process::id(), self.channels.get())
    }

    /// Where it keeps its data, if it is this program's own.
    pub fn folder(&self) -> Option<&Path> {
        self.started.as_ref().map(|started| started.folder.path())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token() -> io::Result<String> {
    let claims = json!({ "sub": "bench", "exp": 4_000_000_000u64 });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(setup::SECRET.as_bytes())).map_err(io::Error::other)
}

/// Waits until the server says where it listens.
fn listening(stderr: ChildStderr) -> io::Result<SocketAddr> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let json: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            // Read on, so that the server never waits for a reader.
            if let Some(address) = json["url"].as_str().and_then(|url| url.trim_start_matches("http://").parse().ok()) {
                let _ = tell.send(Ok(address));
            } else if said.len() < 10_000 {
                said = said + &line + "\n";
            }
        }
        let _ = tell.send(Err(io::Error::other(format!("the server did not start: {said}"))));
    });
    told.recv_timeout(STARTING)
        .unwrap_or_else(|_| Err(io::Error::other(format!("the server did not listen within {} s", STARTING.as_secs()))))
}

/// The processor time of a process from one question to the next.
pub struct Meter {
    pid: Option<u32>,
    last: u64,
}

impl Meter {
    /// `None`: a process that is not known, whose time nobody can tell.
    pub fn new(pid: Option<u32>) -> io::Result<Meter> {
        Ok(Meter { pid, last: pid.map_or(Ok(0), cpu_ns)? })
    }

    /// In nanoseconds, since the last question.
    pub fn spent(&mut self) -> io::Result<Option<f64>> {
        let Some(pid) = self.pid else { return Ok(None) };
        let now = cpu_ns(pid)?;
        let spent = now.saturating_sub(self.last);
        self.last = now;
        Ok(Some(spent as f64))
    }
}

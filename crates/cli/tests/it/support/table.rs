//! A party at a table: the shipped contract, a server, the campaign engine of the examples, and players.
use super::{KEY, SECRET, Server, Socket, payloads::Payloads, root, token};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tidewire_example_party::{Config, Roster, Running, run};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// A fixed address for what comes and goes at others.
pub struct Relay {
    pub url: String,
    target: Arc<Mutex<String>>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    pub async fn to(url: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(url.to_owned()));
        let to = target.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let address = to.lock().unwrap().trim_start_matches("http://").to_owned();
                tokio::spawn(async move {
                    if let Ok(mut other) = TcpStream::connect(address).await {
                        let _ = copy_bidirectional(&mut stream, &mut other).await;
                    }
                });
            }
        });
        Relay { url: own, target, task }
    }

    pub fn turn(&self, url: &str) {
        url.clone_into(&mut self.target.lock().unwrap());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a game is set up.
pub struct Setup {
    /// The contract's grace for who is away.
    pub grace: &'static str,
    pub vote: Duration,
    pub players: Vec<&'static str>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { grace: "10s", vote: Duration::from_secs(600), players: vec!["ana", "boris"] }
    }
}

pub struct Game {
    pub server: Server,
    pub contracts: PathBuf,
    pub payloads: Arc<Payloads>,
    engine: Option<Running>,
    relay: Relay,
    setup: Setup,
    /// Where the engine answers.
    at: SocketAddr,
    folder: tempfile::TempDir,
}

impl Game {
    pub async fn start(setup: Setup) -> Game {
        let folder = tempfile::tempdir().unwrap();
        let contracts = folder.path().join("contracts");
        copy(&root().join("contracts/party"), &contracts.join("party"));
        let path = contracts.join("party/contract.yaml");
        let contract = std::fs::read_to_string(&path).unwrap();
        assert!(contract.contains("after: 10s") && contract.contains("deadline: 5s"));
        let contract = contract.replace("after: 10s", &format!("after: {}", setup.grace)).replace("deadline: 5s", "deadline: 2s");
        std::fs::write(path, contract).unwrap();
        let at = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let tail = format!("[contracts.party.backends.engine]\nurl = \"http://{at}/handed-over\"\nsecret = \"{SECRET}\"\n");
        let server = Server::with_tail(&contracts, &tail);
        let relay = Relay::to(&server.url).await;
        let payloads = Arc::new(Payloads::read());
        let mut game = Game { server, contracts, payloads, engine: None, relay, setup, at, folder };
        game.start_engine().await;
        game
    }

    /// Starts the engine, on what is there of its data.
    pub async fn start_engine(&mut self) {
        let common = tidewire_example_world::Config {
            tidewire_url: self.relay.url.clone(),
            backend_key: format!("{KEY}-party"),
            listen: self.at,
            data: Some(self.folder.path().join("engine")),
            ..Default::default()
        };
        let characters: Vec<(&str, &str)> = self.setup.players.iter().map(|p| (*p, *p)).collect();
        let config = Config {
            common,
            secret: SECRET.into(),
            vote_timeout: self.setup.vote,
            parties: vec![Roster::new("p1", "r1", &characters)],
            ..Config::default()
        };
        self.engine = Some(run(config).await.unwrap());
    }

    pub async fn stop_engine(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
    }

    /// `kill -9` of the server, and a new start on the same data.
    pub fn kill_server(&mut self) {
        let contracts = self.contracts.clone();
        tokio::task::block_in_place(|| self.server.kill_and_restart(&contracts));
        self.relay.turn(&self.server.url);
    }

    pub async fn join(&self, who: &'static str) -> Player {
        self.join_after(who, "").await
    }

    /// Goes on behind a position.
    pub async fn join_after(&self, who: &'static str, position: &str) -> Player {
        Player::join_after(&self.server, who, position, &self.payloads).await
    }

    /// All events of the party so far, as a backend reads them.
    pub async fn log(&self) -> Vec<Value> {
        self.server.events("party", "party:p1").await
    }

    pub async fn of(&self, event_type: &str) -> Vec<Value> {
        self.log().await.into_iter().filter(|e| e["type"] == event_type).map(|e| e["payload"].clone()).collect()
    }

    /// Waits until so many of a type were told.
    pub async fn until(&self, event_type: &str, n: usize) -> Vec<Value> {
        for _ in 0..1500 {
            let all = self.of(event_type).await;
            if all.len() >= n {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{event_type} was not told {n} times: {:?}", self.log().await.iter().map(|e| e["type"].clone()).collect::<Vec<_>>());
    }
}

/// A token of somebody who plays in this party and this run.
pub fn ticket(who: &str, party: &str, run: &str) -> String {
    token(json!({ "sub": who, "character_id": who, "display_name": who.to_uppercase(), "parties": [party], "campaign_runs": [run] }))
}

/// A player's connection; every frame that it gets is held against the schemas.
pub struct Player {
    pub who: &'static str,
    pub socket: Socket,
    pub hello: Value,
    payloads: Arc<Payloads>,
    /// Types that came by.
    pub seen: Vec<String>,
}

impl Player {
    pub async fn join(server: &Server, who: &'static str, payloads: &Arc<Payloads>) -> Player {
        Player::join_after(server, who, "", payloads).await
    }

    async fn join_after(server: &Server, who: &'static str, position: &str, payloads: &Arc<Payloads>) -> Player {
        let after = if position.is_empty() { String::new() } else { format!("&after={position}") };
        let path = format!("/party/p1/ws?run=r1&character={who}&token={}{after}", ticket(who, "p1", "r1"));
        let socket = server.websocket(&path, &[]).await.unwrap();
        let mut player = Player { who, socket, payloads: payloads.clone(), seen: Vec::new(), hello: Value::Null };
        player.hello = player.next().await;
        assert_eq!(player.hello["type"], "system.hello", "the first frame");
        player
    }

    pub async fn next(&mut self) -> Value {
        let frame = self.socket.next().await;
        self.payloads.check(&frame);
        self.seen.push(frame["type"].as_str().unwrap().to_owned());
        frame
    }

    /// The next frame of a type; others may come between.
    pub async fn next_of(&mut self, event_type: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == event_type {
                return frame;
            }
        }
    }

    pub async fn send(&mut self, event_type: &str, trace: &str, payload: Value) {
        self.socket.send(json!({ "type": event_type, "trace_id": trace, "payload": payload })).await;
    }

    pub async fn act(&mut self, id: &str, action_type: &str, payload: Value) {
        let data = json!({
            "action_id": id, "character_id": self.who, "campaign_run_id": "r1", "action_type": action_type, "payload": payload,
        });
        self.send("action.request", &format!("trace-{id}"), data).await;
    }

    pub async fn choose(&mut self, id: &str, choice: &str) {
        self.act(id, "choice", json!({ "choice": choice })).await;
    }

    pub async fn vote(&mut self, vote: &str, option: &str) {
        self.send("vote.cast", "trace-vote", json!({ "vote_id": vote, "option": option })).await;
    }

    /// The answer to what was sent last: an ack or an error.
    pub async fn answer(&mut self) -> Value {
        loop {
            let frame = self.next().await;
            let event_type = frame["type"].as_str().unwrap();
            if event_type.ends_with(".ack") || event_type == "system.error" {
                return frame;
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, target).unwrap();
        }
    }
}

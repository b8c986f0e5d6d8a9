//! Somebody who plays in a party whose nodes come and go: acts and votes, asks again until there is an answer, also elsewhere, and
//! goes on behind what was seen last.

use super::{Socket, Stream, chaos::Field, connect, payloads::Payloads, table::ticket};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub const PLAYERS: [&str; 8] = ["ana", "boris", "cleo", "dario", "emil", "fatma", "gita", "hana"];

/// What all players were told of what they did.
#[derive(Default)]
pub struct Heard {
    /// Action or vote → what it was answered, each time.
    pub answers: HashMap<String, Vec<Value>>,
    /// Those that have not all their answers.
    pub waiting: HashSet<String>,
    pub wrong: Vec<String>,
    /// The time of the log's last event, once nothing more will come.
    pub last: Option<String>,
}

/// What a player wants.
struct Wish {
    id: String,
    frame: String,
    /// How often it is to be answered.
    answers: usize,
    /// When it was sent over the present connection.
    sent: Option<Instant>,
}

pub struct Player {
    who: &'static str,
    field: Arc<Field>,
    heard: Arc<Mutex<Heard>>,
    payloads: Payloads,
    rng: SmallRng,
    seen: Vec<Value>,
    /// Where to go on.
    last: String,
    wish: Option<Wish>,
    next: Instant,
    wishes: usize,
    voted: HashSet<String>,
    vote: Option<Value>,
    fight: Option<Value>,
    scene: Option<Value>,
}

/// After this it is sent again.
const AGAIN: Duration = Duration::from_millis(1500);
/// How long the end may take to come.
const END: Duration = Duration::from_secs(60);

impl Player {
    pub fn new(who: &'static str, field: Arc<Field>, heard: Arc<Mutex<Heard>>, seed: u64) -> Player {
        let number = PLAYERS.iter().position(|p| *p == who).unwrap() as u64;
        Player {
            who,
            field,
            heard,
            payloads: Payloads::read(),
            rng: SmallRng::seed_from_u64(seed + 100 + number),
            seen: Vec::new(),
            last: "0".into(),
            wish: None,
            next: Instant::now(),
            wishes: 0,
            voted: HashSet::new(),
            vote: None,
            fight: None,
            scene: None,
        }
    }

    /// Until the end; everything that was told, as it came.
    pub async fn play(mut self) -> Vec<Value> {
        let mut patience = None;
        while !self.has_all() {
            if self.heard.lock().unwrap().last.is_some() && patience.get_or_insert_with(Instant::now).elapsed() > END {
                break;
            }
            let url = self.field.some_url(&mut self.rng).await;
            let leave = Instant::now() + Duration::from_millis(self.rng.random_range(300..4000));
            if self.wish.is_none() && self.rng.random_ratio(1, 4) {
                self.listen(&url, leave).await;
            } else {
                self.take_part(&url, leave).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.seen
    }

    fn has_all(&self) -> bool {
        let last = self.heard.lock().unwrap().last.clone();
        last.is_some_and(|last| self.seen.iter().rev().any(|event| event["timestamp"] == last.as_str()))
    }

    /// Only looks on, over an event stream.
    async fn listen(&mut self, url: &str, leave: Instant) {
        let token = ticket(self.who, "p1", "r1");
        let opened = tokio::time::timeout(super::PATIENCE, Stream::open(url, "/party/p1/events?run=r1", &token, Some(&self.last))).await;
        let Ok(Some(mut stream)) = opened else { return };
        while Instant::now() < leave && !self.has_all() {
            match stream.next_within(Duration::from_millis(100)).await {
                // It says why it ends; the player goes on elsewhere.
                Ok(Some(sent)) if sent.event.as_deref() == Some("close") => return,
                Ok(Some(sent)) => {
                    self.take(sent.data);
                    if let Some(id) = sent.id {
                        self.last = id;
                    }
                }
                Ok(None) => {}
                Err(()) => return,
            }
        }
    }

    /// Acts, votes and looks on, over a WebSocket.
    async fn take_part(&mut self, url: &str, leave: Instant) {
        let path = format!("/party/p1/ws?run=r1&character={}&token={}&after={}", self.who, ticket(self.who, "p1", "r1"), self.last);
        let Some(mut socket) = connect(url, &path).await else { return };
        if let Some(wish) = &mut self.wish {
            wish.sent = None;
        }
        while Instant::now() < leave && !self.has_all() {
            self.wish_something();
            if !self.send(&mut socket).await {
                return;
            }
            match tokio::time::timeout(Duration::from_millis(100), socket.frame()).await {
                Ok(Ok(frame)) => self.take(frame),
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }

    /// Sends what is wanted, if it is time; `false`: the connection is no more.
    async fn send(&mut self, socket: &mut Socket) -> bool {
        let Some(wish) = &mut self.wish else { return true };
        if wish.sent.is_some_and(|sent| sent.elapsed() < AGAIN) {
            return true;
        }
        let is_first = wish.sent.replace(Instant::now()).is_none();
        let (frame, id) = (wish.frame.clone(), wish.id.clone());
        if is_first && self.rng.random_ratio(1, 4) {
            // The same in the same moment through another node.
            let url = self.field.some_url(&mut self.rng).await;
            tokio::spawn(twin(self.who, url, frame.clone(), id, self.heard.clone()));
        }
        socket.try_send(&frame).await
    }

    fn take(&mut self, frame: Value) {
        self.payloads.check(&frame);
        let payload = &frame["payload"];
        match frame["type"].as_str().unwrap() {
            "system.hello" => {}
            "action.request.ack" | "vote.cast.ack" => self.answered(&frame),
            "system.error" => match payload["code"].as_str().unwrap() {
                "HISTORY_GAP" => self.seen.push(json!({ "type": "gap", "timestamp": frame["timestamp"], "gap": payload["gap"] })),
                // Not now: it is sent again.
                "RATE_LIMITED" | "UNAVAILABLE" => {}
                _ => self.heard.lock().unwrap().wrong.push(format!("{} was told {frame}", self.who)),
            },
            event_type => {
                match event_type {
                    "vote.started" => self.vote = Some(payload.clone()),
                    "vote.finished" => self.vote = None,
                    "combat.update" => {
                        let goes_on = ["started", "going_on"].contains(&payload["status"].as_str().unwrap());
                        self.fight = goes_on.then(|| payload.clone());
                    }
                    "scene.update" => self.scene = Some(payload.clone()),
                    _ => {}
                }
                self.last = frame["timestamp"].as_str().unwrap().to_owned();
                self.seen.push(frame);
            }
        }
    }

    fn answered(&mut self, frame: &Value) {
        let Some(wish) = self.wish.as_mut().filter(|wish| frame["trace_id"] == wish.id.as_str()) else { return };
        let mut heard = self.heard.lock().unwrap();
        heard.answers.entry(wish.id.clone()).or_default().push(frame["payload"].clone());
        wish.answers -= 1;
        wish.sent = None;
        if wish.answers == 0 {
            heard.waiting.remove(&wish.id);
            self.wish = None;
        }
    }

    fn wish_something(&mut self) {
        if self.wish.is_some() || self.field.is_done() || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + Duration::from_millis(self.rng.random_range(100..600));
        let Some((id, event_type, payload)) = self.idea() else { return };
        let frame = json!({ "type": event_type, "trace_id": id, "payload": payload }).to_string();
        self.heard.lock().unwrap().waiting.insert(id.clone());
        let answers = if self.rng.random_ratio(1, 3) { 2 } else { 1 };
        self.wish = Some(Wish { id, frame, answers, sent: None });
    }

    /// What can be done as things stand, now and then what cannot.
    fn idea(&mut self) -> Option<(String, &'static str, Value)> {
        let may_be_odd = self.rng.random_ratio(1, 12);
        if let Some(vote) = self.vote.clone() {
            let id = vote["vote_id"].as_str().unwrap().to_owned();
            if self.voted.insert(id.clone()) {
                let option = &vote["options"].as_array().unwrap().choose(&mut self.rng).unwrap()["id"];
                let payload = json!({ "vote_id": id, "option": option });
                return Some((format!("vote-{id}-{}", self.who), "vote.cast", payload));
            }
            return may_be_odd.then(|| self.action("skill_check", json!({ "skill": "lore" })));
        }
        if let Some(fight) = self.fight.clone() {
            let foe = fight["foes"].as_array().unwrap().iter().find(|foe| foe["hp"] != 0)?["foe_id"].clone();
            let is_mine = fight["turn"] == self.who;
            return (is_mine || may_be_odd).then(|| self.action("combat", json!({ "move": "attack", "target": foe })));
        }
        let scene = self.scene.clone()?;
        let (choices, checks) = (scene["choices"].as_array().unwrap(), scene["skill_checks"].as_array().unwrap());
        match choices.choose(&mut self.rng) {
            Some(choice) if checks.is_empty() || self.rng.random_ratio(1, 2) => {
                Some(self.action("choice", json!({ "choice": choice["id"] })))
            }
            _ => checks.choose(&mut self.rng).map(|skill| self.action("skill_check", json!({ "skill": skill }))),
        }
    }

    fn action(&mut self, action_type: &str, payload: Value) -> (String, &'static str, Value) {
        self.wishes += 1;
        let id = format!("{}-{}", self.who, self.wishes);
        let payload = json!({
            "action_id": id, "character_id": self.who, "campaign_run_id": "r1", "action_type": action_type, "payload": payload,
        });
        (id, "action.request", payload)
    }
}

/// Sends something over a connection of its own, and hands in the answer, if there is one.
async fn twin(who: &'static str, url: String, frame: String, id: String, heard: Arc<Mutex<Heard>>) {
    let path = format!("/party/p1/ws?run=r1&character={who}&token={}", ticket(who, "p1", "r1"));
    let Some(mut socket) = connect(&url, &path).await else { return };
    if !socket.try_send(&frame).await {
        return;
    }
    let until = Instant::now() + super::PATIENCE;
    while Instant::now() < until {
        match tokio::time::timeout(Duration::from_millis(200), socket.frame()).await {
            Ok(Ok(told)) if told["trace_id"] == id.as_str() && told["type"].as_str().is_some_and(|t| t.ends_with(".ack")) => {
                return heard.lock().unwrap().answers.entry(id).or_default().push(told["payload"].clone());
            }
            Ok(Ok(told)) if told["type"] == "system.error" => return,
            Ok(Err(_)) => return,
            _ => {}
        }
    }
}

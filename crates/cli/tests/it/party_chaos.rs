//! A party of eight over three nodes, with the campaign engine on Redis, while nodes, the engine and Redis are killed and lines are
//! cut: every action is applied once and told to all eight, in one order. Seconds by CHAOS_SECONDS. // P-2, P-5, P-7, P-8, P-9, P-10, G-1, G-2, G-3, G-6

use crate::support::chaos::{Field, assert_faults_are_seen, faults};
use crate::support::player::{Heard, PLAYERS, Player};
use crate::support::redis::{Line, command};
use crate::support::*;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tidewire_example_party::{Config, Roster, run_on_redis};

/// Where the engine's process finds Redis.
const ENGINE: &str = "PARTY_CHAOS_ENGINE";

/// The campaign engine, in a process that can be killed.
struct Engine {
    child: Child,
    url: String,
}

impl Engine {
    fn start(url: String) -> Engine {
        Engine { child: Engine::spawn(&url), url }
    }

    fn spawn(url: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "party_chaos::the_engine"])
            .env(ENGINE, url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn kill_and_restart(&mut self) {
        self.kill();
        self.child = Engine::spawn(&self.url);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the process of the engine, which the other test starts"]
fn the_engine() {
    let Ok(url) = std::env::var(ENGINE) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let characters: Vec<(&str, &str)> = PLAYERS.iter().map(|who| (*who, *who)).collect();
        let config = Config {
            parties: vec![Roster::new("p1", "r1", &characters)],
            vote_timeout: Duration::from_secs(4),
            turn_timeout: Duration::from_secs(2),
            ..Config::default()
        };
        loop {
            match run_on_redis(config.clone(), &url).await {
                Ok(_running) => std::future::pending::<()>().await,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
}

/// Waits until something is so.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn of_type<'a>(log: &'a [Value], event_type: &'a str) -> impl Iterator<Item = &'a Value> {
    log.iter().filter(move |event| event["type"] == event_type).map(|event| &event["payload"])
}

/// Votes that were begun and have not ended.
fn open_votes(log: &[Value]) -> usize {
    let over: HashSet<&str> = of_type(log, "vote.finished").filter_map(|vote| vote["vote_id"].as_str()).collect();
    of_type(log, "vote.started").filter(|vote| !over.contains(vote["vote_id"].as_str().unwrap())).count()
}

/// What is wrong with the actions: of what was acknowledged each has one result, and nothing has two.
fn wrong_actions(log: &[Value], heard: &Heard) -> Vec<String> {
    let mut results: HashMap<&str, usize> = HashMap::new();
    for result in of_type(log, "action.result") {
        *results.entry(result["action_id"].as_str().unwrap()).or_default() += 1;
    }
    let twice = results.iter().filter(|(_, n)| **n > 1).map(|(id, n)| format!("{id} has {n} results"));
    let mut wrong: Vec<String> = twice.collect();
    for (id, answers) in &heard.answers {
        if let Some(other) = answers.iter().find(|answer| **answer != answers[0]) {
            wrong.push(format!("{id} was answered {} and {other}", answers[0]));
        }
        if !id.starts_with("vote-") && !results.contains_key(id.as_str()) {
            wrong.push(format!("{id} was acknowledged and has no result"));
        }
    }
    wrong
}

/// What is wrong with the votes: each ballot counts one more, and each vote ends once.
fn wrong_votes(log: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for started in of_type(log, "vote.started") {
        let of_vote = |event: &&Value| event["vote_id"] == started["vote_id"];
        let counts: Vec<u64> = of_type(log, "vote.update").filter(of_vote).map(|update| update["votes"].as_u64().unwrap()).collect();
        let ends: Vec<&Value> = of_type(log, "vote.finished").filter(of_vote).collect();
        let [end] = ends[..] else {
            wrong.push(format!("it ended {} times: {started}", ends.len()));
            continue;
        };
        let ballots: u64 = end["tally"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        let voters = started["voters"].as_array().unwrap().len() as u64;
        if counts != (1..=ballots).collect::<Vec<_>>() || end["reason"] == "all_voted" && ballots != voters {
            wrong.push(format!("{voters} voters, counted {counts:?}: {end}"));
        }
    }
    wrong
}

/// Who comes has to have gone before, and who goes has to have come.
fn wrong_comings(log: &[Value]) -> Vec<String> {
    let mut there = HashSet::new();
    let mut wrong = Vec::new();
    for event in log {
        let who = event["payload"]["character_id"].as_str();
        let is_odd = match event["type"].as_str() {
            Some("party.join") => !there.insert(who),
            Some("party.leave") => !there.remove(&who),
            _ => false,
        };
        if is_odd {
            wrong.push(format!("out of turn: {event}"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_party_of_eight_plays_on_whatever_breaks() {
    let (seconds, seed) = (chaos::seconds(14), chaos::seed());
    let tail = |url: &str| format!("[contracts.party.backends.engine]\nredis = \"{url}\"\n");
    let field = Arc::new(Field::start(3, root().join("contracts"), tail).await);
    let port = field.redis.lock().await.port;
    let line = Line::to(port).await;
    let mut engine = Engine::start(line.url());
    let heard = Arc::new(std::sync::Mutex::new(Heard::default()));
    let playing: Vec<_> = PLAYERS.iter().map(|who| tokio::spawn(Player::new(who, field.clone(), heard.clone(), seed).play())).collect();
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut broke: BTreeMap<&str, usize> = BTreeMap::new();
    let ends = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < ends {
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1500))).await;
        let what = match rng.random_range(0..8) {
            0 => {
                engine.kill_and_restart();
                "kills of the engine"
            }
            1 => {
                line.cut();
                "cuts of the engine's line"
            }
            _ => field.break_something(&mut rng).await,
        };
        *broke.entry(what).or_default() += 1;
    }
    // What was begun is ended; then the engine, whose fights go on by themselves, is stopped, and the log stands still.
    field.end();
    until("all players are answered", async || heard.lock().unwrap().waiting.is_empty()).await;
    let length = |stream: &str| command(port, &format!("XLEN tidewire:party:{stream}")).trim().to_owned();
    until("the engine has done everything", async || length("engine") == "0").await;
    until("all votes have ended", async || open_votes(&field.whole_log("party", "party:p1").await) == 0).await;
    engine.kill();
    until("everything is published", async || length("in") == "0").await;
    let log = field.whole_log("party", "party:p1").await;
    heard.lock().unwrap().last = log.last().map(|event| event["timestamp"].as_str().unwrap().to_owned());
    let mut seen = Vec::new();
    for player in playing {
        let mut all = player.await.unwrap();
        // Who has left meanwhile may be told behind it.
        let end = log.last().map(|event| &event["timestamp"]);
        if let Some(at) = all.iter().rposition(|event| Some(&event["timestamp"]) == end) {
            all.truncate(at + 1);
        }
        seen.push(all);
    }
    let heard = heard.lock().unwrap();
    let answered = |id: &&String| heard.answers[*id].len() > 1;
    println!(
        "{broke:?}; {} actions and votes acknowledged, {} of them more than once; {} events, {} votes",
        heard.answers.len(),
        heard.answers.keys().filter(answered).count(),
        log.len(),
        of_type(&log, "vote.finished").count(),
    );
    let mut wrong = heard.wrong.clone();
    for (who, seen) in PLAYERS.iter().zip(&seen) {
        wrong.extend(faults(who, seen, &log, "timestamp"));
    }
    wrong.extend(wrong_actions(&log, &heard));
    wrong.extend(wrong_votes(&log));
    wrong.extend(wrong_comings(&log));
    // What the engine remembers of its own: each cause once, and the newest of what it answered.
    let state: Value = serde_json::from_str(&command(port, "GET tidewire:party:engine:state")).unwrap();
    let answers = state["state"]["parties"]["p1"]["answers"].as_array().unwrap();
    let causes: HashSet<&str> = answers.iter().map(|answer| answer[0].as_str().unwrap()).collect();
    if causes.len() != answers.len() {
        wrong.push(format!("the engine applied something twice: {answers:?}"));
    }
    assert!(wrong.is_empty(), "SEED={seed} {wrong:#?}");
    assert!(heard.answers.len() > 10 && of_type(&log, "action.result").count() > 5, "hardly anybody did anything");
    assert!(heard.answers.keys().any(|id| answered(&id)), "nothing was sent twice");
    assert_faults_are_seen(&seen[0], &log, "timestamp");
    let mut again = log.clone();
    again.extend(log.iter().filter(|event| event["type"] == "action.result").take(1).cloned());
    assert_eq!(wrong_actions(&again, &heard).len(), 1);
}

//! The campaign engine of a party: scenes with choices, skill checks, fights and votes. It decides; Tidewire carries.

mod campaign;
mod character;
mod clock;
mod combat;
mod dice;
mod life;
mod party;
mod redis;
mod table;
mod vote;
mod world;

pub use self::redis::run_on_redis;
pub use campaign::{Decides, SCENES, Scene, scene};
pub use character::{Character, Effect, Kind};
pub use combat::{Combat, Foe, Standing};
pub use dice::{Check, Dice, Outcome};
pub use party::{Action, Party};
pub use table::{Settings, Table, Told, refused};
pub use tidewire_example_backend::{Handed, Refusal, Running, Secret};
pub use vote::{Opt, Vote};
pub use world::World;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tidewire_example_backend::{Answer, Begun, Call, Keep, Outlet, Publisher, Shelf, json as answer, serve};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Notify;

/// How the engine is run.
#[derive(Debug, Clone)]
pub struct Config {
    pub common: tidewire_example_backend::Config,
    /// What the server signs hand-overs with.
    pub secret: String,
    /// Parties that are there from the beginning; others begin when somebody acts in them.
    pub parties: Vec<Roster>,
    /// How long a vote lasts.
    pub vote_timeout: Duration,
    /// How long a player may think in a fight.
    pub turn_timeout: Duration,
}

/// A party, its run of the campaign, and who plays in it.
#[derive(Debug, Clone)]
pub struct Roster {
    pub party: String,
    pub run: String,
    /// Id and name.
    pub characters: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            common: tidewire_example_backend::Config::default(),
            secret: String::new(),
            parties: vec![Roster::new("p1", "r1", &[("ana", "Ana"), ("boris", "Boris")])],
            vote_timeout: Duration::from_secs(30),
            turn_timeout: Duration::from_secs(30),
        }
    }
}

impl Roster {
    pub fn new(party: &str, run: &str, characters: &[(&str, &str)]) -> Roster {
        let characters = characters.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect();
        Roster { party: party.to_owned(), run: run.to_owned(), characters }
    }
}

/// Where its state is kept, and the way that its events take.
pub struct Places {
    pub shelf: Box<dyn Shelf>,
    /// The shelf's name in errors.
    pub shelf_name: String,
    pub outlet: Box<dyn Outlet>,
}

/// The engine at work.
pub struct Engine {
    keep: Keep<World>,
    begun: Begun,
    dice: Dice,
    settings: Settings,
    /// Wakes the clock: something may end earlier than it thinks.
    changed: Notify,
}

/// Runs the engine: it takes hand-overs over HTTP and publishes over HTTP, and keeps its state in its data folder.
///
/// # Errors
/// When its state cannot be read, its secret is none, or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let outlet = Publisher::new(&config.common.tidewire_url, &config.common.backend_key);
    let keep = Keep::open(config.common.data.clone(), World::default(), instance(), outlet)?;
    start(config, keep).await.map(|(running, _)| running)
}

/// The same with other places.
///
/// # Errors
/// The same.
pub async fn run_in(config: Config, places: Places) -> io::Result<(Running, Arc<Engine>)> {
    let keep = Keep::on(places.shelf, &places.shelf_name, World::default(), instance(), places.outlet).await?;
    start(config, keep).await
}

fn instance() -> String {
    uuid::Uuid::new_v4().to_string()
}

async fn start(config: Config, keep: Keep<World>) -> io::Result<(Running, Arc<Engine>)> {
    let secret = Arc::new(Secret::new(&config.secret).map_err(io::Error::other)?);
    let ms = |d: Duration| d.as_millis() as i64;
    let engine = Arc::new(Engine {
        keep,
        begun: Begun::default(),
        dice: Dice::new(config.common.seed),
        settings: Settings { vote: ms(config.vote_timeout), turn: ms(config.turn_timeout) },
        changed: Notify::new(),
    });
    let answering = engine.clone();
    let running = serve(config.common.listen, move |call| {
        let (engine, secret) = (answering.clone(), secret.clone());
        async move { engine.answer(call, &secret).await }
    })
    .await?;
    let working = engine.clone();
    let (parties, life, seed) = (config.parties, config.common.life, config.common.seed);
    running.spawn(async move {
        working.begun.begin("party", || working.begin(&parties)).await;
        if life {
            tokio::join!(clock::run(&working), life::live(&working, &parties, seed));
        } else {
            clock::run(&working).await;
        }
    });
    Ok((running, engine))
}

impl Engine {
    /// Publishes what an earlier run left, and where each party is, so that whoever connects is told. The keys are those of the
    /// first time: a server that has heard it keeps what it has, and one whose log was lost hears it again.
    async fn begin(&self, parties: &[Roster]) -> Result<(), Refusal> {
        let now = now();
        let began = self.keep.change(None, |world, keys| {
            let mut next = world.clone();
            let events = next.begin(parties, |cause| self.table(cause, now), keys)?;
            Ok((next, events))
        });
        began.await.map(|_| ())
    }

    async fn answer(&self, call: Call, secret: &Secret) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, &path[..]) {
            (&Method::POST, ["handed-over"]) => {
                let handed = secret.open(&call.headers, &call.bytes, SystemTime::now())?;
                let reply = self.take(&handed).await?;
                Ok(answer(StatusCode::OK, &json!({ "reply": reply })))
            }
            (&Method::GET, ["parties", id]) => {
                let look = self.keep.look();
                let party = look.state.parties.get(*id).ok_or_else(|| Refusal::not_found(format!("there is no party '{id}'")))?;
                let position = look.positions.get(&party.channel());
                Ok(answer(
                    StatusCode::OK,
                    &json!({ "state": party.state(), "vote": party.vote.as_ref().map(Vote::started), "position": position }),
                ))
            }
            _ => Err(Refusal::not_found("there are /parties/{id}, and /handed-over for the server")),
        }
    }

    /// Decides what becomes of a client's event; what its sender is answered. When this returns, all that came of it is published.
    ///
    /// # Errors
    /// What the rules say against it, or that it cannot be done just now.
    pub async fn take(&self, handed: &Handed) -> Result<Value, Refusal> {
        self.begun.wait().await?;
        let party = handed.channel.strip_prefix("party:").ok_or_else(|| Refusal::bad("players act on party:{party_id}"))?;
        let actor = handed.principal.get("id").and_then(Value::as_str).ok_or_else(|| Refusal::bad("who is it? `principal.id` is text"))?;
        let name = handed.principal.get("name").and_then(Value::as_str);
        match handed.event_type.as_str() {
            "action.request" => {
                let action: Action = serde_json::from_value(handed.data.clone()).map_err(|e| Refusal::bad(e.to_string()))?;
                if action.character_id != actor {
                    return Err(refused("UNAUTHORIZED", format!("{actor} does not play {}", action.character_id)));
                }
                let cause = action.action_id.clone();
                self.change(party, &action.campaign_run_id, &cause, |party, table| party.act(&action, name, table).map(drop)).await
            }
            "vote.cast" => {
                let text = |name: &str| handed.data[name].as_str().unwrap_or_default();
                let (vote, option) = (text("vote_id"), text("option"));
                let cause = party::ballot(vote, actor);
                self.change(party, "", &cause, |party, table| party.cast(actor, vote, option, table).map(drop)).await
            }
            other => Err(Refusal::bad(format!("players send action.request and vote.cast, not {other}"))),
        }
    }

    /// Tells the party that an action was not possible, where nobody waits for the answer; once.
    pub(crate) async fn tell_refusal(&self, handed: &Handed, refusal: &Refusal) -> Result<(), Refusal> {
        let Ok(action) = serde_json::from_value::<Action>(handed.data.clone()) else { return Ok(()) };
        let party = handed.channel.strip_prefix("party:").unwrap_or_default();
        let known = ["choice", "skill_check", "combat"].contains(&action.action_type.as_str());
        if !known || !self.look().parties.contains_key(party) {
            return Ok(());
        }
        let told = json!({
            "action_id": action.action_id, "character_id": action.character_id, "action_type": action.action_type, "outcome": "failure",
            "text": refusal.detail, "state": { "characters": [], "foes": [], "flags": {} },
        });
        let cause = format!("refused/{}", action.action_id);
        let tell = |party: &mut Party, table: &mut Table<'_>| {
            table.tell(&party.channel(), "action.result", told);
            party.refuse(&action.action_id, &refusal.detail);
            Ok(())
        };
        self.change(party, "", &cause, tell).await.map(drop)
    }

    /// Changes a party, once for each cause, and publishes what is told of it; what was answered to that cause.
    pub(crate) async fn change(
        &self,
        party: &str,
        run: &str,
        cause: &str,
        decide: impl FnOnce(&mut Party, &mut Table<'_>) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        let now = now();
        let changed = self.keep.change(None, |world, keys| {
            let mut next = world.clone();
            let mut table = self.table(cause, now);
            decide(next.party(party, run, &mut table)?, &mut table)?;
            Ok((next, table.events(keys, party)))
        });
        changed.await?;
        self.changed.notify_one();
        let look = self.keep.look();
        Ok(look.state.parties.get(party).and_then(|p| p.answer(cause)).cloned().unwrap_or(Value::Null))
    }

    fn table(&self, cause: &str, now: i64) -> Table<'_> {
        Table { dice: &self.dice, now, cause: cause.to_owned(), settings: &self.settings, told: Vec::new() }
    }

    pub(crate) fn look(&self) -> World {
        self.keep.look().state
    }
}

/// ms since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

pub(crate) fn iso(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

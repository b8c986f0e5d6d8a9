//! The rules of the game, without a server: the same seed and the same actions come to the same.

use serde_json::{Value, json};
use tidewire_example_party::*;

const SETTINGS: Settings = Settings { vote: 30_000, turn: 20_000 };

struct Game {
    party: Party,
    dice: Dice,
    now: i64,
    told: Vec<Told>,
}

impl Game {
    fn new(seed: u64, players: &[&str]) -> Game {
        let mut game = Game { party: Party::new("p1", "r1"), dice: Dice::new(seed), now: 1_000, told: Vec::new() };
        for player in players {
            let dice = game.dice;
            let table = Table { dice: &dice, now: 0, cause: "begin".into(), settings: &SETTINGS, told: Vec::new() };
            game.party.enrol(player, None, &table).unwrap();
        }
        game
    }

    fn at<R>(&mut self, cause: &str, decide: impl FnOnce(&mut Party, &mut Table<'_>) -> R) -> R {
        let dice = self.dice;
        let mut table = Table { dice: &dice, now: self.now, cause: cause.into(), settings: &SETTINGS, told: Vec::new() };
        let decided = decide(&mut self.party, &mut table);
        self.told = table.told;
        decided
    }

    fn act(&mut self, id: &str, who: &str, action_type: &str, payload: Value) -> Result<Value, Refusal> {
        let action = Action {
            action_id: id.into(),
            character_id: who.into(),
            campaign_run_id: "r1".into(),
            action_type: action_type.into(),
            payload,
        };
        // As the engine does it: what is refused has not happened.
        let before = self.party.clone();
        let done = self.at(id, |party, table| party.act(&action, None, table));
        if done.is_err() {
            self.party = before;
            self.told.clear();
        }
        done
    }

    fn cast(&mut self, who: &str, vote: &str, option: &str) -> Result<Value, Refusal> {
        self.at(&format!("{vote}/{who}"), |party, table| party.cast(who, vote, option, table))
    }

    fn expire(&mut self) {
        let (at, cause) = self.party.deadline().expect("something that ends");
        self.now = at;
        self.at(&cause, Party::expire);
    }

    fn types(&self) -> Vec<&str> {
        self.told.iter().filter(|(channel, ..)| channel == "party:p1").map(|(_, t, _)| *t).collect()
    }

    fn data(&self, event_type: &str) -> &Value {
        &self.told.iter().find(|(_, t, _)| *t == event_type).unwrap_or_else(|| panic!("no {event_type} in {:?}", self.types())).2
    }

    /// Off to the three ways, where the party decides together.
    fn at_the_ways(seed: u64, players: &[&str]) -> Game {
        let mut game = Game::new(seed, players);
        game.act("go", players[0], "choice", json!({ "choice": "A" })).unwrap();
        game
    }

    fn in_a_fight(seed: u64, players: &[&str]) -> Game {
        let mut game = Game::new(seed, players);
        game.act("go", players[0], "choice", json!({ "choice": "B" })).unwrap();
        game
    }
}

fn code(refused: Result<Value, Refusal>) -> String {
    refused.unwrap_err().more["code"].as_str().unwrap_or_default().to_owned()
}

// P-6
#[test]
fn a_choice_leads_on_and_everybody_is_told() {
    let mut game = Game::new(1, &["ana", "boris"]);
    let answer = game.act("a1", "ana", "choice", json!({ "choice": "A" })).unwrap();
    assert_eq!((&answer["outcome"], &answer["scene_number"]), (&json!("success"), &json!(2)));
    assert_eq!(game.types(), ["action.result", "scene.update", "party.state"]);
    assert_eq!((&game.data("scene.update")["scene_number"], &game.data("scene.update")["decides"]), (&json!(2), &json!("party")));
    assert!(game.told.iter().any(|(channel, t, _)| channel == "run:r1" && *t == "party.state"), "who watches the run sees it");
    assert_eq!(code(game.act("a2", "ana", "choice", json!({ "choice": "Z" }))), "NO_SUCH_CHOICE");
    assert_eq!(code(game.act("a3", "ana", "combat", json!({ "move": "attack", "target": "guard-1" }))), "NOT_NOW");
    assert_eq!(code(game.act("a4", "ana", "skill_check", json!({ "skill": "strength" }))), "NO_SUCH_CHOICE");
}

// P-7
#[test]
fn an_action_is_done_once() {
    let mut game = Game::new(1, &["ana", "boris"]);
    let first = game.act("a1", "ana", "choice", json!({ "choice": "A" })).unwrap();
    let party = game.party.clone();
    // Even when something else is asked under the same id, or by somebody else.
    for (who, choice) in [("ana", "A"), ("ana", "B"), ("boris", "A")] {
        assert_eq!(game.act("a1", who, "choice", json!({ "choice": choice })).unwrap(), first);
        assert!(game.told.is_empty());
        assert_eq!(game.party, party);
    }
}

// P-7: a repeat that reaches an engine which has forgotten falls the same.
#[test]
fn dice_fall_the_same_for_the_same_action() {
    let play = |seed| {
        let mut game = Game::in_a_fight(seed, &["ana", "boris"]);
        let mut all = game.told.clone();
        for n in 0..60 {
            let Some(combat) = &game.party.combat else { break };
            let (who, foe) = (combat.in_turn().to_owned(), combat.foes.iter().find(|f| f.hp > 0).unwrap().id.clone());
            game.act(&format!("m{n}"), &who, "combat", json!({ "move": "attack", "target": foe })).unwrap();
            all.append(&mut game.told);
        }
        all
    };
    assert_eq!(play(5), play(5));
    assert_ne!(play(5), play(6));
    let dice = Dice::new(3);
    let mut faces = [0u32; 6];
    for n in 0..6_000 {
        faces[dice.roll(&format!("a{n}"), "die", 6) as usize - 1] += 1;
    }
    assert!(faces.iter().all(|n| (850..1150).contains(n)), "a fair die: {faces:?}");
}

// P-6
#[test]
fn a_skill_check_has_three_ends_and_each_has_its_consequence() {
    let mut seen = [0; 3];
    for seed in 0..200 {
        let mut game = Game::new(seed, &["ana"]);
        game.act("s1", "ana", "skill_check", json!({ "skill": "agility" })).unwrap();
        let (result, ana) = (game.data("action.result").clone(), game.party.characters["ana"].clone());
        let roll = &result["roll"];
        let total = roll["value"].as_i64().unwrap() + roll["modifier"].as_i64().unwrap();
        let shaken = ana.effects.iter().any(|e| e.name == Kind::Shaken);
        let place = match result["outcome"].as_str().unwrap() {
            "success" => {
                assert!(total >= 11 && !shaken && ana.hp == 12 && game.party.flags["rope_found"]);
                0
            }
            "partial" => {
                assert!((7..11).contains(&total) && shaken && ana.hp == 12 && game.party.flags["rope_found"]);
                1
            }
            _ => {
                assert!(total < 7 && shaken && ana.hp == 10 && !game.party.flags.contains_key("rope_found"));
                2
            }
        };
        seen[place] += 1;
        assert_eq!(result["state"]["characters"][0]["hp"], ana.hp);
        assert_eq!(result["state"]["flags"], json!(game.party.flags));
        assert_eq!(game.types().contains(&"scene.update"), place < 2, "the scene is another than before");
    }
    assert!(seen.iter().all(|n| *n > 10), "{seen:?}");
}

// P-8
#[test]
fn a_vote_goes_from_start_to_finish_and_its_winner_moves_the_party() {
    let mut game = Game::at_the_ways(1, &["ana", "boris", "cora"]);
    let called = game.act("a1", "ana", "choice", json!({ "choice": "B" })).unwrap();
    assert_eq!(game.types(), ["action.result", "vote.started", "vote.update", "party.state"]);
    let started = game.data("vote.started").clone();
    let vote = started["vote_id"].as_str().unwrap().to_owned();
    assert_eq!((&called["vote_id"], &started["timeout"]), (&json!(vote), &json!(30.0)));
    assert_eq!(started["options"].as_array().unwrap().len(), 3);
    assert_eq!(started["voters"], json!(["ana", "boris", "cora"]));
    assert_eq!(game.data("vote.update")["tally"], json!({ "A": 0, "B": 1, "C": 0 }));
    assert_eq!(game.data("party.state")["status"], "voting");
    // Nothing else is decided meanwhile.
    assert_eq!(code(game.act("a2", "boris", "choice", json!({ "choice": "A" }))), "NOT_NOW");
    assert_eq!(code(game.cast("boris", &vote, "Q")), "NO_SUCH_CHOICE");
    assert_eq!(code(game.cast("eve", &vote, "A")), "NOT_NOW");
    assert_eq!(code(game.cast("boris", "v-0", "A")), "VOTE_OVER");
    let first = game.cast("boris", &vote, "A").unwrap();
    assert_eq!(game.types(), ["vote.update"]);
    assert_eq!(game.data("vote.update")["votes"], 2);
    // Once, and it cannot be taken back; nor can the vote of who called it.
    assert_eq!(game.cast("boris", &vote, "C").unwrap(), first);
    assert_eq!(game.cast("ana", &vote, "C").unwrap()["option"], "B");
    assert!(game.told.is_empty());
    game.cast("cora", &vote, "A").unwrap();
    assert_eq!(game.types(), ["vote.update", "vote.finished", "scene.update", "party.state"]);
    let finished = game.data("vote.finished");
    assert_eq!((&finished["winner"], &finished["reason"]), (&json!("A"), &json!("all_voted")));
    assert_eq!(finished["applied"]["scene_number"], game.data("scene.update")["scene_number"]);
    assert_eq!((game.party.scene, &game.party.vote), (4, &None));
    assert_eq!(code(game.cast("boris", &vote, "A").and_then(|_| game.cast("dora", &vote, "A"))), "VOTE_OVER");
}

// P-8
#[test]
fn a_vote_that_nobody_ends_is_ended_by_its_time() {
    let mut game = Game::at_the_ways(1, &["ana", "boris"]);
    game.act("a1", "boris", "choice", json!({ "choice": "C" })).unwrap();
    let started = game.data("vote.started").clone();
    let (at, cause) = game.party.deadline().unwrap();
    assert_eq!(at, game.now + SETTINGS.vote);
    // Kept and taken up again, it still ends when it was to end.
    game.party = serde_json::from_str(&serde_json::to_string(&game.party).unwrap()).unwrap();
    assert_eq!(game.party.deadline().unwrap(), (at, cause));
    game.now = at - 1;
    game.at("too early", Party::expire);
    assert!(game.told.is_empty());
    game.expire();
    assert_eq!(game.types(), ["vote.finished", "scene.update", "party.state"]);
    let finished = game.data("vote.finished");
    assert_eq!((&finished["vote_id"], &finished["winner"], &finished["reason"]), (&started["vote_id"], &json!("C"), &json!("timeout")));
    assert_eq!(game.party.scene, 1);
    assert_eq!(game.party.deadline(), None);
}

// P-8
#[test]
fn of_options_with_as_many_votes_the_first_wins() {
    let mut game = Game::at_the_ways(1, &["ana", "boris"]);
    game.act("a1", "ana", "choice", json!({ "choice": "C" })).unwrap();
    let vote = game.data("vote.started")["vote_id"].as_str().unwrap().to_owned();
    game.cast("boris", &vote, "A").unwrap();
    assert_eq!(game.data("vote.finished")["winner"], "A");
}

// P-6
#[test]
fn fights_come_to_every_end_and_obey_their_turns() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..150 {
        let mut game = Game::in_a_fight(seed, &["ana", "boris"]);
        let mut last = game.data("combat.update").clone();
        assert_eq!(last["status"], "started");
        for n in 0.. {
            assert!(n < 300, "a fight without an end");
            for fighter in last["characters"].as_array().unwrap().iter().chain(last["foes"].as_array().unwrap()) {
                assert!(fighter["hp"].as_u64() <= fighter["max_hp"].as_u64());
            }
            let Some(combat) = &game.party.combat else { break };
            let who = combat.in_turn().to_owned();
            assert_eq!(last["turn"], who);
            let other = if who == "ana" { "boris" } else { "ana" };
            let target = combat.foes.iter().find(|f| f.hp > 0).unwrap().id.clone();
            assert_eq!(code(game.act("x", other, "combat", json!({ "move": "defend" }))), "NOT_YOUR_TURN");
            assert_eq!(code(game.act("y", &who, "combat", json!({ "move": "attack", "target": "nobody" }))), "NO_SUCH_CHOICE");
            assert_eq!(code(game.act("z", &who, "choice", json!({ "choice": "A" }))), "NOT_NOW");
            let id = format!("m{n}");
            match (seed + n) % 7 {
                0 => game.act(&id, &who, "combat", json!({ "move": "defend" })).map(drop).unwrap(),
                1 => game.act(&id, &who, "combat", json!({ "move": "heal", "target": other })).map(drop).unwrap(),
                2 if seed % 3 == 0 => game.act(&id, &who, "combat", json!({ "move": "flee" })).map(drop).unwrap(),
                3 => game.expire(),
                _ => game.act(&id, &who, "combat", json!({ "move": "attack", "target": target })).map(drop).unwrap(),
            }
            last = game.data("combat.update").clone();
        }
        let end = last["status"].as_str().unwrap().to_owned();
        assert_eq!(last["turn"], Value::Null);
        assert!(game.party.characters.values().all(|c| c.hp >= 1), "whoever was down is up again");
        assert_eq!(
            game.party.scene,
            match end.as_str() {
                "won" => 4,
                "fled" => 2,
                "lost" => 1,
                other => panic!("{other}"),
            }
        );
        *ends.entry(end).or_insert(0) += 1;
    }
    assert_eq!(ends.keys().collect::<Vec<_>>(), ["fled", "lost", "won"], "{ends:?}");
}

#[test]
fn every_scene_leads_to_scenes_that_there_are() {
    let there = |n: u32| SCENES.iter().any(|s| s.number == n);
    for scene in SCENES {
        let checks = scene.checks.iter().filter_map(|c| c.leads_to);
        let fights = scene.fight.iter().flat_map(|f| [f.won, f.fled, f.lost]);
        assert!(scene.choices.iter().map(|c| c.leads_to).chain(checks).chain(fights).all(there), "{}", scene.title);
        assert!(!scene.choices.is_empty() || scene.fight.is_some(), "nobody gets out of '{}'", scene.title);
        // A skill that moves the party would end a vote that goes on.
        assert!(scene.decides == Decides::Anyone || scene.checks.iter().all(|c| c.leads_to.is_none()));
    }
}

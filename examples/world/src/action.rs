//! What can be done in the world, and which events tell of it.

use crate::state::{Earlier, Freeze, Holder, Message, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidewire_example_backend::Refusal;

/// An action as it is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    Move {
        character: String,
        place: String,
    },
    Say {
        character: String,
        content: String,
        to: Option<String>,
    },
    EditMessage {
        message: String,
        content: String,
    },
    DeleteMessage {
        message: String,
    },
    Give {
        item: String,
        from: String,
        to: String,
        #[serde(default = "private")]
        visibility: String,
    },
    Open {
        character: String,
        item: String,
    },
    JoinGroup {
        character: String,
        group: String,
    },
    LeaveGroup {
        character: String,
        group: String,
    },
    PlaySound {
        url: String,
        volume: f64,
        targets: Option<Targets>,
        #[serde(default = "user")]
        by: String,
    },
    Notify {
        message: String,
        place: Option<String>,
        actors: Option<Vec<String>>,
    },
    Freeze {
        #[serde(default)]
        scope: Freeze,
    },
    Unfreeze {
        reason: Option<String>,
    },
    Rollback {
        #[serde(default = "user")]
        by: String,
    },
    RenameWorld {
        name: String,
        current_date: Option<String>,
    },
    RenamePlace {
        place: String,
        name: String,
    },
}

/// Who hears a sound; everybody, where there are none.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<bool>,
}

fn private() -> String {
    "private".into()
}

fn user() -> String {
    "gm".into()
}

/// Types and payloads, in order.
pub type Told = Vec<(&'static str, Value)>;

/// What time it is, and an id for what is made.
pub struct Moment {
    pub at: String,
    pub new_id: String,
}

/// Does the action to `world`, and tells what happened. `earlier`: the state that a rollback goes back to.
///
/// # Errors
/// Why it cannot be done; `world` is not to be used then.
pub fn act(world: &mut World, earlier: Option<&Earlier>, action: Action, moment: &Moment) -> Result<Told, Refusal> {
    let mut told = match action {
        Action::Move { character, place } => walk(world, &character, &place)?,
        Action::Say { character, content, to } => say(world, character, content, to, moment)?,
        Action::EditMessage { message, content } => edit(world, &message, content)?,
        Action::DeleteMessage { message } => delete(world, &message)?,
        Action::Give { item, from, to, visibility } => give(world, &item, &from, &to, &visibility)?,
        Action::Open { character, item } => open(world, &character, &item)?,
        Action::JoinGroup { character, group } => {
            awake(world, &character)?;
            if !known(&mut world.groups, "group", &group)?.insert(character.clone()) {
                return Err(Refusal::conflict(format!("{character} is in {group} already")));
            }
            vec![("group.updated", json!({ "id": group, "members_added": [character] }))]
        }
        Action::LeaveGroup { character, group } => {
            awake(world, &character)?;
            if !known(&mut world.groups, "group", &group)?.remove(&character) {
                return Err(Refusal::conflict(format!("{character} is not in {group}")));
            }
            vec![("group.updated", json!({ "id": group, "members_removed": [character] }))]
        }
        Action::PlaySound { url, volume, targets, by } => play(world, &url, volume, targets, &by)?,
        Action::Notify { message, place, actors } => {
            let mut data = json!({ "scope": {}, "message": message });
            if let Some(place) = place {
                known(&mut world.places, "place", &place)?;
                data["scope"]["place_id"] = place.into();
            }
            if let Some(actors) = actors {
                all_known(&mut world.characters, "character", &actors)?;
                data["actors"] = json!(actors);
            }
            vec![("notification.broadcast", data)]
        }
        Action::Freeze { scope } => {
            all_known(&mut world.places, "place", &scope.places)?;
            all_known(&mut world.groups, "group", &scope.groups)?;
            all_known(&mut world.characters, "character", &scope.characters)?;
            let told = vec![("world.freeze", frozen(&scope))];
            world.frozen = Some(scope);
            told
        }
        Action::Unfreeze { reason } => {
            world.frozen.take().ok_or_else(|| Refusal::conflict("nothing is frozen"))?;
            vec![("world.unfreeze", reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason })))]
        }
        Action::Rollback { by } => rollback(world, earlier, &by)?,
        Action::RenameWorld { name, current_date } => {
            world.name = named(name)?;
            world.current_date = current_date.unwrap_or_else(|| world.current_date.clone());
            let lock = if world.frozen.is_some() { "frozen" } else { "open" };
            vec![("world.updated", json!({ "id": world.id, "name": world.name, "current_date": world.current_date, "lock_state": lock }))]
        }
        Action::RenamePlace { place, name } => {
            let changed = known(&mut world.places, "place", &place)?;
            changed.name = named(name)?;
            vec![("place.updated", json!({ "id": place, "name": changed.name, "attributes": changed.attributes }))]
        }
    };
    if let Some(entry) = entry(&told, moment) {
        told.push(("history.entry.created", entry));
    }
    Ok(told)
}

/// Who is where, and who belongs together: told at the beginning and after a rollback, so that audiences are right. Who does not
/// belong to a group is told too: a server may remember another world, or another future of this one.
pub fn census(world: &World) -> Told {
    let places = world.characters.iter().map(|(id, c)| ("character.updated", json!({ "id": id, "current_place_id": c.place })));
    let groups = world.groups.iter().map(|(id, members)| {
        let others: Vec<&String> = world.characters.keys().filter(|c| !members.contains(*c)).collect();
        ("group.updated", json!({ "id": id, "members_added": members, "members_removed": others }))
    });
    places.chain(groups).collect()
}

fn frozen(scope: &Freeze) -> Value {
    let mut data = json!({ "scope": { "places": scope.places, "groups": scope.groups, "characters": scope.characters } });
    if let Some(reason) = &scope.reason {
        data["reason"] = reason.as_str().into();
    }
    data
}

fn named(name: String) -> Result<String, Refusal> {
    if name.trim().is_empty() || name.chars().count() > 100 { Err(Refusal::bad("a name has 1 to 100 characters")) } else { Ok(name) }
}

/// Something that was said, as it may be said.
fn said(content: String) -> Result<String, Refusal> {
    if content.is_empty() || content.chars().count() > 500 { Err(Refusal::bad("content has 1 to 500 characters")) } else { Ok(content) }
}

fn play(world: &mut World, url: &str, volume: f64, targets: Option<Targets>, by: &str) -> Result<Told, Refusal> {
    if url.is_empty() || by.is_empty() {
        return Err(Refusal::bad("a sound has a url, and somebody who plays it"));
    }
    if !(0.0..=1.0).contains(&volume) {
        return Err(Refusal::bad("volume is a number from 0 to 1"));
    }
    let mut data = json!({ "url": url, "volume": volume, "by_user_id": by });
    if let Some(targets) = targets {
        all_known(&mut world.characters, "character", targets.character_ids.as_deref().unwrap_or_default())?;
        all_known(&mut world.places, "place", targets.place_id.as_slice())?;
        all_known(&mut world.groups, "group", targets.group_id.as_slice())?;
        data["targets"] = json!(targets);
    }
    Ok(vec![("sound.play", data)])
}

fn all_known<T>(all: &mut std::collections::BTreeMap<String, T>, what: &str, ids: &[String]) -> Result<(), Refusal> {
    ids.iter().try_for_each(|id| known(all, what, id).map(|_| ()))
}

fn known<'a, T>(all: &'a mut std::collections::BTreeMap<String, T>, what: &str, id: &str) -> Result<&'a mut T, Refusal> {
    let ids = all.keys().cloned().collect::<Vec<_>>().join(", ");
    all.get_mut(id).ok_or_else(|| Refusal::not_found(format!("there is no {what} '{id}'; there are {ids}")))
}

fn awake(world: &mut World, character: &str) -> Result<(), Refusal> {
    known(&mut world.characters, "character", character)?;
    if world.is_frozen(character) {
        return Err(Refusal::conflict(format!("{character} is frozen")));
    }
    Ok(())
}

fn walk(world: &mut World, character: &str, place: &str) -> Result<Told, Refusal> {
    awake(world, character)?;
    known(&mut world.places, "place", place)?;
    let who = known(&mut world.characters, "character", character)?;
    if who.place == place {
        return Err(Refusal::conflict(format!("{character} is in {place} already")));
    }
    who.place = place.into();
    Ok(vec![("character.updated", json!({ "id": character, "current_place_id": place }))])
}

fn say(world: &mut World, from: String, content: String, to: Option<String>, moment: &Moment) -> Result<Told, Refusal> {
    awake(world, &from)?;
    if let Some(to) = &to {
        known(&mut world.characters, "character", to)?;
    }
    let message = Message { from, to, content: said(content)?, at: moment.at.clone(), edited: false };
    let told = vec![("chat.message.created", chat(&moment.new_id, &message, false))];
    world.messages.insert(moment.new_id.clone(), message);
    Ok(told)
}

fn edit(world: &mut World, id: &str, content: String) -> Result<Told, Refusal> {
    let message = world.messages.get_mut(id).ok_or_else(|| Refusal::not_found(format!("there is no message '{id}'")))?;
    message.content = said(content)?;
    message.edited = true;
    Ok(vec![("chat.message.updated", chat(id, message, false))])
}

fn delete(world: &mut World, id: &str) -> Result<Told, Refusal> {
    let message = world.messages.remove(id).ok_or_else(|| Refusal::not_found(format!("there is no message '{id}'")))?;
    Ok(vec![("chat.message.deleted", chat(id, &message, true))])
}

/// A message's payload; what was said is gone with a deleted one.
fn chat(id: &str, message: &Message, deleted: bool) -> Value {
    let mut data = json!({ "id": id, "from_character_id": message.from, "edited": message.edited, "deleted": deleted, "at": message.at });
    if let Some(to) = &message.to {
        data["to"] = to.as_str().into();
    }
    if !deleted {
        data["content"] = message.content.as_str().into();
    }
    json!({ "chat_id": "main", "message": data })
}

fn give(world: &mut World, item: &str, from: &str, to: &str, visibility: &str) -> Result<Told, Refusal> {
    awake(world, from)?;
    awake(world, to)?;
    if from == to || visibility.is_empty() {
        return Err(Refusal::bad("an item is given to somebody else, with a visibility such as public or private"));
    }
    let near = world.characters.get(from).map(|c| &c.place) == world.characters.get(to).map(|c| &c.place);
    let thing = known(&mut world.items, "item", item)?;
    if thing.holder != Holder::character(from) {
        return Err(Refusal::conflict(format!("{from} does not hold {item}: it is with the {} {}", thing.holder.kind, thing.holder.id)));
    }
    if !near {
        return Err(Refusal::conflict(format!("{from} and {to} are not in the same place")));
    }
    thing.holder = Holder::character(to);
    Ok(vec![(
        "item.transferred",
        json!({ "item_id": item, "from": { "type": "character", "id": from, "hand": "right" }, "to": { "type": "character", "id": to, "hand": "right" },
            "visibility_after": visibility, "by_character_id": from }),
    )])
}

fn open(world: &mut World, character: &str, item: &str) -> Result<Told, Refusal> {
    awake(world, character)?;
    let place = world.characters.get(character).map(|c| c.place.clone()).unwrap_or_default();
    let thing = known(&mut world.items, "item", item)?;
    if thing.holder != Holder::place(&place) {
        return Err(Refusal::conflict(format!("{item} is not where {character} is")));
    }
    let Some((locked, is_open)) = &mut thing.container else {
        return Err(Refusal::conflict(format!("{item} cannot be opened")));
    };
    *is_open = !*locked;
    Ok(vec![(
        "container.opened",
        json!({ "item_id": item, "by_character_id": character, "is_locked_before": *locked, "is_open_after": *is_open }),
    )])
}

fn rollback(world: &mut World, earlier: Option<&Earlier>, by: &str) -> Result<Told, Refusal> {
    let earlier = earlier.ok_or_else(|| Refusal::conflict("there is nothing to go back to"))?;
    if by.is_empty() {
        return Err(Refusal::bad("by: somebody rolls back"));
    }
    let mut told = vec![(
        "world.rolled_back",
        json!({ "id": world.id, "target_at": earlier.at, "by_user_id": by, "summary": "back to the last quiet moment" }),
    )];
    if world.frozen != earlier.world.frozen {
        told.push(match &earlier.world.frozen {
            Some(scope) => ("world.freeze", frozen(scope)),
            None => ("world.unfreeze", json!({})),
        });
    }
    *world = earlier.world.clone();
    told.extend(census(world));
    Ok(told)
}

/// What is worth a line in the history: the first thing that happened, if it was not mere talk.
fn entry(told: &Told, moment: &Moment) -> Option<Value> {
    let (event, data) = told.first()?;
    let (entity_type, id) = match *event {
        "character.updated" => ("character", &data["id"]),
        "item.transferred" | "container.opened" => ("item", &data["item_id"]),
        "world.rolled_back" | "world.updated" => ("world", &data["id"]),
        "place.updated" => ("place", &data["id"]),
        _ => return None,
    };
    let action = event.rsplit('.').next().unwrap_or_default();
    Some(json!({ "id": format!("h-{}", moment.new_id), "entity_type": entity_type, "entity_id": id, "action": action, "at": moment.at,
        "actor_user_id": data.get("by_user_id").or(data.get("by_character_id")).filter(|v| v.is_string()).cloned().unwrap_or_else(|| "system".into()) }))
}

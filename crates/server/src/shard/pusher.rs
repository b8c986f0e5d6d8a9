//! Sessions of the Pusher protocol: subscriptions by signature, presence, users, client events.

use super::{client::Client, commands::refusal_in_words, worker::Worker};
use crate::{
    handover::{Refused, Sent},
    hub,
    limits::meter::Meter,
    pusher::{PusherApp, roster::Entered},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tidewire_contract::{ChannelName, Principal, Rate};
use tidewire_engine::{
    Eye, Resume,
    log::LogError,
    publish::{self, Request},
};
use tidewire_wire::{
    EventView, Proof, minify,
    pusher::{Access, ChannelKind, Member, Notice, check_channel, check_event, code, server_to_user, sign, socket_id},
    websocket::{self, Opcode},
};

/// What is known of a connection beside what is known of every client.
pub(super) struct State {
    /// Seconds of the shard's clock.
    born: u32,
    /// It has shown a signature.
    authorized: Cell<bool>,
    /// It was bound to the principal that it has.
    bound: Cell<bool>,
    user: RefCell<Option<Box<User>>>,
    /// Channels that it entered.
    entered: RefCell<SmallVec<[Membership; 1]>>,
    client_events: Cell<Option<Box<Meter>>>,
}

struct User {
    id: String,
    info: Value,
    watchlist: Vec<String>,
}

struct Membership {
    channel: Arc<str>,
    user_id: Option<Box<str>>,
    /// Changes up to this number it was told with its subscription.
    number: u64,
}

impl State {
    pub(super) fn new(now: u32) -> State {
        State {
            born: now,
            authorized: Cell::default(),
            bound: Cell::default(),
            user: RefCell::default(),
            entered: RefCell::default(),
            client_events: Cell::default(),
        }
    }

    pub(super) fn is_user(&self, id: &str) -> bool {
        self.user.borrow().as_ref().is_some_and(|user| user.id == id)
    }
}

/// A notice as a frame that every connection takes, compressing or not.
pub(super) fn framed(notice: &Notice) -> Arc<[u8]> {
    let (mut json, mut frame) = (Vec::new(), Vec::new());
    notice.write(&mut json);
    websocket::frame(Opcode::Text, &json, &mut frame);
    frame.into()
}

fn tell(worker: &Rc<Worker>, client: &Rc<Client>, notice: &Notice) {
    client.send(worker, &framed(notice));
}

fn error(worker: &Rc<Worker>, client: &Rc<Client>, code: Option<u16>, message: String) {
    client.tally.refused_with(code.unwrap_or(400));
    tell(worker, client, &Notice::Error { code, message });
}

/// Passes a notice on to those who joined the log's channel before the change.
pub(super) fn notice(worker: &Rc<Worker>, log: &str, number: u64, frame: &[u8]) {
    let Some(room) = worker.known_room(log) else { return };
    let clients: Vec<Rc<Client>> = room.clients.borrow().clone();
    for client in clients {
        let Some(state) = &client.pusher else { continue };
        let channel = log.strip_prefix(client.served.contract.name.as_str()).and_then(|c| c.strip_prefix('/')).unwrap_or_default();
        let concerned = state.entered.borrow().iter().any(|m| *m.channel == *channel && (number == 0 || m.number < number));
        if concerned {
            client.send(worker, frame);
        }
    }
}

/// Joins a channel, if the client shows that it may.
pub(super) async fn subscribe(worker: &Rc<Worker>, client: &Rc<Client>, name: &str, proof: &Proof) {
    let refuse = |status: u16, error: String| {
        client.tally.refused_with(status);
        tell(worker, client, &Notice::SubscriptionError { channel: name.to_owned(), error, status });
    };
    let (Some(app), Some(state)) = (&client.served.pusher, &client.pusher) else { return };
    if let Err(bad) = check_channel(name) {
        return refuse(400, bad.to_string());
    }
    let contract = &client.served.contract;
    let Some(channel) = contract.channel(name) else {
        let near = publish::nearest(name, contract.channels.iter().map(|c| c.address.source.as_str()));
        let hint = near.map(|n| format!("; the nearest is '{n}'")).unwrap_or_default();
        return refuse(404, format!("there is no channel '{name}'{hint}"));
    };
    if let Some(known) = state.entered.borrow().iter().find(|m| *m.channel == *name) {
        let members = known.user_id.is_some().then(|| worker.env.roster.members(&contract.name, name));
        return tell(worker, client, &Notice::Subscribed { channel: name.to_owned(), members });
    }
    if client.tracks.borrow().len() >= worker.env.channels_per_client {
        return refuse(429, format!("a client may be on {} channels (channels_per_client)", worker.env.channels_per_client));
    }
    let (member, resume) = match admit(client, app, &channel, proof) {
        Ok(admitted) => admitted,
        Err((status, why)) => return refuse(status, why),
    };
    let place = match worker.env.hub.place(contract, &channel, resume).await {
        Ok(place) => place,
        Err(failure) => return refuse(503, failure.to_string()),
    };
    let kind = ChannelKind::of(name);
    if kind.access != Access::Public {
        state.authorized.set(true);
    }
    let user_id = member.as_ref().map(|m| m.user_id.as_str().into());
    let Entered { members, number } = match worker.env.roster.enter(&client.served, &channel.name, member) {
        Ok(entered) => entered,
        Err(full) => return refuse(403, full.to_string()),
    };
    state.entered.borrow_mut().push(Membership { channel: channel.name.clone(), user_id, number });
    let joined = match worker.join(client, &channel, resume, place) {
        Ok(joined) => joined,
        Err(failure) => {
            left(worker, client, name);
            return refuse(503, failure.to_string());
        }
    };
    tell(worker, client, &Notice::Subscribed { channel: name.to_owned(), members });
    if kind.cache && resume.is_none() {
        cached(worker, client, app, &channel, &joined.room).await;
    }
    joined.tell(worker, client, name);
    client.flush(worker);
}

/// Whether the client may join: as whom, and from where it goes on.
type Admitted = (Option<Member>, Option<Resume>);

fn admit(client: &Client, app: &PusherApp, channel: &ChannelName, proof: &Proof) -> Result<Admitted, (u16, String)> {
    let name = &*channel.name;
    let kind = ChannelKind::of(name);
    let state = client.pusher.as_ref().ok_or((500, String::new()))?;
    match kind.access {
        Access::Public => {
            let rule = &client.served.contract.channels[channel.kind];
            if !rule.may_join(&client.principal.borrow(), &channel.vars) {
                return Err((403, format!("'{name}' is not for everybody")));
            }
            return Ok((None, None));
        }
        Access::User => {
            if server_to_user::user(name).is_some_and(|user| state.is_user(user)) {
                return Ok((None, None));
            }
            return Err((403, format!("'{name}' is for that user alone: sign in first")));
        }
        Access::Private | Access::Presence => {}
    }
    let Some(auth) = &proof.auth else {
        return Err((401, format!("'{name}' wants a signature: `auth` is missing")));
    };
    let socket = socket_id(client.id);
    let data = proof.channel_data.as_deref();
    let signed = data.is_some() && app.verifies(auth, &sign::channel_text(&socket, name, data));
    // What is not signed is never believed; where to go on from is a wish.
    let wished = !signed && (data.is_none() || !kind.is_presence()) && app.verifies(auth, &sign::channel_text(&socket, name, None));
    if !signed && !wished {
        let digest = sign::channel_text(&socket, name, data);
        return Err((401, format!("Invalid signature: Expected HMAC SHA256 hex digest of {digest}, but got {auth}")));
    }
    let data: Option<Value> = match data.map(serde_json::from_str) {
        None => None,
        Some(Ok(data)) => Some(data),
        Some(Err(e)) if kind.is_presence() => return Err((400, format!("channel_data is not JSON: {e}"))),
        Some(Err(_)) => None,
    };
    if kind.is_presence() {
        return member(state, app, data.as_ref()).map(|member| (Some(member), None));
    }
    let since = data.as_ref().and_then(|data| data.get("since"));
    let resume = since.and_then(|since| match since {
        Value::Number(n) => n.as_u64().map(Resume::Seq),
        Value::String(text) => Resume::parse(text),
        _ => None,
    });
    if since.is_some() && resume.is_none() {
        return Err((400, "`since` in channel_data is a seq, a position, an event's id or a time".to_owned()));
    }
    Ok((None, resume))
}

/// Who joins a presence channel: what the signature says, or who has signed in.
fn member(state: &State, app: &PusherApp, data: Option<&Value>) -> Result<Member, (u16, String)> {
    let said = data.and_then(|data| data.get("user_id"));
    let member = match (said, &*state.user.borrow()) {
        (Some(Value::String(id)), _) if !id.is_empty() => {
            Member { user_id: id.clone(), user_info: data.and_then(|d| d.get("user_info")).cloned().unwrap_or_default() }
        }
        (Some(Value::Number(id)), _) => {
            Member { user_id: id.to_string(), user_info: data.and_then(|d| d.get("user_info")).cloned().unwrap_or_default() }
        }
        (None, Some(user)) => Member { user_id: user.id.clone(), user_info: user.info.clone() },
        (Some(_), _) => return Err((400, "`user_id` in channel_data is a text or a number".to_owned())),
        (None, None) => return Err((400, "channel_data has no `user_id`, and nobody has signed in".to_owned())),
    };
    if member.user_id.chars().count() > USER_ID_MAX {
        return Err((400, format!("a `user_id` has at most {USER_ID_MAX} characters")));
    }
    if member.user_info.to_string().len() > app.options.presence_bytes {
        return Err((413, format!("`user_info` has at most {} bytes (presence_bytes)", app.options.presence_bytes)));
    }
    Ok(member)
}

/// Characters of a user's id.
const USER_ID_MAX: usize = 128;
/// Users of a watchlist.
const WATCHLIST_MAX: usize = 100;

/// Sends the channel's last event of a publisher, if there is one that is not too old; else says that there is none.
async fn cached(worker: &Rc<Worker>, client: &Rc<Client>, app: &PusherApp, channel: &ChannelName, room: &super::room::Room) {
    let oldest = hub::now() - i64::try_from(app.options.cache_keep.as_micros()).unwrap_or(i64::MAX);
    let found = if worker.reader.is_shared() {
        let (reader, log) = (worker.reader.clone(), room.log.clone());
        let look = tokio::task::spawn_blocking(move || crate::pusher::cache::last(&reader, &log, oldest)).await;
        look.unwrap_or_else(|e| Err(LogError::Failed(e.to_string())))
    } else {
        crate::pusher::cache::last(&worker.reader, &room.log, oldest)
    };
    match found {
        Ok(Some(record)) => {
            let (mut json, mut frame) = (Vec::new(), Vec::new());
            let view = EventView { record: &record, channel: &channel.name, vars: &channel.vars, epoch: room.log.epoch(), replay: true };
            client.framing.dialect(&client.served).event(&view, &mut json);
            websocket::frame(Opcode::Text, &json, &mut frame);
            client.send(worker, &frame);
        }
        Ok(None) => {
            worker.env.roster.missed(&client.served.contract.name, &channel.name);
            tell(worker, client, &Notice::CacheMiss { channel: channel.name.to_string() });
        }
        Err(failure) => error(worker, client, None, format!("the last event of '{}' cannot be read: {failure}", channel.name)),
    }
}

/// The client is no longer on the channel.
pub(super) fn left(worker: &Worker, client: &Client, name: &str) {
    let Some(state) = &client.pusher else { return };
    let mut entered = state.entered.borrow_mut();
    let Some(at) = entered.iter().position(|m| *m.channel == *name) else { return };
    let membership = entered.remove(at);
    drop(entered);
    worker.env.roster.exit(&client.served.contract.name, name, membership.user_id.as_deref());
}

/// The client is gone.
pub(super) fn gone(worker: &Worker, client: &Client) {
    let Some(state) = &client.pusher else { return };
    if let Some(user) = state.user.take() {
        worker.env.roster.sign_out(&client.served.contract.name, &user.id, client.id, &user.watchlist);
    }
}

/// Why a connection has to end that should have shown a signature by now.
pub(super) fn overdue(client: &Client, now: u32) -> Option<&'static str> {
    let (app, state) = (client.served.pusher.as_ref()?, client.pusher.as_ref()?);
    let within = app.options.authorize_within.as_secs();
    let overdue = within > 0 && !state.authorized.get() && u64::from(now.saturating_sub(state.born)) >= within;
    overdue.then_some("neither signed in nor on a private or presence channel in time")
}

/// A client says who its user is.
pub(super) fn sign_in(worker: &Rc<Worker>, client: &Rc<Client>, auth: &str, user_data: String) {
    let (Some(app), Some(state)) = (&client.served.pusher, &client.pusher) else { return };
    let refuse = |message: &str| error(worker, client, Some(4009), message.to_owned());
    if !app.options.user_authentication {
        return refuse("users do not sign in to this app (user_authentication)");
    }
    if !app.verifies(auth, &sign::user_text(&socket_id(client.id), &user_data)) {
        return refuse("the signature of `user_data` is wrong");
    }
    let data: Map<String, Value> = match serde_json::from_str(&user_data) {
        Ok(data) => data,
        Err(e) => return refuse(&format!("`user_data` is not a JSON object: {e}")),
    };
    let Some(id) = data.get("id").and_then(Value::as_str).filter(|id| !id.is_empty() && id.chars().count() <= USER_ID_MAX) else {
        return refuse("`user_data` has no `id`, a text of 1 to 128 characters");
    };
    if state.user.borrow().as_ref().is_some_and(|user| user.id != id) {
        return refuse("another user is signed in on this connection");
    }
    state.authorized.set(true);
    let again = state.user.borrow().is_some();
    let mut watchlist: Vec<String> = Vec::new();
    if app.options.watchlist {
        let listed = data.get("watchlist").and_then(Value::as_array).into_iter().flatten();
        watchlist.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    }
    let too_long = watchlist.len() > WATCHLIST_MAX;
    if too_long || again {
        watchlist.clear();
    }
    tell(worker, client, &Notice::SignedIn { user_data: user_data.clone() });
    if too_long {
        let message = format!("a watchlist has at most {WATCHLIST_MAX} users; it is left out");
        error(worker, client, Some(code::WATCHLIST_TOO_LONG), message);
    }
    if again {
        return;
    }
    let info = data.get("user_info").cloned().unwrap_or_default();
    let (online, offline) = worker.env.roster.sign_in(&client.served.contract.name, id, client.id, &watchlist);
    if !watchlist.is_empty() {
        tell(worker, client, &Notice::Watchlist { online, offline });
    }
    *state.user.borrow_mut() = Some(Box::new(User { id: id.to_owned(), info, watchlist }));
    if !state.bound.get() {
        let attributes = Map::from_iter([("id".to_owned(), json!(id))]).into();
        *client.principal.borrow_mut() = Arc::new(Principal { id: id.into(), attributes });
        look_anew(client);
        worker.take_place(client);
    }
}

/// The connection is this principal's from now on: 1; 2 if it is another's already.
pub(super) fn bind(worker: &Rc<Worker>, client: &Rc<Client>, principal: Arc<Principal>) -> usize {
    let Some(state) = &client.pusher else { return 2 };
    if state.bound.get() {
        return if client.principal.borrow().id == principal.id { 1 } else { 2 };
    }
    state.bound.set(true);
    // Who signed in before counts no more under that name.
    worker.leave_place(client);
    *client.principal.borrow_mut() = principal;
    look_anew(client);
    worker.take_place(client);
    1
}

/// The principal is another one: what it sees of each channel, too.
fn look_anew(client: &Client) {
    let contract = &client.served.contract;
    for track in client.tracks.borrow_mut().iter_mut() {
        if let Some(channel) = contract.channel(track.names.first()) {
            track.eye = Eye::new(contract, &channel, &client.principal.borrow()).through(client.id);
        }
    }
}

/// A client sends an event to the others on a channel.
pub(super) async fn send(worker: &Rc<Worker>, client: &Rc<Client>, event: String, data: &str, channel: String) {
    let (Some(app), Some(state)) = (&client.served.pusher, &client.pusher) else { return };
    let refuse = |code: Option<u16>, message: String| error(worker, client, code, message);
    let contract = &client.served.contract;
    if app.plain && !app.options.client_events {
        return refuse(None, format!("'{event}' was not sent: clients of this app send no events (client_events)"));
    }
    let kind = ChannelKind::of(&channel);
    if !matches!(kind.access, Access::Private | Access::Presence) || kind.encrypted {
        let message = format!("'{event}' was not sent: clients send events on private and presence channels only, not on '{channel}'");
        return refuse(None, message);
    }
    let user_id = match state.entered.borrow().iter().find(|m| *m.channel == *channel) {
        Some(membership) => membership.user_id.as_deref().map(str::to_owned),
        None => return refuse(None, format!("Cannot broadcast client event (connection not subscribed to channel {channel})")),
    };
    if let Err(bad) = check_event(&event) {
        return refuse(None, bad.to_string());
    }
    if data.len() > app.options.event_bytes {
        return refuse(
            None,
            format!(
                "'{event}' was not sent: its data has {} bytes, at most {} are allowed (event_bytes)",
                data.len(),
                app.options.event_bytes
            ),
        );
    }
    let rate = Rate { count: u32::try_from(app.options.client_events_per_second).unwrap_or(u32::MAX), per: Duration::from_secs(1) };
    let mut meter = state.client_events.take().unwrap_or_else(|| Box::new(Meter::new(rate)));
    let taken = meter.take(hub::now());
    state.client_events.set(Some(meter));
    if taken.is_err() {
        return refuse(
            Some(code::TOO_MANY_CLIENT_EVENTS),
            format!("'{event}' was not sent: at most {} client events a second", rate.count),
        );
    }
    let fields = user_id.as_ref().map(|id| Bytes::from(json!({ "user_id": id }).to_string()));
    let mut minified = Vec::with_capacity(data.len());
    minify::minify(data.as_bytes(), &mut minified);
    let request = Request {
        channel: channel.clone(),
        event_type: event.clone(),
        data: minified.into(),
        fields,
        except: Some(client.id),
        ..Request::default()
    };
    let draft = match app.plain {
        true => publish::from_backend(contract, request),
        false => publish::from_client(contract, request, &client.principal.borrow().clone()),
    };
    let draft = match draft {
        Ok(draft) => draft,
        Err(refusal) => {
            let (_, why, _) = refusal_in_words(&refusal);
            return refuse(None, format!("'{event}' was not sent: {why}"));
        }
    };
    if contract.event(&event).is_some_and(|event| event.to.is_some()) {
        let principal = client.principal.borrow().clone();
        let sent = Sent { draft, event_type: event.clone(), channel, principal, connection: client.id };
        // The protocol has no word for what was accepted.
        if let Err(Refused { code, message, .. }) = super::commands::decided(worker, client, sent).await {
            return refuse(None, format!("'{event}' was not accepted: {message} ({code})"));
        }
        return;
    }
    if let Err(failure) = worker.env.hub.publish(vec![draft]).await {
        return refuse(None, format!("'{event}' was not sent: {failure}"));
    }
    worker.env.roster.sent(&contract.name, &channel, &event, data, &socket_id(client.id), user_id);
}

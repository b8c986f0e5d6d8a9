//! One client of a flow: its connections, and how far the flow has read what came to it.

use super::expect;
use crate::{
    http::bearer,
    link::{Inbox, Link, Opening, Transport, authorize, route},
    site::Site,
    wire::{Frame, Kind, Say, client_frame},
};
use http::Method;
use serde_json::json;
use std::{collections::HashMap, sync::Arc};
use tidewire_contract::{ClientFrame, Expected, Protocol, ServerFrame};

pub struct Player {
    pub name: String,
    pub transport: Transport,
    pub inbox: Arc<Inbox>,
    pub links: Vec<Link>,
    /// What it joined and has not left, in its order.
    pub joined: Vec<Joined>,
    /// Events that it has sent; each is answered where the wire has a word for it.
    pub sent: usize,
    /// From here on it is to have received nothing.
    pub quiet: Option<Quiet>,
    /// What came before this was before the last coming or going.
    pub floor: usize,
    /// How far the flow has read: by connection, events and answers apart.
    read: HashMap<(usize, bool), usize>,
    opened: usize,
    token: Option<String>,
}

/// A step that says that somebody receives nothing: what it is about begins here.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    pub step: usize,
    pub from: usize,
}

/// A channel, and where it stood before it was joined.
#[derive(Debug, Clone)]
pub struct Joined {
    pub channel: String,
    /// A position, and the time of the newest event: what one who has not received anything yet can go on after.
    position: Option<String>,
    newest_at: Option<String>,
}

impl Player {
    pub fn new(name: &str, transport: Transport) -> Player {
        Player {
            name: name.to_owned(),
            transport,
            inbox: Arc::default(),
            links: Vec::new(),
            joined: Vec::new(),
            sent: 0,
            quiet: None,
            floor: 0,
            read: HashMap::new(),
            opened: 0,
            token: None,
        }
    }

    async fn token(&mut self, site: &Site) -> Result<String, String> {
        if self.token.is_none() {
            self.token = Some(site.token(&self.name).await?);
        }
        Ok(self.token.clone().unwrap_or_default())
    }

    /// Joins a channel. When this returns the client is on it, or was told why not.
    ///
    /// # Errors
    /// In words, when the contract leads no client there, or there is no server.
    pub async fn join(&mut self, site: &Site, channel: &str) -> Result<(), String> {
        let joined = stands(site, channel).await;
        self.enter(site, channel, None).await?;
        self.joined.push(joined);
        Ok(())
    }

    /// Gets to a channel, maybe from where it was.
    async fn enter(&mut self, site: &Site, channel: &str, after: Option<&str>) -> Result<(), String> {
        let way = route(&site.contract, self.transport, channel, &self.name).ok_or_else(|| {
            format!("no {} endpoint of the contract '{}' leads to the channel '{channel}'", self.transport, site.contract.name)
        })?;
        let at = match self.links.iter().position(|link| !way.joins && link.route.endpoint == way.endpoint) {
            Some(at) => at,
            None => {
                let after = after.filter(|_| way.joins).map(str::to_owned);
                let token = self.token(site).await?;
                let opening =
                    Opening { site, actor: &self.name, token: &token, route: way.clone(), after, inbox: &self.inbox, number: self.opened };
                let number = self.opened;
                self.opened += 1;
                match Link::open(self.transport, opening).await? {
                    Ok(link) => self.links.push(link),
                    Err(refused) => {
                        self.inbox.put(number, refused);
                        return Ok(());
                    }
                }
                self.links.len() - 1
            }
        };
        if !way.joins {
            self.subscribe(site, at, channel, after).await?;
        }
        let link = &mut self.links[at];
        link.channels.push(channel.to_owned());
        // The server takes frames in order: behind the fence the client is on the channel, or knows why not.
        link.fence().await;
        if self.transport == Transport::Sse && site.keys.backend.is_some() {
            // A stream has begun before it is on its channel; to tell how many are on one the server asks all who might be.
            stands(site, channel).await;
        }
        Ok(())
    }

    async fn subscribe(&mut self, site: &Site, at: usize, channel: &str, after: Option<&str>) -> Result<(), String> {
        let token = self.token(site).await?;
        let link = &self.links[at];
        let frame = match site.contract.wire.protocol {
            Protocol::Pusher => match authorize(site, &self.inbox, link.number, &token, channel).await? {
                Ok(mut frame) => {
                    // A wish that is no part of what is signed, and not for channels whose members are.
                    if let Some(after) = after.filter(|_| frame["data"]["channel_data"].is_null()) {
                        frame["data"]["channel_data"] = json!({ "since": after }).to_string().into();
                    }
                    frame
                }
                Err(refused) => {
                    self.inbox.put(link.number, refused);
                    return Ok(());
                }
            },
            Protocol::Templates => {
                let say = Say { channel: Some(channel), after, ..Say::default() };
                client_frame(&site.contract, ClientFrame::Subscribe, &say)
                    .ok_or_else(|| format!("the wire of '{}' has no frame to join '{channel}' with", site.contract.name))?
            }
        };
        link.say(frame);
        Ok(())
    }

    /// A connection that joins nothing, for one who only wants to be there. One who was not let in stays outside.
    ///
    /// # Errors
    /// In words.
    pub async fn connect(&mut self, site: &Site) -> Result<(), String> {
        if !self.links.is_empty() || !self.transport.sends() || !self.inbox.is_empty() {
            return Ok(());
        }
        let contract = &site.contract;
        let found = contract.endpoints.iter().position(|e| e.kind == self.transport.kind() && e.channel.is_none());
        let Some(endpoint) = found else {
            return Err(format!(
                "'{}' has joined no channel, and every endpoint of '{}' leads to one: let it join first",
                self.name, contract.name
            ));
        };
        let actors = crate::actor::Actors(contract);
        let path = &contract.endpoints[endpoint].path;
        let path = if self.transport == Transport::Pusher {
            path.source.clone()
        } else {
            path.fill(|name| Some(actors.variable(&self.name, name))).unwrap_or_else(|| path.source.clone())
        };
        let way = crate::link::Route { endpoint, path, query: Vec::new(), joins: false, resume: None };
        let token = self.token(site).await?;
        let opening = Opening { site, actor: &self.name, token: &token, route: way, after: None, inbox: &self.inbox, number: self.opened };
        let number = self.opened;
        self.opened += 1;
        match Link::open(self.transport, opening).await? {
            Ok(link) => {
                link.fence().await;
                self.links.push(link);
            }
            Err(refused) => self.inbox.put(number, refused),
        }
        Ok(())
    }

    /// Leaves a channel: by a frame where it joined by one, else by leaving altogether.
    ///
    /// # Errors
    /// In words, when the wire has no word for it.
    pub async fn leave(&mut self, site: &Site, channel: &str) -> Result<(), String> {
        self.joined.retain(|j| j.channel != channel);
        let Some(at) = self.links.iter().position(|link| link.channels.iter().any(|c| c == channel)) else {
            return Err(format!("'{}' is not on '{channel}'", self.name));
        };
        if self.links[at].route.joins {
            self.links.remove(at).end().await;
            return Ok(());
        }
        let frame = match site.contract.wire.protocol {
            Protocol::Pusher => Some(json!({ "event": "pusher:unsubscribe", "data": { "channel": channel } })),
            Protocol::Templates => {
                client_frame(&site.contract, ClientFrame::Unsubscribe, &Say { channel: Some(channel), ..Say::default() })
            }
        };
        let Some(frame) = frame else {
            return Err(format!("the wire of '{}' has no frame to leave '{channel}' with", site.contract.name));
        };
        let link = &mut self.links[at];
        link.channels.retain(|c| c != channel);
        link.say(frame);
        link.fence().await;
        Ok(())
    }

    /// Ends its connections; what it was on is remembered.
    pub async fn disconnect(&mut self) {
        for link in self.links.drain(..) {
            link.end().await;
        }
    }

    /// Comes back to the channels that it was on, each from where it was.
    ///
    /// # Errors
    /// As of [`Player::join`].
    pub async fn reconnect(&mut self, site: &Site) -> Result<(), String> {
        self.disconnect().await;
        let contract = site.contract.clone();
        let frame_resumes = self.transport == Transport::Pusher
            || contract.wire.client.iter().any(|(f, t)| {
                let mut names = Vec::new();
                t.names(&mut names);
                *f == ClientFrame::Subscribe && names.contains(&"after")
            });
        let joined = self.joined.clone();
        if joined.is_empty() {
            return self.connect(site).await;
        }
        let before = self.inbox.len();
        for joined in &joined {
            let way = route(&contract, self.transport, &joined.channel, &self.name);
            let after = self.after(&joined.channel, before).or_else(|| joined.position.clone());
            let resumes = way.is_none_or(|way| way.joins || frame_resumes);
            self.enter(site, &joined.channel, after.as_deref().filter(|_| resumes)).await?;
        }
        self.sync(site, &joined, before, frame_resumes).await
    }

    /// Where neither the address nor the frame that joins can say where to go on, the wire may have a frame that asks for the rest.
    async fn sync(&mut self, site: &Site, joined: &[Joined], before: usize, frame_resumes: bool) -> Result<(), String> {
        let Some(link) = self.links.iter().find(|link| !link.route.joins && !frame_resumes) else { return Ok(()) };
        let last = self.inbox.look(|arrived| {
            let events = arrived[..before.min(arrived.len())].iter().rev().filter(|a| a.frame.kind == Kind::Event);
            events.filter_map(|a| a.frame.text("at")).next()
        });
        let newest = joined.iter().filter_map(|j| j.newest_at.clone()).max();
        let since = last.or(newest).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
        if let Some(frame) = client_frame(&site.contract, ClientFrame::Sync, &Say { after: Some(&since), ..Say::default() }) {
            link.say(frame);
            link.fence().await;
        }
        Ok(())
    }

    /// The place of the last event that came of a channel, in whatever way the wire tells it.
    fn after(&self, channel: &str, before: usize) -> Option<String> {
        let here = |frame: &Frame| frame.text("channel").is_none_or(|c| c == channel);
        self.inbox.look(|arrived| {
            let events = arrived[..before.min(arrived.len())].iter().rev().filter(|a| a.frame.kind == Kind::Event && here(&a.frame));
            let names: &[&str] = match self.transport {
                Transport::Sse => &["last-event-id"],
                Transport::Poll => &["poll-after"],
                _ => &["position", "id", "at", "seq"],
            };
            events.filter_map(|a| names.iter().find_map(|name| a.frame.text(name)).or_else(|| pusher_place(&a.frame))).next()
        })
    }

    /// The connection by which an event goes to a channel.
    pub fn link_to(&self, channel: Option<&str>) -> Option<&Link> {
        let on = |link: &&Link| channel.is_some_and(|channel| link.channels.iter().any(|c| c == channel));
        self.links.iter().find(on).or_else(|| self.links.first())
    }

    /// Takes the first frame that is as expected, behind what the flow has read before of the same connection.
    pub fn take(&mut self, expected: &Expected) -> Option<Frame> {
        let read = &mut self.read;
        self.inbox.look(|arrived| {
            let fits = |a: &crate::link::Arrived| !a.taken && expect::unlike(expected, &a.frame).is_some_and(|fields| fields.is_empty());
            let found = arrived.iter().enumerate().position(|(at, a)| {
                let behind = read.get(&(a.link, a.frame.is_event())).is_none_or(|last| at > *last);
                behind && fits(a)
            })?;
            let a = &mut arrived[found];
            a.taken = true;
            read.insert((a.link, a.frame.is_event()), found);
            Some(a.frame.clone())
        })
    }

    /// One that is as expected, but came before what the flow has read already.
    pub fn came_before(&self, expected: &Expected) -> bool {
        self.inbox.look(|arrived| {
            arrived.iter().enumerate().any(|(at, a)| {
                let before = self.read.get(&(a.link, a.frame.is_event())).is_some_and(|last| at < *last);
                before && !a.taken && expect::unlike(expected, &a.frame).is_some_and(|fields| fields.is_empty())
            })
        })
    }

    /// Answers that came to what it has sent.
    pub fn answered(&self) -> usize {
        self.inbox.look(|arrived| {
            let answers = [ServerFrame::Ack, ServerFrame::Refused, ServerFrame::Error].map(Kind::Server);
            arrived.iter().filter(|a| answers.contains(&a.frame.kind) || a.frame.kind == Kind::Ended).count()
        })
    }

    /// How much of what came the flow has read.
    pub fn has_read(&self) -> usize {
        self.read.values().max().map_or(0, |last| last + 1)
    }
}

/// Under the Pusher protocol the place is in the contract's envelope, if it has one there.
fn pusher_place(frame: &Frame) -> Option<String> {
    ["seq", "id"].iter().find_map(|name| frame.text(name))
}

/// Where a channel stands, as far as a backend may ask.
async fn stands(site: &Site, channel: &str) -> Joined {
    let mut joined = Joined { channel: channel.to_owned(), position: None, newest_at: None };
    let Some(key) = &site.keys.backend else { return joined };
    let url = format!("{}/v1/channels/{}", site.url, crate::http::escape(channel));
    if let Ok(answer) = site.http.call(Method::GET, &url, &[bearer(key)], None).await {
        joined.position = answer.body["position"].as_str().map(str::to_owned);
        joined.newest_at = answer.body["newest_at"].as_str().map(str::to_owned);
    }
    joined
}

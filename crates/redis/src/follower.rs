//! The follower at work: hears what is told, asks what the engine's [`Follow`] wants to know, shows what it says.

use crate::{
    Ear, Push, RedisLog,
    asking::{Asking, Done},
    contract_of,
    health::{Health, PATIENCE},
    message::Message,
    order::Waiting,
    shared::Host,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tidewire_contract::Durability;
use tidewire_engine::{
    LogHandle, Reader,
    follow::{Appended, Follow, Mark, Output, Standing},
    log::{LogError, LogId, LogState},
    sequencer::Answer,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};

/// What others want of a follower.
pub(crate) enum Command {
    Watch {
        log: Arc<str>,
        durability: Durability,
        answer: oneshot::Sender<Result<Arc<LogHandle>, LogError>>,
    },
    /// These were published by the `n`th message: they are answered once it was shown.
    Published {
        n: u64,
        told: Vec<(Waiting, Answer)>,
    },
    /// To be told to the other nodes.
    Say(Vec<u8>),
    Stop(oneshot::Sender<()>),
}

/// Those who wait for a log that is not open yet.
type Opening = Vec<oneshot::Sender<Result<Arc<LogHandle>, LogError>>>;
/// When a message was published, and who is answered once it was heard.
type Unheard = (Instant, Vec<(Waiting, Answer)>);

pub(crate) struct Follower {
    pub contract: Arc<str>,
    pub log: Arc<RedisLog>,
    pub reader: Arc<Reader>,
    pub host: Arc<dyn Host>,
    pub node: u64,
    pub health: Arc<Health>,
}

/// How often it is asked whether what is told comes back, and whether something is to be asked again.
const TICK: Duration = Duration::from_millis(250);
/// Messages that are taken in before anybody is told.
const GATHER: usize = 256;

struct At {
    of: Follower,
    asking: Asking,
    follow: Follow,
    handles: HashMap<Arc<str>, Arc<LogHandle>>,
    waiting: HashMap<Arc<str>, Opening>,
    published: BTreeMap<u64, Unheard>,
    /// Events were shown behind the watermark.
    held: bool,
    ear: Option<Ear>,
    connecting: bool,
    /// When the last connection was made, so that a broken one is not made anew without a pause.
    tried: Option<Instant>,
}

impl Follower {
    /// Until it is told to stop.
    pub(crate) async fn run(self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let (done, mut answers) = mpsc::unbounded_channel();
        let mut at = At {
            asking: Asking::new(&self.log, &self.contract, self.node, done),
            follow: Follow::default(),
            handles: HashMap::new(),
            waiting: HashMap::new(),
            published: BTreeMap::new(),
            held: false,
            ear: None,
            connecting: false,
            tried: None,
            of: self,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = next(&mut at.ear) => at.heard(push),
                command = commands.recv() => match command {
                    Some(Command::Stop(answer)) => {
                        at.answer(u64::MAX);
                        let _ = answer.send(());
                        return;
                    }
                    Some(command) => at.told(command),
                    None => return,
                },
                Some(done) = answers.recv() => at.answered(done),
                _ = tick.tick() => at.tick(),
            }
            at.show();
        }
    }
}

/// The next message, or the end of the connection; nothing while there is none.
async fn next(ear: &mut Option<Ear>) -> Option<Push> {
    match ear {
        Some(ear) => ear.next().await,
        None => std::future::pending().await,
    }
}

impl At {
    fn heard(&mut self, push: Option<Push>) {
        let Some(push) = push else { return self.deaf("the connection broke") };
        self.take(push);
        for _ in 0..GATHER {
            let Some(push) = self.ear.as_mut().and_then(Ear::at_hand) else { return };
            self.take(push);
        }
    }

    fn deaf(&mut self, why: &str) {
        tracing::warn!(contract = %self.of.contract, "the others are not heard: {why}");
        self.ear = None;
        self.follow.disconnected();
        self.of.health.set_whole(false);
    }

    fn take(&mut self, push: Push) {
        self.asking.figures().heard();
        let message = match Message::decode(push.payload) {
            Ok(message) => message,
            Err(error) => {
                // What it was about is read from the log.
                tracing::warn!(contract = %self.of.contract, %error, "a message cannot be read");
                return self.follow.lost();
            }
        };
        match message {
            Message::Appended { n, clock, lost, events } => {
                if self.of.host.wants_all(&self.of.contract) {
                    for event in &events {
                        if !self.handles.contains_key(&event.log)
                            && let Some(durability) = self.of.host.durability(&event.log)
                        {
                            self.handle(&event.log, durability);
                        }
                    }
                }
                let events = events.into_iter().map(|e| Appended { log: e.log, epoch: e.epoch, record: e.record }).collect();
                self.follow.appended(Mark { n, clock, lost }, events);
            }
            Message::Probe { n, clock, lost, node, stamp } => {
                if node == self.of.node {
                    let sent = self.asking.sent(stamp);
                    self.asking.figures().echoed(sent.elapsed());
                    self.of.health.echoed(sent);
                }
                self.follow.probed(Mark { n, clock, lost });
            }
            Message::Lost { .. } => self.follow.lost(),
            Message::Trimmed { log, first } => self.follow.trimmed(&log, first),
            Message::Said { node, what } => {
                if node != self.of.node {
                    self.of.host.said(&self.of.contract, node, what);
                }
            }
        }
    }

    fn told(&mut self, command: Command) {
        match command {
            Command::Watch { log, durability, answer } => {
                let handle = self.handle(&log, durability);
                if self.follow.is_open(&log) {
                    let _ = answer.send(Ok(handle));
                } else {
                    self.waiting.entry(log).or_default().push(answer);
                }
            }
            Command::Published { n, told } => {
                self.published.entry(n).or_insert_with(|| (Instant::now(), Vec::new())).1.extend(told);
            }
            Command::Say(what) => self.asking.say(&what),
            Command::Stop(_) => {}
        }
    }

    fn handle(&mut self, log: &Arc<str>, durability: Durability) -> Arc<LogHandle> {
        if let Some(handle) = self.handles.get(log) {
            return handle.clone();
        }
        let handle = Arc::new(self.of.reader.shared_handle(log, durability, contract_of(log)));
        self.handles.insert(log.clone(), handle.clone());
        self.follow.watch(log);
        handle
    }

    fn answered(&mut self, done: Done) {
        match done {
            Done::Ear(Ok(ear)) => {
                self.connecting = false;
                self.ear = Some(ear);
                self.follow.connected();
                self.of.host.connected(&self.of.contract);
                self.asking.probe();
            }
            Done::Ear(Err(failure)) => {
                self.connecting = false;
                tracing::warn!(contract = %self.of.contract, %failure, "the others cannot be heard");
                self.give_up(&failure.to_string());
            }
            Done::Looked { turn, found: Some((mark, logs)) } => {
                self.of.log.note_lost(mark.lost);
                self.follow.looked(turn, mark, logs);
            }
            Done::Looked { turn, found: None } => {
                self.follow.look_failed(turn);
                self.give_up("Redis does not say where the log stands");
            }
            Done::Paged { log, read: Some(read) } => self.follow.paged(&log, read),
            Done::Paged { log, read: None } => self.follow.page_failed(&log),
            Done::Lost(true) => self.follow.lost_told(),
            Done::Lost(false) => self.follow.lose_failed(),
        }
    }

    /// Who waits for a log need not wait any longer.
    fn give_up(&mut self, why: &str) {
        for answer in self.waiting.drain().flat_map(|(_, answers)| answers) {
            let _ = answer.send(Err(LogError::Away(why.to_owned())));
        }
    }

    fn tick(&mut self) {
        if self.ear.is_none() {
            let now = Instant::now();
            if !self.connecting && self.tried.is_none_or(|tried| now.duration_since(tried) >= TICK) {
                (self.connecting, self.tried) = (true, Some(now));
                self.asking.ear();
            }
        } else {
            self.asking.probe();
            // A connection over which nothing comes back is of no use, whatever it says of itself.
            if self.of.health.is_silent() && self.tried.is_some_and(|tried| tried.elapsed() > PATIENCE) {
                self.deaf("no probe came back");
            }
        }
        self.follow.ask_again();
        let late: Vec<u64> = self.published.iter().filter(|(_, (since, _))| since.elapsed() > PATIENCE).map(|(n, _)| *n).collect();
        // They are kept and acknowledged, whatever has become of the telling.
        if let Some(last) = late.last() {
            self.answer(*last);
        }
    }

    /// Does what the follower says, and tells who waits for it.
    fn show(&mut self) {
        let mut moved: Vec<Arc<LogHandle>> = Vec::new();
        let mut shown = false;
        let mut all = false;
        while let Some(output) = self.follow.poll() {
            match output {
                Output::Look { turn, logs } => self.asking.look(turn, logs),
                Output::Page { after } => self.asking.page(after),
                Output::Lose { lost, reached, clock } => self.asking.lose(lost, reached, clock),
                Output::Open { log, standing } => {
                    let Some(handle) = self.handles.get(&log).cloned() else { continue };
                    handle.settle(&self.state(&log, &standing));
                    self.of.reader.adopt(handle.clone());
                    moved.push(handle.clone());
                    for answer in self.waiting.remove(&log).into_iter().flatten() {
                        let _ = answer.send(Ok(handle.clone()));
                    }
                }
                Output::Show { log, records } => {
                    let Some(handle) = self.handles.get(&log) else { continue };
                    handle.show(&records);
                    shown = true;
                    moved.push(handle.clone());
                }
                Output::Trim { log, first } => {
                    if let Some(handle) = self.handles.get(&log) {
                        handle.set_first(first);
                    }
                }
                Output::Reset { log, standing, common } => {
                    let Some(handle) = self.handles.get(&log).cloned() else { continue };
                    tracing::error!(log = %log, "acknowledged events were lost by Redis; clients are told to fetch anew");
                    self.asking.figures().reset();
                    handle.reset(&self.state(&log, &standing), common);
                    moved.push(handle);
                }
                Output::Watermark(at) => {
                    self.of.reader.set_shared_watermark(&self.of.contract, at);
                    all |= std::mem::take(&mut self.held);
                    shown = false;
                }
            }
        }
        self.held |= shown;
        self.of.health.set_whole(self.ear.is_some() && self.follow.is_sure());
        self.asking.figures().follows(self.follow.missed(), self.follow.behind());
        if all {
            // Whoever reads several logs may have waited for the watermark.
            moved = self.handles.values().cloned().collect();
        }
        if !moved.is_empty() {
            self.of.host.moved(&moved);
        }
        self.answer(self.follow.reached());
    }

    /// Answers the publishers of messages up to this one.
    fn answer(&mut self, reached: u64) {
        while let Some(entry) = self.published.first_entry().filter(|entry| *entry.key() <= reached) {
            for (sender, answer) in entry.remove().1 {
                sender.send(answer);
            }
        }
    }

    fn state(&self, log: &str, standing: &Standing) -> LogState {
        let id = if standing.epoch == 0 { LogId(0) } else { self.of.log.id_of(log) };
        // What was let go a handle does not keep: who wants to know asks Redis.
        LogState { id, epoch: standing.epoch, head: standing.head, first: standing.first, at: standing.at, gone: 0 }
    }
}

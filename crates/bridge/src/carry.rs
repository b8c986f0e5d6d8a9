//! One bridge at work: connects, sends, waits for confirms, writes down, and begins again when something breaks.

use crate::{
    One,
    aside::{self, Aside},
    lane::{self, Lane},
    message,
};
use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ErrorKind, ExchangeKind, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions},
    protocol::AMQPErrorKind,
    types::FieldTable,
};
use rand::Rng;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tidewire_engine::{Record, id, log::LogError};
use tidewire_server::{App, hub, nodes::Lease};
use tokio::{sync::watch, time::timeout};

/// Messages under way at once.
const WINDOW: usize = 256;
/// Events and bytes of one look at a log.
const PAGE: usize = 128;
const PAGE_BYTES: usize = 1 << 20;
/// How often it is written down how far the broker has confirmed.
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// How long a connection may take, and a confirm.
const CONNECT: Duration = Duration::from_secs(10);
const CONFIRM: Duration = Duration::from_secs(60);
/// How long after a node's last word another may carry its bridges.
const LEASE: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Why a connection was given up.
enum Broken {
    /// The connection, the broker, or something that is not the fault of one message.
    Other(String),
    /// The broker closed the channel for something that was under way.
    Channel(String),
    Store(LogError),
}

/// A message under way.
struct UnderWay {
    log: Arc<str>,
    seq: u64,
    at: i64,
    id: String,
    /// It was set aside before.
    again: Option<Aside>,
    confirm: PublisherConfirm,
}

pub(crate) async fn run(app: Arc<App>, one: Arc<One>, mut stop: watch::Receiver<bool>) {
    let (contract, bridge) = (one.served.contract.name.clone(), one.bridge().name.clone());
    let mut pause = Duration::from_millis(250);
    // After the broker has closed a channel for one of several messages: one at a time, until it is known which.
    let mut careful = 0;
    let mut waiter = app.hub.waiters().wait_for_all(&format!("{contract}/"));
    // Of several nodes one carries the bridge.
    let lease = app.across.as_ref().map(|across| across.lease(&format!("bridge/{contract}/{bridge}"), LEASE));
    while !*stop.borrow() {
        if let Some(lease) = &lease {
            if !lease.hold().await.unwrap_or(false) {
                let _ = timeout(LEASE / 5, stop.changed()).await;
                continue;
            }
            // Another node may have carried on since.
            one.seen().lanes.clear();
        }
        let begun = Instant::now();
        let ended = tokio::select! {
            ended = connected(&app, &one, &mut waiter, &mut careful, stop.clone()) => ended,
            () = lost(lease.as_ref()) => Err(Broken::Other("another node carries it now".into())),
            // Even a connection that hangs while it is made does not hold up the end.
            () = async { while stop.changed().await.is_ok() && !*stop.borrow() {} tokio::time::sleep(CONNECT).await } => Ok(()),
        };
        one.seen().connected = false;
        match ended {
            Ok(()) => {
                if let Some(lease) = &lease {
                    lease.let_go().await;
                }
                return;
            }
            Err(broken) => {
                one.seen().failures += 1;
                let (what, is_channel) = match broken {
                    Broken::Other(what) => (what, false),
                    Broken::Channel(what) => (what, true),
                    Broken::Store(error) => (error.to_string(), false),
                };
                tracing::warn!(%contract, %bridge, error = %what, "the bridge begins again");
                if is_channel {
                    careful = careful.max(WINDOW);
                } else if begun.elapsed() > PAUSE_MAX {
                    pause = Duration::from_millis(250);
                }
                if !is_channel {
                    let jitter = rand::rng().random_range(0.5..1.0);
                    let _ = timeout(pause.mul_f64(jitter), stop.changed()).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}

/// Returns when another node may carry the bridge.
async fn lost(lease: Option<&Lease>) {
    let Some(lease) = lease else { return std::future::pending().await };
    let mut held = Instant::now();
    loop {
        tokio::time::sleep(LEASE / 5).await;
        match lease.hold().await {
            Ok(true) => held = Instant::now(),
            Ok(false) => return,
            Err(_) if held.elapsed() > LEASE / 2 => return,
            Err(_) => {}
        }
    }
}

type Waiter = tidewire_server::hub::waiters::Waiter;

/// One connection, from its beginning to its end. `Ok`: the server stops.
async fn connected(
    app: &Arc<App>,
    one: &Arc<One>,
    waiter: &mut Waiter,
    careful: &mut usize,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Broken> {
    let name = format!("tidewire {}/{}", one.served.contract.name, one.bridge().name);
    let options = ConnectionProperties::default().with_connection_name(name.as_str().into());
    let connection = timeout(CONNECT, Connection::connect(&one.url, options)).await;
    let connection = connection.map_err(|_| Broken::Other("no answer from the broker".into()))?.map_err(other)?;
    let channel = open(&connection, &one.bridge().exchange).await?;
    begin(app, one).await?;
    one.seen().connected = true;
    let mut under_way: VecDeque<UnderWay> = VecDeque::new();
    let mut written = Instant::now();
    loop {
        let stopping = *stop.borrow();
        let window = if *careful > 0 { 1 } else { WINDOW };
        // Not for every message: a look at all channels costs more than a message.
        if !stopping && under_way.len() <= window / 2 {
            find(app, one).await?;
            again(app, one, &channel, &mut under_way, window).await?;
            send(app, one, &channel, &mut under_way, window).await?;
        }
        if let Some(first) = under_way.pop_front() {
            let alone = under_way.is_empty();
            match timeout(CONFIRM, first.confirm).await {
                Err(_) => return Err(Broken::Other("the broker confirms nothing".into())),
                Ok(Ok(Confirmation::Ack(None) | Confirmation::NotRequested)) => {
                    confirmed(app, one, &first.log, first.seq, first.again.as_ref(), None).await?;
                    *careful = careful.saturating_sub(1);
                }
                Ok(Ok(Confirmation::Ack(Some(returned)))) => {
                    let why = format!("{} {}", returned.reply_code, returned.reply_text.as_str());
                    refused(app, one, &first.log, first.seq, first.id, first.at, why).await?;
                }
                Ok(Ok(Confirmation::Nack(_))) => {
                    refused(app, one, &first.log, first.seq, first.id, first.at, "the broker did not take it (nack)".into()).await?;
                    // A broker that takes nothing is not to be asked as fast as it refuses.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(Err(error)) => {
                    let broken = broken(&error);
                    let Broken::Channel(why) = broken else { return Err(broken) };
                    if *careful > 0 && alone {
                        // It was the only one: it is what the broker does not like.
                        refused(app, one, &first.log, first.seq, first.id, first.at, why.clone()).await?;
                    }
                    return Err(Broken::Channel(why));
                }
            }
        } else if stopping {
            write(app, one).await?;
            let _ = connection.close(200, "the server stops".into()).await;
            return Ok(());
        } else {
            if written.elapsed() >= WRITE_EVERY {
                write(app, one).await?;
                written = Instant::now();
            }
            tokio::select! {
                () = waiter.moved() => {}
                () = one.retry.notified() => {}
                _ = stop.changed() => {}
                // A broker that is gone is noticed without anything to send; what is confirmed is written down.
                () = tokio::time::sleep(WRITE_EVERY) => {
                    if !connection.status().connected() {
                        return Err(Broken::Other("the connection is gone".into()));
                    }
                }
            }
            if app.hub.waiters().is_closed() {
                // Its bells no longer ring; the end comes by `stop`.
                let _ = timeout(WRITE_EVERY, stop.changed()).await;
            }
        }
        if written.elapsed() >= WRITE_EVERY {
            write(app, one).await?;
            written = Instant::now();
        }
    }
}

/// A channel with confirms, and the exchange: as it is, or else a durable topic.
async fn open(connection: &Connection, exchange: &str) -> Result<Channel, Broken> {
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let look = connection.create_channel().await.map_err(other)?;
    if look.exchange_declare(exchange.into(), ExchangeKind::Topic, passive, FieldTable::default()).await.is_err() {
        let channel = connection.create_channel().await.map_err(other)?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default()).await.map_err(other)?;
    }
    let channel = connection.create_channel().await.map_err(other)?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(other)?;
    Ok(channel)
}

/// Finds the channels there are, and goes back to what is confirmed.
async fn begin(app: &Arc<App>, one: &Arc<One>) -> Result<(), Broken> {
    let (all, this) = (app.clone(), one.clone());
    let names = blocking(move || lane::names(&all, &this)).await?;
    for name in names {
        add(app, one, name).await?;
    }
    for lane in one.seen().lanes.values_mut() {
        lane.sent = lane.confirmed;
    }
    Ok(())
}

/// Takes in channels that are new.
async fn find(app: &Arc<App>, one: &Arc<One>) -> Result<(), Broken> {
    // What was written down is of the contents before: the lane begins anew with it, and tells what is missing.
    one.seen().lanes.retain(|_, lane| !lane.is_of_another());
    let prefix = format!("{}/", one.served.contract.name);
    for handle in app.hub.reader().handles() {
        if handle.name.starts_with(&prefix) && handle.head() > 0 {
            add(app, one, handle.name.clone()).await?;
        }
    }
    Ok(())
}

async fn add(app: &Arc<App>, one: &Arc<One>, name: Arc<str>) -> Result<(), Broken> {
    if one.seen().lanes.contains_key(&name) {
        return Ok(());
    }
    let (all, this, log) = (app.clone(), one.clone(), name.clone());
    if let Some(lane) = blocking(move || lane::open(&all, &this, &log)).await? {
        one.seen().lanes.insert(name, lane);
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, LogError> + Send + 'static) -> Result<T, Broken> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Broken::Other(e.to_string()))?.map_err(Broken::Store)
}

/// Sends what lies between the cursors and the heads, as far as the window goes.
async fn send(app: &Arc<App>, one: &Arc<One>, channel: &Channel, under_way: &mut VecDeque<UnderWay>, window: usize) -> Result<(), Broken> {
    let behind: Vec<Lane> = one.seen().lanes.values().filter(|lane| lane.sent < lane.log.head()).cloned().collect();
    for mut lane in behind {
        if under_way.len() >= window {
            return Ok(());
        }
        if let Some(missing) = lane.missing.take() {
            tracing::warn!(channel = %lane.channel.name, from = %missing.from, to = %missing.to, "the bridge has missed events: the history no longer has them");
            let message = message::gap(one, &lane, &missing);
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(one.bridge().exchange.as_str().into(), message.routing_key, options, &message.body, message.properties)
                .await
                .map_err(|e| broken(&e))?
                .await
                .map_err(|e| broken(&e))?;
            if let Some(kept) = one.seen().lanes.get_mut(&lane.log.name) {
                kept.missing = None;
            }
        }
        let (reader, log, after, most) = (app.hub.reader().clone(), lane.log.clone(), lane.sent, (window - under_way.len()).min(PAGE));
        let records = blocking(move || reader.read(&log, after, most, PAGE_BYTES)).await?;
        if let Some(first) = records.first()
            && let Some(kept) = one.seen().lanes.get_mut(&lane.log.name)
        {
            if first.seq > after + 1 {
                // Let go while the bridge was behind: told with the next look.
                let to = kept.log.position(first.seq - 1);
                let from = kept.log.position(after).to_string();
                kept.missing =
                    Some(tidewire_engine::feed::Missing { from, from_at: None, to, reason: tidewire_engine::feed::Reason::Expired });
                (kept.sent, kept.confirmed) = (first.seq - 1, first.seq - 1);
                return Ok(());
            }
            if kept.confirmed == after {
                kept.oldest = Some(first.at);
            }
        }
        for record in records {
            let confirm = publish(one, channel, &lane, &record).await?;
            let (log, id) = (lane.log.name.clone(), id::to_text(&record.id));
            under_way.push_back(UnderWay { log, seq: record.seq, at: record.at, id, again: None, confirm });
            if let Some(kept) = one.seen().lanes.get_mut(&lane.log.name) {
                kept.sent = record.seq;
            }
        }
    }
    Ok(())
}

/// Sends again what was set aside, where an operator asked for it.
async fn again(app: &Arc<App>, one: &Arc<One>, channel: &Channel, under_way: &mut VecDeque<UnderWay>, window: usize) -> Result<(), Broken> {
    while under_way.len() < window {
        let Some(aside) = one.seen().again.pop() else { return Ok(()) };
        let lane = one.seen().lanes.values().find(|lane| *lane.channel.name == *aside.channel).cloned();
        let Some(lane) = lane else { continue };
        let (reader, log, after) = (app.hub.reader().clone(), lane.log.clone(), aside.seq - 1);
        let records = blocking(move || reader.read(&log, after, 1, PAGE_BYTES)).await?;
        let Some(record) = records.into_iter().find(|record| record.seq == aside.seq) else {
            tracing::warn!(channel = %aside.channel, seq = aside.seq, "a message that was set aside is no longer kept");
            let row = aside::gone(one, &aside);
            let values = app.hub.reader().values().clone();
            blocking(move || values.put_all(&[row])).await?;
            continue;
        };
        let confirm = publish(one, channel, &lane, &record).await?;
        let (log, id) = (lane.log.name.clone(), id::to_text(&record.id));
        under_way.push_back(UnderWay { log, seq: record.seq, at: record.at, id, again: Some(aside), confirm });
    }
    Ok(())
}

async fn publish(one: &One, channel: &Channel, lane: &Lane, record: &Record) -> Result<PublisherConfirm, Broken> {
    let message = message::event(one, lane, record);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let exchange = one.bridge().exchange.as_str().into();
    channel.basic_publish(exchange, message.routing_key, options, &message.body, message.properties).await.map_err(|e| broken(&e))
}

/// The broker has the message, or it was set aside (`row`).
async fn confirmed(
    app: &Arc<App>,
    one: &Arc<One>,
    log: &Arc<str>,
    seq: u64,
    again: Option<&Aside>,
    row: Option<(Vec<u8>, Option<Vec<u8>>)>,
) -> Result<(), Broken> {
    let row = row.or_else(|| again.map(|aside| aside::gone(one, aside)));
    if let Some(row) = row {
        // Before the cursor moves: killed in between, it is set aside a second time, under the same key.
        let values = app.hub.reader().values().clone();
        blocking(move || values.put_all(&[row])).await?;
    }
    let mut seen = one.seen();
    if again.is_none()
        && let Some(lane) = seen.lanes.get_mut(log)
    {
        lane.confirmed = lane.confirmed.max(seq);
        lane.oldest = None;
    }
    seen.confirmed += 1;
    Ok(())
}

async fn refused(app: &Arc<App>, one: &Arc<One>, log: &Arc<str>, seq: u64, id: String, at: i64, reason: String) -> Result<(), Broken> {
    let channel = one.seen().lanes.get(log).map(|lane| lane.channel.name.to_string()).unwrap_or_default();
    tracing::warn!(%channel, seq, %reason, age_s = (hub::now() - at) / 1_000_000, "the broker refused a message: it is set aside, the others go on");
    let aside = Aside { channel, seq, id, reason, at: hub::now() };
    let row = aside::row(one, &aside);
    one.seen().failures += 1;
    confirmed(app, one, log, seq, None, Some(row)).await
}

/// Writes down how far the broker has confirmed.
async fn write(app: &Arc<App>, one: &Arc<One>) -> Result<(), Broken> {
    let (rows, lanes): (Vec<_>, Vec<_>) = {
        let seen = one.seen();
        let moved = seen.lanes.iter().filter(|(_, lane)| lane.confirmed != lane.written);
        moved.map(|(name, lane)| (lane.row(one), (name.clone(), lane.confirmed))).unzip()
    };
    if rows.is_empty() {
        return Ok(());
    }
    let values = app.hub.reader().values().clone();
    blocking(move || values.put_all(&rows)).await?;
    let mut seen = one.seen();
    for (name, confirmed) in lanes {
        if let Some(lane) = seen.lanes.get_mut(&name) {
            lane.written = confirmed;
        }
    }
    Ok(())
}

fn other(error: lapin::Error) -> Broken {
    Broken::Other(error.to_string())
}

/// Whether the broker closed the channel alone, which it does for what is wrong with one message.
fn broken(error: &lapin::Error) -> Broken {
    match error.kind() {
        ErrorKind::ProtocolError(said) if matches!(said.kind(), AMQPErrorKind::Soft(_)) => Broken::Channel(said.to_string()),
        _ => Broken::Other(error.to_string()),
    }
}

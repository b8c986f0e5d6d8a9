//! Redis as the engine's log, for all that reads, and for small values. What puts events into order is [`crate::Shared`].

use crate::{
    Failure, Figures, Link, Names, Settings, contract_of,
    io::Io,
    name,
    record::{self, member_of, member_rows},
    reply, scripts,
};
use bytes::Bytes;
use redis::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tidewire_contract::Durability;
use tidewire_engine::{
    Record,
    log::{Append, Batch, KEY_KEEP, Log, LogError, LogId, LogState, Marks, MemberRow, Receipt, Retention},
};

/// Logs that several nodes share.
pub struct RedisLog {
    io: Io,
    settings: Arc<Settings>,
    names: Names,
    links: Mutex<HashMap<String, Link>>,
    ids: Mutex<Ids>,
    made: AtomicI64,
    lost: AtomicI64,
}

/// Numbers that logs have on this node, as long as it runs.
#[derive(Default)]
struct Ids {
    by_name: HashMap<Arc<str>, LogId>,
    by_id: HashMap<LogId, Arc<str>>,
}

/// The link for what belongs to no contract.
const COMMON: &str = ".";
/// Events of one look at a stream.
const PAGE: usize = 1000;

impl RedisLog {
    /// Connects, and makes the store where there is none. `now` in µs. Blocks.
    ///
    /// # Errors
    /// What Redis says.
    pub fn open(settings: Settings, now: i64) -> Result<RedisLog, LogError> {
        let io = Io::start().map_err(|e| LogError::Failed(format!("cannot start a thread: {e}")))?;
        let log = RedisLog {
            io,
            names: Names::new(&settings.prefix),
            settings: Arc::new(settings),
            links: Mutex::default(),
            ids: Mutex::default(),
            made: AtomicI64::new(0),
            lost: AtomicI64::new(0),
        };
        let (link, key) = (log.common(), log.names.common("made"));
        let made = log.io.wait(async move {
            let _: bool = link.ask(redis::cmd("SETNX").arg(&key).arg(now)).await?;
            link.ask::<i64>(redis::cmd("GET").arg(&key)).await
        })?;
        log.made.store(made, Ordering::Release);
        Ok(log)
    }

    pub fn io(&self) -> &Io {
        &self.io
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The connection for a contract's keys.
    pub fn link(&self, contract: &str) -> Link {
        let mut links = lock(&self.links);
        let made = || Link::new(self.settings.clone(), &self.names.contract(contract), self.io.handle());
        links.entry(contract.to_owned()).or_insert_with(made).clone()
    }

    /// The connection for what belongs to no contract.
    pub fn common(&self) -> Link {
        let mut links = lock(&self.links);
        links.entry(COMMON.to_owned()).or_insert_with(|| Link::new(self.settings.clone(), &self.names.values(), self.io.handle())).clone()
    }

    /// What is counted, by contract; of what belongs to no contract under `None`.
    pub fn figures(&self) -> Vec<(Option<String>, Arc<Figures>)> {
        let links = lock(&self.links);
        links.iter().map(|(of, link)| ((of != COMMON).then(|| of.clone()), link.figures().clone())).collect()
    }

    /// The number of a log on this node.
    pub fn id_of(&self, name: &str) -> LogId {
        let mut ids = lock(&self.ids);
        if let Some(id) = ids.by_name.get(name) {
            return *id;
        }
        let (name, id): (Arc<str>, _) = (name.into(), LogId(ids.by_name.len() as u64 + 1));
        ids.by_name.insert(name.clone(), id);
        ids.by_id.insert(id, name);
        id
    }

    fn name_of(&self, id: LogId) -> Result<Arc<str>, LogError> {
        lock(&self.ids).by_id.get(&id).cloned().ok_or_else(|| LogError::Failed(format!("there is no log {}", id.0)))
    }

    /// Acknowledged events were lost at this time (µs), of whatever contract.
    pub fn note_lost(&self, at: i64) {
        self.lost.fetch_max(at, Ordering::AcqRel);
    }

    /// A command about one log: `key` is what stands between the contract's key and the log's name.
    fn about<T: redis::FromRedisValue + Send + 'static>(
        &self,
        log: LogId,
        key: &str,
        command: impl FnOnce(&str) -> redis::Cmd,
    ) -> Result<T, LogError> {
        let name = self.name_of(log)?;
        let link = self.link(contract_of(&name));
        let command = command(&format!("{}:{key}:{name}", link.key()));
        self.io.wait(async move { link.ask(&command).await })
    }

    /// Runs a script about one log.
    fn run(&self, name: &str, script: &'static redis::Script, arguments: Vec<Vec<u8>>) -> Result<Value, LogError> {
        let link = self.link(contract_of(name));
        self.io.wait(async move { link.run(script, &arguments).await })
    }

    fn state_of(&self, name: &str, row: &[Value]) -> Option<LogState> {
        let [epoch, head, first, at, gone, ..] = row else { return None };
        let epoch = reply::int(epoch)?;
        let (head, first, at) = (reply::int(head)? as u64, reply::int(first)? as u64, reply::int(at)?);
        let gone = reply::int(gone)?;
        (epoch != 0).then(|| LogState { id: self.id_of(name), epoch, head, first, at, gone })
    }

    /// Logs of one contract.
    fn listed(&self, contract: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError> {
        let from = match after {
            Some(after) if after >= prefix => format!("({after}").into_bytes(),
            _ => format!("[{prefix}").into_bytes(),
        };
        let to = [format!("({prefix}").as_bytes(), &[0xff]].concat();
        let link = self.link(contract);
        let limit = limit.to_string().into_bytes();
        let found = self.io.wait(async move { link.run(&scripts::list, &[from, to, limit]).await })?;
        let mut all = Vec::new();
        for row in reply::list(&found) {
            let [name, state @ ..] = reply::list(row) else { continue };
            let name = reply::text(name);
            if let Some(state) = self.state_of(&name, state) {
                all.push((name, state));
            }
        }
        Ok(all)
    }

    fn append(&self, appends: &[Append]) -> Result<(), LogError> {
        let Some(first) = appends.first() else { return Ok(()) };
        let mut run = reply::Run::default();
        run.number(appends.len() as u64);
        for append in appends {
            run.put(append.log.as_bytes());
            run.number(append.records.len() as u64);
            for record in &append.records {
                run.number(record.seq);
                run.put(record.at.to_string().as_bytes());
                run.put(&record.id);
                run.put(record.key.as_deref().unwrap_or_default().as_bytes());
                run.number(record.weight() as u64);
                run.put(&record::rest(record));
            }
            run.number(append.members.len() as u64);
            for MemberRow { relation, group, member, present } in &append.members {
                run.flag(*present);
                member_rows(relation, group, member).iter().for_each(|row| run.put(row));
            }
            run.number(append.states.len() as u64);
            for state in &append.states {
                run.put(state.name.as_bytes());
                run.flag(state.value.is_some());
                run.put(state.value.as_deref().unwrap_or_default());
            }
        }
        self.run(&first.log, &scripts::append, run.done()).map(drop)
    }

    /// Writes small values if those of `expected` are there; whether they were.
    ///
    /// # Errors
    /// What Redis says.
    fn put_values(&self, expected: &[(Vec<u8>, Option<Vec<u8>>)], values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<bool, LogError> {
        let mut run = reply::Run::default();
        for rows in [expected, values] {
            run.number(rows.len() as u64);
            for (key, value) in rows {
                run.put(key);
                run.flag(value.is_some());
                run.put(value.as_deref().unwrap_or_default());
            }
        }
        let (link, arguments, replicas, time) = (self.common(), run.done(), self.settings.replicas, self.settings.answer_time);
        let done = self.io.wait(async move {
            let done = link.run(&scripts::values, &arguments).await?;
            link.wait_for(replicas, time).await?;
            Ok::<_, Failure>(done)
        })?;
        Ok(reply::int(&done) == Some(1))
    }
}

impl Log for RedisLog {
    fn open(&self, name: &str, _: Durability, now: i64) -> Result<LogState, LogError> {
        let (link, contract) = (self.common(), contract_of(name).to_owned());
        let key = self.names.contracts();
        self.io.wait(async move { link.ask::<u64>(redis::cmd("SADD").arg(&key).arg(&contract)).await })?;
        self.run(name, &scripts::open, vec![name.as_bytes().to_vec(), now.to_string().into_bytes()])?;
        self.find(name)?.ok_or_else(|| LogError::Failed(format!("{name} was opened and is not there")))
    }

    fn find(&self, name: &str) -> Result<Option<LogState>, LogError> {
        let arguments = ["", "", "0", name, "0", "0"].map(|a| a.as_bytes().to_vec()).to_vec();
        let found = self.run(name, &scripts::look, arguments)?;
        let rows = reply::list(&found).get(3).map(reply::list).unwrap_or_default();
        Ok(rows.first().and_then(|row| self.state_of(name, reply::list(row))))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError> {
        if prefix.contains('/') {
            return self.listed(contract_of(prefix), prefix, after, limit);
        }
        let (link, key) = (self.common(), self.names.contracts());
        let contracts: Vec<String> = self.io.wait(async move { link.ask(redis::cmd("SMEMBERS").arg(&key)).await })?;
        let mut all: BTreeMap<String, LogState> = BTreeMap::new();
        for contract in contracts {
            all.extend(self.listed(&contract, prefix, after, limit)?);
        }
        Ok(all.into_iter().take(limit).collect())
    }

    fn key(&self, log: LogId, key: &str) -> Result<Option<Receipt>, LogError> {
        let found: Option<Vec<u8>> = self.about(log, "k", |name| {
            let mut command = redis::cmd("HGET");
            command.arg(name).arg(key);
            command
        })?;
        let damaged = || LogError::Damaged(format!("the receipt of '{key}'"));
        found.map(|bytes| reply::receipt(&bytes).ok_or_else(damaged)).transpose()
    }

    fn members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError> {
        let rows: Vec<Vec<u8>> = self.about(log, "m", |name| {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command.arg(name).arg(b"[g\0").arg(b"(g\x01");
            command
        })?;
        rows.iter().map(|row| member_of(row).ok_or_else(|| LogError::Damaged("a member's row".into()))).collect()
    }

    fn state(&self, log: LogId, name: &str) -> Result<Option<Bytes>, LogError> {
        let found: Option<Vec<u8>> = self.about(log, "s", |key| {
            let mut command = redis::cmd("HGET");
            command.arg(key).arg(name);
            command
        })?;
        Ok(found.map(Bytes::from))
    }

    fn states(&self, log: LogId, prefix: &str) -> Result<Vec<(Arc<str>, Bytes)>, LogError> {
        let rows: Vec<String> = self.about(log, "n", |key| {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command.arg(key).arg(format!("[{prefix}")).arg([format!("({prefix}").as_bytes(), &[0xff]].concat());
            command
        })?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let values: Vec<Option<Vec<u8>>> = self.about(log, "s", |key| {
            let mut command = redis::cmd("HMGET");
            command.arg(key).arg(&rows);
            command
        })?;
        Ok(rows.into_iter().zip(values).filter_map(|(name, value)| Some((name.into(), value?.into()))).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<(), LogError> {
        let mut by_contract: BTreeMap<&str, Vec<Append>> = BTreeMap::new();
        for append in &batch.appends {
            by_contract.entry(contract_of(&append.log)).or_default().push(append.clone());
        }
        by_contract.into_values().try_for_each(|appends| self.append(&appends))
    }

    fn read(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        let name = self.name_of(log)?;
        let (mut found, mut after, mut weight) = (Vec::new(), after, 0);
        while found.len() < limit {
            let most = (limit - found.len()).min(PAGE);
            // Redis counts the bytes of events, which come to no more than this.
            let room = bytes.saturating_sub(weight).saturating_mul(4).min(16 << 20);
            let arguments = [name.to_string(), after.to_string(), most.to_string(), room.to_string()].map(String::into_bytes).to_vec();
            let page = self.run(&name, &scripts::page, arguments)?;
            let entries = reply::list(&page).get(3).map(reply::list).unwrap_or_default();
            if entries.is_empty() {
                break;
            }
            for record in reply::records(&name, entries)? {
                if weight >= bytes && !found.is_empty() || found.len() == limit {
                    return Ok(found);
                }
                weight += record.weight();
                after = record.seq;
                found.push(Arc::new(record));
            }
        }
        Ok(found)
    }

    fn seq_at(&self, log: LogId, at: i64) -> Result<u64, LogError> {
        let name = self.name_of(log)?;
        let found = self.run(&name, &scripts::seq_at, vec![name.as_bytes().to_vec(), at.to_string().into_bytes()])?;
        Ok(reply::int(&found).unwrap_or(0) as u64)
    }

    fn trim(&self, log: LogId, retention: &Retention, now: i64) -> Result<u64, LogError> {
        let name = self.name_of(log)?;
        let oldest = retention.keep.map(|keep| now.saturating_sub(keep.as_micros() as i64).to_string());
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let keys = now.saturating_sub(KEY_KEEP.as_micros() as i64);
        let arguments = [
            crate::ear::publish_command(&self.settings).to_owned(),
            self.names.told(contract_of(&name)),
            name.to_string(),
            oldest.unwrap_or_default(),
            number(retention.count),
            number(retention.bytes),
            now.to_string(),
            keys.to_string(),
        ];
        let first = self.run(&name, &scripts::trim, arguments.map(String::into_bytes).to_vec())?;
        Ok(reply::int(&first).unwrap_or(1) as u64)
    }

    fn marks(&self, _: Durability) -> Marks {
        Marks { made: self.made.load(Ordering::Acquire), lost: self.lost.load(Ordering::Acquire) }
    }

    fn put_all(&self, values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), LogError> {
        self.put_values(&[], values).map(drop)
    }

    fn put_if(&self, expected: &[(Vec<u8>, Option<Vec<u8>>)], values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<bool, LogError> {
        self.put_values(expected, values)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        let (link, key) = (self.common(), key.to_vec());
        let found: Option<Vec<u8>> = self.io.wait(async move { link.ask(redis::cmd("HGET").arg(link.key()).arg(key)).await })?;
        Ok(found.map(Bytes::from))
    }

    fn values(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, LogError> {
        let link = self.common();
        let from = [b"[", prefix].concat();
        let prefix = prefix.to_vec();
        let rows: Vec<(Vec<u8>, Vec<u8>)> = self.io.wait(async move {
            let mut range = redis::cmd("ZRANGEBYLEX");
            range.arg(format!("{}:names", link.key())).arg(from).arg(name::behind(&prefix));
            let names: Vec<Vec<u8>> = link.ask(&range).await?;
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let values: Vec<Option<Vec<u8>>> = link.ask(redis::cmd("HMGET").arg(link.key()).arg(&names)).await?;
            Ok::<_, Failure>(names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect())
        })?;
        Ok(rows.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

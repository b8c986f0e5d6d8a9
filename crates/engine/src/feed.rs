//! A reader's cursors: the one mechanism behind live delivery, resume, poll, history pages and bridges.

use crate::{
    at,
    eye::Eye,
    id,
    log::LogError,
    position::{Position, Resume},
    publish::id_key,
    reader::{LogHandle, Moment, Reader},
    record::Record,
};
use std::{cmp::Reverse, sync::Arc};
use tidewire_contract::Filter;

/// A cursor in one log, and who looks.
#[derive(Clone)]
pub struct Track {
    pub log: Arc<LogHandle>,
    pub eye: Eye,
    /// `seq` of the last event that is behind the reader, seen or passed over.
    pub after: u64,
    /// What waits in a log of higher priority comes first, whatever its `at`.
    pub priority: u8,
}

/// What a reader reads: cursors in one log or several.
#[derive(Clone, Default)]
pub struct Feed {
    pub tracks: Vec<Track>,
    pub filter: Arc<Filter>,
}

/// What lies between cursors and heads, as much of it as was asked for.
#[derive(Default)]
pub struct Page {
    /// Index of the track, and the event, in the order in which they are delivered: by `at` over all tracks.
    pub events: Vec<(usize, Arc<Record>)>,
    /// What the history of a track no longer has; tell before the events.
    pub missing: Vec<(usize, Missing)>,
    /// There is more behind it.
    pub more: bool,
}

/// Something between where a reader was and what follows is not there any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    pub from: String,
    /// The time at which what the reader has ends, as far as it is known (µs).
    pub from_at: Option<i64>,
    /// Behind it the events go on.
    pub to: Position,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The retention let the events go.
    Expired,
    /// The log is another one.
    Reset,
    /// The log never had this place.
    Unknown,
    /// Stored bytes are damaged.
    Damaged,
}

/// Where a reader of `log` starts: behind `resume`, or behind everything that may be seen now.
///
/// The answer is a cursor, and what is missing before it.
///
/// # Errors
/// What the store says.
pub fn start(reader: &Reader, log: &LogHandle, resume: Option<Resume>) -> Result<(u64, Option<Missing>), LogError> {
    let (head, first) = (log.head(), log.first());
    let Some(resume) = resume else { return Ok((head, None)) };
    // Whoever is lost gets everything that is kept: rather twice than never.
    let lost = |reason, from: String, from_at| Ok((first - 1, Some(Missing { from, from_at, to: log.position(first - 1), reason })));
    let marks = reader.marks(log.durability);
    match resume {
        Resume::Seq(seq) if seq > head => lost(Reason::Unknown, seq.to_string(), None),
        Resume::Seq(seq) => Ok(behind(log, first, seq, seq.to_string(), None)),
        Resume::Position(position) => {
            let from = position.to_string();
            if position.seq == 0 && position.epoch == 0 {
                // It comes from before the first event.
                return Ok(behind(log, first, 0, from, None));
            }
            if position.epoch != log.epoch() {
                return lost(Reason::Reset, from, None);
            }
            if position.seq > head {
                return lost(Reason::Unknown, from, None);
            }
            Ok(behind(log, first, position.seq, from, None))
        }
        Resume::Id(event) => {
            let from = id::to_text(&event);
            // An id that its publisher gave says nothing of when; but it is kept as a key.
            if let Some(log_id) = log.id()
                && let Some(receipt) = reader.store(log.durability).key(log_id, &id_key(&event))?
            {
                return Ok(behind(log, first, receipt.seq, from, Some(receipt.at)));
            }
            let Some(at) = id::at_of(&event) else { return lost(Reason::Unknown, from, None) };
            if at < marks.lost || at < marks.made {
                return lost(Reason::Reset, from, Some(at));
            }
            // An id of another log of the node is a place in time, as good as one of this log.
            expired_before(reader, log, at, from)
        }
        Resume::At(at) => {
            if at < marks.lost {
                return lost(Reason::Reset, at::to_iso(at), Some(at));
            }
            expired_before(reader, log, at, at::to_iso(at))
        }
        Resume::Mark { made, at } => {
            let text = || at::to_iso(at);
            if made != marks.made && at < marks.made || at < marks.lost {
                return lost(Reason::Reset, text(), Some(at));
            }
            expired_before(reader, log, at, text())
        }
    }
}

/// Behind `seq`, or behind what is no longer kept.
fn behind(log: &LogHandle, first: u64, seq: u64, from: String, from_at: Option<i64>) -> (u64, Option<Missing>) {
    if seq + 1 >= first {
        return (seq, None);
    }
    (first - 1, Some(Missing { from, from_at, to: log.position(first - 1), reason: Reason::Expired }))
}

/// Behind everything up to `at`; missing where events after `at` are no longer kept.
fn expired_before(reader: &Reader, log: &LogHandle, at: i64, from: String) -> Result<(u64, Option<Missing>), LogError> {
    let Moment { seq, lacks } = reader.at_time(log, at)?;
    let missing = lacks.then(|| Missing { from, from_at: Some(at), to: log.position(seq), reason: Reason::Expired });
    Ok((seq, missing))
}

impl Feed {
    pub fn new(filter: Arc<Filter>) -> Feed {
        Feed { tracks: Vec::new(), filter }
    }

    /// Moves the cursors over what follows, at most `limit` events that this reader gets and about `bytes` of them, and
    /// not much more than `scan` events passed over, and returns it.
    ///
    /// Events of several logs come in the order of `at`, none beyond the watermark, so that the last `at` a reader has
    /// seen is a cursor in all of them.
    ///
    /// # Errors
    /// What the store says; the cursors have not moved then.
    pub fn pull(&mut self, reader: &Reader, limit: usize, bytes: usize, scan: usize) -> Result<Page, LogError> {
        // Before the heads: every event up to it may be seen when the heads are read after it.
        let watermark = if self.tracks.len() > 1 { self.watermark() } else { i64::MAX };
        let mut page = Page::default();
        let mut queues = Vec::with_capacity(self.tracks.len());
        for (index, track) in self.tracks.iter().enumerate() {
            let first = track.log.first();
            let mut after = track.after;
            if after + 1 < first {
                let missing =
                    Missing { from: after.to_string(), from_at: None, to: track.log.position(first - 1), reason: Reason::Expired };
                page.missing.push((index, missing));
                after = first - 1;
            }
            queues.push(Queue { after, records: Vec::new().into_iter(), drained: false, ends: 0 });
        }
        let (mut weight, mut scanned) = (0, 0);
        'events: loop {
            if page.events.len() >= limit || weight >= bytes || scanned >= scan {
                page.more = true;
                break;
            }
            let mut next: Option<(Reverse<u8>, i64, usize)> = None;
            for (index, queue) in queues.iter_mut().enumerate() {
                let log = &self.tracks[index].log;
                let at = queue.peek(reader, log, (limit - page.events.len()).clamp(16, 1024), bytes)?;
                // Let go between a look at what is kept and the read. Told now, also where nothing follows yet: later the events of
                // other logs would have carried the reader past it by time.
                if let Some(to) = queue.hole() {
                    if page.events.iter().any(|(track, _)| *track == index) {
                        // A gap is told before the events behind it: with the next page.
                        page.more = true;
                        break 'events;
                    }
                    let missing = Missing { from: queue.after.to_string(), from_at: None, to: log.position(to), reason: Reason::Expired };
                    page.missing.push((index, missing));
                    queue.after = to;
                }
                let Some(at) = at else { continue };
                let urgency = Reverse(self.tracks[index].priority);
                if at <= watermark && next.is_none_or(|(u, best, _)| (urgency, at) < (u, best)) {
                    next = Some((urgency, at, index));
                }
            }
            let Some((_, _, index)) = next else { break };
            let Some(record) = queues[index].take() else { break };
            scanned += 1;
            if self.tracks[index].eye.gets(&self.filter, &record) {
                weight += record.weight();
                page.events.push((index, record));
            }
        }
        for (track, queue) in self.tracks.iter_mut().zip(queues) {
            track.after = queue.after;
        }
        Ok(page)
    }

    /// Up to here everything may be seen, of all logs that are read.
    pub fn watermark(&self) -> i64 {
        self.tracks.iter().map(|track| track.log.watermark()).min().unwrap_or(0)
    }

    /// Whether anything lies between the cursors and what may be seen.
    pub fn is_behind(&self) -> bool {
        self.tracks.iter().any(|t| t.after < t.log.head())
    }
}

/// Events of one track that were read and not yet taken.
struct Queue {
    after: u64,
    records: std::vec::IntoIter<Arc<Record>>,
    drained: bool,
    /// Nothing is kept up to here.
    ends: u64,
}

impl Queue {
    fn peek(&mut self, reader: &Reader, log: &LogHandle, limit: usize, bytes: usize) -> Result<Option<i64>, LogError> {
        if self.records.as_slice().is_empty() && !self.drained {
            let head = log.head();
            let records = reader.read(log, self.after, limit, bytes)?;
            self.drained = records.is_empty();
            if self.drained {
                self.ends = head;
            }
            self.records = records.into_iter();
        }
        Ok(self.records.as_slice().first().map(|r| r.at))
    }

    /// Up to where there is nothing behind `after` though there was.
    fn hole(&self) -> Option<u64> {
        let to = self.records.as_slice().first().map_or(self.ends, |r| r.seq - 1);
        (to > self.after).then_some(to)
    }

    fn take(&mut self) -> Option<Arc<Record>> {
        let record = self.records.next()?;
        self.after = record.seq;
        Some(record)
    }
}

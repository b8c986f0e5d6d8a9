//! Whoever comes back after what was let go is told of it, and nobody else. // G-3, K-10

mod common;

use common::TOWN;
use std::{sync::Arc, time::Duration};
use tidewire_contract::Durability;
use tidewire_engine::{
    Draft, Eye, Feed, LogHandle, Reader, Resume, Sequencer,
    feed::{self, Reason, Track},
    log::{Log, Retention, memory::MemoryLog},
};

const NOW: i64 = 1_763_678_000_000_000;
const LOG: &str = "town/square:1";

struct Square {
    store: Arc<MemoryLog>,
    reader: Arc<Reader>,
    sequencer: Sequencer,
    log: Arc<LogHandle>,
}

impl Square {
    fn new() -> Square {
        let store = Arc::new(MemoryLog::default());
        let reader = Arc::new(Reader::new(store.clone(), NOW).unwrap());
        let sequencer = Sequencer::new(reader.clone(), 1);
        let log = reader.log(&LOG.into(), Durability::Disk).unwrap();
        Square { store, reader, sequencer, log }
    }

    /// The `at` of one more event.
    fn say(&mut self, now: i64) -> i64 {
        let draft = Draft::new(TOWN.clone(), LOG.into(), Durability::Disk, "moved".into(), "{}".into());
        self.sequencer.submit(0, vec![draft]);
        for round in self.sequencer.rounds(now) {
            let done = self.reader.commit(&round.batch);
            self.sequencer.settle(round, done, &[]);
        }
        self.reader.read(&self.log, self.log.head() - 1, 1, usize::MAX).unwrap()[0].at
    }

    fn keep(&self, count: u64, now: i64) {
        let retention = Retention { count: Some(count), keep: Some(Duration::from_secs(3600)), ..Retention::default() };
        let first = self.store.trim(self.log.id().unwrap(), &retention, now).unwrap();
        self.log.set_first(first);
    }

    /// Where a reader starts that comes back, and why it is told of something missing.
    fn back(&self, resume: Resume) -> (u64, Option<Reason>) {
        let (after, missing) = feed::start(&self.reader, &self.log, Some(resume)).unwrap();
        (after, missing.map(|missing| missing.reason))
    }
}

#[test]
fn who_had_the_last_of_it_misses_nothing_when_all_has_expired() {
    let mut square = Square::new();
    let ats: Vec<i64> = (0..3).map(|n| square.say(NOW + n * 1000)).collect();
    // A night later nothing is kept any more, and nothing new was said.
    let night = NOW + 12 * 3600 * 1_000_000;
    square.keep(1000, night);
    assert_eq!((square.log.first(), square.log.head()), (4, 3));
    assert_eq!(square.back(Resume::At(ats[2])), (3, None), "it had the newest that ever was");
    assert_eq!(square.back(Resume::At(night)), (3, None));
    assert_eq!(square.back(Resume::At(ats[1])), (3, Some(Reason::Expired)));
    // Something new comes: it is all that the first of them has not seen.
    let new = square.say(night);
    assert_eq!(square.back(Resume::Seq(3)), (3, None));
    assert_eq!(square.back(Resume::At(ats[0])), (3, Some(Reason::Expired)));
    // Whoever was there between the two, by the clock of another channel, has missed nothing.
    assert_eq!(square.back(Resume::At(ats[2])), (3, None));
    assert_eq!(square.back(Resume::At(new - 1)), (3, None));
    assert_eq!(square.back(Resume::At(ats[2] - 1)), (3, Some(Reason::Expired)));
}

#[test]
fn who_is_behind_what_is_kept_is_told() {
    let mut square = Square::new();
    let ats: Vec<i64> = (0..5).map(|n| square.say(NOW + n * 1000)).collect();
    square.keep(2, NOW + 10_000);
    assert_eq!(square.log.first(), 4);
    assert_eq!(square.back(Resume::At(ats[3])), (4, None));
    assert_eq!(square.back(Resume::At(ats[4])), (5, None));
    assert_eq!(square.back(Resume::At(ats[2])), (3, None), "it had the newest that was let go");
    assert_eq!(square.back(Resume::At(ats[2] - 1)), (3, Some(Reason::Expired)));
    assert_eq!(square.back(Resume::At(ats[0])), (3, Some(Reason::Expired)));
}

/// Between the store and the handle that does not know yet: were it told only with the next event, what follows in other logs would
/// have carried it past what is missing.
#[test]
fn who_finds_nothing_where_something_was_is_told_at_once() {
    let mut square = Square::new();
    square.say(NOW);
    square.say(NOW + 1000);
    // After a start nothing of it is in memory.
    let reader = Reader::new(square.store.clone(), NOW + 2000).unwrap();
    let log = reader.log(&LOG.into(), Durability::Disk).unwrap();
    let mut feed = Feed::default();
    feed.tracks.push(Track { log: log.clone(), eye: Eye::default(), after: 0, priority: 0 });
    let all = Retention { count: Some(0), ..Retention::default() };
    square.store.trim(log.id().unwrap(), &all, NOW + 2000).unwrap();
    let page = feed.pull(&reader, 10, 1000, 10).unwrap();
    assert!(page.events.is_empty());
    let missing: Vec<_> = page.missing.iter().map(|(_, missing)| (missing.reason, missing.to.seq)).collect();
    assert_eq!(missing, [(Reason::Expired, 2)]);
    assert_eq!(feed.tracks[0].after, 2);
    log.set_first(3);
    assert!(feed.pull(&reader, 10, 1000, 10).unwrap().missing.is_empty(), "once");
}

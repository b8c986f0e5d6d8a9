//! A reader of several logs: everything once, in one order, what is urgent first. // G-2

mod common;

use common::TOWN;
use proptest::{collection::vec, prelude::*};
use std::{cmp::Reverse, sync::Arc};
use tidewire_contract::{AudienceRequest, Durability, Filter, audience::Named};
use tidewire_engine::{
    Draft, Eye, Feed, Reader, Record, Sequencer,
    feed::Track,
    log::{LogError, memory::MemoryLog},
};

const LOGS: [(&str, Durability); 4] = [
    ("town/square:1", Durability::Disk),
    ("town/street:1", Durability::Process),
    ("town/square:2", Durability::Disk),
    ("town/street:2", Durability::Process),
];
const NOW: i64 = 1_763_678_000_000_000;
const ALL: usize = usize::MAX;

/// An event: its log, whether the reader's filter takes it, whether it is for the reader.
type Said = (usize, bool, bool);

#[derive(Debug, Clone)]
enum Step {
    /// These are published at once: at most one round of what need not be synced, then one of the rest.
    Turn(Vec<Said>),
    /// The same, and the store refuses all of it.
    Refused(Vec<Said>),
    Pull {
        limit: usize,
        bytes: usize,
        scan: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let said = || vec((0..LOGS.len(), any::<bool>(), any::<bool>()), 1..12);
    let bound = || prop_oneof![1usize..6, Just(ALL)];
    prop_oneof![
        4 => said().prop_map(Step::Turn),
        1 => said().prop_map(Step::Refused),
        4 => (bound(), prop_oneof![1usize..600, Just(ALL)], bound()).prop_map(|(limit, bytes, scan)| Step::Pull { limit, bytes, scan }),
    ]
}

fn draft((log, is_wanted, is_mine): Said) -> Draft {
    let audience =
        if is_mine { Vec::new() } else { vec![AudienceRequest::Only(vec![Named { by: "badge".into(), values: vec!["no".into()] }])] };
    let (name, durability) = LOGS[log];
    let event_type = if is_wanted { "chat.said" } else { "item.moved" };
    Draft { audience, ..Draft::new(TOWN.clone(), name.into(), durability, event_type.into(), "{}".into()) }
}

struct Run {
    reader: Arc<Reader>,
    sequencer: Sequencer,
    feed: Feed,
    /// What the reader was given, page by page.
    pages: Vec<Vec<(usize, Arc<Record>)>>,
}

impl Run {
    fn start(priorities: &[u8; LOGS.len()]) -> Run {
        let reader = Arc::new(Reader::new(Arc::new(MemoryLog::default()), NOW).unwrap());
        let sequencer = Sequencer::new(reader.clone(), 1);
        let mut feed = Feed::new(Arc::new(Filter::parse("chat.*").unwrap()));
        for ((name, durability), priority) in LOGS.iter().zip(priorities) {
            let log = reader.log(&(*name).into(), *durability).unwrap();
            feed.tracks.push(Track { log, eye: Eye::default(), after: 0, priority: *priority });
        }
        Run { reader, sequencer, feed, pages: Vec::new() }
    }

    /// Publishes, and reads after every part of it that comes to be seen.
    fn turn(&mut self, now: i64, said: &[Said], refused: bool) {
        for (ticket, said) in said.iter().enumerate() {
            self.sequencer.submit(ticket as u64, vec![draft(*said)]);
        }
        let mut rounds = self.sequencer.rounds(now).into_iter().collect::<std::collections::VecDeque<_>>();
        while let Some(round) = rounds.pop_front() {
            let done = if refused { Err(LogError::Failed("no".into())) } else { self.reader.commit(&round.batch) };
            self.sequencer.settle(round, done, rounds.make_contiguous());
            self.pull(3, ALL, ALL);
        }
    }

    fn pull(&mut self, limit: usize, bytes: usize, scan: usize) -> bool {
        let page = self.feed.pull(&self.reader, limit, bytes, scan).unwrap();
        assert!(page.missing.is_empty() && page.events.len() <= limit);
        let whole: usize = page.events.iter().map(|(_, r)| r.weight()).sum();
        assert!(
            page.events.is_empty() || whole - page.events.last().map_or(0, |(_, r)| r.weight()) < bytes,
            "no more than one past the bound"
        );
        self.pages.push(page.events);
        page.more
    }

    fn finish(&mut self) {
        while self.pull(7, ALL, 50) {}
        assert!(!self.feed.is_behind(), "no more means that nothing is left");
    }

    /// Everything that the reader had to get of a log.
    fn expected(&self, log: usize) -> Vec<u64> {
        let handle = &self.feed.tracks[log].log;
        let all = self.reader.read(handle, 0, ALL, ALL).unwrap();
        assert_eq!(all.len() as u64, handle.head());
        all.iter().filter(|r| &*r.event_type == "chat.said" && Eye::default().sees(&r.audience)).map(|r| r.seq).collect()
    }

    fn check_each_log(&self) {
        for (log, (name, _)) in LOGS.iter().enumerate() {
            let seen: Vec<u64> = self.pages.iter().flatten().filter(|(track, _)| *track == log).map(|(_, r)| r.seq).collect();
            assert_eq!(seen, self.expected(log), "{name}: nothing lost, nothing twice, in order");
        }
    }
}

fn play(steps: &[Step], priorities: &[u8; LOGS.len()]) -> Run {
    let mut run = Run::start(priorities);
    for (n, step) in steps.iter().enumerate() {
        // A clock that goes back now and then.
        let now = NOW + (n as i64 * 37) % 100;
        match step {
            Step::Turn(said) => run.turn(now, said, false),
            Step::Refused(said) => run.turn(now, said, true),
            Step::Pull { limit, bytes, scan } => drop(run.pull(*limit, *bytes, *scan)),
        }
    }
    run.finish();
    run
}

proptest! {
    // G-2: whoever reads several logs has one order of all of them, whatever is published between two looks.
    #[test]
    fn several_logs_are_one_stream_in_the_order_of_time(steps in vec(step(), 1..40)) {
        let run = play(&steps, &[0; LOGS.len()]);
        run.check_each_log();
        let times: Vec<i64> = run.pages.iter().flatten().map(|(_, r)| r.at).collect();
        prop_assert!(times.is_sorted_by(|a, b| a < b), "{:?}", times);
    }

    // K-13: of what waits, the urgent comes first; each log keeps its order, and nothing is lost by it.
    #[test]
    fn what_is_urgent_comes_first(steps in vec(step(), 1..40), priorities in prop::array::uniform4(0u8..3)) {
        let run = play(&steps, &priorities);
        run.check_each_log();
        for page in &run.pages {
            let order: Vec<_> = page.iter().map(|(track, r)| (Reverse(priorities[*track]), r.at)).collect();
            prop_assert!(order.is_sorted(), "{:?}", order);
        }
    }
}

// K-13: also over pages: nothing of a lower priority is given while something of a higher one waits.
#[test]
fn a_backlog_is_read_by_priority_over_all_its_pages() {
    let mut run = Run::start(&[0, 2, 1, 2]);
    let said: Vec<Said> = (0..400).map(|n| (n * 7 % LOGS.len(), true, true)).collect();
    for (ticket, said) in said.iter().enumerate() {
        run.sequencer.submit(ticket as u64, vec![draft(*said)]);
    }
    let mut rounds = std::collections::VecDeque::from(run.sequencer.rounds(NOW));
    while let Some(round) = rounds.pop_front() {
        let done = run.reader.commit(&round.batch);
        run.sequencer.settle(round, done, rounds.make_contiguous());
    }
    run.finish();
    run.check_each_log();
    let order: Vec<_> = run.pages.iter().flatten().map(|(track, r)| (Reverse([0, 2, 1, 2][*track]), r.at)).collect();
    assert_eq!(order.len(), 400);
    assert!(order.is_sorted());
}

//! Versions and what is retained, through the sequencer: what is stale is refused, whole, and says what is there. // C-3

use std::sync::Arc;
use tidewire_contract::{Contract, Durability, compile_source};
use tidewire_engine::{
    Conflict, Declined, Draft, Reader, Retained, Sequencer, Version,
    log::{Log, Retention, StateRow, memory::MemoryLog},
    sequencer::Answer,
    state,
};

const LOG: &str = "talk/conversation:c1";

fn contract() -> Arc<Contract> {
    let yaml = "tidewire: 1\nname: talk\nversion: '1'\nauth: { token: bearer header, principal: { id: $claims.sub } }\n\
        channels: { conversation: { address: 'conversation:{n}' } }\nwire: { event: { t: $type } }\n\
        endpoints: [{ websocket: '/ws/{n}', subscribes: 'conversation:{n}' }]\nevents: { said: { on: conversation } }\n";
    Arc::new(compile_source("talk.yaml", yaml, &|_| None).unwrap_or_else(|p| panic!("{}", tidewire_contract::render_all(&p))))
}

struct Talk {
    contract: Arc<Contract>,
    store: Arc<MemoryLog>,
    sequencer: Sequencer,
    now: i64,
}

impl Talk {
    fn new() -> Talk {
        let store = Arc::new(MemoryLog::default());
        let sequencer = Sequencer::new(Arc::new(Reader::new(store.clone(), 1).unwrap()), 7);
        Talk { contract: contract(), store, sequencer, now: 1 }
    }

    /// A node that begins anew on the same store.
    fn restart(&mut self) {
        self.sequencer = Sequencer::new(Arc::new(Reader::new(self.store.clone(), self.now).unwrap()), 8);
    }

    fn draft(&self, text: &str, version: Option<(&str, i64)>) -> Draft {
        let data = format!("{{\"text\":\"{text}\"}}");
        let bare = Draft::new(self.contract.clone(), LOG.into(), Durability::Process, "said".into(), data.into());
        Draft { version: version.map(|(of, is)| Version { of: of.into(), is }), ..bare }
    }

    /// Several jobs, put into order together.
    fn publish(&mut self, jobs: Vec<Vec<Draft>>) -> Vec<Answer> {
        let count = jobs.len();
        for (ticket, drafts) in jobs.into_iter().enumerate() {
            self.sequencer.submit(ticket as u64, drafts);
        }
        self.now += 1;
        let mut rounds: std::collections::VecDeque<_> = self.sequencer.rounds(self.now).into();
        let mut answers: Vec<Option<Answer>> = vec![None; count];
        while let Some(round) = rounds.pop_front() {
            let result = self.sequencer.reader().commit(&round.batch);
            for (ticket, answer) in self.sequencer.settle(round, result, rounds.make_contiguous()).answers {
                answers[ticket as usize] = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.expect("every job is answered")).collect()
    }

    fn one(&mut self, draft: Draft) -> Answer {
        self.publish(vec![vec![draft]]).remove(0)
    }

    fn head(&self) -> u64 {
        self.store.find(LOG).unwrap().map_or(0, |state| state.head)
    }
}

fn conflict(answer: &Answer) -> (usize, &str, i64, i64) {
    match answer {
        Err(Declined::Conflict(Conflict { index, of, current, given })) => (*index, of, *current, *given),
        other => panic!("expected a conflict, found {other:?}"),
    }
}

// C-3, C-5: not higher than the last of the same resource is refused, and says what is there; others are others.
#[test]
fn a_stale_version_is_refused() {
    let mut talk = Talk::new();
    for is in [1, 2, 7] {
        let draft = talk.draft("", Some(("m1", is)));
        assert!(talk.one(draft).is_ok());
    }
    for stale in [7, 6, 0, -3] {
        let draft = talk.draft("", Some(("m1", stale)));
        let told = talk.one(draft);
        assert_eq!(conflict(&told), (0, "m1", 7, stale));
    }
    let drafts = [talk.draft("", Some(("m2", 1))), talk.draft("", None), talk.draft("", Some(("m1", 8)))];
    for draft in drafts {
        assert!(talk.one(draft).is_ok());
    }
    assert_eq!(talk.head(), 6);
    // Also by a node that was not there before.
    talk.restart();
    let draft = talk.draft("", Some(("m1", 8)));
    let told = talk.one(draft);
    assert_eq!(conflict(&told), (0, "m1", 8, 8));
}

// C-3: what is under way counts, in the order in which it came.
#[test]
fn of_two_at_the_same_moment_one_wins() {
    let mut talk = Talk::new();
    let job = |talk: &Talk, is| vec![talk.draft("", Some(("m1", is)))];
    let jobs = vec![job(&talk, 1), job(&talk, 1), job(&talk, 3), job(&talk, 2)];
    let answers = talk.publish(jobs);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(conflict(&answers[1]), (0, "m1", 1, 1));
    assert_eq!(conflict(&answers[3]), (0, "m1", 3, 2));
    assert_eq!(talk.head(), 2);
}

// C-3: what is published at once is refused at once, and leaves nothing behind.
#[test]
fn a_batch_is_refused_whole() {
    let mut talk = Talk::new();
    let first = talk.draft("", Some(("m1", 5)));
    talk.one(first).unwrap();
    let stale = vec![talk.draft("", Some(("m2", 1))), talk.draft("", None), talk.draft("", Some(("m1", 5)))];
    let told = talk.publish(vec![stale]).remove(0);
    assert_eq!(conflict(&told), (2, "m1", 5, 5));
    let within = vec![talk.draft("", Some(("m3", 2))), talk.draft("", Some(("m3", 2)))];
    let told = talk.publish(vec![within]).remove(0);
    assert_eq!(conflict(&told), (1, "m3", 2, 2));
    assert_eq!(talk.head(), 1);
    let fine = vec![talk.draft("", Some(("m2", 1))), talk.draft("", Some(("m3", 1))), talk.draft("", Some(("m3", 2)))];
    assert!(talk.publish(vec![fine]).remove(0).is_ok());
}

// W-7: a repeat with the same key is answered as the first time, though its version is stale by then.
#[test]
fn a_repeat_is_no_conflict() {
    let mut talk = Talk::new();
    let keyed = |talk: &Talk, is| Draft { key: Some(format!("k{is}").into()), ..talk.draft("", Some(("m1", is))) };
    let (one, two) = (keyed(&talk, 1), keyed(&talk, 2));
    let first = talk.one(one.clone()).unwrap().remove(0);
    talk.one(two).unwrap();
    let again = talk.one(one.clone()).unwrap().remove(0);
    assert!(again.duplicate);
    assert_eq!(again.receipt, first.receipt);
    talk.restart();
    assert_eq!(talk.one(one).unwrap().remove(0).receipt, first.receipt);
}

// P-5: the newest of what is retained is there whatever the history, as of its event.
#[test]
fn the_newest_is_retained() {
    let mut talk = Talk::new();
    let scene = |talk: &Talk, text: &str| Draft { retain: vec!["scene".into()], ..talk.draft(text, None) };
    let retained = |talk: &Talk| {
        let id = talk.store.find(LOG).unwrap().unwrap().id;
        talk.store.state(id, &state::retained_name("scene")).unwrap().map(|row| Retained::decode(&row).expect("a row"))
    };
    let other = talk.draft("other", None);
    talk.one(other).unwrap();
    assert_eq!(retained(&talk), None);
    let jobs = vec![vec![scene(&talk, "one"), scene(&talk, "two")], vec![talk.draft("other", None)]];
    talk.publish(jobs);
    let newest = retained(&talk).unwrap();
    assert_eq!((newest.seq, &*newest.data), (3, &br#"{"text":"two"}"#[..]));
    let id = talk.store.find(LOG).unwrap().unwrap().id;
    talk.store.trim(id, &Retention { count: Some(0), ..Retention::default() }, talk.now).unwrap();
    assert_eq!(retained(&talk).unwrap(), newest);
    // What a refused batch would have retained is not.
    let stale = vec![scene(&talk, "never"), talk.draft("", Some(("m1", 1))), talk.draft("", Some(("m1", 1)))];
    assert!(talk.publish(vec![stale]).remove(0).is_err());
    assert_eq!(retained(&talk).unwrap(), newest);
}

// Further rows go with their event: a refused one leaves none, a repeat writes nothing.
#[test]
fn rows_of_state_go_with_their_event() {
    let mut talk = Talk::new();
    let row = |value: &str| StateRow { name: "here:ana".into(), value: Some(value.to_owned().into()) };
    let keyed = |talk: &Talk, value| Draft { key: Some("k".into()), states: vec![row(value)], ..talk.draft("", None) };
    let (first, again) = (keyed(&talk, "1"), keyed(&talk, "2"));
    talk.one(first).unwrap();
    assert!(talk.one(again).unwrap()[0].duplicate);
    let id = talk.store.find(LOG).unwrap().unwrap().id;
    assert_eq!(talk.store.state(id, "here:ana").unwrap().as_deref(), Some(&b"1"[..]));
}

// A silent draft has rows and a version of its own, and takes no place in the log.
#[test]
fn a_silent_draft_takes_no_place() {
    let mut talk = Talk::new();
    let row = StateRow { name: "here:ana".into(), value: Some("1".into()) };
    let silent = |talk: &Talk, is| Draft { silent: true, states: vec![row.clone()], ..talk.draft("", Some(("\u{1}here:ana", is))) };
    let drafts = vec![talk.draft("", None), silent(&talk, 1), talk.draft("", None)];
    let told = talk.publish(vec![drafts]).remove(0).unwrap();
    assert_eq!(told.iter().map(|p| p.receipt.seq).collect::<Vec<_>>(), [1, 1, 2]);
    let id = talk.store.find(LOG).unwrap().unwrap().id;
    assert_eq!(talk.store.state(id, "here:ana").unwrap().as_deref(), Some(&b"1"[..]));
    let stale = silent(&talk, 1);
    assert!(talk.one(stale).is_err());
    let next = silent(&talk, 2);
    assert!(talk.one(next).is_ok());
    assert_eq!(talk.head(), 2);
    assert_eq!(talk.store.read(id, 0, 10, 1000).unwrap().len(), 2);
}

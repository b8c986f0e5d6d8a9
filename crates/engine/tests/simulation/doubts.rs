//! What readers see while nobody knows what became of a commit that failed.

use crate::{
    storage::{Fault, SimLog},
    world::shared,
};
use std::sync::Arc;
use tidewire_contract::Durability;
use tidewire_engine::{Draft, Eye, Feed, LogHandle, Reader, Sequencer, feed::Track, sequencer::Settled};

struct Node {
    disk: SimLog,
    sequencer: Sequencer,
    now: i64,
}

impl Node {
    fn new() -> Node {
        let disk = SimLog::default();
        let reader = Arc::new(Reader::new(Arc::new(disk.clone()), 1).unwrap());
        Node { disk, sequencer: Sequencer::new(reader, 1), now: 1000 }
    }

    fn log(&self, name: &str) -> Arc<LogHandle> {
        self.sequencer.reader().log(&name.into(), Durability::Process).unwrap()
    }

    fn say(&mut self, log: &str) -> Settled {
        self.now += 10;
        let draft = Draft::new(shared(), log.into(), Durability::Process, "chat.said".into(), "{}".into());
        self.sequencer.submit(0, vec![draft]);
        let [round] = <[_; 1]>::try_from(self.sequencer.rounds(self.now)).unwrap();
        let done = self.sequencer.reader().commit(&round.batch);
        self.sequencer.settle(round, done, &[])
    }
}

// B-8: found by seed 7740. Whoever reads several logs waits for what may still become older; it is woken when that is settled, whoever
// settles it.
#[test]
fn who_waited_for_a_doubt_is_woken_when_a_publish_clears_it() {
    let mut node = Node::new();
    for log in ["world/p:1", "world/p:2"] {
        node.say(log);
    }
    let quiet = node.log("world/p:1");
    let mut feed = Feed::default();
    for name in ["world/p:1", "world/d:1"] {
        let log = node.log(name);
        let after = log.head();
        feed.tracks.push(Track { log, eye: Eye::default(), after, priority: 0 });
    }
    // The store does not say what became of it, four times.
    node.disk.plan(Fault::WrittenThenFailed, 4);
    assert!(node.say("world/p:2").answers[0].1.is_err());
    assert!(node.sequencer.is_in_doubt("world/p:2"));
    let settled = node.say("world/p:1");
    assert!(settled.answers[0].1.is_ok());
    let reader = node.sequencer.reader().clone();
    assert!(feed.pull(&reader, 10, 1000, 10).unwrap().events.is_empty(), "something older may be there");
    // The fifth time it does, as somebody publishes to it.
    let settled = node.say("world/p:2");
    assert!(settled.answers[0].1.is_ok() && !node.sequencer.is_in_doubt("world/p:2"));
    assert!(settled.moved.iter().any(|log| log.name == quiet.name), "its readers are woken");
    assert_eq!(feed.pull(&reader, 10, 1000, 10).unwrap().events.len(), 1);
}

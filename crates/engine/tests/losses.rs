//! What a node that follows logs says when the store that the nodes share has lost something. Found by seeds of `follow.rs`. // G-6

use std::{iter, sync::Arc};
use tidewire_engine::{
    Audience, Record,
    follow::{Appended, Follow, Mark, Output, Standing},
    id,
};

fn event(seq: u64, at: i64) -> Arc<Record> {
    Arc::new(Record {
        seq,
        at,
        id: id::for_at(at, 1),
        event_type: "e".into(),
        key: None,
        trace: None,
        occurred_at: None,
        fields: None,
        data: "{}".into(),
        audience: Audience::Everyone,
        except: None,
    })
}

fn mark(n: u64, lost: i64) -> Mark {
    Mark { n, clock: 1000, lost }
}

fn standing(epoch: i64, head: u64, at: i64, same: bool) -> Standing {
    Standing { epoch, head, first: 1, at, same }
}

/// A node that has shown a log up to 84.
struct Node {
    log: Arc<str>,
    follow: Follow,
}

impl Node {
    fn new() -> Node {
        let mut node = Node { log: "log".into(), follow: Follow::default() };
        node.follow.watch(&node.log);
        node.follow.connected();
        let asked = node.asks();
        node.looked(asked, mark(84, 0), standing(5, 84, 840, true));
        node
    }

    fn says(&mut self) -> Vec<Output> {
        iter::from_fn(|| self.follow.poll()).collect()
    }

    /// The turn of the look that it asks for.
    fn asks(&mut self) -> u64 {
        self.says().iter().find_map(|o| if let Output::Look { turn, .. } = o { Some(*turn) } else { None }).expect("it looks")
    }

    fn looked(&mut self, turn: u64, mark: Mark, standing: Standing) -> Vec<Output> {
        self.follow.looked(turn, mark, vec![(self.log.clone(), standing)]);
        self.says()
    }
}

// Seed 14743. A look says of the head with which it was asked that it is there still; what was shown before the answer came is of the
// contents that were lost.
#[test]
fn what_was_shown_while_it_was_asked_is_not_taken_for_the_same() {
    let mut node = Node::new();
    node.follow.lost();
    let asked = node.asks();
    // An event of before comes late, and then the answer.
    node.follow.appended(mark(85, 0), vec![Appended { log: node.log.clone(), epoch: 5, record: event(85, 850) }]);
    assert!(node.says().iter().any(|o| matches!(o, Output::Show { .. })));
    let said = node.looked(asked, mark(90, 900), standing(900, 90, 905, true));
    let common = said.iter().find_map(|o| if let Output::Reset { common, .. } = o { Some(*common) } else { None });
    assert_eq!(common, Some(84));
}

// Seed 8677. A look over a connection that is no more has told of a loss; the next one, of what is gone since without another epoch.
#[test]
fn what_is_gone_behind_a_loss_that_was_heard_of_is_told_too() {
    let mut node = Node::new();
    node.follow.lost();
    let asked = node.asks();
    node.follow.disconnected();
    let said = node.looked(asked, mark(90, 900), standing(900, 85, 905, true));
    assert!(said.iter().any(|o| matches!(o, Output::Reset { .. })));
    // 85 is gone, and nobody has said so.
    node.follow.connected();
    let asked = node.asks();
    let said = node.looked(asked, mark(91, 900), standing(900, 84, 840, false));
    let lost = said.iter().find_map(|o| if let Output::Lose { lost, .. } = o { Some(*lost) } else { None });
    assert_eq!(lost, Some(900), "a later loss than that of the epoch it has");
}

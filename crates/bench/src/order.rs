//! Whether the events of one client came once each and in order.

/// One client's view of one channel: the last `seq`, and those that were passed over.
#[derive(Default)]
pub struct Order {
    last: Option<u64>,
    missing: Vec<u64>,
}

/// How many missing events of a client are remembered by name; what is missing beyond is counted, and cannot come late any more.
const REMEMBERED: u64 = 10_000;

/// What an event says about the order.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Next,
    /// So many before it are missing as yet.
    Gap(u64),
    /// It had been missing, and comes late.
    Late,
    /// It was there before.
    Again,
}

impl Order {
    /// `last`: the `seq` the client has already; `None` takes the first as it comes.
    pub fn after(last: Option<u64>) -> Order {
        Order { last, missing: Vec::new() }
    }

    pub fn take(&mut self, seq: u64) -> Step {
        let expected = self.last.map_or(seq, |last| last + 1);
        if seq < expected {
            return match self.missing.iter().position(|m| *m == seq) {
                Some(at) => {
                    self.missing.swap_remove(at);
                    Step::Late
                }
                None => Step::Again,
            };
        }
        self.last = Some(seq);
        if seq == expected {
            return Step::Next;
        }
        let room = REMEMBERED.saturating_sub(self.missing.len() as u64);
        self.missing.extend((expected..seq).take(room as usize));
        Step::Gap(seq - expected)
    }
}

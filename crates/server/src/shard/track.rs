//! A client's place in a log.

use super::room::Room;
use std::{cell::Cell, rc::Rc, sync::Arc};
use tidewire_engine::Eye;

/// A log that the client reads.
pub(super) struct Track {
    pub(super) room: Rc<Room>,
    pub(super) eye: Eye,
    pub(super) after: u64,
    pub(super) names: Names,
    /// Up to this `seq` events are told behind the time: they were missed.
    pub(super) replay: u64,
    /// The log's contents that the cursor is of; 0 while there were none.
    pub(super) epoch: Cell<i64>,
}

/// The names under which a log is subscribed: the channel's own, those of mirrors. There is nearly always one.
pub(super) struct Names {
    first: Arc<str>,
    more: Option<Box<Names>>,
}

impl Names {
    pub(super) fn new(first: Arc<str>) -> Names {
        Names { first, more: None }
    }

    pub(super) fn first(&self) -> &Arc<str> {
        &self.first
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::successors(Some(self), |names| names.more.as_deref()).map(|names| &names.first)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.iter().any(|known| **known == *name)
    }

    pub(super) fn add(&mut self, name: Arc<str>) {
        match &mut self.more {
            Some(more) => more.add(name),
            None => self.more = Some(Box::new(Names::new(name))),
        }
    }

    /// Takes a name out, unless it is the only one: then there is nothing left to read the log for, and the answer is false.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        if *self.first != *name {
            if let Some(more) = &mut self.more
                && !more.remove(name)
            {
                self.more = None;
            }
            return true;
        }
        let Some(more) = self.more.take() else { return false };
        *self = *more;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_until_its_last_name_goes() {
        let mut names = Names::new("a".into());
        names.add("b".into());
        names.add("c".into());
        let left = |names: &Names| names.iter().map(|name| name.to_string()).collect::<String>();
        assert_eq!((left(&names).as_str(), names.contains("c"), names.contains("d")), ("abc", true, false));
        assert!(names.remove("d") && left(&names) == "abc");
        assert!(names.remove("c") && left(&names) == "ab");
        assert!(names.remove("a") && left(&names) == "b");
        assert!(!names.remove("b"));
    }
}

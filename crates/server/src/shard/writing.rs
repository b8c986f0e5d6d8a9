//! What a client gets: from its cursors to the heads, as far as its socket takes it.

use super::{
    client::{Client, gap},
    track::Track,
    worker::Worker,
};
use std::{io, rc::Rc};
use tidewire_engine::feed;
use tidewire_wire::Reply;

/// What a look at the ribbons came to.
pub(super) enum Look {
    /// Everything is out.
    Done,
    /// The socket is full.
    Full,
    /// A cursor lies before what is in memory: pages from the store.
    Behind,
    Broken,
}

/// Bytes of one write at most, so that others get their turn.
const WRITE: usize = 256 * 1024;
/// Bytes that are put together for a reader of several logs or with a filter.
const GATHER: usize = 64 * 1024;

impl Client {
    pub(super) fn look(self: &Rc<Self>, worker: &Rc<Worker>) -> Look {
        if self.held.get() {
            return Look::Done;
        }
        self.follow_resets();
        let mut tracks = self.tracks.borrow_mut();
        for track in tracks.iter() {
            let head = track.room.log.head();
            if track.after >= head {
                continue;
            }
            let first = track.room.ribbon(self.framing).borrow().first();
            // Those are spelled another way than what everybody gets.
            if track.after < track.replay && track.room.tells_replay() {
                return Look::Behind;
            }
            let reaches = first.is_some_and(|first| first <= track.after + 1)
                || track.room.reach_back(self.framing, track.after, &mut worker.scratch.borrow_mut());
            if !reaches {
                return Look::Behind;
            }
            track.room.stirred.set(true);
            if track.room.extend(&worker.reader, self.framing, track.after, &mut worker.scratch.borrow_mut()).is_err() {
                return Look::Behind;
            }
            // To take the newest it may have let go of what this client has not got yet.
            if track.room.ribbon(self.framing).borrow().first().is_some_and(|first| first > track.after + 1) {
                return Look::Behind;
            }
        }
        if let [track] = &mut tracks[..]
            && self.filter.is_everything()
        {
            let room = track.room.clone();
            let ribbon = room.ribbon(self.framing).borrow();
            if ribbon.is_public(track.after) || track.eye.oversees && ribbon.is_overseen(track.after) {
                return self.write_straight(track, &ribbon);
            }
        }
        self.write_gathered(worker, &mut tracks)
    }

    /// A log that has other contents than those that the cursor is of: says so, and goes on behind what is the same in both.
    fn follow_resets(&self) {
        for track in self.tracks.borrow_mut().iter_mut() {
            let epoch = track.room.log.epoch();
            track.room.forget_ribbons(epoch);
            let before = track.epoch.replace(epoch);
            if before == epoch || before == 0 {
                continue;
            }
            let common = track.room.log.common(before);
            if common == u64::MAX {
                continue;
            }
            let from = tidewire_engine::Position { epoch: before, seq: track.after }.to_string();
            track.after = track.after.min(common);
            let to = track.room.log.position(track.after);
            let missing = feed::Missing { from, from_at: None, to, reason: feed::Reason::Reset };
            let told = Reply::Gap(gap(track.names.first(), track.room.vars(), missing));
            self.tally.gap();
            self.stash.write(|out| self.framing.reply(&self.served, &told, out));
        }
    }

    /// One log, nothing to leave out: from the ribbon to the socket, as it is.
    fn write_straight(&self, track: &mut Track, ribbon: &super::ribbon::Ribbon) -> Look {
        while ribbon.last().is_some_and(|last| track.after < last) {
            let Some((bytes, last)) = ribbon.behind(track.after, WRITE) else { return Look::Behind };
            match self.io.try_write(bytes) {
                Ok(0) => return Look::Broken,
                Ok(n) if n == bytes.len() => {
                    self.tally.delivered(last - track.after, n);
                    track.after = last;
                }
                Ok(n) => {
                    let (after, rest) = ribbon.advance(track.after, n);
                    self.tally.delivered(after - track.after, n);
                    track.after = after;
                    self.stash.push(rest);
                    return Look::Full;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Look::Full,
                Err(_) => return Look::Broken,
            }
        }
        Look::Done
    }

    /// Several logs, a filter or an audience: what this client gets is put together first.
    fn write_gathered(&self, worker: &Worker, tracks: &mut [Track]) -> Look {
        let mut bytes = worker.gathered.take();
        let mut marks = Vec::new();
        let look = loop {
            bytes.clear();
            marks.clear();
            self.gather(tracks, GATHER, &mut bytes, &mut marks);
            if bytes.is_empty() {
                break Look::Done;
            }
            match self.io.try_write(&bytes) {
                Ok(0) => break Look::Broken,
                Ok(n) if n == bytes.len() => self.tally.delivered(marks.len() as u64, n),
                result => {
                    let n = match result {
                        Ok(n) => n,
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
                        Err(_) => break Look::Broken,
                    };
                    // What did not go out is gathered again later, but for the frame that was begun.
                    let begun = marks.partition_point(|(end, _)| *end < n);
                    let begun = if n == 0 { 0 } else { begun + 1 };
                    if begun > 0 {
                        self.stash.push(&bytes[n..marks[begun - 1].0]);
                    }
                    for (_, (index, before)) in marks[begun..].iter().rev() {
                        tracks[*index].after = *before;
                    }
                    self.tally.delivered(begun as u64, n);
                    break Look::Full;
                }
            }
        };
        if bytes.capacity() <= 2 * GATHER {
            worker.gathered.replace(bytes);
        }
        look
    }

    /// Appends frames that this client gets, in the order of `at` but for what is urgent, none beyond the watermark, until there are `most` bytes.
    /// `marks`: for each frame its end, the track, and the cursor before it.
    pub(super) fn gather(&self, tracks: &mut [Track], most: usize, bytes: &mut Vec<u8>, marks: &mut Vec<(usize, (usize, u64))>) {
        let watermark = match tracks {
            [_] => i64::MAX,
            _ => tracks.iter().map(|track| track.room.log.watermark()).min().unwrap_or(0),
        };
        while bytes.len() < most {
            let mut next: Option<(u8, i64, usize)> = None;
            for (index, track) in tracks.iter_mut().enumerate() {
                let ribbon = track.room.ribbon(self.framing).borrow();
                while let Some((record, _)) = ribbon.frame(track.after + 1) {
                    if record.at > watermark {
                        break;
                    }
                    if !track.eye.gets(&self.filter, record) {
                        track.after += 1;
                        continue;
                    }
                    let urgency = self.urgency(track);
                    if next.is_none_or(|(u, at, _)| (std::cmp::Reverse(urgency), record.at) < (std::cmp::Reverse(u), at)) {
                        next = Some((urgency, record.at, index));
                    }
                    break;
                }
            }
            let Some((_, _, index)) = next else { return };
            let track = &mut tracks[index];
            let ribbon = track.room.ribbon(self.framing).borrow();
            let Some((_, frame)) = ribbon.frame(track.after + 1) else { return };
            bytes.extend_from_slice(frame);
            marks.push((bytes.len(), (index, track.after)));
            track.after += 1;
        }
    }
}

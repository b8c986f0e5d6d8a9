//! What a client missed and is no longer in memory: pages from the store, read and encoded off the shard's thread.

use super::{
    client::{Client, gap},
    worker::Worker,
};
use std::{io, rc::Rc, sync::Arc, time::Duration};
use tidewire_engine::{Feed, feed, log::LogError};

/// Events and bytes of one page.
const PAGE: usize = 1024;
const PAGE_BYTES: usize = 128 * 1024;
/// Events that one page looks at: a filter may let few of them through.
const SCAN: usize = 8192;

/// Reads the next page for the client and puts it aside for writing.
pub(super) async fn page(client: &Rc<Client>, worker: &Rc<Worker>) -> io::Result<()> {
    let mut feed = Feed::new(client.filter.clone());
    let mut encoders = Vec::new();
    for track in client.tracks.borrow().iter() {
        feed.tracks.push(feed::Track {
            log: track.room.log.clone(),
            eye: track.eye.clone(),
            after: track.after,
            priority: client.urgency(track),
        });
        encoders.push((track.room.encoder(), track.names.first().clone(), track.replay));
    }
    let from: Vec<u64> = feed.tracks.iter().map(|t| t.after).collect();
    let (reader, framing, served) = (worker.reader.clone(), client.framing, client.served.clone());
    let job = move || {
        let page = feed.pull(&reader, PAGE, PAGE_BYTES, SCAN);
        let mut bytes = Vec::new();
        let (count, gaps) = page.as_ref().map_or((0, 0), |p| (p.events.len(), p.missing.len()));
        let mut scratch = Vec::new();
        let page = page.map(|page| {
            for (index, missing) in page.missing {
                let (encoder, name, _) = &encoders[index];
                let told = gap(name, &encoder.channel.vars, missing);
                framing.reply(&served, &tidewire_wire::Reply::Gap(told), &mut bytes);
            }
            for (index, record) in page.events {
                let (encoder, _, replay) = &encoders[index];
                encoder.encode(framing, &record, record.seq <= *replay, &mut scratch, &mut bytes);
            }
        });
        (page, feed, bytes, (count, gaps))
    };
    let _turn = worker.catching_up.acquire().await;
    let (page, feed, bytes, (count, gaps)) = tokio::task::spawn_blocking(job).await.map_err(io::Error::other)?;
    if let Err(error) = page {
        tracing::warn!(connection = client.id, %error, "cannot read the history");
        return cannot_read(client, &error).await;
    }
    // The client may have left or joined channels meanwhile: only cursors that still are where they were move.
    let mut tracks = client.tracks.borrow_mut();
    let same = tracks.len() == feed.tracks.len()
        && tracks
            .iter()
            .zip(&feed.tracks)
            .zip(&from)
            .all(|((mine, read), from)| mine.after == *from && Arc::ptr_eq(&mine.room.log, &read.log));
    if same {
        for (mine, read) in tracks.iter_mut().zip(&feed.tracks) {
            mine.after = read.after;
        }
        drop(tracks);
        client.tally.delivered(count as u64, 0);
        client.tally.caught_up(gaps);
        client.put_aside(&bytes);
    }
    Ok(())
}

/// Damaged bytes are told and passed over; another fault of the store may pass by itself.
async fn cannot_read(client: &Rc<Client>, error: &LogError) -> io::Result<()> {
    if !matches!(error, LogError::Damaged(_)) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        return Ok(());
    }
    let mut bytes = Vec::new();
    for track in client.tracks.borrow_mut().iter_mut() {
        let head = track.room.log.head();
        let from = track.room.log.position(track.after).to_string();
        let missing = feed::Missing { from, from_at: None, to: track.room.log.position(head), reason: feed::Reason::Damaged };
        client.tally.gap();
        let told = gap(track.names.first(), track.room.vars(), missing);
        client.framing.reply(&client.served, &tidewire_wire::Reply::Gap(told), &mut bytes);
        track.after = head;
    }
    client.put_aside(&bytes);
    Ok(())
}

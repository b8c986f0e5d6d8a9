//! What somebody receives, or does not.

use crate::{
    flow::{
        difference::{Difference, Nearest},
        expect,
        player::Quiet,
        stage::{Stage, Stop},
    },
    wire::Frame,
};
use tidewire_contract::Expected;

pub(super) async fn receive(stage: &mut Stage<'_>, who: &[String], what: &[Expected]) -> Result<(), Stop> {
    for name in who {
        for expected in what {
            let expected = stage.known(expected);
            let frame = if stage.cast.is_client(name) {
                by_client(stage, name, &expected).await?
            } else {
                by_backend(stage, name, &expected).await?
            };
            stage.meet(&expected, &frame);
            *stage.received.entry(name.clone()).or_default() += 1;
        }
    }
    Ok(())
}

async fn by_client(stage: &mut Stage<'_>, name: &str, expected: &Expected) -> Result<Frame, Stop> {
    let site = stage.site;
    let inbox = {
        let player = super::player(stage, name)?;
        player.connect(site).await?;
        player.inbox.clone()
    };
    let deadline = tokio::time::Instant::now() + stage.timeout;
    let mut seen = usize::MAX;
    loop {
        if let Some(frame) = super::player(stage, name)?.take(expected) {
            return Ok(frame);
        }
        // What nobody asked for is told at once: it is why the rest does not come.
        stage.no_trouble()?;
        let more = inbox.wait(|arrived| {
            let moved = arrived.len() != seen;
            seen = arrived.len();
            moved.then_some(())
        });
        if tokio::time::timeout_at(deadline, more).await.is_err() {
            return Err(missing(stage, name, expected).into());
        }
    }
}

fn missing(stage: &Stage<'_>, name: &str, expected: &Expected) -> Difference {
    let Some(player) = stage.players.get(name) else { return stage.difference(String::new()) };
    let message = if player.came_before(expected) {
        format!("{name} received {} before what the flow has come first", expected.event_type)
    } else {
        let seconds = stage.timeout.as_secs_f32();
        let any = player.inbox.look(|arrived| arrived.iter().any(|a| !a.taken && a.frame.is_called(&expected.event_type)));
        let unlike = if any { " that is like this" } else { "" };
        format!("{name} received no {}{unlike} in {seconds} s", expected.event_type)
    };
    stage.difference(message).instead(expected, &player.inbox.look(|arrived| arrived.clone()))
}

async fn by_backend(stage: &mut Stage<'_>, name: &str, expected: &Expected) -> Result<Frame, Stop> {
    let fits = |frame: &Frame| expect::unlike(expected, frame).is_some_and(|fields| fields.is_empty());
    // A refusal of what it published.
    let told = stage.told_backends.get_mut(name).into_iter().flatten().find(|(frame, taken)| !taken && fits(frame));
    if let Some((frame, taken)) = told {
        *taken = true;
        return Ok(frame.clone());
    }
    let Some(desk) = stage.backends.desk(name).cloned() else {
        return Err(Stop::Failed(format!(
            "nothing is handed over to '{name}' here: the contract has no such backend, or --backend-listen is not given"
        )));
    };
    let deadline = tokio::time::Instant::now() + stage.timeout;
    let mut seen = usize::MAX;
    loop {
        let taken = desk.look(|asked| {
            let found = asked.iter_mut().find(|a| !a.taken && fits(&a.frame))?;
            found.taken = true;
            Some(found.frame.clone())
        });
        if let Some(frame) = taken {
            return Ok(frame);
        }
        stage.no_trouble()?;
        let more = desk.wait(|asked| {
            let moved = asked.len() != seen;
            seen = asked.len();
            moved.then_some(())
        });
        // A refusal of the client's event comes to the client, and nothing to the backend.
        let looked = tokio::time::timeout(std::time::Duration::from_millis(50), more).await;
        if looked.is_err() && tokio::time::Instant::now() >= deadline {
            let mut difference =
                stage.difference(format!("{name} received no {} in {} s", expected.event_type, stage.timeout.as_secs_f32()));
            difference.expected = Some(expected.into());
            desk.look(|asked| {
                let untaken: Vec<_> = asked.iter().filter(|a| !a.taken).collect();
                let near = untaken.iter().filter_map(|a| Some((a, expect::unlike(expected, &a.frame)?))).min_by_key(|(_, f)| f.len());
                difference.nearest = near.map(|(a, fields)| Nearest { shown: (&a.frame).into(), fields });
                difference.beside =
                    untaken.iter().filter(|a| !a.frame.is_called(&expected.event_type)).map(|a| (&a.frame).into()).collect();
            });
            return Err(difference.into());
        }
    }
}

/// Only notes it: whether it was so is known once all that follows has been answered, or the client does something again.
pub(super) fn nothing(stage: &mut Stage<'_>, who: &[String]) -> Result<(), Stop> {
    let step = stage.at;
    for name in who {
        if let Some(player) = stage.players.get_mut(name) {
            let from = player.floor.max(player.has_read());
            player.quiet.get_or_insert(Quiet { step, from });
        } else {
            stage.quiet_backends.push((name.clone(), step));
        }
    }
    Ok(())
}

//! A printer's gateway, simulated: it reads what is to be printed, prints it, and says how that went. Now and then the paper is out.

use crate::client::Device;
use serde_json::{Value, json};
use std::time::Duration;
use tidewire_example_backend::life::Chance;

/// Between two looks at the channel.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// One paper in so many does not come out.
const FAILS_ONE_IN: usize = 8;

pub(crate) async fn print(device: Device, seed: u64) {
    let mut chance = Chance::new(seed);
    let channel = format!("private-store.{}.printing", device.me().await["store"].as_str().unwrap_or_default());
    // Where the channel was read to; nothing yet, or it cannot be read on from there: then what waits is asked for.
    let mut position: Option<String> = None;
    loop {
        let went = match &position {
            None => waiting(&device, &mut chance).await,
            Some(from) => missed(&device, &channel, from, &mut chance).await,
        };
        let more = match went {
            Ok((next, more)) => {
                position = next;
                more
            }
            Err(_) => false,
        };
        if !more {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Prints what waits; from its position the channel is read on.
async fn waiting(device: &Device, chance: &mut Chance) -> Result<(Option<String>, bool), String> {
    let listed = device.get("/v1/print-jobs?status=queued").await?;
    for job in listed["print_jobs"].as_array().into_iter().flatten() {
        out(device, &job["id"], chance).await;
    }
    let from = listed["position"].as_str().map_or_else(|| "seq=0".to_owned(), |position| format!("after={position}"));
    Ok((Some(from), true))
}

async fn missed(device: &Device, channel: &str, from: &str, chance: &mut Chance) -> Result<(Option<String>, bool), String> {
    let page = device.since(channel, from).await?;
    if !page["gap"].is_null() {
        return Ok((None, true));
    }
    let mut last = None;
    for event in page["events"].as_array().into_iter().flatten() {
        last = event["seq"].as_u64();
        if event["event"] == "PrintJobQueued" {
            out(device, &event["data"]["print_job"]["id"], chance).await;
        }
    }
    // A page is as long as it is: the next begins behind its last event.
    let next = last.map_or_else(|| from.to_owned(), |seq| format!("seq={seq}"));
    Ok((Some(next), page["more"] == true))
}

/// A 409 says that it was printed already: events come at least once.
async fn out(device: &Device, job: &Value, chance: &mut Chance) {
    let Some(id) = job.as_u64() else { return };
    if chance.below(FAILS_ONE_IN) == 0 {
        let why = json!({ "reason": "paper_out", "message": "the roll is empty" });
        device.post(&format!("/v1/print-jobs/{id}/fail"), &why).await;
    } else {
        device.post(&format!("/v1/print-jobs/{id}/complete"), &json!({})).await;
    }
}

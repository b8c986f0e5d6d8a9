//! Puts what this node's publishers hand in into order: what has gathered goes to Redis in one script, and the next round gathers
//! meanwhile.

use crate::{Failure, Figures, Link, ear::publish_command, follower::Command, health::Health, reply, reply::Run, scripts};
use redis::Value;
use std::sync::Arc;
use tidewire_engine::{
    Conflict, Declined, Draft, Published,
    log::{LogError, Receipt},
    sequencer::Answer,
};
use tokio::sync::{mpsc, oneshot};

/// What somebody wants to publish, all of it or nothing.
pub(crate) struct Job {
    pub drafts: Vec<Draft>,
    pub answer: Waiting,
}

/// Who waits for an answer, and is counted until there is one.
pub(crate) struct Waiting {
    answer: Option<oneshot::Sender<Answer>>,
    figures: Arc<Figures>,
}

impl Waiting {
    pub fn new(answer: oneshot::Sender<Answer>, figures: &Arc<Figures>) -> Waiting {
        figures.handed_in();
        Waiting { answer: Some(answer), figures: figures.clone() }
    }

    pub fn send(mut self, answer: Answer) {
        if let Some(sender) = self.answer.take() {
            let _ = sender.send(answer);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.figures.answered();
    }
}

pub(crate) struct Orderer {
    pub link: Link,
    pub channel: String,
    pub salt: u64,
    pub health: Arc<Health>,
    pub follower: mpsc::UnboundedSender<Command>,
}

/// Drafts and bytes of one script at most, so that Redis serves others meanwhile.
const ROUND: usize = 512;
const ROUND_BYTES: usize = 512 * 1024;

impl Orderer {
    /// Until nobody can hand in anything more.
    pub(crate) async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut waiting: Option<Job> = None;
        loop {
            let Some(first) = (match waiting.take() {
                Some(job) => Some(job),
                None => jobs.recv().await,
            }) else {
                return;
            };
            let mut run = Run::default();
            let mut round = Vec::new();
            let mut drafts = 0;
            let mut job = first;
            loop {
                let before = run.length();
                run.number(job.drafts.len() as u64);
                job.drafts.iter().for_each(|draft| crate::draft::put(&mut run, draft, self.salt));
                if !round.is_empty() && (drafts + job.drafts.len() > ROUND || run.weight() > ROUND_BYTES) {
                    run.truncate(before);
                    waiting = Some(job);
                    break;
                }
                drafts += job.drafts.len();
                round.push(job);
                match jobs.try_recv() {
                    Ok(next) => job = next,
                    Err(_) => break,
                }
            }
            self.round(round, run).await;
        }
    }

    async fn round(&self, round: Vec<Job>, run: Run) {
        if let Err(away) = self.health.check() {
            return round.into_iter().for_each(|job| job.answer.send(Err(away.clone().into())));
        }
        let settings = self.link.settings();
        let mut arguments = vec![publish_command(settings).as_bytes().to_vec(), self.channel.clone().into_bytes()];
        arguments.push(round.len().to_string().into_bytes());
        arguments.extend(run.done());
        let done = self.link.run(&scripts::publish, &arguments).await;
        let done = match done {
            Ok(done) => self.link.wait_for(settings.replicas, settings.answer_time).await.map(|()| done),
            Err(failure) => Err(failure),
        };
        match done {
            Ok(done) => {
                let (n, answers) = match reply::list(&done) {
                    [n, answers] => (reply::int(n).unwrap_or(0) as u64, reply::list(answers)),
                    _ => (0, &[][..]),
                };
                let mut told = Vec::with_capacity(round.len());
                for (at, job) in round.into_iter().enumerate() {
                    let answer = answers.get(at).and_then(|answer| answered(&job.drafts, reply::list(answer)));
                    let unreadable = || Err(LogError::Failed("Redis answered what cannot be read".into()).into());
                    told.push((job.answer, answer.unwrap_or_else(unreadable)));
                }
                let _ = self.follower.send(Command::Published { n, told });
            }
            Err(failure) => {
                let error = refused(failure);
                tracing::error!(%error, "publishes are refused");
                round.into_iter().for_each(|job| job.answer.send(Err(error.clone().into())));
            }
        }
    }
}

fn refused(failure: Failure) -> LogError {
    match failure {
        Failure::Away(said) => LogError::Away(said),
        other => other.into(),
    }
}

/// What became of a job.
fn answered(drafts: &[Draft], answer: &[Value]) -> Option<Answer> {
    if let [Value::BulkString(word), index, current] = answer
        && word == b"conflict"
    {
        let index = reply::int(index)? as usize;
        let version = drafts.get(index)?.version.as_ref()?;
        let conflict = Conflict { index, of: version.of.clone(), current: reply::int(current)?, given: version.is };
        return Some(Err(Declined::Conflict(conflict)));
    }
    if answer.len() != drafts.len() {
        return None;
    }
    let published = drafts.iter().zip(answer).map(|(draft, row)| {
        let [seq, at, Value::BulkString(id), duplicate, epoch] = reply::list(row) else { return None };
        let receipt = Receipt { seq: reply::int(seq)? as u64, at: reply::int(at)?, id: id.as_slice().try_into().ok()? };
        Some(Published {
            log: draft.log.clone(),
            epoch: reply::int(epoch)?,
            receipt,
            duplicate: reply::int(duplicate)? == 1,
            durability: draft.durability,
        })
    });
    published.collect::<Option<Vec<_>>>().map(Ok)
}

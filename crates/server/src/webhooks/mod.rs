//! Webhooks of the Pusher protocol: others are told what happens on an app's channels.
//!
//! What is to be told is written down before it is sent, and forgotten when it was taken: so a restart, or a kill, repeats
//! and loses nothing. Source: <https://pusher.com/docs/channels/server_api/webhooks/>.

mod collect;
mod deliver;
mod notice;
mod queue;
mod turn;

pub use notice::Notice;
pub use turn::{Turn, Turns};

use crate::{
    config::Webhook,
    metrics::WebhookReport,
    outbound::Outbound,
    pusher::roster::{Change, Listener},
    served::Served,
};
use queue::Queue;
use std::sync::Arc;
use tidewire_engine::log::{Log, LogError};
use tokio::{sync::mpsc, task::JoinHandle};

/// All webhooks of a server, at work.
pub struct Webhooks {
    queues: Vec<Arc<Queue>>,
    senders: Vec<(String, mpsc::UnboundedSender<Change>)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Webhooks {
    /// Takes up what was not delivered, and begins.
    ///
    /// # Errors
    /// What the store says.
    pub fn start(values: Arc<dyn Log>, served: &[Arc<Served>], outbound: Outbound) -> Result<Webhooks, LogError> {
        let mut webhooks = Webhooks { queues: Vec::new(), senders: Vec::new(), tasks: Vec::new() };
        for (served, app) in served.iter().filter_map(|served| Some((served, served.pusher.as_ref()?))) {
            if app.options.webhooks.is_empty() {
                continue;
            }
            let contract = &served.contract.name;
            let targets: Vec<&Webhook> = app.options.webhooks.iter().collect();
            let mut queues = Vec::new();
            for (at, target) in targets.iter().enumerate() {
                let nth = targets[..at].iter().filter(|before| before.url == target.url).count();
                let queue = Arc::new(Queue::open(values.clone(), contract, target, nth)?);
                let (key, secret) = (app.key.clone(), app.secret.clone());
                webhooks.tasks.push(tokio::spawn(deliver::run(queue.clone(), outbound.clone(), key, secret)));
                queues.push(queue);
            }
            let (sender, changes) = mpsc::unbounded_channel();
            webhooks.senders.push((contract.clone(), sender));
            let collector = collect::Collector::open(values.clone(), contract, queues.clone())?;
            webhooks.tasks.push(tokio::spawn(collector.run(changes)));
            webhooks.queues.extend(queues);
        }
        Ok(webhooks)
    }

    /// What the roster tells.
    pub fn listener(&self) -> Listener {
        let senders = self.senders.clone();
        Box::new(move |contract, change| {
            if let Some((_, sender)) = senders.iter().find(|(of, _)| of == contract) {
                let _ = sender.send(change);
            }
        })
    }

    /// Something happened on a contract's channels.
    fn hear(&self, contract: &str, change: Change) {
        if let Some((_, sender)) = self.senders.iter().find(|(of, _)| of == contract) {
            let _ = sender.send(change);
        }
    }

    /// A closure that says how they are doing: one report for each app, the sum of its targets, as figures carry the app's name alone.
    pub fn reporter(&self) -> impl Fn() -> Vec<WebhookReport> + Send + Sync + 'static {
        let queues = self.queues.clone();
        move || {
            let mut reports: Vec<WebhookReport> = Vec::new();
            for report in queues.iter().map(|queue| queue.report()) {
                match reports.iter_mut().find(|sum| sum.app == report.app) {
                    None => reports.push(report),
                    Some(sum) => {
                        sum.waiting += report.waiting;
                        sum.delivered += report.delivered;
                        sum.failed += report.failed;
                        sum.dropped += report.dropped;
                    }
                }
            }
            reports
        }
    }
}

impl Drop for Webhooks {
    /// What is not delivered is delivered after the next start.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

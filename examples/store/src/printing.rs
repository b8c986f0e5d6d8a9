//! Print jobs: queued, and then completed or failed by whoever has the printer.

use crate::shop::{Done, Shop, Told, told};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidewire_example_backend::Refusal;

/// The printer that everything goes to.
pub const PRINTER: u64 = 31;
pub const KINDS: [&str; 2] = ["customer_receipt", "kitchen_ticket"];
pub const REASONS: [&str; 6] = ["paper_out", "cover_open", "offline", "overheated", "rejected", "unknown"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub sku: String,
    pub id: u64,
    pub kind: String,
    pub order_id: u64,
    /// `queued`, `completed`, `failed`.
    pub status: String,
    pub reason: Option<String>,
}

impl Job {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "type": self.kind, "target_printer_id": PRINTER, "order_id": self.order_id,
            "status": self.status, "reason": self.reason,
        })
    }
}

impl Shop {
    /// Something is to be printed.
    pub fn print(&mut self, sku: &str, kind: &str, order_id: u64) -> Told {
        self.last.job += 1;
        let id = self.last.job;
        let job = Job { sku: sku.to_owned(), id, kind: kind.to_owned(), order_id, status: "queued".into(), reason: None };
        self.jobs.insert(id, job);
        let data = json!({ "print_job": { "id": id, "type": kind, "target_printer_id": PRINTER, "order_id": order_id } });
        told(sku, "printing", "PrintJobQueued", ("PrintJob", id), data)
    }

    /// Somebody wants a paper of an order, maybe once more.
    ///
    /// # Errors
    /// There is no such order in the shop, or no such paper.
    pub fn print_again(&mut self, sku: &str, kind: &str, order_id: u64) -> Done {
        self.order_of(sku, order_id)?;
        if !KINDS.contains(&kind) {
            return Err(Refusal::bad(format!("type is one of {}", KINDS.join(", "))));
        }
        let all = vec![self.print(sku, kind, order_id)];
        Ok((json!({ "print_job": self.jobs.get(&self.last.job).map(Job::json) }), all))
    }

    /// It was printed, or (`failed`: why, and in words) it was not.
    ///
    /// # Errors
    /// There is no such job in the shop, or it is done already.
    pub fn printed(&mut self, sku: &str, id: u64, failed: Option<(&str, &str)>, now: &str) -> Done {
        let missing = || Refusal::not_found(format!("there is no print job {id}"));
        let job = self.jobs.get_mut(&id).filter(|j| j.sku == sku).ok_or_else(missing)?;
        if failed.is_some_and(|(reason, message)| !REASONS.contains(&reason) || message.chars().count() > 500) {
            return Err(Refusal::bad(format!("reason is one of {}, message has at most 500 characters", REASONS.join(", "))));
        }
        if job.status != "queued" {
            let mut refusal = Refusal::conflict(format!("the print job {id} is '{}' already", job.status));
            refusal.more = json!({ "current": job.status });
            return Err(refusal);
        }
        let mut data = json!({ "print_job_id": id, "printer_id": PRINTER, "at": now });
        let event_type = match failed {
            None => {
                job.status = "completed".into();
                "PrintJobCompleted"
            }
            Some((reason, message)) => {
                (job.status, job.reason) = ("failed".into(), Some(reason.to_owned()));
                data["reason"] = reason.into();
                if !message.is_empty() {
                    data["message"] = message.into();
                }
                "PrintJobFailed"
            }
        };
        Ok((json!({ "print_job": job.json() }), vec![told(sku, "printing", event_type, ("PrintJob", id), data)]))
    }
}

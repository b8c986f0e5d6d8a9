//! `/v1/print-jobs`: `printer.read` sees them and says how they went, `ticket.create` asks for papers.

use super::{Asked, listed, nowhere, number};
use crate::{Backend, printing::Job};
use http::{Method, StatusCode};
use serde_json::json;
use tidewire_example_backend::{Answer, Refusal, json as answer};

const STATUSES: [&str; 3] = ["queued", "completed", "failed"];

impl Backend {
    pub(super) async fn printing(&self, asked: Asked<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
        let (call, caller, sku) = (asked.call, asked.caller, asked.sku().to_owned());
        match (&call.method, rest) {
            (&Method::GET, []) => {
                caller.may("printer.read")?;
                let statuses = listed(call, "status", |text| STATUSES.into_iter().find(|status| *status == text))?;
                let statuses = statuses.unwrap_or_else(|| vec!["queued"]);
                Ok(self.list(&sku, "printing", |shop| {
                    let wanted = |job: &&Job| job.sku == sku && statuses.contains(&job.status.as_str());
                    json!({ "print_jobs": shop.jobs.values().filter(wanted).map(Job::json).collect::<Vec<_>>() })
                }))
            }
            (&Method::POST, []) => {
                caller.may("ticket.create")?;
                let kind = call.body["type"].as_str().unwrap_or_default();
                let order = call.body["order_id"].as_u64().ok_or_else(|| Refusal::bad("order_id is the id of an order"))?;
                let body = self.act(asked.cause, |shop, _| shop.print_again(&sku, kind, order)).await?;
                Ok(answer(StatusCode::CREATED, &body))
            }
            (&Method::POST, [id, done @ ("complete" | "fail")]) => {
                caller.may("printer.read")?;
                let id = number(id)?;
                let text = |name: &str, absent: &'static str| match call.body.get(name) {
                    None => Ok(absent),
                    Some(value) => value.as_str().ok_or_else(|| Refusal::bad(format!("{name} is a text"))),
                };
                let failed = if *done == "fail" { Some((text("reason", "unknown")?, text("message", "")?)) } else { None };
                let body = self.act(asked.cause, |shop, now| shop.printed(&sku, id, failed, now)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            _ => Err(nowhere()),
        }
    }
}

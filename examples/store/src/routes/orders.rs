//! `/v1/orders`: `order.read` sees them, `order.create` makes them and adds to them, `order.status.set` sends them on.

use super::{Asked, listed, nowhere, number, positioned, since, to};
use crate::{
    Backend,
    orders::{NewItem, NewOrder, Order, STATUSES},
    shop::channel,
};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tidewire_example_backend::{Answer, Refusal, json as answer};

impl Backend {
    pub(super) async fn orders(&self, asked: Asked<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
        let (call, caller, sku) = (asked.call, asked.caller, asked.sku().to_owned());
        match (&call.method, rest) {
            (&Method::GET, []) => {
                caller.may("order.read")?;
                let since = since(call)?;
                let statuses = listed(call, "status", |text| STATUSES.into_iter().find(|status| *status == text))?;
                Ok(self.list(&sku, "orders", |shop| {
                    let wanted = |order: &&Order| {
                        order.sku == sku
                            && since.as_ref().is_none_or(|since| order.updated_at > *since)
                            && statuses.as_ref().is_none_or(|statuses| statuses.contains(&order.status.as_str()))
                    };
                    json!({ "orders": shop.orders.values().filter(wanted).map(Order::json).collect::<Vec<_>>() })
                }))
            }
            (&Method::GET, [id]) => {
                caller.may("order.read")?;
                let look = self.keep.look();
                let order = look.state.order_of(&sku, number(id)?)?.whole();
                Ok(positioned(answer(StatusCode::OK, &json!({ "order": order })), look.positions.get(&channel(&sku, "orders"))))
            }
            (&Method::POST, []) => {
                caller.may("order.create")?;
                let new: NewOrder = read(&call.body)?;
                let body = self.act(asked.cause, |shop, now| shop.order(&sku, &caller.device_type, new, now)).await?;
                Ok(answer(StatusCode::CREATED, &body))
            }
            (&Method::POST, [id, "items"]) => {
                caller.may("order.create")?;
                let (id, items): (u64, Vec<NewItem>) = (number(id)?, read(&call.body["items"])?);
                let body = self.act(asked.cause, |shop, now| shop.add_items(&sku, id, items, now)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            (&Method::POST, [id, "status"]) => {
                caller.may("order.status.set")?;
                let (id, to) = (number(id)?, to(&call.body)?);
                let body = self.act(asked.cause, |shop, now| shop.set_status(&sku, id, to, now)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            _ => Err(nowhere()),
        }
    }
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    serde_json::from_value(body.clone()).map_err(|e| Refusal::bad(e.to_string()))
}

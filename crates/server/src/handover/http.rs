//! A backend that is reached over HTTP: one signed `POST`, again until it is answered or the deadline is there.

use super::{
    answer,
    backend::{Answer, Backend, Handed, NoAnswer, Pending},
    sign::Signer,
};
use crate::{
    hub,
    outbound::{Ask, Outbound},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use rand::Rng;
use std::time::Duration;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

pub struct Http {
    url: Uri,
    signer: Signer,
    outbound: Outbound,
}

impl Http {
    pub fn new(url: Uri, signer: Signer, outbound: Outbound) -> Http {
        Http { url, signer, outbound }
    }

    async fn ask(&self, handed: &Handed, until: Instant) -> Result<Answer, NoAnswer> {
        let body = handed.body().map_err(|e| NoAnswer::Unreadable(e.to_string()))?;
        let mut pause = PAUSE;
        loop {
            let (why, after) = match self.once(handed, body.clone(), until).await {
                Ok((status, _, said)) if status.is_success() => return answer::accepted(&said).map_err(NoAnswer::Unreadable),
                Ok((status, headers, _)) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                    (format!("the answer was {status}"), retry_after(&headers))
                }
                Ok((status, _, said)) if status.is_client_error() => return Ok(Answer::Refused(answer::refused(status, &said))),
                Ok((status, ..)) => return Err(NoAnswer::Unreadable(format!("the answer was {status}"))),
                Err(why) => (why, None),
            };
            let jitter = rand::rng().random_range(0.5..1.0);
            let wait = after.unwrap_or_else(|| pause.mul_f64(jitter));
            if Instant::now() + wait >= until {
                return Err(NoAnswer::Late(why));
            }
            tracing::debug!(correlation_id = handed.trace, contract = handed.contract, backend = handed.backend, why, "handed over again");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once(&self, handed: &Handed, body: Bytes, until: Instant) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let timestamp = hub::now() / 1_000_000;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|e| e.to_string());
        let mut headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("webhook-id"), value(&handed.id)?),
            (HeaderName::from_static("webhook-timestamp"), HeaderValue::from(timestamp)),
            (HeaderName::from_static("webhook-signature"), value(&self.signer.sign(&handed.id, timestamp, &body))?),
        ];
        // A trace that no header can carry is in the body all the same.
        if let Some(trace) = handed.trace.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok()) {
            headers.push((HeaderName::from_static("x-correlation-id"), trace));
        }
        let timeout = until.saturating_duration_since(Instant::now());
        self.outbound.ask(Ask { method: Method::POST, url: &self.url, headers, body, timeout }).await
    }
}

impl Backend for Http {
    fn hand_over<'a>(&'a self, handed: &'a Handed, until: Instant) -> Pending<'a> {
        Box::pin(self.ask(handed, until))
    }
}

/// How long a backend asks to be left alone (RFC 9110, section 10.2.3); a date is not understood, and counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(86_400)))
}

//! What a backend answers, read off its response, and as it is kept for those who ask with the same key.

use super::backend::{Answer, Refused};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

/// A 2xx: nothing, or `{reply?, events?}`.
pub(super) fn accepted(body: &[u8]) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        reply: Value,
        #[serde(default)]
        events: Vec<Box<RawValue>>,
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Answer::Accepted { reply: Value::Null, events: Vec::new() });
    }
    let Said { reply, events } = serde_json::from_slice(body).map_err(|e| format!("expected {{reply?, events?}}: {e}"))?;
    Ok(Answer::Accepted { reply, events })
}

/// A 4xx: `{code, message, errors?}`, or a problem document (RFC 9457) whose `detail` is the message.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> Refused {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let code = text("code").filter(|code| code.len() <= 64).unwrap_or_else(|| of_status(status).to_owned());
    let message = text("message").or_else(|| text("detail")).or_else(|| text("title"));
    let errors = said.get("errors").filter(|errors| errors.is_array()).cloned();
    Refused {
        code,
        message: message.unwrap_or_else(|| "the backend refused it".to_owned()),
        errors: errors.unwrap_or_else(|| Value::Array(Vec::new())),
    }
}

/// Reads what a backend answers, for those who give it any bytes: whether it accepts.
///
/// # Errors
/// In words: it is no answer.
pub fn check_answer(status: StatusCode, body: &[u8]) -> Result<bool, String> {
    if status.is_success() {
        return accepted(body).map(|answer| matches!(answer, Answer::Accepted { .. }));
    }
    let Refused { code, message, errors } = refused(status, body);
    if code.is_empty() || message.is_empty() || !errors.is_array() {
        return Err("a refusal has a code, a message and a list of errors".to_owned());
    }
    Ok(false)
}

fn of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "UNAUTHORIZED",
        StatusCode::NOT_FOUND | StatusCode::GONE => "NOT_FOUND",
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => "CONFLICT",
        _ => "INVALID_PAYLOAD",
    }
}

/// What became of a client's event: the reply, or why it was refused.
pub type Outcome = Result<Value, Refused>;

/// An outcome as it is kept.
pub(super) fn to_json(outcome: &Outcome) -> Value {
    match outcome {
        Ok(reply) => json!({ "reply": reply }),
        Err(Refused { code, message, errors }) => json!({ "code": code, "message": message, "errors": errors }),
    }
}

/// What [`to_json`] kept.
pub(super) fn from_json(kept: &Value) -> Option<Outcome> {
    if let Some(reply) = kept.get("reply") {
        return Some(Ok(reply.clone()));
    }
    let text = |name: &str| kept.get(name)?.as_str().map(str::to_owned);
    Some(Err(Refused { code: text("code")?, message: text("message")?, errors: kept.get("errors").cloned().unwrap_or_default() }))
}

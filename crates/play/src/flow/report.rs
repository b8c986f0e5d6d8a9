//! What is told of plays: to people, to machines.

use super::{Difference, Nearest, Outcome, Play, Shown, State};
use serde_json::{Value, json};
use std::fmt::Write;

/// A play, for people: its steps, and where reality differs.
pub fn text(play: &Play) -> String {
    let mut text = format!("{} · {} · {}", play.contract, play.flow, play.transport);
    if play.steps.iter().any(|s| s.state != State::AsWritten) || !play.is_as_written() {
        let _ = write!(text, " ({})", play.over.join(", "));
    }
    text.push('\n');
    for step in &play.steps {
        let mark = match step.state {
            State::AsWritten => "✓",
            State::Differs => "✗",
            State::NotReached => "·",
        };
        let _ = writeln!(text, "  {:>4} {mark} {}", step.line, clipped(&step.text, 140));
    }
    match &play.outcome {
        Outcome::AsWritten => {}
        Outcome::Failed(why) => {
            let _ = writeln!(text, "\nerror: the flow cannot be played: {why}");
        }
        Outcome::Differs(difference) => text += &differs(play, difference),
    }
    text
}

fn differs(play: &Play, difference: &Difference) -> String {
    let mut text = format!("\nerror: {}\n", clipped(&difference.message, 600));
    let _ = writeln!(text, "  --> {}:{} (step {} of {})", play.file, difference.line, difference.step, play.steps.len());
    if let Some(expected) = &difference.expected {
        let _ = writeln!(text, "  expected  {}", spelled(expected));
    }
    if let Some(Nearest { shown, fields }) = &difference.nearest {
        let _ = writeln!(text, "  nearest   {}", spelled(shown));
        for field in fields {
            let path = if field.path.is_empty() { "the whole" } else { &field.path };
            let came = field.came.as_ref().map_or("nothing".to_owned(), Value::to_string);
            let _ =
                writeln!(text, "            {path}: expected {}, came {}", clipped(&field.expected.to_string(), 200), clipped(&came, 200));
        }
    }
    for (at, shown) in difference.beside.iter().enumerate() {
        let label = if at == 0 { "beside it" } else { "" };
        let _ = writeln!(text, "  {label:9} {}", spelled(shown));
    }
    text
}

fn spelled(shown: &Shown) -> String {
    let data = shown.data.as_ref().map(|data| format!(" {data}")).unwrap_or_default();
    clipped(&format!("{}{data}", shown.spelled), 400)
}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Plays, for machines: an array of `{contract, file, flow, transport, over, ok, steps, difference?, error?}`.
pub fn json(plays: &[Play]) -> Value {
    plays.iter().map(one).collect()
}

fn one(play: &Play) -> Value {
    let steps: Vec<Value> = play
        .steps
        .iter()
        .map(|step| {
            let state = match step.state {
                State::AsWritten => "as written",
                State::Differs => "differs",
                State::NotReached => "not reached",
            };
            json!({ "line": step.line, "text": step.text, "state": state })
        })
        .collect();
    let mut told = json!({
        "contract": play.contract,
        "file": play.file,
        "flow": play.flow,
        "transport": play.transport.to_string(),
        "over": play.over,
        "ok": play.is_as_written(),
        "steps": steps,
    });
    match &play.outcome {
        Outcome::AsWritten => {}
        Outcome::Failed(why) => told["error"] = why.clone().into(),
        Outcome::Differs(difference) => told["difference"] = serde_json::to_value(difference).unwrap_or_default(),
    }
    told
}

//! The grammar of a step.

use super::{Places, lines::Line, payload};
use crate::{
    compile::{
        backends::is_name,
        fields::short,
        source::{Reporter, nearest},
    },
    flow::{Action, Expected},
};
use serde_json::Value;
use std::ops::Range;

/// What steps look like.
const LOOKS: &str = "a step is one of: `ana, boris join room:r1`, `ana leaves room:r1`, `ana sends TYPE { … }` (a backend: `… to room:r1`), \
                     `ana, boris receive TYPE { … }, TYPE`, `boris receives nothing`, `engine answers { … }`, `ana disconnects`, `ana reconnects`";

#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Join,
    Leave,
    Send,
    Receive,
    Answer,
    Disconnect,
    Reconnect,
}

const VERBS: &[(&str, Verb)] = &[
    ("join", Verb::Join),
    ("leave", Verb::Leave),
    ("send", Verb::Send),
    ("receive", Verb::Receive),
    ("answer", Verb::Answer),
    ("disconnect", Verb::Disconnect),
    ("reconnect", Verb::Reconnect),
];

fn verb(word: &str) -> Option<Verb> {
    let word = word.strip_suffix('s').unwrap_or(word);
    VERBS.iter().find(|(name, _)| *name == word).map(|(_, verb)| *verb)
}

/// What is left of a step.
struct Reading<'s> {
    report: &'s Reporter,
    line: &'s Line,
    at: usize,
}

impl Reading<'_> {
    fn rest(&self) -> &str {
        &self.line.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// The next word, up to a blank, a comma or a brace, and its place in the step.
    fn word(&mut self) -> Option<(String, Range<usize>)> {
        self.blanks();
        let rest = self.rest();
        let len = rest.find(|c: char| c.is_whitespace() || ",{}".contains(c)).unwrap_or(rest.len());
        let part = self.at..self.at + len;
        let word = rest[..len].to_owned();
        self.at = part.end;
        (len > 0).then_some((word, part))
    }

    /// Whether a comma comes next, which is passed over.
    fn comma(&mut self) -> bool {
        self.blanks();
        let there = self.rest().starts_with(',');
        self.at += usize::from(there);
        there
    }

    /// The payload that comes next, if one does. `Err` where it cannot be read, which is reported.
    fn payload(&mut self, expansion: &mut payload::Expansion) -> Result<Option<crate::compile::yaml::Node>, ()> {
        self.blanks();
        if !self.rest().starts_with('{') {
            return Ok(None);
        }
        let start = self.at;
        let Some(len) = closed(self.rest()) else {
            let help = Some("close it with `}`; lines that belong to a step are more indented than it".to_owned());
            self.report.add("bad-step", self.line.at(start..self.line.text.len()), "the payload does not end", help);
            return Err(());
        };
        self.at = start + len;
        payload::read(self.report, self.line, start..start + len, expansion).map(Some).ok_or(())
    }

    fn bad(&self, part: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.report.add("bad-step", self.line.at(part), message, help.or_else(|| Some(LOOKS.to_owned())));
    }

    /// Nothing may follow.
    fn end(&mut self) -> Option<()> {
        self.blanks();
        if self.rest().is_empty() {
            return Some(());
        }
        let message = format!("`{}` does not belong to this step", short(self.rest().trim()));
        self.bad(self.at..self.line.text.len(), message, None);
        None
    }
}

/// The length of the braces at the start of `text`, with all that is in them.
fn closed(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', Some('"')) => {
                chars.next();
            }
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) if " {[,:".contains(before) => quote = Some(c),
            ('{', None) => depth += 1,
            ('}', None) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// Reads a step; reports what cannot be read.
pub(super) fn step(report: &Reporter, line: &Line, expansion: &mut payload::Expansion) -> Option<(Action, Places)> {
    let mut reading = Reading { report, line, at: 0 };
    let mut places = Places { step: line.all(), ..Places::default() };
    let mut who: Vec<String> = Vec::new();
    let verb = loop {
        let Some((word, part)) = reading.word() else {
            reading.bad(0..line.text.len(), "this step does not say who does what", None);
            return None;
        };
        if !who.is_empty() && !reading_list(line, part.start) {
            match verb(&word) {
                Some(verb) => break verb,
                None => {
                    let near = nearest(&word, VERBS.iter().map(|(name, _)| *name)).map(|near| format!("did you mean `{near}s`? {LOOKS}"));
                    reading.bad(part, format!("`{}` is nothing that can be done", short(&word)), near);
                    return None;
                }
            }
        }
        if !is_name(&word) {
            reading.bad(part, format!("`{}` cannot be a name", short(&word)), None);
            return None;
        }
        if who.contains(&word) {
            reading.bad(part, format!("`{word}` is here twice"), Some("name everybody once".to_owned()));
            return None;
        }
        places.who.push(line.at(part));
        who.push(word);
        reading.comma();
    };
    let action = act(&mut reading, verb, who, &mut places, expansion)?;
    reading.end()?;
    Some((action, places))
}

/// Whether a comma stands before this place: another name follows, and no verb.
fn reading_list(line: &Line, at: usize) -> bool {
    line.text[..at].trim_end().ends_with(',')
}

fn act(reading: &mut Reading<'_>, verb: Verb, who: Vec<String>, places: &mut Places, expansion: &mut payload::Expansion) -> Option<Action> {
    let whole = 0..reading.line.text.len();
    match verb {
        Verb::Join | Verb::Leave => {
            let Some((channel, part)) = reading.word() else {
                reading.bad(whole, "this step does not say which channel", None);
                return None;
            };
            places.channel = reading.line.at(part);
            Some(if verb == Verb::Join { Action::Join { who, channel } } else { Action::Leave { who, channel } })
        }
        Verb::Disconnect => Some(Action::Disconnect { who }),
        Verb::Reconnect => Some(Action::Reconnect { who }),
        Verb::Answer => {
            let who = one(reading, who)?;
            let Some(node) = reading.payload(expansion).ok()? else {
                reading.bad(whole, "this step does not say what the answer is", Some(format!("write `{who} answers {{ … }}`")));
                return None;
            };
            let data = node.to_json();
            places.payloads.push(Some(node));
            Some(Action::Answer { who, data })
        }
        Verb::Send => {
            let who = one(reading, who)?;
            let Some((event_type, part)) = reading.word() else {
                reading.bad(whole, "this step does not say what is sent", None);
                return None;
            };
            places.types.push(reading.line.at(part));
            let node = reading.payload(expansion).ok()?;
            let data = node.as_ref().map(|node| node.to_json());
            places.payloads.push(node);
            let channel = match reading.word() {
                None => None,
                Some((to, _)) if to == "to" => match reading.word() {
                    Some((channel, part)) => {
                        places.channel = reading.line.at(part);
                        Some(channel)
                    }
                    None => {
                        reading.bad(whole, "`to` is followed by a channel", None);
                        return None;
                    }
                },
                Some((other, part)) => {
                    reading.bad(part, format!("`{}` does not belong to this step", short(&other)), None);
                    return None;
                }
            };
            Some(Action::Send { who, event_type, data, channel })
        }
        Verb::Receive => receive(reading, who, places, expansion),
    }
}

fn receive(reading: &mut Reading<'_>, who: Vec<String>, places: &mut Places, expansion: &mut payload::Expansion) -> Option<Action> {
    let mut what: Vec<Expected> = Vec::new();
    loop {
        let Some((event_type, part)) = reading.word() else {
            reading.bad(0..reading.line.text.len(), "this step does not say what is received", None);
            return None;
        };
        if event_type == "nothing" && what.is_empty() {
            return Some(Action::ReceiveNothing { who });
        }
        places.types.push(reading.line.at(part));
        let node = reading.payload(expansion).ok()?;
        let data: Option<Value> = node.as_ref().map(|node| node.to_json());
        places.payloads.push(node);
        what.push(Expected { event_type, data });
        if !reading.comma() {
            return Some(Action::Receive { who, what });
        }
    }
}

/// The one who does what only one can do at a time.
fn one(reading: &Reading<'_>, who: Vec<String>) -> Option<String> {
    match <[String; 1]>::try_from(who) {
        Ok([who]) => Some(who),
        Err(who) => {
            let help = Some(format!("write a line for each of them: {}", who.join(", ")));
            reading.bad(0..reading.line.text.len(), "this is done by one at a time", help);
            None
        }
    }
}

//! A flow as arrows between those who take part.

use crate::frame::{self, Role};
use serde_json::Value;
use tidewire_contract::{Action, ClientFrame, Contract, Flow};

/// Characters of a payload that are shown beside a type.
const DATA_CHARS_MAX: usize = 44;

pub struct Script {
    /// A client, the server, the other clients, the backends.
    pub participants: Vec<Participant>,
    pub lines: Vec<Line>,
}

pub struct Participant {
    pub name: String,
    pub is_client: bool,
}

/// What happens; participants by their places.
pub enum Line {
    Arrow {
        from: usize,
        to: usize,
        label: String,
        /// An answer to what came before.
        answers: bool,
    },
    Note {
        over: usize,
        text: String,
    },
}

impl Script {
    pub fn of(contract: &Contract, flow: &Flow) -> Script {
        let mut script = Script { participants: participants(contract, flow), lines: Vec::new() };
        let words = Words::of(contract);
        let server = script.place("Server");
        for step in &flow.steps {
            script.step(contract, &words, server, &step.action);
        }
        script
    }

    fn place(&self, name: &str) -> usize {
        self.participants.iter().position(|p| p.name == name).unwrap_or(0)
    }

    fn arrow(&mut self, from: usize, to: usize, label: String, answers: bool) {
        self.lines.push(Line::Arrow { from, to, label, answers });
    }

    fn note(&mut self, over: usize, text: &str) {
        self.lines.push(Line::Note { over, text: text.to_owned() });
    }

    fn step(&mut self, contract: &Contract, words: &Words, server: usize, action: &Action) {
        match action {
            Action::Join { who, channel } => {
                for name in who {
                    self.arrow(self.place(name), server, format!("{} {channel}", words.join), false);
                }
            }
            Action::Leave { who, channel } => {
                for name in who {
                    self.arrow(self.place(name), server, format!("{} {channel}", words.leave), false);
                }
            }
            Action::Send { who, event_type, data, channel } => {
                let to = channel.as_ref().filter(|_| is_backend(contract, who)).map(|channel| format!(" to {channel}")).unwrap_or_default();
                self.arrow(self.place(who), server, format!("{}{to}", labelled(event_type, data.as_ref())), false);
            }
            Action::Receive { who, what } => {
                for expected in what {
                    for name in who {
                        let answers = words.answers.contains(&expected.event_type);
                        self.arrow(server, self.place(name), labelled(&expected.event_type, expected.data.as_ref()), answers);
                    }
                }
            }
            Action::ReceiveNothing { who } => {
                for name in who {
                    self.note(self.place(name), "receives nothing");
                }
            }
            Action::Answer { who, data } => self.arrow(self.place(who), server, labelled("answers", Some(data)), true),
            Action::Disconnect { who } => {
                for name in who {
                    self.note(self.place(name), "disconnects");
                }
            }
            Action::Reconnect { who } => {
                for name in who {
                    self.arrow(self.place(name), server, "reconnects, and goes on from where it was".to_owned(), false);
                }
            }
        }
    }
}

/// What joining and leaving are called on this wire, and which types are answers.
struct Words {
    join: String,
    leave: String,
    answers: Vec<String>,
}

impl Words {
    fn of(contract: &Contract) -> Words {
        let client = frame::client(contract, &frame::none);
        let word = |wanted: ClientFrame, pusher: &str, plain: &str| {
            let found = client.iter().find(|f| match f.role {
                Role::Client(kind, None) => kind == wanted,
                Role::Pusher(notice) => notice.event == pusher,
                _ => false,
            });
            found.map_or_else(|| plain.to_owned(), |f| f.name.clone())
        };
        let answers = frame::server(contract, &frame::none)
            .into_iter()
            .filter(|f| matches!(f.role, Role::Server(_, Some(_))))
            .map(|f| f.name)
            .collect();
        Words {
            join: word(ClientFrame::Subscribe, "pusher:subscribe", "connects to"),
            leave: word(ClientFrame::Unsubscribe, "pusher:unsubscribe", "leaves"),
            answers,
        }
    }
}

fn is_backend(contract: &Contract, name: &str) -> bool {
    contract.backends.iter().any(|backend| backend.name == name)
}

/// In the order of their appearance: the first client, the server, the other clients, the backends.
fn participants(contract: &Contract, flow: &Flow) -> Vec<Participant> {
    let mut names: Vec<&String> = Vec::new();
    for step in &flow.steps {
        let who: Vec<&String> = match &step.action {
            Action::Join { who, .. }
            | Action::Leave { who, .. }
            | Action::Receive { who, .. }
            | Action::ReceiveNothing { who }
            | Action::Disconnect { who }
            | Action::Reconnect { who } => who.iter().collect(),
            Action::Send { who, .. } | Action::Answer { who, .. } => vec![who],
        };
        for name in who {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let (backends, clients): (Vec<&String>, Vec<&String>) = names.into_iter().partition(|name| is_backend(contract, name));
    let mut all: Vec<Participant> = clients.into_iter().map(|name| Participant { name: name.clone(), is_client: true }).collect();
    let at = all.len().min(1);
    all.insert(at, Participant { name: "Server".to_owned(), is_client: false });
    all.extend(backends.into_iter().map(|name| Participant { name: name.clone(), is_client: false }));
    all
}

fn labelled(event_type: &str, data: Option<&Value>) -> String {
    match data.and_then(shown) {
        Some(data) => format!("{event_type} {data}"),
        None => event_type.to_owned(),
    }
}

/// A payload as flows write it, as much of it as there is room for.
fn shown(data: &Value) -> Option<String> {
    let text = flowing(data);
    if text == "{ }" {
        return None;
    }
    if text.chars().count() <= DATA_CHARS_MAX {
        return Some(text);
    }
    let mut some = String::from("{ ");
    for (name, value) in data.as_object()? {
        let member = format!("{name}: {}, ", flowing(value));
        if some.chars().count() + member.chars().count() + 3 > DATA_CHARS_MAX {
            break;
        }
        some += &member;
    }
    Some(some + "… }")
}

fn flowing(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flowing).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {}", flowing(value))).collect();
            format!("{{ {} }}", members.join(", ")).replace("{  }", "{ }")
        }
        other => other.to_string(),
    }
}

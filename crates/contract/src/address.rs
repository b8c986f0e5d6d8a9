//! Channel addresses: `world:{world_id}` against `world:w1`.

use std::sync::Arc;

/// A pattern with `{names}`, each standing for one or more characters.
#[derive(Debug, Clone)]
pub struct Address {
    pub source: String,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Literal(String),
    Variable(Arc<str>),
}

/// A channel's name, taken apart by its pattern.
#[derive(Debug, Clone)]
pub struct ChannelName {
    /// Index into [`crate::Contract::channels`].
    pub kind: usize,
    /// The kind of the channel whose log this is: another one where the channel mirrors.
    pub log_kind: usize,
    pub name: Arc<str>,
    /// The name of the channel whose log is read: its own, or the mirrored one's.
    pub log: Arc<str>,
    pub vars: Vars,
}

/// What the `{names}` of an address stand for, in order of their appearance.
pub type Vars = Vec<(Arc<str>, String)>;

impl Address {
    /// The names of its variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(&**name),
            Part::Literal(_) => None,
        })
    }

    /// Takes `name` apart, if the pattern matches it. A variable is never empty; a literal that follows one ends it.
    pub fn parse(&self, name: &str) -> Option<Vars> {
        let mut vars = Vars::new();
        let mut rest = name;
        for (i, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Variable(var) => {
                    let end = match self.parts.get(i + 1) {
                        Some(Part::Literal(next)) if i + 2 == self.parts.len() => {
                            rest.len().checked_sub(next.len()).filter(|at| rest.is_char_boundary(*at) && rest.ends_with(next.as_str()))?
                        }
                        Some(Part::Literal(next)) => rest.find(next.as_str())?,
                        _ => rest.len(),
                    };
                    if end == 0 {
                        return None;
                    }
                    vars.push((Arc::clone(var), rest[..end].to_owned()));
                    rest = &rest[end..];
                }
            }
        }
        rest.is_empty().then_some(vars)
    }

    /// The name that the pattern makes of the variables; `None` if one has no value.
    pub fn fill(&self, mut lookup: impl FnMut(&str) -> Option<String>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => name.push_str(text),
                Part::Variable(var) => name.push_str(&lookup(var).filter(|v| !v.is_empty())?),
            }
        }
        Some(name)
    }
}

//! Channel and event names, and what a channel's name says of it.

/// Characters of a channel's or an event's name. Pusher documents 164 for channels, its libraries send up to 200.
pub const NAME_MAX: usize = 200;

/// What a channel is: its name begins so, and nowhere else does the prefix mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelKind {
    pub access: Access,
    /// The last server event is kept for whoever subscribes.
    pub cache: bool,
    /// The payload is a secret between publishers and clients.
    pub encrypted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Who shows a signature.
    Private,
    /// Who shows a signature that also says who it is.
    Presence,
    /// `#server-to-user-ID`: the user of that id alone.
    User,
}

const PREFIXES: [(&str, Access, bool, bool); 7] = [
    ("private-encrypted-cache-", Access::Private, true, true),
    ("private-encrypted-", Access::Private, false, true),
    ("private-cache-", Access::Private, true, false),
    ("private-", Access::Private, false, false),
    ("presence-cache-", Access::Presence, true, false),
    ("presence-", Access::Presence, false, false),
    ("cache-", Access::Public, true, false),
];

const USER: &str = "#server-to-user-";

impl ChannelKind {
    pub fn of(name: &str) -> ChannelKind {
        if name.starts_with(USER) {
            return ChannelKind { access: Access::User, cache: false, encrypted: false };
        }
        let found = PREFIXES.iter().find(|(prefix, ..)| name.starts_with(prefix));
        let (access, cache, encrypted) =
            found.map_or((Access::Public, false, false), |(_, access, cache, encrypted)| (*access, *cache, *encrypted));
        ChannelKind { access, cache, encrypted }
    }

    pub fn is_presence(self) -> bool {
        self.access == Access::Presence
    }
}

/// The channel of a signed-in user, and the user of such a channel.
pub mod server_to_user {
    pub fn channel(user: &str) -> String {
        format!("{}{user}", super::USER)
    }

    pub fn user(channel: &str) -> Option<&str> {
        channel.strip_prefix(super::USER).filter(|user| !user.is_empty())
    }
}

/// A name that the protocol does not allow, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(pub String);

/// Checks a channel's name.
///
/// # Errors
/// What is wrong with it.
pub fn check_channel(name: &str) -> Result<(), BadName> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(BadName(format!("a channel's name has 1 to {NAME_MAX} characters, this one has {}", name.len())));
    }
    let rest = server_to_user::user(name).unwrap_or(name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-=@,.;".contains(c);
    // A user's id may be any text without control characters.
    let user = rest.len() < name.len();
    match rest.chars().find(|c| if user { c.is_control() } else { !allowed(*c) }) {
        None => Ok(()),
        Some(c) => Err(BadName(format!("a channel's name is made of letters, digits and _ - = @ , . ; and here is {c:?}"))),
    }
}

/// Checks the name of an event that is published. `pusher:` and `pusher_internal:` are the protocol's own.
///
/// # Errors
/// What is wrong with it.
pub fn check_event(name: &str) -> Result<(), BadName> {
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(BadName(format!("an event's name has 1 to {NAME_MAX} characters, this one has {}", name.chars().count())));
    }
    if name.starts_with("pusher:") || name.starts_with("pusher_internal:") {
        return Err(BadName("names that begin with `pusher:` or `pusher_internal:` are the protocol's own".to_owned()));
    }
    if name.chars().any(char::is_control) {
        return Err(BadName("an event's name has no control characters".to_owned()));
    }
    Ok(())
}

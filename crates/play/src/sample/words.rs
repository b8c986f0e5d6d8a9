//! Words, for texts of which nothing is known but the member's name.

use super::Sampler;
use rand::Rng;

const NAMES: [&str; 16] = [
    "Ana", "Boris", "Chloé", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Inès", "Jonas", "Karim", "Lina", "Mateo", "Nora", "Omar", "Petra",
];
const WORDS: [&str; 32] = [
    "harbour", "lantern", "morning", "river", "market", "garden", "window", "bridge", "copper", "winter", "letter", "music", "orange",
    "station", "silver", "summer", "forest", "island", "kitchen", "ladder", "mountain", "needle", "paper", "quiet", "stone", "table",
    "valley", "water", "yellow", "candle", "bread", "cloud",
];
const SENTENCES: [&str; 12] = [
    "Meet me at the harbour",
    "The bells are ringing",
    "Two more, please, and without onions",
    "That was quick, thank you",
    "See you tomorrow morning",
    "Somebody left the window open",
    "The river is high today",
    "A letter came for you",
    "We are out of bread",
    "Everything is ready",
    "Could you have a look at this?",
    "The lantern went out again",
];

impl Sampler {
    pub(crate) fn word(&mut self) -> &'static str {
        WORDS[self.rng.random_range(0..WORDS.len())]
    }

    /// Words that a member of this name might have; `many` of them, or as many as are usual if 0.
    pub(crate) fn words(&mut self, key: &str, many: usize) -> String {
        let key = key.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| key.contains(word));
        if many == 0 && is(&["text", "message", "content", "body", "note", "reason", "summary", "description", "comment", "hint"]) {
            return SENTENCES[self.rng.random_range(0..SENTENCES.len())].to_owned();
        }
        if is(&["display_name", "displayname", "username", "author", "sender", "user", "first_name"]) {
            return NAMES[self.rng.random_range(0..NAMES.len())].to_owned();
        }
        if is(&["url", "uri", "href", "link"]) {
            return format!("https://example.org/{}", self.word());
        }
        if is(&["email"]) {
            return format!("{}@example.org", self.word());
        }
        let many = if many > 0 {
            many
        } else if is(&["title", "name", "label", "headline", "animal"]) {
            2
        } else {
            1
        };
        let mut text: String = (0..many).map(|_| self.word()).collect::<Vec<_>>().join(" ");
        if is(&["title", "name", "label", "headline"]) {
            text[..1].make_ascii_uppercase();
        }
        text
    }
}

//! How contracts stand to the checklist, in words.

use std::fmt::Write;
use tidewire_contract::checklist::Outcome;

/// A line for each item: whether it passes, fails, or is otherwise on purpose.
pub fn in_words(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut part = "";
    for outcome in outcomes {
        if outcome.item.part != part {
            part = outcome.item.part;
            let _ = writeln!(text, "  {part}");
        }
        let mark = match (outcome.problems.len(), outcome.otherwise.is_empty()) {
            (0, true) => "ok".to_owned(),
            (0, false) => "ok but".to_owned(),
            (failing, _) => format!("{failing} not"),
        };
        let _ = writeln!(text, "    {mark:<7} {}", outcome.item.title);
        for (event, reason) in &outcome.otherwise {
            let of = event.as_ref().map(|event| format!("{event}: ")).unwrap_or_default();
            let _ = writeln!(text, "              {of}{reason}");
        }
    }
    text
}

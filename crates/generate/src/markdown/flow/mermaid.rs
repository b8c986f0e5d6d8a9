//! A sequence diagram for those who see Mermaid drawn: <https://mermaid.js.org/syntax/sequenceDiagram.html>.

use super::script::{Line, Script};

pub fn drawn(script: &Script) -> String {
    let mut rows = vec!["sequenceDiagram".to_owned()];
    for (at, participant) in script.participants.iter().enumerate() {
        let word = if participant.is_client { "actor" } else { "participant" };
        rows.push(format!("    {word} p{at} as {}", escaped(&participant.name)));
    }
    for line in &script.lines {
        rows.push(match line {
            Line::Arrow { from, to, label, answers } => {
                let arrow = if *answers { "-->>" } else { "->>" };
                format!("    p{from}{arrow}p{to}: {}", escaped(label))
            }
            Line::Note { over, text } => format!("    Note over p{over}: {}", escaped(text)),
        });
    }
    rows.join("\n")
}

/// Characters that end a statement or begin an entity there.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '#' => escaped.push_str("#35;"),
            ';' => escaped.push_str("#59;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

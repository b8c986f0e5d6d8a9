//! A diagram of characters: a column for each who takes part, an arrow for each thing that is sent.

use super::script::{Line, Script};

/// Columns between neighbours at least.
const GAP: usize = 14;

/// The lines, joined.
pub fn drawn(script: &Script) -> String {
    let at = columns(script);
    let mut rows = vec![names(script, &at), lifelines(&at)];
    for line in &script.lines {
        match line {
            Line::Arrow { from, to, label, answers } => rows.push(arrow(&at, *from, *to, label, *answers)),
            Line::Note { over, text } => {
                let name = script.participants.get(*over).map_or("", |p| p.name.as_str());
                rows.push(format!("{}   {name} {text}", lifelines(&at)));
            }
        }
        rows.push(lifelines(&at));
    }
    rows.join("\n")
}

/// The column of each lifeline: as far apart as names and labels need.
fn columns(script: &Script) -> Vec<usize> {
    let half = |at: usize| script.participants.get(at).map_or(0, |p| p.name.chars().count().div_ceil(2));
    let mut columns = vec![half(0).max(3)];
    for next in 1..script.participants.len() {
        columns.push(columns[next - 1] + (half(next - 1) + half(next) + 3).max(GAP));
    }
    // Neighbours first, so that an arrow over several columns only needs what they do not give it already.
    let mut arrows: Vec<(usize, usize, usize)> = script
        .lines
        .iter()
        .filter_map(|line| match line {
            Line::Arrow { from, to, label, .. } => Some((*from.min(to), *from.max(to), label.chars().count() + 10)),
            Line::Note { .. } => None,
        })
        .filter(|(left, right, _)| left < right && *right < columns.len())
        .collect();
    arrows.sort_by_key(|(left, right, _)| right - left);
    for (left, right, needs) in arrows {
        let missing = needs.saturating_sub(columns[right] - columns[left]);
        for column in &mut columns[right..] {
            *column += missing;
        }
    }
    columns
}

fn names(script: &Script, at: &[usize]) -> String {
    let mut row = String::new();
    for (column, participant) in at.iter().zip(&script.participants) {
        let width = participant.name.chars().count();
        let start = column.saturating_sub(width / 2);
        pad(&mut row, start);
        row.push_str(&participant.name);
    }
    row
}

fn lifelines(at: &[usize]) -> String {
    let mut row = String::new();
    for column in at {
        pad(&mut row, *column);
        row.push('│');
    }
    row
}

fn pad(row: &mut String, to: usize) {
    for _ in row.chars().count()..to {
        row.push(' ');
    }
}

fn arrow(at: &[usize], from: usize, to: usize, label: &str, answers: bool) -> String {
    let mut row: Vec<char> = lifelines(at).chars().collect();
    let (Some(start), Some(end)) = (at.get(from.min(to)), at.get(from.max(to))) else { return row.into_iter().collect() };
    let line = if answers { '╌' } else { '─' };
    for cell in row.iter_mut().take(*end).skip(start + 1) {
        *cell = if *cell == '│' { '┼' } else { line };
    }
    if from < to {
        row[end - 1] = '▶';
    } else {
        row[start + 1] = '◀';
    }
    // `│─── label ────▶│` and `│◀── label ─────│`
    let label: Vec<char> = format!(" {label} ").chars().collect();
    for (offset, c) in label.into_iter().enumerate() {
        if let Some(cell) = row.get_mut(start + 4 + offset) {
            *cell = c;
        }
    }
    row.into_iter().collect()
}

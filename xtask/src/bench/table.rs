//! Results as a table for people.

/// Prints `rows` under `head`: the first column to the left, numbers to the right.
pub(super) fn print(head: &[&str], rows: &[Vec<String>]) {
    print!("{}", text(head, rows));
}

/// Milliseconds with as many digits as one can tell apart; a dash for what could not be measured.
pub(super) fn milliseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1} ms"),
        Some(value) => format!("{value:.0} ms"),
    }
}

fn text(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let width = |column: usize| {
        lines().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in lines().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
        if number == 0 {
            text += &"-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len().saturating_sub(1)));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["arrow.heic".to_owned(), milliseconds(Some(9.26))],
            vec!["a.heic".to_owned(), milliseconds(Some(1408.2))],
            vec!["b.heic".to_owned(), milliseconds(None)],
        ];
        let expected = "\
file           ours
-------------------
arrow.heic   9.3 ms
a.heic      1408 ms
b.heic            –
";
        assert_eq!(text(&["file", "ours"], &rows), expected);
    }
}

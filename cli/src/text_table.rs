//! Tables for a terminal.

/// Columns of texts, which are on the left, and of numbers, which are on the right.
pub struct TextTable {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Copy)]
pub enum Column {
    Text(&'static str),
    Number(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) => name,
        }
    }
}

impl TextTable {
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: vec![
                columns
                    .iter()
                    .map(|column| column.name().to_owned())
                    .collect(),
            ],
        }
    }

    /// Adds a row with a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, the names of the columns first. A text in the last column is not padded.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&self.columns).zip(&widths);
            let cells = cells.map(|((cell, column), width)| match column {
                Column::Text(_) => format!("{cell:<width$}"),
                Column::Number(_) => format!("{cell:>width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_on_the_left_and_numbers_on_the_right() {
        let mut table = TextTable::new(&[
            Column::Text("event"),
            Column::Number("sold"),
            Column::Text("name"),
        ]);
        table.row(["a".to_owned(), "12000".to_owned(), "One".to_owned()]);
        table.row(["winter".to_owned(), "3".to_owned(), String::new()]);
        let lines = ["event    sold  name", "a       12000  One", "winter      3"];
        assert_eq!(table.lines(), lines);
    }
}

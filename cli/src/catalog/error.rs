use std::fmt;

/// An error in a catalogue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CatalogError {
    /// Counted from 1.
    pub line: u64,
    /// A dotted path: `events[0].queue.maxActive`; empty for the file itself.
    pub field: String,
    pub message: String,
}

impl CatalogError {
    /// The message with its field, without the line.
    #[must_use]
    pub fn text(&self) -> String {
        if self.field.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.field, self.message)
        }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text())
    }
}

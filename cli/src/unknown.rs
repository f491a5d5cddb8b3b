//! What an operator names and the table does not have.

use std::fmt;

/// There is no such event, date, seat, reservation or payment. Commands report it with exit code 1.
#[derive(Debug)]
pub struct Unknown(String);

impl Unknown {
    /// `what`: such as `event winter-live`.
    #[must_use]
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {}", self.0)
    }
}

impl std::error::Error for Unknown {}

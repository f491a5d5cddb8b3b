//! The log of the command, for people.

use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::output::LogWriter;

/// Writes the log to standard error, in colour on a terminal unless `NO_COLOR` is set.
///
/// # Panics
/// If it is called twice.
pub fn init() {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| LogWriter)
        .with_ansi(colour)
        .with_target(false);
    let shown = shared::telemetry::shown().with_target("dynoxide", LevelFilter::ERROR);
    tracing_subscriber::registry()
        .with(lines)
        .with(shown)
        .init();
}

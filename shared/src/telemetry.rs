//! Logs: one line a request. Never a token, a key or a body; of persons only the user id.

use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;

/// JSON on standard output, for Lambda.
pub fn init_lambda() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_target(false)
        .with_max_level(LevelFilter::INFO)
        .init();
}

/// Lines to read, on standard error; colours on a terminal unless `NO_COLOR` is set.
pub fn init_local() {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .with_max_level(LevelFilter::INFO)
        .init();
}

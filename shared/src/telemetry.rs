//! Logs: one line a request. Never a token, a key or a body; of persons only the user id.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Our own lines. The SDK warns of every refused condition, which is an answer here, not a fault; what is one, the store's
/// caller logs.
fn ours() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("aws_sdk_dynamodb", LevelFilter::OFF)
        .with_target("aws_smithy_runtime", LevelFilter::OFF)
        .with_target("dynoxide", LevelFilter::ERROR)
}

/// JSON on standard output, for Lambda.
pub fn init_lambda() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_filter(ours());
    tracing_subscriber::registry().with(lines).init();
}

/// Lines to read, on standard error; colours on a terminal unless `NO_COLOR` is set.
pub fn init_local() {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .with_filter(ours());
    tracing_subscriber::registry().with(lines).init();
}

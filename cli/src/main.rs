//! `boxoffice`.

use std::process::ExitCode;

use boxoffice::command;
use clap::Parser;

fn main() -> ExitCode {
    shared::telemetry::init_local();
    command::run(command::Cli::parse())
}

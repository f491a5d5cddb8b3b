//! `boxoffice`.

use std::process::ExitCode;

use boxoffice::command;
use clap::Parser;

fn main() -> ExitCode {
    boxoffice::logs::init();
    command::run(command::Cli::parse())
}

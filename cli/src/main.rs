use std::process::ExitCode;

use boxoffice::command_line::{self, CommandLine};
use clap::Parser;

fn main() -> ExitCode {
    boxoffice::logging::init();
    command_line::run(CommandLine::parse())
}

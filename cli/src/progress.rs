//! The progress of a long command, on standard error: a bar on a terminal, and otherwise a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{error_line, escaped};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub struct Progress {
    target: Target,
}

enum Target {
    Bar(ProgressBar),
    Lines { printed_at: Option<Instant> },
    Hidden,
}

impl Progress {
    /// A bar on a terminal, and a line every ten seconds elsewhere. `total`: where the bar ends.
    #[must_use]
    pub fn of(total: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            Target::Bar(bar(total, "{bar:30} {percent:>3}% {elapsed} {wide_msg}"))
        } else {
            Target::Lines { printed_at: None }
        };
        Self { target }
    }

    /// A bar that counts items on a terminal, and nothing elsewhere. `items` may be an estimate; 0 if it is not known.
    #[must_use]
    pub fn of_items(items: u64) -> Self {
        let target = match (std::io::stderr().is_terminal(), items) {
            (false, _) => Target::Hidden,
            (true, 0) => Target::Bar(bar(0, "{spinner} {human_pos} items, {per_sec}")),
            (true, items) => Target::Bar(bar(
                items,
                "{bar:40} {human_pos} of about {human_len} items, {per_sec}, {eta} left",
            )),
        };
        Self { target }
    }

    /// Shows nothing: the command does not take long.
    #[must_use]
    pub fn hidden() -> Self {
        Self {
            target: Target::Hidden,
        }
    }

    /// Moves the bar.
    pub fn set(&mut self, position: u64) {
        if let Target::Bar(bar) = &self.target {
            bar.set_position(position);
        }
    }

    /// Moves the bar and says what happens. `message` is only called if it will be shown.
    pub fn report(&mut self, position: u64, message: impl FnOnce() -> String) {
        match &mut self.target {
            Target::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(escaped(&message()));
            }
            Target::Lines { printed_at } => {
                if printed_at.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                    *printed_at = Some(Instant::now());
                    error_line(message());
                }
            }
            Target::Hidden => {}
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        if let Target::Bar(bar) = self.target {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

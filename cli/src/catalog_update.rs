//! Applies a catalogue: changes the table to match it, unless a change would break sold tickets or a queue.

mod differences;
mod plan;

use std::path::Path;

use anyhow::Result;
use plan::{Plan, Step};
use shared::app::App;
use shared::store::{Change, Consistency, Store};

use crate::catalog::{self, Known};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::steering;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Makes the changes and prints them.
    Apply,
    /// Prints the changes.
    DryRun,
}

pub async fn apply_file(
    store: &Store,
    file: &Path,
    mode: Mode,
    out: &mut Output,
) -> Result<Outcome> {
    let name = file.display().to_string();
    let text = catalog::read_file(file)?;
    apply_text(store, &name, &text, mode, out).await
}

/// `name` stands for the catalogue in messages.
pub async fn apply_text(
    store: &Store,
    name: &str,
    text: &str,
    mode: Mode,
    out: &mut Output,
) -> Result<Outcome> {
    let now = store.clock().now();
    let events = store.events(Consistency::Strong).await?.into_iter();
    let known = Known {
        first_applied: events
            .map(|event| (event.event_id, event.first_applied_at))
            .collect(),
        settings: store.settings().await?,
    };
    let catalog = match catalog::parse(text, &known, now) {
        Ok(catalog) => catalog,
        Err(errors) => {
            for error in errors {
                error_line(format_args!("{name}:{error}"));
            }
            return Ok(Outcome::Negative);
        }
    };
    let plan = Plan::make(store, catalog, known, now).await?;
    for warning in &plan.warnings {
        error_line(format_args!(
            "{name}:{}: warning: {}",
            warning.line,
            warning.text()
        ));
    }
    if !plan.errors.is_empty() || !plan.conflicts.is_empty() {
        for error in &plan.errors {
            error_line(format_args!("{name}:{error}"));
        }
        report(name, &plan.conflicts);
        return Ok(Outcome::Negative);
    }
    if mode != Mode::DryRun && !store.put_settings(&plan.settings).await? {
        error_line(format_args!(
            "{name}: currency: the table already has another one"
        ));
        return Ok(Outcome::Negative);
    }
    if let Some(description) = &plan.settings_change {
        out.line(description);
    }
    for step in plan.steps {
        if mode == Mode::DryRun {
            print(out, &step);
            continue;
        }
        match step.make(store, now).await? {
            Ok(step) => {
                print(out, &step);
                if let Some(Change::Update { described, .. }) = &step.change {
                    let app = App::new(store.clone());
                    steering::promote_lanes(&app, &described.programme.event).await;
                }
            }
            Err(conflicts) => {
                report(name, &conflicts);
                return Ok(Outcome::Negative);
            }
        }
    }
    Ok(Outcome::Done)
}

fn print(out: &mut Output, step: &Step) {
    for line in &step.description {
        out.line(line);
    }
}

fn report(name: &str, conflicts: &[String]) {
    for conflict in conflicts {
        error_line(format_args!("{name}: {conflict}"));
    }
}

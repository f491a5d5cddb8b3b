//! Applies a catalogue: changes the table to match it, unless a change would break sold tickets or a queue.

mod differences;
mod pictures;
mod plan;

use std::path::Path;

use anyhow::Result;
use domain::journal::Author;
pub use pictures::Files;
use plan::{Plan, Step};
use shared::app::App;
use shared::store::{Change, Consistency, Described, Store};

use crate::catalog::{self, Known};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::steering;

#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Makes the changes and prints them. The journal says who makes them.
    Apply(&'a Author),
    /// Prints the changes.
    DryRun,
}

pub async fn apply_file(
    store: &Store,
    file: &Path,
    mode: Mode<'_>,
    out: &mut Output,
) -> Result<Outcome> {
    let name = file.display().to_string();
    let text = catalog::read_file(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let source = Source {
        name: &name,
        text: &text,
        files: Files::Beside(folder),
    };
    apply(store, source, mode, out).await
}

/// Applies a catalogue without files beside it.
pub async fn apply_text(
    store: &Store,
    name: &str,
    text: &str,
    mode: Mode<'_>,
    out: &mut Output,
) -> Result<Outcome> {
    let files = Files::Embedded(&[]);
    apply(store, Source { name, text, files }, mode, out).await
}

/// A catalogue and the files to which it refers.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Stands for the catalogue in messages.
    pub name: &'a str,
    pub text: &'a str,
    pub files: Files<'a>,
}

pub async fn apply(
    store: &Store,
    source: Source<'_>,
    mode: Mode<'_>,
    out: &mut Output,
) -> Result<Outcome> {
    let Source { name, text, files } = source;
    let now = store.clock().now();
    let events = store.events(Consistency::Strong).await?;
    let known_images = events
        .iter()
        .filter_map(|event| {
            let image = event.terms.profile.image.clone()?;
            Some((event.event_id.clone(), image))
        })
        .collect();
    let known = Known {
        first_applied: events
            .into_iter()
            .map(|event| (event.event_id, event.first_applied_at))
            .collect(),
        settings: store.settings().await?,
    };
    let loaded = match catalog::parse(text, &known, now) {
        Ok(catalog) => pictures::load(catalog, files, &known_images).await,
        Err(errors) => Err(errors),
    };
    let (catalog, pictures) = match loaded {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors {
                error_line(format_args!("{name}:{error}"));
            }
            return Ok(Outcome::Negative);
        }
    };
    let former_settings = known.settings.clone();
    let plan = Box::pin(Plan::make(store, catalog, known, now)).await?;
    let mut pictures = pictures;
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
    if let Mode::Apply(author) = mode
        && !store
            .put_settings(&plan.settings, former_settings.as_ref(), author)
            .await?
    {
        error_line(format_args!(
            "{name}: somebody else has changed the settings of the table at the same time; try again"
        ));
        return Ok(Outcome::Negative);
    }
    if let Some(description) = &plan.settings_change {
        out.line(description);
    }
    for step in plan.steps {
        let Mode::Apply(author) = mode else {
            print(out, &step);
            continue;
        };
        if let Some(change) = &step.change {
            let id = &change.described().programme.event.event_id;
            let pictures = pictures.remove(id).unwrap_or_default();
            // Before the event, which refers to them.
            store.put_pictures(id, &pictures).await?;
        }
        match Box::pin(step.make(store, now, author)).await? {
            Ok(step) => {
                print(out, &step);
                if let Some(Change::Update { described, former }) = &step.change {
                    expire_replaced_picture(store, former, described).await?;
                    let app = App::new(store.clone());
                    Box::pin(steering::promote_lanes(&app, &described.programme.event)).await;
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

/// A picture that the event no longer shows expires after some weeks.
async fn expire_replaced_picture(
    store: &Store,
    former: &Described,
    described: &Described,
) -> Result<()> {
    let image = |of: &Described| of.programme.event.terms.profile.image.clone();
    let shown = image(described).map(|image| image.hash);
    match image(former) {
        Some(former) if Some(&former.hash) != shown.as_ref() => {
            let id = &described.programme.event.event_id;
            Ok(store.expire_pictures(id, &former).await?)
        }
        Some(_) | None => Ok(()),
    }
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

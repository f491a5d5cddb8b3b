//! Changed plans: events and dates that are cancelled or postponed.

use super::apply::{ApplyRefused, date_write};
use super::client::Store;
use super::expression::Write;
use super::journal::Deed;
use super::notices;
use domain::event::{Event, Programme};
use domain::ids::DateKey;
use domain::journal::{Act, Author};
use domain::queue::Control;

/// Why plans were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplanRefused {
    /// A date, or the event, starts at neither of the times that its postponements know.
    #[error("the catalogue has moved {} to a time that its postponements do not know", .0.map_or_else(|| "the event".to_owned(), |date| date.to_string()))]
    UnknownStart(Option<DateKey>),
    #[error(transparent)]
    Apply(#[from] ApplyRefused),
}

impl Store {
    /// Replaces the operators' changes to an event, and moves the dates that are postponed by them: one
    /// transaction. Neither the event nor its dates must have changed since they were read.
    pub async fn replan(
        &self,
        former: &Programme,
        control: Control,
        author: &Author,
    ) -> Result<Event, ReplanRefused> {
        let deed = Deed {
            author,
            acts: Act::of_control(&former.event, &control),
        };
        let programme = former.clone().under(control);
        let programme = programme.map_err(ReplanRefused::UnknownStart)?;
        let event = &programme.event;
        let moved = programme.dates.values();
        let moved = moved.filter(|date| former.dates.get(&date.date) != Some(date));
        let mut writes: Vec<Write> = moved.map(|date| date_write(event, date)).collect();
        let mut told = notices::of_event(former, &programme);
        let dates = event.control.dates.keys();
        told.extend(dates.flat_map(|date| notices::of_date(former, &programme, *date)));
        writes.extend(notices::notices(
            former,
            &programme,
            &told,
            self.clock.now(),
        ));
        let revision = former.event.revision;
        Ok(self.write_event(event, revision, &writes, &deed).await?)
    }
}

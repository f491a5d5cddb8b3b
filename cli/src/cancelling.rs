//! Cancels an event or one date of it: stops the sale at once, then gives everybody the money back.
//!
//! The first write is the event's, also for a date. From then on, joining, holding and paying are refused, as soon as a process has read the
//! event again. What was decided before may still be written for [`CANCELLATION_SETTLES_SECONDS`], so the sweep goes over the
//! table until a whole round that began later has found nothing. It can be interrupted and repeated at any point: each
//! refund is one transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use domain::event::{Event, Programme};
use domain::ids::{DateKey, EventId, ReservationId};
use domain::journal::Author;
use domain::money::Money;
use domain::plans::CANCELLATION_SETTLES_SECONDS;
use domain::refusal::Refusal;
use domain::reservation::{Reservation, State, Status};
use futures::stream::{self, StreamExt};
use shared::app::App;
use shared::http::problem::Problem;
use shared::store::Store;

use crate::replanning::{self, Replanned};

/// Reservations that are cancelled at once.
const AT_ONCE: usize = 16;
/// Rounds over the table. One that finds nothing ends the sweep, so more than two are rare.
const MOST_ROUNDS: usize = 5;
/// How long the sweep waits at once, until nothing can be sold any more.
const WAIT: Duration = Duration::from_secs(1);

/// What the sweep has done.
#[derive(Debug, Default)]
pub struct Swept {
    pub released: u64,
    pub refunded: u64,
    /// What was given back, in the minor unit.
    pub amount: Money,
    /// What could not be done, and why.
    pub failed: BTreeMap<String, String>,
    /// A round that began once nothing could be sold any more has found nothing to do.
    pub is_complete: bool,
}

/// What is sold and held now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlook {
    pub confirmed: u64,
    pub held: u64,
    pub amount: Money,
}

/// What is cancelled: an event, or one date of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    pub event: EventId,
    pub date: Option<DateKey>,
}

impl Scope {
    /// All dates of an event.
    #[must_use]
    pub fn of_event(event: EventId) -> Self {
        Self { event, date: None }
    }

    fn has(&self, reservation: &Reservation) -> bool {
        *reservation.event_id() == self.event
            && self
                .date
                .is_none_or(|date| reservation.date() == Some(date))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date {
            Some(date) => write!(f, "{} on {date}", self.event),
            None => write!(f, "{}", self.event),
        }
    }
}

/// Counts what cancelling it would give back.
pub async fn outlook(app: &App, scope: &Scope) -> Result<Outlook> {
    let mut outlook = Outlook::default();
    let mut start = None;
    loop {
        let page = app.store().scan_reservations(start).await?;
        let now = app.clock().now();
        for reservation in page.found.iter().filter(|of| scope.has(of)) {
            match reservation.status(now) {
                Status::Confirmed => outlook.confirmed += 1,
                Status::Held => outlook.held += 1,
                Status::Cancelled | Status::Expired => {}
            }
            outlook.amount = outlook.amount + reservation.full_refund();
        }
        start = page.next;
        if start.is_none() {
            return Ok(outlook);
        }
    }
}

/// Stops the sale for good. Repeating it changes nothing. Refused, with the reason, if no other date
/// would take place.
pub async fn cancel(store: &Store, scope: &Scope, author: &Author) -> Result<Replanned> {
    let now = store.clock().now();
    replanning::replan(store, &scope.event, author, |programme| {
        let control = programme.event.control.clone();
        if scope.date.is_some_and(|date| !has_others(programme, date)) {
            return Err("no other date takes place: cancel the event instead".to_owned());
        }
        Ok(control.cancelled_at(scope.date, now))
    })
    .await
}

/// Whether a date that is not cancelled is left without this one.
fn has_others(programme: &Programme, date: DateKey) -> bool {
    let control = &programme.event.control;
    let is_held = |other: DateKey| control.cancellation_of(Some(other)).is_none();
    !is_held(date)
        || programme
            .dates
            .keys()
            .any(|other| *other != date && is_held(*other))
}

/// Gives everybody the money back. `progress` is told how many reservations have been cancelled.
pub async fn sweep(
    app: &App,
    event: &Event,
    date: Option<DateKey>,
    author: &Author,
    mut progress: impl FnMut(&Swept),
) -> Result<Swept> {
    let scope = Scope {
        event: event.event_id.clone(),
        date,
    };
    let cancellation = event.control.cancellation_of(date);
    let mut swept = Swept::default();
    for _ in 0..MOST_ROUNDS {
        let began_at = app.clock().now();
        let has_settled = cancellation.is_some_and(|of| of.has_settled(began_at));
        swept.failed.clear();
        let found = round(app, &scope, &mut swept, &mut progress).await?;
        if has_settled && found == 0 {
            replanning::replan(app.store(), &scope.event, author, |programme| {
                let control = programme.event.control.clone();
                Ok(control.refunded_at(date, app.clock().now()))
            })
            .await?
            .map_err(anyhow::Error::msg)?;
            swept.is_complete = true;
            return Ok(swept);
        }
        if has_settled && !swept.failed.is_empty() {
            return Ok(swept);
        }
        for _ in 0..CANCELLATION_SETTLES_SECONDS {
            if cancellation.is_none_or(|of| of.has_settled(app.clock().now())) {
                break;
            }
            tokio::time::sleep(WAIT).await;
        }
    }
    Ok(swept)
}

/// One round over the table. Returns how many reservations were alive.
async fn round(
    app: &App,
    scope: &Scope,
    swept: &mut Swept,
    progress: &mut impl FnMut(&Swept),
) -> Result<u64> {
    let mut found = 0;
    let mut start = None;
    loop {
        let page = app.store().scan_reservations(start).await?;
        let now = app.clock().now();
        let living = page.found.into_iter().filter(|reservation| {
            let is_alive = matches!(reservation.status(now), Status::Held | Status::Confirmed);
            scope.has(reservation) && is_alive
        });
        let mut cancelled = stream::iter(living)
            .map(async |reservation| {
                let result = cancel_one(app, &reservation).await;
                (reservation.reservation_id, result)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((reservation, result)) = cancelled.next().await {
            found += 1;
            note(swept, &reservation, result);
            progress(swept);
        }
        start = page.next;
        if start.is_none() {
            return Ok(found);
        }
    }
}

async fn cancel_one(app: &App, reservation: &Reservation) -> Result<Reservation, Refusal> {
    let (user, id) = (reservation.user_id, &reservation.reservation_id);
    app.cancel(user, id, None, app.clock().now()).await
}

fn note(swept: &mut Swept, id: &ReservationId, result: Result<Reservation, Refusal>) {
    match result {
        Ok(cancelled) => match cancelled.state {
            State::Cancelled {
                payment: Some(_),
                refunded,
                ..
            } => {
                swept.refunded += 1;
                swept.amount = swept.amount + refunded - cancelled.returned.refunded;
            }
            _ => swept.released += 1,
        },
        // It has lapsed meanwhile, and nothing was paid.
        Err(Refusal::NotCancellable(_)) => {}
        Err(refusal) => {
            let problem = Problem::of(&refusal);
            swept.failed.insert(id.to_string(), problem.code.to_owned());
        }
    }
}

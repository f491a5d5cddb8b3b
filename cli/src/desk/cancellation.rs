//! Cancelling an event from the desk. It goes on in the background, and the page shows how far it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use domain::event::Event;
use domain::ids::EventId;
use domain::journal::{Author, Why};
use domain::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{ApiError, ApiResult, valid};
use super::api::{DeskState, event_id};
use crate::cancelling::{self, Scope, Swept};
use crate::known_event;

/// How far the cancellations of this process are.
#[derive(Default)]
pub(super) struct Cancellations(Mutex<HashMap<EventId, Progress>>);

#[derive(Clone, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    running: bool,
    /// About how many reservations there are.
    total: u64,
    refunded: u64,
    released: u64,
    /// What was given back, in the minor unit.
    amount: Money,
    /// Each reservation that could not be cancelled, and why.
    failures: Vec<(String, String)>,
    /// Why it ended before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Progress {
    fn note(&mut self, swept: &Swept) {
        self.refunded = swept.refunded;
        self.released = swept.released;
        self.amount = swept.amount;
        let failed = swept.failed.iter();
        self.failures = failed
            .map(|(reservation, code)| (reservation.clone(), code.clone()))
            .collect();
    }
}

impl Cancellations {
    fn all(&self) -> MutexGuard<'_, HashMap<EventId, Progress>> {
        // A panic leaves the map usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, event: &EventId, change: impl FnOnce(&mut Progress)) {
        change(self.all().entry(event.clone()).or_default());
    }

    /// Whether it was not running.
    fn begin(&self, event: &EventId) -> bool {
        let mut all = self.all();
        if all.get(event).is_some_and(|progress| progress.running) {
            return false;
        }
        let running = Progress {
            running: true,
            ..Progress::default()
        };
        all.insert(event.clone(), running);
        true
    }

    fn end(&self, event: &EventId, result: Result<()>) {
        self.change(event, |progress| {
            progress.running = false;
            progress.problem = result.err().map(|error| format!("{error:#}"));
        });
    }
}

/// What cancelling would give back. Reads the whole table.
pub(super) async fn outlook(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Json<Value>> {
    let id = event_id(&event)?;
    known_event::event(desk.app().store(), &id).await?;
    let outlook = cancelling::outlook(desk.app(), &Scope::of_event(id)).await?;
    Ok(Json(json!({
        "confirmed": outlook.confirmed,
        "held": outlook.held,
        "amount": outlook.amount,
    })))
}

pub(super) async fn progress(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Json<Progress>> {
    let id = event_id(&event)?;
    let known = desk.cancellations().all().get(&id).cloned();
    Ok(Json(known.unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancellationRequest {
    why: String,
}

/// Stops the sale for good, and begins to give everybody the money back.
pub(super) async fn cancel(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
    request: Result<Json<CancellationRequest>, JsonRejection>,
) -> ApiResult<Json<Value>> {
    let id = event_id(&event)?;
    let why = valid("why", Why::parse(&request?.0.why))?;
    let author = desk.author(Some(why));
    known_event::event(desk.app().store(), &id).await?;
    if !desk.cancellations().begin(&id) {
        return Err(ApiError::conflict("it is running already".to_owned()));
    }
    let cancelled = Box::pin(begin(&desk, &id, &author)).await;
    match cancelled {
        Ok(event) => {
            tokio::spawn(Box::pin(sweep(desk, event, author)));
            Ok(Json(json!({ "running": true })))
        }
        Err(error) => {
            let message = format!("{error:#}");
            desk.cancellations().end(&id, Err(error));
            Err(anyhow::Error::msg(message).into())
        }
    }
}

async fn begin(desk: &DeskState, id: &EventId, author: &Author) -> Result<Event> {
    let scope = Scope::of_event(id.clone());
    let event = cancelling::cancel(desk.app().store(), &scope, author)
        .await?
        .map_err(anyhow::Error::msg)?;
    let outlook = cancelling::outlook(desk.app(), &scope).await?;
    desk.cancellations().change(id, |progress| {
        progress.total = outlook.confirmed + outlook.held;
    });
    Ok(event)
}

/// If the desk ends, the next sweep goes on from there.
async fn sweep(desk: Arc<DeskState>, event: Event, author: Author) {
    let id = &event.event_id;
    let cancellations = desk.cancellations();
    let note = |swept: &Swept| cancellations.change(id, |progress| progress.note(swept));
    let result = cancelling::sweep(desk.app(), &event, None, &author, note).await;
    let ended = result.map(|swept| cancellations.change(id, |progress| progress.note(&swept)));
    cancellations.end(id, ended);
}

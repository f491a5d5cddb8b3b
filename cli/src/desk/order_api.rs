//! Orders, withdrawals and the journal, as the desk's page asks for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId, ReservationId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{ApiError, ApiResult, valid};
use super::api::{DeskState, event_id};
use crate::journal_list::JournalList;
use crate::known_event;
use crate::open_withdrawals::OpenWithdrawals;
use crate::order_search::{OrderQuery, OrderSearch, parse_payment, parse_seat, parse_status};
use crate::order_story::OrderStory;

/// As many orders as a page shows.
const MOST_ORDERS: u16 = 200;
/// As many entries of the journal as a page shows.
const MOST_ENTRIES: usize = 100;

/// The options of `boxoffice orders`, as texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchQuery {
    user: Option<String>,
    event: Option<String>,
    date: Option<String>,
    seat: Option<String>,
    payment: Option<String>,
    status: Option<String>,
}

/// The text of an option, parsed.
fn optional<T, E: std::fmt::Display>(
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> ApiResult<Option<T>> {
    valid(field, text.map(parse).transpose())
}

fn query<T>(given: Result<Query<T>, QueryRejection>) -> ApiResult<T> {
    let given = given.map_err(|error| ApiError::field("query", error.body_text()))?;
    Ok(given.0)
}

impl SearchQuery {
    fn parse(&self) -> ApiResult<OrderQuery> {
        let query = OrderQuery {
            user: optional("user", self.user.as_deref(), UserId::parse)?,
            event: optional("event", self.event.as_deref(), EventId::parse)?,
            date: optional("date", self.date.as_deref(), DateKey::parse)?,
            seat: optional("seat", self.seat.as_deref(), parse_seat)?,
            statuses: optional("status", self.status.as_deref(), parse_status)?
                .into_iter()
                .collect(),
            limit: MOST_ORDERS,
        };
        if self.payment.is_none() && query.user.is_none() && query.event.is_none() {
            return Err(ApiError::field(
                "user",
                "or an event or a payment is needed",
            ));
        }
        if query.date.is_some() && query.event.is_none() {
            return Err(ApiError::field("event", "is needed for a date"));
        }
        if query.seat.is_some() && query.date.is_none() {
            return Err(ApiError::field("date", "is needed for a seat"));
        }
        Ok(query)
    }
}

pub(super) async fn orders(
    State(desk): State<Arc<DeskState>>,
    given: Result<Query<SearchQuery>, QueryRejection>,
) -> ApiResult<Json<Value>> {
    let given = query(given)?;
    let wanted = given.parse()?;
    let search = OrderSearch::new(desk.app().store().clone()).await?;
    if let Some(payment) = &given.payment {
        let id = valid("payment", parse_payment(payment))?;
        let found = Box::pin(search.by_payment(&id, &wanted)).await?;
        return Ok(Json(json!(found)));
    }
    let found = Box::pin(search.find(&wanted, |_| {})).await?;
    Ok(Json(json!(found)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoryQuery {
    user: Option<String>,
}

pub(super) async fn story(
    State(desk): State<Arc<DeskState>>,
    Path(reservation): Path<String>,
    given: Result<Query<StoryQuery>, QueryRejection>,
) -> ApiResult<Json<OrderStory>> {
    let id = valid("reservation", ReservationId::parse(&reservation))?;
    let user = optional("user", query(given)?.user.as_deref(), UserId::parse)?;
    let search = OrderSearch::new(desk.app().store().clone()).await?;
    Ok(Json(Box::pin(search.story(&id, user)).await?))
}

pub(super) async fn withdrawals(State(desk): State<Arc<DeskState>>) -> ApiResult<Json<Value>> {
    let open = OpenWithdrawals::read(desk.app().store()).await?;
    Ok(Json(json!({ "withdrawals": open })))
}

pub(super) async fn journal(State(desk): State<Arc<DeskState>>) -> ApiResult<Json<JournalList>> {
    let store = desk.app().store();
    Ok(Json(
        JournalList::of_all(store, EpochMs(0), MOST_ENTRIES).await?,
    ))
}

pub(super) async fn event_journal(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Json<JournalList>> {
    let id = event_id(&event)?;
    let store = desk.app().store();
    known_event::event(store, &id).await?;
    Ok(Json(
        JournalList::of_event(store, &id, EpochMs(0), MOST_ENTRIES).await?,
    ))
}

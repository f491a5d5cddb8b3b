//! The API that the desk's page calls.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use domain::history::Span;
use domain::ids::{DateKey, EventId};
use domain::journal::{Author, Who, Why};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::app::App;

use super::answer::{ApiError, ApiResult, valid};
use super::cancellation::{self, Cancellations};
use super::charts::Charts;
use super::event_status::{EventStatus, read_event, read_seats};
use super::refusal_counts::{RefusalCounts, RefusalSource};
use super::roles::{Keys, Needed, Role, check};
use super::steering_request::SteeringRequest;
use super::{block_api, order_api};
use crate::event_list::EventList;
use crate::sales_report::SalesReport;
use crate::steering;

pub(super) struct DeskState {
    app: Arc<App>,
    refusals: RefusalSource,
    /// Who acts through this desk.
    who: Who,
    cancellations: Cancellations,
}

impl DeskState {
    pub(super) fn new(app: Arc<App>, refusals: RefusalSource, who: Who) -> Self {
        Self {
            app,
            refusals,
            who,
            cancellations: Cancellations::default(),
        }
    }

    pub(super) fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn cancellations(&self) -> &Cancellations {
        &self.cancellations
    }

    pub(super) fn author(&self, why: Option<Why>) -> Author {
        Author {
            who: self.who.clone(),
            why,
        }
    }
}

/// Every route with the role that it needs.
pub(super) fn router(keys: &Arc<Keys>) -> Router<Arc<DeskState>> {
    let of = |role, routes: Router<Arc<DeskState>>| {
        let needed = Needed {
            role,
            keys: keys.clone(),
        };
        routes.route_layer(from_fn_with_state(needed, check))
    };
    let see = Router::new()
        .route("/api/desk", get(desk_itself))
        .route("/api/events", get(events))
        .route("/api/events/{event}", get(event))
        .route("/api/events/{event}/history", get(history))
        .route("/api/events/{event}/journal", get(order_api::event_journal))
        .route("/api/events/{event}/dates/{date}", get(seats))
        .route(
            "/api/events/{event}/dates/{date}/blocks",
            get(block_api::blocks),
        )
        .route("/api/events/{event}/report.csv", get(report_csv))
        .route("/api/events/{event}/report.json", get(report_json))
        .route("/api/refusals", get(refusals))
        .route("/api/orders", get(order_api::orders))
        .route("/api/orders/{reservation}", get(order_api::story))
        .route("/api/withdrawals", get(order_api::withdrawals))
        .route("/api/journal", get(order_api::journal))
        .route(
            "/api/events/{event}/cancellation",
            get(cancellation::progress),
        );
    let decide = Router::new()
        .route("/api/events/{event}/queue", post(steer))
        .route(
            "/api/events/{event}/dates/{date}/block",
            post(block_api::block),
        )
        .route(
            "/api/events/{event}/dates/{date}/unblock",
            post(block_api::unblock),
        )
        .route(
            "/api/events/{event}/cancellation/outlook",
            get(cancellation::outlook),
        )
        .route(
            "/api/events/{event}/cancellation",
            post(cancellation::cancel),
        );
    of(Role::See, see).merge(of(Role::Decide, decide))
}

pub(super) fn event_id(event: &str) -> ApiResult<EventId> {
    valid("event", EventId::parse(event))
}

/// What the page may do, and the table's currency once it has a catalogue.
async fn desk_itself(
    State(desk): State<Arc<DeskState>>,
    Extension(role): Extension<Role>,
) -> ApiResult<Json<Value>> {
    let settings = desk
        .app
        .store()
        .settings()
        .await
        .map_err(anyhow::Error::from)?;
    let currency = settings.map(
        |settings| json!({ "code": settings.currency, "decimals": settings.currency.decimals() }),
    );
    Ok(Json(json!({ "role": role, "currency": currency })))
}

async fn events(State(desk): State<Arc<DeskState>>) -> ApiResult<Json<EventList>> {
    Ok(Json(EventList::at_a_glance(&desk.app).await?))
}

async fn event(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Json<EventStatus>> {
    let id = event_id(&event)?;
    Ok(Json(read_event(&desk.app, &id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    span: Span,
}

async fn history(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> ApiResult<Json<Charts>> {
    let id = event_id(&event)?;
    let Query(HistoryQuery { span }) =
        query.map_err(|_| ApiError::field("span", "must be hour, day, week or month"))?;
    Ok(Json(Charts::read(&desk.app, &id, span).await?))
}

async fn seats(
    State(desk): State<Arc<DeskState>>,
    Path((event, date)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    let id = event_id(&event)?;
    let date = valid("date", DateKey::parse(&date))?;
    let sections = read_seats(&desk.app, &id, date).await?;
    Ok(Json(json!({ "sections": sections })))
}

async fn report_csv(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Response> {
    let report = read_report(&desk, &event).await?.to_csv()?;
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], report).into_response())
}

async fn report_json(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Response> {
    let report = read_report(&desk, &event).await?.to_json()?;
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

async fn read_report(desk: &DeskState, event: &str) -> ApiResult<SalesReport> {
    Ok(SalesReport::read(&desk.app, &event_id(event)?).await?)
}

async fn refusals(State(desk): State<Arc<DeskState>>) -> Json<RefusalCounts> {
    Json(desk.refusals.counts(&desk.app).await)
}

async fn steer(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
    request: Result<Json<SteeringRequest>, JsonRejection>,
) -> ApiResult<Json<EventStatus>> {
    let id = event_id(&event)?;
    let (steering, why) = request?.0.parse()?;
    let author = desk.author(why);
    match steering::steer(desk.app.store(), &id, &steering, &author).await? {
        Ok(event) => steering::promote_lanes(&desk.app, &event).await,
        Err(reason) => return Err(ApiError::conflict(reason)),
    }
    Ok(Json(read_event(&desk.app, &id).await?))
}

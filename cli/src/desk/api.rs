//! The API that the desk's page calls.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::ids::{DateKey, EventId};
use domain::journal::{Author, Who, Why};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::app::App;

use super::chart_history::ChartHistory;
use super::event_status::{EventStatus, list_events, read_event, read_seats};
use super::refusal_counts::{RefusalCounts, RefusalSource};
use crate::catalog::MAX_ACTIVE_LIMIT;
use crate::sales_report::SalesReport;
use crate::steering::{self, SaleAction, Steering};
use crate::unknown::Unknown;

pub(super) struct DeskState {
    app: Arc<App>,
    refusals: RefusalSource,
    history: ChartHistory,
    /// Who acts through this desk.
    who: Who,
}

impl DeskState {
    pub(super) fn new(app: Arc<App>, refusals: RefusalSource, who: Who) -> Self {
        Self {
            app,
            refusals,
            history: ChartHistory::default(),
            who,
        }
    }
}

pub(super) fn router() -> Router<Arc<DeskState>> {
    Router::new()
        .route("/api/events", get(events))
        .route("/api/events/{event}", get(event))
        .route("/api/events/{event}/dates/{date}", get(seats))
        .route("/api/events/{event}/queue", post(steer))
        .route("/api/events/{event}/report.csv", get(report_csv))
        .route("/api/events/{event}/report.json", get(report_json))
        .route("/api/refusals", get(refusals))
}

/// An error with a message for the operator.
pub(super) struct ApiError(StatusCode, String);

pub(super) fn wrong_key() -> ApiError {
    let message = "open the whole address that the command printed, with the key behind the #";
    ApiError(StatusCode::UNAUTHORIZED, message.to_owned())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        let status = if error.is::<Unknown>() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_GATEWAY
        };
        Self(status, format!("{error:#}"))
    }
}

type ApiResult<T> = Result<T, ApiError>;

fn valid<T, E: std::fmt::Display>(field: &str, parsed: Result<T, E>) -> ApiResult<T> {
    parsed.map_err(|error| ApiError(StatusCode::BAD_REQUEST, format!("{field}: {error}")))
}

async fn events(State(desk): State<Arc<DeskState>>) -> ApiResult<Json<Value>> {
    let events = list_events(&desk.app).await?;
    Ok(Json(json!({ "events": events })))
}

async fn event(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
) -> ApiResult<Json<EventStatus>> {
    let id = valid("event", EventId::parse(&event))?;
    Ok(Json(read_event(&desk.app, &desk.history, &id).await?))
}

async fn seats(
    State(desk): State<Arc<DeskState>>,
    Path((event, date)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    let id = valid("event", EventId::parse(&event))?;
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
    let id = valid("event", EventId::parse(event))?;
    Ok(SalesReport::read(&desk.app, &id).await?)
}

async fn refusals(State(desk): State<Arc<DeskState>>) -> Json<RefusalCounts> {
    Json(desk.refusals.counts(&desk.app).await)
}

/// The options of `boxoffice queue`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SteeringRequest {
    action: Option<ActionRequest>,
    max_active: Option<u32>,
    batch_size: Option<u32>,
    beacon: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionRequest {
    Pause,
    Resume,
    Close,
}

impl SteeringRequest {
    fn steering(self) -> ApiResult<Steering> {
        let in_range = |field: &str, value: Option<u32>| match value {
            Some(value) if !(1..=MAX_ACTIVE_LIMIT).contains(&value.into()) => Err(ApiError(
                StatusCode::BAD_REQUEST,
                format!("{field}: must be 1 to {MAX_ACTIVE_LIMIT}"),
            )),
            value => Ok(value),
        };
        let beacon = self
            .beacon
            .map(|text| valid("beacon", steering::parse_beacon(&text)))
            .transpose()?;
        Ok(Steering {
            action: self.action.map(|action| match action {
                ActionRequest::Pause => SaleAction::Pause,
                ActionRequest::Resume => SaleAction::Resume,
                ActionRequest::Close => SaleAction::Close,
            }),
            max_active: in_range("maxActive", self.max_active)?,
            batch_size: in_range("batchSize", self.batch_size)?,
            beacon,
        })
    }
}

async fn steer(
    State(desk): State<Arc<DeskState>>,
    Path(event): Path<String>,
    request: Result<Json<SteeringRequest>, JsonRejection>,
) -> ApiResult<Json<EventStatus>> {
    let id = valid("event", EventId::parse(&event))?;
    let Json(request) = request.map_err(|error| ApiError(error.status(), error.body_text()))?;
    let why = request.why.as_deref().map(Why::parse).transpose();
    let author = Author {
        who: desk.who.clone(),
        why: valid("why", why)?,
    };
    let steering = request.steering()?;
    match steering::steer(desk.app.store(), &id, &steering, &author).await? {
        Ok(event) => steering::promote_lanes(&desk.app, &event).await,
        Err(reason) => return Err(ApiError(StatusCode::CONFLICT, reason)),
    }
    Ok(Json(read_event(&desk.app, &desk.history, &id).await?))
}

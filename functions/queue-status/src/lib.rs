//! GET /events/{eventId}/queue: the public numbers of a queue. The response is the same for
//! everybody, so a CDN can answer a million pollers.

use domain::clock::{EpochMs, rfc3339};
use domain::event::{Event, SaleState};
use domain::ids::EventId;
use domain::queue::{Head, PollAfter, Rate, WaitEstimate};
use domain::refusal::Refusal;
use futures::future::try_join_all;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "queue-status",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "GET /events/{eventId}/queue",
        Tag::Queue,
        Access::Anyone,
    )
    .describe(
        "See a queue",
        "The public numbers of a queue. They are the same for everybody, so a CDN can answer a \
         million clients.",
    )
    .response::<Body<'_>>(200, "The queue.")
    .public()
    .problems(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Queue"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_id: EventId,
    state: SaleState,
    /// When the organiser cancelled the event. Omitted if it takes place. The sale is CLOSED then.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancelled_at: Option<EpochMs>,
    /// Numbers issued in all lanes.
    issued: u64,
    /// How many of them have been called.
    admitted: u64,
    /// How many of them have not been called, without those who are known to have left.
    waiting: u64,
    lanes: Vec<LaneCounts>,
    /// Omitted until it has been measured, and while nobody is called: during a pause, and while
    /// nothing is left to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted_per_minute: Option<f64>,
    #[serde(flatten)]
    shortage: views::ShortageView,
    /// When to ask again.
    poll_after_seconds: PollAfter,
    /// Only if the order is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<views::DrawView<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Lane"))]
struct LaneCounts {
    /// Issued numbers. Each lane counts from 1.
    issued: u64,
    /// The last rank that the lane has called.
    admitted: u64,
    /// Ranks above it whose users have left, in groups: the first rank, the last one, and how many
    /// of those have left. Omitted if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    departed: Vec<[u64; 3]>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let event_id = request.path_event()?;
    let now = request.now();
    let programme = app.programme(&event_id, now).await?;
    let event = &programme.event;
    let lanes = event.terms.queue.lanes.all();
    let heads = try_join_all(lanes.map(|lane| app.head(&programme, lane, now))).await?;
    let sum = |number: fn(&Head) -> u64| heads.iter().map(number).sum();
    let shortage = Head::shortage_of_lanes(&heads, now);
    let state = event.sale_state(now);
    let is_calling = state == SaleState::Open && shortage.is_none();
    let body = Body {
        state,
        cancelled_at: event.cancelled_at(None),
        issued: sum(|head| head.issued),
        admitted: sum(Head::called),
        waiting: sum(Head::waiting),
        lanes: heads
            .iter()
            .map(|head| LaneCounts {
                issued: head.issued,
                admitted: head.called(),
                departed: head.departed.groups().collect(),
            })
            .collect(),
        admitted_per_minute: heads
            .iter()
            .filter_map(|head| head.rate.and_then(Rate::per_minute))
            .reduce(|sum, lane| sum + lane)
            .filter(|_| is_calling),
        shortage: views::ShortageView::of(shortage),
        poll_after_seconds: wait_estimate(event, &heads, now).poll_after,
        draw: views::DrawView::of(event, &heads),
        event_id,
    };
    Ok(Answer::ok(&body).public())
}

/// The estimate for the middle of the longest lane. Without jitter, because the response is shared.
fn wait_estimate(event: &Event, heads: &[Head], now: EpochMs) -> WaitEstimate {
    let grace_seconds = event.terms.queue.grace_seconds;
    let longest = heads.iter().max_by_key(|head| head.waiting());
    match (event.next_opening(now), longest) {
        (Some(opens_at), _) => WaitEstimate::before(opens_at, now, grace_seconds),
        (_, Some(head)) => {
            head.wait_estimate(Some(head.waiting().div_ceil(2).max(1)), grace_seconds)
        }
        (_, None) => Head::default().wait_estimate(None, grace_seconds),
    }
}

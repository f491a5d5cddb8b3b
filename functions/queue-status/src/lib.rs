//! GET /events/{eventId}/queue: a queue's public numbers, for anyone; the same for everybody, so that a CDN can answer a
//! million pollers.

use futures::future::try_join_all;
use serde::Serialize;
use shared::app::App;
use shared::clock::EpochMs;
use shared::event::{Event, SaleState};
use shared::http::{Answer, Call, views};
use shared::ids::EventId;
use shared::lambda::{Function, Init};
use shared::queue::{Head, Outlook, Rate};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "queue-status",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_id: EventId,
    state: SaleState,
    issued: u64,
    admitted: u64,
    waiting: u64,
    lanes: Vec<LaneView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted_per_minute: Option<f64>,
    poll_after_seconds: serde_json::Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<views::DrawView<'a>>,
}

#[derive(Serialize)]
struct LaneView {
    issued: u64,
    admitted: u64,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let event_id = call.path_event()?;
    let now = call.now();
    let programme = app.programme(&event_id, now).await?;
    let event = &programme.event;
    let lanes = event.terms.queue.lanes.all();
    let heads = try_join_all(lanes.map(|lane| app.head(&programme, lane, now))).await?;
    let sum = |number: fn(&Head) -> u64| heads.iter().map(number).sum();
    let body = Body {
        state: event.sale_state(now),
        issued: sum(|head| head.issued),
        admitted: sum(Head::called),
        waiting: sum(Head::waiting),
        lanes: heads
            .iter()
            .map(|head| LaneView {
                issued: head.issued,
                admitted: head.called(),
            })
            .collect(),
        admitted_per_minute: heads
            .iter()
            .filter_map(|head| head.rate.and_then(Rate::per_minute))
            .reduce(|sum, lane| sum + lane),
        poll_after_seconds: outlook(event, &heads, now).poll_after.as_json_seconds(),
        draw: views::DrawView::of(event, &heads),
        event_id,
    };
    Ok(Answer::ok(&body).public())
}

/// For somebody in the middle of the longest line. No jitter: the answer is shared.
fn outlook(event: &Event, heads: &[Head], now: EpochMs) -> Outlook {
    let grace_seconds = event.terms.queue.grace_seconds;
    let longest = heads.iter().max_by_key(|head| head.waiting());
    match (event.terms.opens_at, longest) {
        (Some(opens_at), _) if opens_at > now => Outlook::before(opens_at, now, grace_seconds),
        (_, Some(head)) => head.outlook(Some(head.waiting().div_ceil(2).max(1)), grace_seconds),
        (_, None) => Head::default().outlook(None, grace_seconds),
    }
}

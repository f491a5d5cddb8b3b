//! GET /events/{eventId}/queue: a queue's public numbers, for anyone; the same for everybody, so that a CDN can answer a
//! million pollers.

use serde::Serialize;
use shared::app::App;
use shared::event::SaleState;
use shared::http::{Answer, Call};
use shared::ids::{EventId, Lane};
use shared::lambda::{Function, Init};
use shared::queue::Rate;
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
struct Body {
    event_id: EventId,
    state: SaleState,
    issued: u64,
    admitted: u64,
    waiting: u64,
    lanes: [LaneView; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted_per_minute: Option<f64>,
    poll_after_seconds: serde_json::Number,
}

#[derive(Serialize)]
struct LaneView {
    issued: u64,
    admitted: u64,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let event_id = call.path_event()?;
    let programme = app.programme(&event_id, call.now()).await?;
    let head = app.head(&programme, Lane::FIRST, call.now()).await?;
    let grace_seconds = programme.event.terms.queue.grace_seconds;
    // No jitter: the answer is shared. Who is next asks soonest.
    let poll_after = head
        .outlook(head.waiting().max(1), grace_seconds)
        .poll_after;
    let body = Body {
        event_id,
        state: programme.event.sale_state(call.now()),
        issued: head.issued,
        admitted: head.called(),
        waiting: head.waiting(),
        lanes: [LaneView {
            issued: head.issued,
            admitted: head.called(),
        }],
        admitted_per_minute: head.rate.and_then(Rate::per_minute),
        poll_after_seconds: poll_after.as_json_seconds(),
    };
    Ok(Answer::ok(&body).public())
}

//! GET /events: all events, for anyone.

use serde_json::json;
use shared::app::App;
use shared::http::{Answer, Call, views::EventView};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;
use shared::store::Consistency;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-events",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let events = app.store().events(Consistency::Eventual).await?;
    let events: Vec<_> = events
        .iter()
        .map(|event| EventView::of(event, call.now()))
        .collect();
    Ok(Answer::ok(&json!({ "events": events })).public())
}

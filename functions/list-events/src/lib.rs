//! GET /events: all events. Public.

use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views::EventView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-events",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(&FUNCTION, "GET /events", Tag::Events, Access::Anyone)
        .describe(
            "List the events",
            "All events, including past and future sales.",
        )
        .response::<Body<'_>>(200, "All events.")
        .public()
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Events"))]
struct Body<'a> {
    events: Vec<EventView<'a>>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let events = app.events(request.now()).await?;
    let events = events
        .iter()
        .filter(|event| !event.terms.hidden)
        .map(|event| EventView::of(event, request.now()))
        .collect();
    Ok(Answer::ok(&Body { events }).public())
}

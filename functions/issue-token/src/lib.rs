//! POST /events/{eventId}/tokens: joins the queue.

use shared::app::App;
use shared::http::{Answer, Call, text, views};
use shared::ids::UserId;
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "issue-token",
    init: Init::Keys,
    takes_body: true,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let event_id = call.path_event()?;
    let mut fields = call.fields()?;
    let user_id = fields.optional("userId", |value| UserId::parse(text(value)?));
    fields.finish()?;
    // Who names nobody is somebody new; the answer says who.
    let user_id = user_id.unwrap_or_else(UserId::random);
    call.is_by(user_id);
    let joined = app.join(user_id, &event_id, call.now()).await?;
    let signed = app.sign(&joined.token).await?;
    Ok(views::joined(&joined, &signed))
}

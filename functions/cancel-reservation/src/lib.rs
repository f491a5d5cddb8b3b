//! DELETE /reservations/{reservationId}: releases a hold, or gives a paid reservation back for a refund.

use shared::app::App;
use shared::http::{Answer, Call, views::ReservationView};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "cancel-reservation",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let id = call.path_reservation()?;
    let reservation = app.cancel(token.user_id, &id, call.now()).await?;
    Ok(Answer::ok(&ReservationView::of(&reservation, call.now())))
}

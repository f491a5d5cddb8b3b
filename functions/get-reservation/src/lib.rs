//! GET /reservations/{reservationId}: one of the user's own reservations.

use shared::app::App;
use shared::http::{Answer, Call, views::ReservationView};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-reservation",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let id = call.path_reservation()?;
    let reservation = app.reservation(token.user_id, &id).await?;
    Ok(Answer::ok(&ReservationView::of(&reservation, call.now())))
}

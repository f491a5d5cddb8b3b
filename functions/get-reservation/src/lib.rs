//! GET /reservations/{reservationId}: one reservation of the caller.

use domain::refusal::Refusal;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-reservation",
    init: Init::Users,
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
        "GET /reservations/{reservationId}",
        Tag::Reservations,
        Access::Identified,
    )
    .describe("See a reservation", "A reservation of the token's user.")
    .response::<ReservationView<'_>>(200, "The reservation.")
    .problems(&[problem::RESERVATION_NOT_FOUND])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.caller(app).await?;
    let id = request.path_reservation()?;
    let reservation = app.reservation(user_id, &id, request.now()).await?;
    Ok(Answer::ok(&ReservationView::of(
        &reservation,
        request.now(),
    )))
}

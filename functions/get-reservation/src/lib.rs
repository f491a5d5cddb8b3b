//! GET /reservations/{reservationId}: one of the user's own reservations.

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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "GET /reservations/{reservationId}",
        Tag::Reservations,
        Who::Known,
    )
    .says("See a reservation", "One of the token's user.")
    .answers::<ReservationView<'_>>(200, "The reservation.")
    .refuses(&[problem::RESERVATION_NOT_FOUND])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.known(app).await?;
    let id = request.path_reservation()?;
    let reservation = app.reservation(user_id, &id).await?;
    Ok(Answer::ok(&ReservationView::of(
        &reservation,
        request.now(),
    )))
}

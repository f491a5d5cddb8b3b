//! DELETE /reservations/{reservationId}: releases a hold, or gives a paid reservation back for a refund.

use domain::refusal::Refusal;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "cancel-reservation",
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
        "DELETE /reservations/{reservationId}",
        Tag::Reservations,
        Who::Known,
    )
    .says(
        "Cancel a reservation",
        "Releases a hold; gives back what was paid, until `cancelUntilHours` before the \
         start.",
    )
    .answers::<ReservationView<'_>>(
        200,
        "Cancelled, now or before: `refunded` is what went back to the wallet.",
    )
    .refuses(&[problem::RESERVATION_NOT_FOUND, problem::NOT_CANCELLABLE])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.known(app).await?;
    let id = request.path_reservation()?;
    let reservation = app.cancel(user_id, &id, request.now()).await?;
    Ok(Answer::ok(&ReservationView::of(
        &reservation,
        request.now(),
    )))
}

//! POST /events/{eventId}/holds: holds seats of a date for an admitted user.

use domain::ids::{DateKey, SeatNumber};
use domain::refusal::Refusal;
use domain::seats::{BestAvailable, SeatChoice, SeatSelection};
use shared::app::{App, Outcome};
use shared::http::field_types::{Date, FieldType, List, Text, WholeNumber};
use shared::http::{Alternative, Answer, ApiRequest, BodyFields, Object, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "hold-seat",
    init: Init::Keys,
    takes_body: true,
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
        "POST /events/{eventId}/holds",
        Tag::Seats,
        Access::Admitted,
    )
    .describe(
        "Hold seats",
        "Holds all requested seats or none, for the event's `holdSeconds`. Name one or several \
         seats, or request the best available ones: adjacent, near the front and the middle.",
    )
    .body(true, read_hold)
    .response::<ReservationView<'_>>(201, "The seats are held until `heldUntil`.")
    .response::<ReservationView<'_>>(200, "The user already holds these seats.")
    .problems(&[
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::EVENT_CANCELLED,
        problem::DATE_CANCELLED,
        problem::NOT_OPEN,
        problem::DATE_NOT_FOUND,
        problem::SEAT_NOT_FOUND,
        problem::LIMIT_EXCEEDED,
        problem::ALREADY_RESERVED,
        problem::TOO_MANY_HOLDS,
        problem::SEAT_TAKEN,
        problem::RECENTLY_HELD,
        problem::SOLD_OUT,
        problem::PARALLEL_REQUESTS,
    ])
}

/// More seats than the `maxSeatsPerUser` of any event.
const MOST_SEATS: u32 = 100;

const SEAT: WholeNumber<u32> = WholeNumber {
    noun: "a seat number",
    least: 1,
    most: u32::MAX,
};

fn read_hold(body: &mut BodyFields) -> Option<(DateKey, SeatChoice)> {
    let date = body.required("date", &Date);
    let select = |seats: &[u32]| {
        let seats: Vec<_> = seats.iter().copied().map(SeatNumber).collect();
        SeatSelection::new(&seats).map(SeatChoice::Seats)
    };
    let several = List {
        item: SEAT.with_example(7),
        most: MOST_SEATS as usize,
    };
    let choice = body.one_of([
        Alternative::new(
            "One seat",
            "seatNumber",
            SEAT.with_example(7).map(move |seat| select(&[seat])),
        ),
        Alternative::new(
            "Several seats",
            "seatNumbers",
            several.map(move |seats| select(&seats)),
        ),
        Alternative::new(
            "The best available seats",
            "bestAvailable",
            Object(read_best_available),
        ),
    ]);
    date.zip(choice)
}

fn read_best_available(fields: &mut BodyFields) -> Option<SeatChoice> {
    let count = WholeNumber {
        noun: "a number of seats",
        least: 1,
        most: MOST_SEATS,
    };
    let count = fields.required(
        "count",
        &count.described("The number of seats, up to the event's `maxSeatsPerUser`."),
    );
    let section = fields.optional("section", &Text.described("Only in this section."));
    Some(SeatChoice::BestAvailable(BestAvailable {
        count: count?,
        section,
    }))
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let (date, choice) = request.read_body(read_hold)?;
    let programme = app.programme(&token.event_id, request.now()).await?;
    let (outcome, reservation) = app
        .hold(&programme, &token, date, &choice, request.now())
        .await?;
    let view = ReservationView::of(&reservation, request.now());
    Ok(match outcome {
        Outcome::Done => {
            let path = format!("/reservations/{}", reservation.reservation_id);
            Answer::created(&path, &view)
        }
        Outcome::AlreadyDone => Answer::ok(&view),
    })
}

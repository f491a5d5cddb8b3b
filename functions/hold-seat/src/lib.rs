//! POST /events/{eventId}/holds: holds seats of a date for the user who is inside.

use domain::ids::{DateKey, SeatNumber};
use domain::refusal::Refusal;
use domain::seats::{BestAvailable, SeatSelection, Wanted};
use shared::app::{Answered, App};
use shared::http::field_types::{Date, FieldType, List, Object, Text, WholeNumber};
use shared::http::{Alternative, Answer, ApiRequest, BodyFields, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "hold-seat",
    init: Init::Keys,
    takes_body: true,
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
        "POST /events/{eventId}/holds",
        Tag::Seats,
        Who::Inside,
    )
    .says(
        "Hold seats",
        "For the event's `holdSeconds`, all or none. Name one seat, or several, or let \
         the best that are left be chosen: together, near the front and the middle.",
    )
    .body(true, read_hold)
    .answers::<ReservationView<'_>>(201, "The seats are held; `heldUntil` says until when.")
    .answers::<ReservationView<'_>>(200, "The same seats, which the user holds already.")
    .refuses(&[
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::NOT_OPEN,
        problem::DATE_NOT_FOUND,
        problem::SEAT_NOT_FOUND,
        problem::LIMIT_EXCEEDED,
        problem::ALREADY_RESERVED,
        problem::SEAT_TAKEN,
        problem::SOLD_OUT,
    ])
}

/// More seats than any event's `maxSeatsPerUser` are not even read.
const MOST_SEATS: u32 = 100;

const SEAT: WholeNumber<u32> = WholeNumber {
    noun: "a seat number",
    least: 1,
    most: u32::MAX,
};

fn read_hold(body: &mut BodyFields) -> Option<(DateKey, Wanted)> {
    let date = body.required("date", &Date);
    let select = |seats: &[u32]| {
        let seats: Vec<_> = seats.iter().copied().map(SeatNumber).collect();
        SeatSelection::new(&seats).map(Wanted::Seats)
    };
    let several = List {
        item: SEAT.with_example(7),
        most: MOST_SEATS as usize,
    };
    let wanted = body.one_of([
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
            "The best that are left",
            "bestAvailable",
            Object(read_best_available),
        ),
    ]);
    date.zip(wanted)
}

fn read_best_available(fields: &mut BodyFields) -> Option<Wanted> {
    let count = WholeNumber {
        noun: "a number of seats",
        least: 1,
        most: MOST_SEATS,
    };
    let count = fields.required(
        "count",
        &count.described("How many, up to the event's `maxSeatsPerUser`."),
    );
    let section = fields.optional("section", &Text.described("Only in this section."));
    Some(Wanted::Best(BestAvailable {
        count: count?,
        section,
    }))
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let (date, wanted) = request.read_body(read_hold)?;
    let programme = app.programme(&token.event_id, request.now()).await?;
    let (answered, reservation) = app
        .hold(&programme, &token, date, &wanted, request.now())
        .await?;
    let view = ReservationView::of(&reservation, request.now());
    Ok(match answered {
        Answered::Now => {
            let path = format!("/reservations/{}", reservation.reservation_id);
            Answer::created(&path, &view)
        }
        Answered::Before => Answer::ok(&view),
    })
}

//! POST /events/{eventId}/holds: holds seats of a date for the user who is inside.

use domain::ids::{DateKey, SeatNumber};
use domain::refusal::Refusal;
use domain::seats::{BestAvailable, SeatSelection, Wanted};
use serde_json::Value;
use shared::app::{Answered, App};
use shared::http::{Answer, ApiRequest, Fields, text, views::ReservationView};
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
    .takes(true, body_schema())
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
const MOST_SEATS: usize = 100;

#[cfg(feature = "openapi")]
fn body_schema() -> Value {
    use serde_json::json;

    let date = json!({
        "description": "A day of performance; with the time where a day has several.",
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$",
        "examples": ["2026-12-24"],
    });
    let seat = json!({"type": "integer", "minimum": 1, "maximum": u32::MAX, "examples": [7]});
    let form = |title: &str, name: &str, wanted: Value| {
        json!({
            "title": title,
            "type": "object",
            "properties": {"date": date.clone(), name: wanted},
            "required": ["date", name],
            "additionalProperties": false,
        })
    };
    let several = json!({
        "type": "array", "items": seat.clone(), "minItems": 1, "maxItems": MOST_SEATS,
        "uniqueItems": true,
    });
    let best = json!({
        "type": "object",
        "properties": {
            "count": {
                "description": "How many, up to the event's `maxSeatsPerUser`.",
                "type": "integer", "minimum": 1, "maximum": MOST_SEATS,
            },
            "section": {"description": "Only in this section.", "type": "string"},
        },
        "required": ["count"],
        "additionalProperties": false,
    });
    json!({
        "oneOf": [
            form("One seat", "seatNumber", seat),
            form("Several seats", "seatNumbers", several),
            form("The best that are left", "bestAvailable", best),
        ]
    })
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let (date, wanted) = read(request.fields()?)?;
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

fn read(mut fields: Fields) -> Result<(DateKey, Wanted), Refusal> {
    let date = fields.required("date", |value| DateKey::parse(text(value)?));
    let one = fields.optional("seatNumber", |value| {
        SeatSelection::new(&[seat_number(value)?]).map(Wanted::Seats)
    });
    let many = fields.optional("seatNumbers", |value| {
        seat_numbers(value).map(Wanted::Seats)
    });
    let best = fields.nested("bestAvailable", best_available);
    let mut wanted = None;
    for (name, asked) in [
        ("seatNumber", one),
        ("seatNumbers", many),
        ("bestAvailable", best),
    ] {
        match (&wanted, asked) {
            (Some((first, _)), Some(_)) => {
                fields.refuse(name, &format!("cannot stand beside {first}"));
            }
            (None, Some(asked)) => wanted = Some((name, asked)),
            (_, None) => {}
        }
    }
    if wanted.is_none() && fields.is_clean() {
        fields.refuse(
            "seatNumber",
            "is required, or seatNumbers, or bestAvailable",
        );
    }
    fields.finish()?;
    // Whatever is missing has been refused.
    date.zip(wanted.map(|(_, wanted)| wanted))
        .ok_or_else(|| Refusal::InvalidRequest(Vec::new()))
}

fn seat_number(value: &Value) -> Result<SeatNumber, String> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number >= 1)
        .map(SeatNumber)
        .ok_or_else(|| "must be a seat number, a whole number of at least 1".to_owned())
}

fn best_available(fields: &mut Fields) -> Option<Wanted> {
    let count = fields.required("count", |value| {
        value
            .as_u64()
            .filter(|count| (1..=MOST_SEATS as u64).contains(count))
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| {
                format!("must be a number of seats, a whole number from 1 to {MOST_SEATS}")
            })
    });
    let section = fields.optional("section", |value| text(value).map(str::to_owned));
    count.map(|count| Wanted::Best(BestAvailable { count, section }))
}

fn seat_numbers(value: &Value) -> Result<SeatSelection, String> {
    let numbers = value
        .as_array()
        .filter(|numbers| numbers.len() <= MOST_SEATS)
        .ok_or_else(|| format!("must be a list of at most {MOST_SEATS} seat numbers"))?;
    let seats = numbers
        .iter()
        .map(seat_number)
        .collect::<Result<Vec<_>, _>>()?;
    SeatSelection::new(&seats)
}

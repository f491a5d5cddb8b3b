//! POST /events/{eventId}/holds: holds seats of a date for the user who is inside.

use serde_json::Value;
use shared::app::{Answered, App};
use shared::http::{Answer, Call, Fields, text, views::ReservationView};
use shared::ids::{DateKey, SeatNumber};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;
use shared::seats::{BestAvailable, SeatSelection, Wanted};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "hold-seat",
    init: Init::Keys,
    takes_body: true,
    handler: |app, call| Box::pin(handle(app, call)),
};

/// More seats than any event's `maxSeatsPerUser` are not even read.
const MOST_SEATS: usize = 100;

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.event_token(app).await?;
    let (date, wanted) = read(call.fields()?)?;
    let programme = app.programme(&token.event_id, call.now()).await?;
    let (answered, reservation) = app
        .hold(&programme, &token, date, &wanted, call.now())
        .await?;
    let view = ReservationView::of(&reservation, call.now());
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

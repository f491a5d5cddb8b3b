//! `boxoffice orders`: finds reservations, and tells the whole story of one.

use anyhow::Result;
use clap::Args;
use domain::ids::{DateKey, EventId, ReservationId, SeatNumber, UserId};
use domain::reservation::Status;

use crate::order_search::{OrderQuery, OrderSearch, parse_payment, parse_seat, parse_status};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::progress::Progress;
use crate::table_options::TableOptions;

const READS: &str = "The whole table is read for a payment without --user, for an event except for --status held,confirmed of one \
    with seats, and for a reservation without --user whose seats are free again. A bar shows how far it is.";

#[derive(Args, Clone, Debug)]
#[command(
    after_help = READS,
    group = clap::ArgGroup::new("what")
        .required(true)
        .multiple(true)
        .args(["reservation", "user", "event", "payment"]),
)]
pub struct OrdersArgs {
    /// Tell the whole story of this reservation
    #[arg(value_parser = ReservationId::parse, conflicts_with_all = ["event", "date", "seat", "payment", "status", "limit"])]
    reservation: Option<ReservationId>,
    /// Find the reservations of this user
    #[arg(long, value_name = "USER", value_parser = UserId::parse)]
    user: Option<UserId>,
    /// Find the reservations of this event
    #[arg(long, value_name = "EVENT", value_parser = EventId::parse)]
    event: Option<EventId>,
    /// Only of this date of the event
    #[arg(long, value_name = "DATE", requires = "event", value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// Only of this seat of the date; without --status, who holds or owns it now
    #[arg(long, value_name = "SEAT", requires = "date", value_parser = parse_seat)]
    seat: Option<SeatNumber>,
    /// Find what a payment is for: the id of a ledger entry, a charge or a withdrawal, or the provider's id of the
    /// payment, the refund or the checkout
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "date", "seat"], value_parser = parse_payment)]
    payment: Option<String>,
    /// Only reservations in these states: held, confirmed, cancelled, expired
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = parse_status)]
    status: Vec<Status>,
    /// Show at most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &OrdersArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let search = OrderSearch::new(tables.store().await?).await?;
    let query = OrderQuery {
        user: args.user,
        event: args.event.clone(),
        date: args.date,
        seat: args.seat,
        statuses: args.status.clone(),
        limit: args.limit,
    };
    if let Some(id) = &args.reservation {
        let story = search.story(id, args.user).await?;
        return print(&story, story.to_text(), args.json, out);
    }
    if let Some(id) = &args.payment {
        let found = search.by_payment(id, &query).await?;
        return print(&found, search.payment_text(&found), args.json, out);
    }
    let mut progress = Progress::hidden();
    if let Some(items) = search.items_to_read(&query).await? {
        progress = Progress::of_items(items);
    }
    let found = search.find(&query, |items| progress.set(items)).await;
    progress.finish();
    let found = found?;
    print(&found, found.to_text(), args.json, out)
}

fn print(
    found: &impl serde::Serialize,
    text: Vec<String>,
    as_json: bool,
    out: &mut Output,
) -> Result<Outcome> {
    if as_json {
        out.json(found)?;
        return Ok(Outcome::Done);
    }
    for line in text {
        out.line(line);
    }
    Ok(Outcome::Done)
}

//! `boxoffice return`: gives tickets of a reservation back, whatever the event lets buyers do.

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use domain::clock::EpochMs;
use domain::event::RefundTo;
use domain::ids::{ReservationId, SeatNumber, UserId};
use domain::journal::Author;
use domain::money::{Currency, Money};
use domain::reservation::{Reservation, State};
use domain::returns::{NoSuchPart, Portion, Returning};
use serde::Serialize;
use shared::app::{App, Returner};
use shared::http::problem::Problem;
use shared::store::{OwnedThing, Store};

use crate::author::{self, WhyOption};
use crate::known_event;
use crate::money_view::amount_text;
use crate::order_view::OrderView;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::seat_list::SeatList;
use crate::table_options::TableOptions;
use crate::unknown::Unknown;
use crate::user_records;

const REPEATING: &str = "The seats that go, or the number of tickets that stay, say what is left in the end. So a repeated command gives \
    nothing back twice.";

#[derive(Args, Clone, Debug)]
#[command(after_help = REPEATING)]
pub struct ReturnArgs {
    #[command(flatten)]
    tickets: TicketsArgs,
    #[command(flatten)]
    why: WhyOption,
}

/// What is given back, and how.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("part").required(true).args(["seats", "keep"]))]
pub struct TicketsArgs {
    #[arg(value_parser = ReservationId::parse)]
    pub reservation: ReservationId,
    /// Give these seats back, such as 7,8 or 7-9
    #[arg(long, value_name = "SEATS", value_parser = SeatList::parse)]
    pub seats: Option<SeatList>,
    /// For tickets without seats: keep this many, and give the others back
    #[arg(long, value_name = "N")]
    pub keep: Option<u32>,
    /// Whose reservation it is. Without this, the whole table may be read
    #[arg(long, value_name = "USER", value_parser = UserId::parse)]
    pub user: Option<UserId>,
    /// Where the refund goes: wallet or source. Without this, where the event says
    #[arg(long, value_name = "WHERE", value_parser = RefundTo::parse)]
    pub to: Option<RefundTo>,
    /// Really give them back. Without this, the command only says what it would do
    #[arg(long)]
    pub yes: bool,
    /// Print the reservation afterwards as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Returned {
    /// Whether anything was given back by this command.
    is_done: bool,
    /// What is given back.
    tickets: u32,
    refund: Money,
    reservation: OrderView,
}

/// What the command gives back.
struct Plan {
    tickets: u32,
    seats: Vec<SeatNumber>,
    refund: Money,
}

pub async fn run(args: &ReturnArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let author = author::of(&args.why, tables).await?;
    return_tickets(&App::new(store), &args.tickets, &author, out).await
}

/// Gives the tickets back.
pub async fn return_tickets(
    app: &App,
    args: &TicketsArgs,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let Some(settings) = app.store().settings().await? else {
        bail!("the table has no catalogue yet: see `boxoffice apply`");
    };
    let currency = settings.currency;
    let mut reservation = find(app.store(), args).await?;
    let event = args.reservation.event_id();
    let programme = known_event::programme(app.store(), event).await?;
    let now = app.clock().now();
    reservation.keep_changed_plans(&programme.performance(args.reservation.date()), now);
    let wanted = match (&args.seats, args.keep) {
        (Some(seats), _) => Returning::Seats(seats.seats().to_vec()),
        (None, stay) => Returning::AllBut(stay.unwrap_or_default()),
    };
    let plan = match plan(&reservation, &wanted, now) {
        Ok(plan) => plan,
        Err(refused) => {
            error_line(refused);
            return Ok(Outcome::Negative);
        }
    };
    if plan.tickets == 0 {
        let view = OrderView::of(&reservation, &currency, app.clock().now());
        return report(args, out, &currency, &plan, view, false);
    }
    if !args.yes {
        let view = OrderView::of(&reservation, &currency, app.clock().now());
        report(args, out, &currency, &plan, view, false)?;
        error_line("nothing was done: this cannot be taken back, so it needs --yes");
        return Ok(Outcome::Negative);
    }
    let now = app.clock().now();
    let by = Returner::Operator(author);
    let user = reservation.user_id;
    let returned = app
        .return_tickets(user, &args.reservation, &wanted, args.to, by, now)
        .await;
    match returned {
        Ok(reservation) => {
            let view = OrderView::of(&reservation, &currency, app.clock().now());
            report(args, out, &currency, &plan, view, true)
        }
        Err(refusal) => {
            let problem = Problem::of(&refusal);
            error_line(format_args!("nothing was given back: {}", problem.code));
            Ok(Outcome::Negative)
        }
    }
}

async fn find(store: &Store, args: &TicketsArgs) -> Result<Reservation> {
    let id = &args.reservation;
    let unknown = || Unknown::new(format_args!("reservation {id}"));
    let user = match args.user {
        Some(user) => user,
        None => user_records::owner(store, &OwnedThing::Reservation(id.clone()))
            .await?
            .ok_or_else(unknown)?,
    };
    let found = store.reservation(user, id).await?;
    Ok(found.ok_or_else(unknown)?)
}

fn plan(reservation: &Reservation, wanted: &Returning, now: EpochMs) -> Result<Plan, String> {
    let of_seats = |seats: &[domain::reservation::ReservedSeat]| {
        seats.iter().map(|seat| seat.seat_number).collect()
    };
    match reservation.state {
        State::Confirmed { .. } => {}
        State::Cancelled { .. } => {
            return Ok(Plan {
                tickets: 0,
                seats: Vec::new(),
                refund: Money::ZERO,
            });
        }
        State::Held { .. } => return Err("it is not paid: nothing can be given back".to_owned()),
    }
    let portion = reservation
        .portion(wanted, now)
        .map_err(|refused| match refused {
            NoSuchPart::Seat(seat) => format!("the reservation has no seat {seat}"),
            NoSuchPart::HasSeats => "the reservation has seats: name them by --seats".to_owned(),
            NoSuchPart::HasNoSeats => "the reservation has no seats: use --keep".to_owned(),
        })?;
    Ok(match portion {
        Portion::Nothing => Plan {
            tickets: 0,
            seats: Vec::new(),
            refund: Money::ZERO,
        },
        Portion::Some(back) => Plan {
            tickets: back.quantity,
            seats: of_seats(&back.seats),
            refund: back.refund(),
        },
        Portion::All => Plan {
            tickets: reservation.quantity,
            seats: of_seats(&reservation.seats),
            refund: reservation.refund(now),
        },
    })
}

fn report(
    args: &TicketsArgs,
    out: &mut Output,
    currency: &Currency,
    plan: &Plan,
    reservation: OrderView,
    is_done: bool,
) -> Result<Outcome> {
    if args.json {
        out.json(&Returned {
            is_done,
            tickets: plan.tickets,
            refund: plan.refund,
            reservation,
        })?;
        return Ok(Outcome::Done);
    }
    if plan.tickets == 0 {
        out.line("nothing to do: they have been given back before");
        return Ok(Outcome::Done);
    }
    let seats = match plan.seats.as_slice() {
        [] => String::new(),
        seats => format!(" (seats {})", domain::block::Ranges(seats)),
    };
    let amount = amount_text(plan.refund, currency);
    let verb = if is_done {
        "given back"
    } else {
        "to give back"
    };
    out.line(format_args!(
        "{verb}: {} tickets{seats} for {amount}",
        plan.tickets
    ));
    if is_done {
        let status = reservation.status.as_str();
        out.line(format_args!(
            "{}: {status}, {} tickets, {}",
            args.reservation,
            reservation.quantity,
            reservation.total()
        ));
    }
    Ok(Outcome::Done)
}

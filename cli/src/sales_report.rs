//! An event's sales and the state of its queue, for the report and the desk.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::Result;
use csv::{Terminator, WriterBuilder};
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Programme, SaleState};
use domain::ids::{DateKey, EventId};
use domain::money::{Currency, Money};
use domain::reservation::{Reservation, State, Status};
use domain::seats::SeatStatus;
use serde::Serialize;
use shared::app::App;

use crate::known_event;
use crate::output::csv_text;
use crate::queue_status::{QueueStatus, sale_state_name};
use crate::ticket_counts::TicketCounts;
use crate::wanted_reservations::Wanted;

/// The sales are counted from the event's reservations, which are read one after the other. Tickets that are sold during the
/// reading may be included or not.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SalesReport {
    event_id: EventId,
    event_name: String,
    venue: String,
    state: SaleState,
    currency: Currency,
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    queue: QueueStatus,
    reservations: ReservationCounts,
    /// Tickets of all dates and sections.
    tickets: TicketCounts,
    /// Of the sold tickets and their orders.
    fees: Money,
    /// Paid back for cancelled reservations.
    refunded: Money,
    /// Of cancelled reservations: what was not paid back.
    kept_fees: Money,
    /// Payments less refunds: the revenue, the fees, and the kept fees.
    received: Money,
    /// The tax that `received` contains, rounded for each reservation. Omitted if no event's terms
    /// named a rate when its tickets were sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    contained_tax: Option<Money>,
    sections: Vec<SectionSales>,
}

#[derive(Serialize, Default, Debug)]
#[serde(rename_all = "camelCase")]
struct ReservationCounts {
    confirmed: u64,
    held: u64,
    cancelled: u64,
    expired: u64,
}

/// The sales of a section on a date. General admission has neither.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct SectionSales {
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<String>,
    price: Money,
    #[serde(flatten)]
    tickets: TicketCounts,
}

/// Identifies a [`SectionSales`].
type SectionKey = (Option<DateKey>, Option<String>);

impl SalesReport {
    pub async fn read(app: &App, id: &EventId) -> Result<Self> {
        let programme = known_event::programme(app.store(), id).await?;
        let now = app.clock().now();
        let event = &programme.event;
        let mut report = Self {
            event_id: event.event_id.clone(),
            event_name: event.terms.name.clone(),
            venue: event.terms.venue.clone(),
            state: event.sale_state(now),
            currency: event.terms.currency.clone(),
            at: now,
            queue: QueueStatus::read(app, event, now).await?,
            reservations: ReservationCounts::default(),
            tickets: TicketCounts::default(),
            fees: Money::ZERO,
            refunded: Money::ZERO,
            kept_fees: Money::ZERO,
            received: Money::ZERO,
            contained_tax: None,
            sections: sections(&programme),
        };
        let index: BTreeMap<SectionKey, usize> = report
            .sections
            .iter()
            .enumerate()
            .map(|(at, section)| ((section.date, section.section.clone()), at))
            .collect();
        let wanted = Wanted {
            event: Some(programme),
            ..Wanted::default()
        };
        wanted
            .read(
                app.store(),
                now,
                |_| {},
                |reservations| {
                    for reservation in &reservations {
                        report.add(reservation, &index, now);
                    }
                    Ok(ControlFlow::Continue(()))
                },
            )
            .await?;
        report.count_blocked(app, now).await?;
        report.sum_up();
        Ok(report)
    }

    fn add(
        &mut self,
        reservation: &Reservation,
        index: &BTreeMap<SectionKey, usize>,
        now: EpochMs,
    ) {
        let status = reservation.status(now);
        let count = match status {
            Status::Confirmed => &mut self.reservations.confirmed,
            Status::Held => &mut self.reservations.held,
            Status::Cancelled => &mut self.reservations.cancelled,
            Status::Expired => &mut self.reservations.expired,
        };
        *count += 1;
        self.add_money(reservation);
        let mut count_at = |key: SectionKey, quantity: u32, price: Money| {
            let Some(at) = index.get(&key) else {
                return;
            };
            let tickets = &mut self.sections[*at].tickets;
            match status {
                Status::Confirmed => {
                    tickets.sold += u64::from(quantity);
                    tickets.revenue = tickets.revenue + price;
                }
                Status::Held => tickets.held += u64::from(quantity),
                Status::Cancelled | Status::Expired => {}
            }
        };
        if let Some(date) = reservation.date() {
            for seat in &reservation.seats {
                count_at((Some(date), Some(seat.section.clone())), 1, seat.price);
            }
        } else {
            let price = reservation.price_of_tickets();
            count_at((None, None), reservation.quantity, price);
        }
    }

    fn add_money(&mut self, reservation: &Reservation) {
        let kept = reservation.kept();
        match reservation.state {
            State::Held { .. } => return,
            State::Confirmed { .. } => {
                self.fees = self.fees + reservation.fees.total();
                self.kept_fees = self.kept_fees + reservation.returned.kept;
            }
            State::Cancelled { .. } => self.kept_fees = self.kept_fees + kept,
        }
        self.refunded = self.refunded + reservation.given_back().0;
        self.received = self.received + kept;
        if let Some(rate) = reservation.tax_rate {
            let tax = self.contained_tax.unwrap_or_default() + rate.contained_in(kept);
            self.contained_tax = Some(tax);
        }
    }

    /// Blocked seats have no reservations, so their claims are read.
    async fn count_blocked(&mut self, app: &App, now: EpochMs) -> Result<()> {
        let event = &self.event_id;
        for sales in &mut self.sections {
            let (Some(date), Some(section)) = (sales.date, &sales.section) else {
                continue;
            };
            let claims = app.store().claims(event, date, section).await?;
            let statuses = claims
                .values()
                .map(|claim| SeatStatus::of(Some(claim), now));
            let blocked = statuses.filter(|status| *status == SeatStatus::Blocked);
            sales.tickets.blocked = blocked.count() as u64;
        }
        Ok(())
    }

    fn sum_up(&mut self) {
        for SectionSales { tickets, .. } in &mut self.sections {
            *tickets = tickets.with_available();
            self.tickets = self.tickets.plus(*tickets);
        }
    }

    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// A line for each date and section, by RFC 4180. The byte order mark tells Excel that it is UTF-8.
    pub fn to_csv(&self) -> Result<String> {
        let mut csv = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        csv.write_record([
            "date",
            "section",
            "price",
            "total",
            "sold",
            "held",
            "available",
            "revenue",
            "currency",
            "blocked",
        ])?;
        for sales in &self.sections {
            let tickets = sales.tickets;
            csv.write_record([
                sales.date.map(|date| date.to_string()).unwrap_or_default(),
                csv_text(sales.section.as_deref().unwrap_or_default()),
                sales.price.in_major_units(&self.currency),
                tickets.total.to_string(),
                tickets.sold.to_string(),
                tickets.held.to_string(),
                tickets.available.to_string(),
                tickets.revenue.in_major_units(&self.currency),
                self.currency.to_string(),
                tickets.blocked.to_string(),
            ])?;
        }
        let csv = String::from_utf8(csv.into_inner()?)?;
        Ok(format!("\u{feff}{csv}"))
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let Self {
            currency,
            queue,
            reservations,
            tickets,
            ..
        } = self;
        let major = |amount: Money| amount.in_major_units(currency);
        let mut lines = vec![
            format!("{} ({})", self.event_name, self.event_id),
            self.venue.clone(),
            String::new(),
            format!("state       {}", sale_state_name(self.state)),
            format!("sold        {} of {}", tickets.sold, tickets.total),
            format!("held        {}", tickets.held),
            format!("blocked     {}", tickets.blocked),
            format!("available   {}", tickets.available),
            format!("revenue     {} {currency}", major(tickets.revenue)),
            format!("fees        {} {currency}", major(self.fees)),
            format!("refunded    {} {currency}", major(self.refunded)),
            format!("kept fees   {} {currency}", major(self.kept_fees)),
            format!("received    {} {currency}", major(self.received)),
        ];
        if let Some(tax) = self.contained_tax {
            lines.push(format!("tax in it   {} {currency}", major(tax)));
        }
        lines.extend([
            format!(
                "reservations  {} confirmed, {} held, {} cancelled, {} expired",
                reservations.confirmed,
                reservations.held,
                reservations.cancelled,
                reservations.expired
            ),
            format!(
                "queue       {} waiting, {} inside, {} called of {} issued",
                queue.waiting, queue.inside, queue.called, queue.issued
            ),
            String::new(),
            format!(
                "{:<17} {:<12} {:>8} {:>8} {:>8} {:>8} {:>9} {:>18}",
                "date",
                "section",
                "total",
                "sold",
                "held",
                "blocked",
                "available",
                format!("revenue, {currency}")
            ),
        ]);
        lines.extend(self.sections.iter().map(|sales| {
            let tickets = sales.tickets;
            let date = sales.date.map(|date| date.to_string()).unwrap_or_default();
            let section = sales.section.as_deref().unwrap_or("all");
            format!(
                "{date:<17} {section:<12} {:>8} {:>8} {:>8} {:>8} {:>9} {:>18}",
                tickets.total,
                tickets.sold,
                tickets.held,
                tickets.blocked,
                tickets.available,
                major(tickets.revenue)
            )
        }));
        lines
    }
}

fn sections(programme: &Programme) -> Vec<SectionSales> {
    match programme.event.terms.admission {
        Admission::General {
            total_tickets,
            price,
            ..
        } => vec![SectionSales {
            date: None,
            section: None,
            price,
            tickets: TicketCounts::of_total(total_tickets),
        }],
        Admission::Seated => programme
            .dates
            .iter()
            .flat_map(|(date, on_sale)| on_sale.sections.iter().map(move |section| (date, section)))
            .map(|(date, section)| SectionSales {
                date: Some(*date),
                section: Some(section.name.clone()),
                price: section.price,
                tickets: TicketCounts::of_total(section.seats),
            })
            .collect(),
    }
}

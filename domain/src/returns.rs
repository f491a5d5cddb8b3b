//! Tickets of a paid reservation that are given back while the others stay.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::fees::ReservedFees;
use crate::ids::SeatNumber;
use crate::money::Money;
use crate::reservation::{Reservation, ReservedSeat};
use crate::stock::{Allocation, give_back};

/// The tickets that were given back of a reservation before it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Returned {
    /// Empty for general admission.
    pub seats: Vec<ReservedSeat>,
    pub quantity: u32,
    /// What was given back for them.
    pub refunded: Money,
    /// The part of `refunded` that went on to where the money came from.
    pub to_source: Money,
    /// Their fees that were not given back.
    pub kept: Money,
}

/// Which tickets are given back. A request names what goes or what stays, and not how many more go,
/// so a repeated one gives nothing back twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Returning {
    Seats(Vec<SeatNumber>),
    /// For general admission: this many tickets stay.
    AllBut(u32),
}

impl Returning {
    /// Parses seat numbers, separated by commas.
    pub fn parse_seats(text: &str) -> Result<Self, String> {
        /// More than a reservation can have.
        const MOST: usize = 100;
        let numbers: Option<Vec<SeatNumber>> = text
            .split(',')
            .take(MOST + 1)
            .map(|number| number.trim().parse().ok().filter(|number| *number > 0))
            .map(|number| number.map(SeatNumber))
            .collect();
        numbers
            .filter(|numbers| numbers.len() <= MOST)
            .map(Self::Seats)
            .ok_or_else(|| "must be seat numbers, separated by commas".to_owned())
    }
}

/// Why a reservation has no such part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoSuchPart {
    /// It never had this seat.
    Seat(SeatNumber),
    /// It has seats, so a number of tickets does not say which.
    HasSeats,
    /// Its tickets have no seats.
    HasNoSeats,
}

/// What a request gives back of a reservation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Portion {
    /// An earlier request has given it back.
    Nothing,
    Some(TicketsBack),
    /// All that is left.
    All,
}

/// Tickets that are about to be given back, while others stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketsBack {
    pub seats: Vec<ReservedSeat>,
    pub quantity: u32,
    /// Without fees.
    pub price: Money,
    /// Of these tickets. The fee of the order stays with the others.
    pub fees: Money,
    /// The stock that they go back to.
    pub stock: Vec<Allocation>,
    /// The stock that the others keep.
    stock_left: Vec<Allocation>,
    are_fees_refundable: bool,
}

impl TicketsBack {
    /// What is given back for them: the price, and the fees if they are refundable.
    #[must_use]
    pub fn refund(&self) -> Money {
        self.price + self.fees - self.kept()
    }

    fn kept(&self) -> Money {
        if self.are_fees_refundable {
            Money::ZERO
        } else {
            self.fees
        }
    }
}

impl Reservation {
    /// What a request at `now` gives back of this reservation.
    pub fn portion(&self, wanted: &Returning, now: EpochMs) -> Result<Portion, NoSuchPart> {
        let (seats, quantity) = match (wanted, self.date()) {
            (Returning::Seats(numbers), Some(_)) => {
                let seats = self.seats_among(numbers)?;
                let quantity = u32::try_from(seats.len()).unwrap_or(u32::MAX);
                (seats, quantity)
            }
            (Returning::AllBut(stay), None) => (Vec::new(), self.quantity.saturating_sub(*stay)),
            (Returning::Seats(_), None) => return Err(NoSuchPart::HasNoSeats),
            (Returning::AllBut(_), Some(_)) => return Err(NoSuchPart::HasSeats),
        };
        if quantity == 0 {
            return Ok(Portion::Nothing);
        }
        if quantity == self.quantity {
            return Ok(Portion::All);
        }
        let price = match self.date() {
            Some(_) => seats.iter().map(|seat| seat.price).sum(),
            None => self.ticket_price().times(quantity),
        };
        let with_price = |seats: &[ReservedSeat]| {
            let paid = seats.iter().filter(|seat| seat.price > Money::ZERO);
            u32::try_from(paid.count()).unwrap_or(u32::MAX)
        };
        let (back_with_price, all_with_price) = match self.date() {
            Some(_) => (with_price(&seats), with_price(&self.seats)),
            None => (quantity, self.quantity),
        };
        let (stock, stock_left) = give_back(&self.stock, quantity);
        Ok(Portion::Some(TicketsBack {
            fees: self
                .fees
                .of_one_ticket(all_with_price)
                .times(back_with_price),
            are_fees_refundable: self.fees.refundable || self.performance.gives_all_back(now),
            seats,
            quantity,
            price,
            stock,
            stock_left,
        }))
    }

    /// Those of the seats that it still has. The others must have been given back before.
    fn seats_among(&self, numbers: &[SeatNumber]) -> Result<Vec<ReservedSeat>, NoSuchPart> {
        let known = self.seats.iter().chain(&self.returned.seats);
        let known: BTreeSet<SeatNumber> = known.map(|seat| seat.seat_number).collect();
        if let Some(unknown) = numbers.iter().find(|number| !known.contains(number)) {
            return Err(NoSuchPart::Seat(*unknown));
        }
        let is_wanted = |seat: &&ReservedSeat| numbers.contains(&seat.seat_number);
        Ok(self.seats.iter().filter(is_wanted).cloned().collect())
    }

    /// The reservation without these tickets.
    #[must_use]
    pub fn without(&self, back: &TicketsBack, to_source: Money, now: EpochMs) -> Self {
        let goes = |seat: &ReservedSeat| {
            let mut back = back.seats.iter();
            back.any(|back| back.seat_number == seat.seat_number)
        };
        let former = &self.returned;
        Self {
            seats: self
                .seats
                .iter()
                .filter(|seat| !goes(seat))
                .cloned()
                .collect(),
            quantity: self.quantity - back.quantity,
            fees: ReservedFees {
                tickets: self.fees.tickets - back.fees,
                ..self.fees
            },
            total_price: self.total_price - back.price - back.fees,
            returned: Returned {
                seats: former.seats.iter().chain(&back.seats).cloned().collect(),
                quantity: former.quantity + back.quantity,
                refunded: former.refunded + back.refund(),
                to_source: former.to_source + to_source,
                kept: former.kept + back.kept(),
            },
            stock: back.stock_left.clone(),
            modified_at: self.next_change(now),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Section;
    use crate::fees::Fees;
    use crate::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, UserId};
    use crate::reservation::{Payment, Performance, State};
    use proptest::prelude::*;

    /// A paid reservation of seats at these prices, numbered from 1; without them, of 5 tickets at 100.
    fn paid(prices: &[i64], fees: Fees) -> Reservation {
        let event = EventId::parse("e").unwrap();
        let date = (!prices.is_empty()).then(|| DateKey::parse("2026-12-24").unwrap());
        let seats: Vec<ReservedSeat> = (1..)
            .zip(prices)
            .map(|(number, price)| {
                let section = Section::new("R", Money(*price), SeatNumber(1), 100);
                ReservedSeat::of(&section, SeatNumber(number))
            })
            .collect();
        let each = match prices {
            [] => vec![Money(100); 5],
            prices => prices.iter().copied().map(Money).collect(),
        };
        let fees = fees.of_order(each.iter().copied());
        let total_price = each.iter().copied().sum::<Money>() + fees.total();
        let allocation = |(shard, quantity)| Allocation { shard, quantity };
        Reservation {
            reservation_id: ReservationId::new(event, date, EpochMs(0)),
            user_id: UserId::random(),
            event_name: "E".to_owned(),
            performance: Performance::default(),
            quantity: u32::try_from(each.len()).unwrap(),
            stock: match date {
                Some(_) => Vec::new(),
                None => [(3, 2), (7, 3)].map(allocation).to_vec(),
            },
            seats,
            seat_limit: 20,
            fees,
            tax_rate: None,
            total_price,
            state: State::Confirmed {
                payment: Some(Payment {
                    payment_id: EntryId::new(EpochMs(0)),
                    amount: total_price,
                    balance_after: Money(0),
                    paid_at: EpochMs(0),
                }),
            },
            returned: Returned::default(),
            charge_id: None,
            lane: Lane::FIRST,
            rank: Rank(1),
            created_at: EpochMs(0),
            modified_at: EpochMs(0),
        }
    }

    const FEES: Fees = Fees {
        per_ticket: Money(10),
        per_order: Money(7),
        refundable: false,
    };

    fn seats(numbers: &[u32]) -> Returning {
        Returning::Seats(numbers.iter().copied().map(SeatNumber).collect())
    }

    fn some(reservation: &Reservation, wanted: &Returning) -> TicketsBack {
        match reservation.portion(wanted, EpochMs(0)) {
            Ok(Portion::Some(back)) => back,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_returned_seat_gives_its_price_back_and_its_fee_only_if_fees_are_refundable() {
        for (refundable, refund, kept) in [(false, 200, 10), (true, 210, 0)] {
            let reservation = paid(&[100, 200], Fees { refundable, ..FEES });
            let back = some(&reservation, &seats(&[2]));
            assert_eq!(back.refund(), Money(refund));
            let left = reservation.without(&back, Money(50), EpochMs(0));
            assert_eq!((left.quantity, left.seats.len()), (1, 1));
            assert_eq!(left.seats[0].seat_number, SeatNumber(1));
            // The fee of the order stays.
            assert_eq!(left.total_price, Money(117));
            assert_eq!(left.fees.total(), Money(17));
            let Returned {
                quantity,
                refunded,
                to_source,
                kept: is_kept,
                ..
            } = left.returned;
            assert_eq!((quantity, refunded), (1, Money(refund)));
            assert_eq!((to_source, is_kept), (Money(50), Money(kept)));
        }
    }

    #[test]
    fn a_free_seat_has_no_fee_to_keep() {
        let reservation = paid(&[100, 0, 300], FEES);
        let back = some(&reservation, &seats(&[2]));
        assert_eq!((back.price, back.fees), (Money::ZERO, Money::ZERO));
        let left = reservation.without(&back, Money::ZERO, EpochMs(0));
        let back = some(&left, &seats(&[3]));
        assert_eq!((back.price, back.fees), (Money(300), Money(10)));
    }

    #[test]
    fn tickets_without_seats_go_back_to_the_stock_that_they_came_from() {
        let reservation = paid(&[], FEES);
        let back = some(&reservation, &Returning::AllBut(2));
        assert_eq!((back.quantity, back.price), (3, Money(300)));
        let returned: u32 = back.stock.iter().map(|part| part.quantity).sum();
        let left = reservation.without(&back, Money::ZERO, EpochMs(0));
        let kept: u32 = left.stock.iter().map(|part| part.quantity).sum();
        assert_eq!((returned, kept), (3, 2));
        assert_eq!(left.ticket_price(), Money(100));
    }

    #[test]
    fn a_repeated_request_gives_nothing_back_twice() {
        let reservation = paid(&[100, 200, 300], FEES);
        let wanted = seats(&[1, 3]);
        let back = some(&reservation, &wanted);
        let left = reservation.without(&back, Money::ZERO, EpochMs(0));
        assert_eq!(left.portion(&wanted, EpochMs(0)), Ok(Portion::Nothing));
        assert_eq!(left.portion(&seats(&[3, 2]), EpochMs(0)), Ok(Portion::All));

        let reservation = paid(&[], FEES);
        let back = some(&reservation, &Returning::AllBut(4));
        let left = reservation.without(&back, Money::ZERO, EpochMs(0));
        assert_eq!(
            left.portion(&Returning::AllBut(4), EpochMs(0)),
            Ok(Portion::Nothing)
        );
        assert_eq!(
            left.portion(&Returning::AllBut(9), EpochMs(0)),
            Ok(Portion::Nothing)
        );
        assert_eq!(
            left.portion(&Returning::AllBut(0), EpochMs(0)),
            Ok(Portion::All)
        );
    }

    #[test]
    fn what_a_reservation_does_not_have_cannot_be_given_back() {
        let with_seats = paid(&[100, 200], FEES);
        let unknown = Err(NoSuchPart::Seat(SeatNumber(3)));
        assert_eq!(with_seats.portion(&seats(&[1, 3]), EpochMs(0)), unknown);
        let by_number = with_seats.portion(&Returning::AllBut(1), EpochMs(0));
        assert_eq!(by_number, Err(NoSuchPart::HasSeats));
        let by_seats = paid(&[], FEES).portion(&seats(&[1]), EpochMs(0));
        assert_eq!(by_seats, Err(NoSuchPart::HasNoSeats));
    }

    #[test]
    fn each_change_is_later_than_the_one_before_even_within_a_millisecond() {
        let reservation = paid(&[100, 200, 300], FEES);
        let back = some(&reservation, &seats(&[1]));
        let left = reservation.without(&back, Money::ZERO, reservation.modified_at);
        assert!(left.modified_at > reservation.modified_at);
    }

    #[test]
    fn seats_are_written_as_numbers_with_commas() {
        assert_eq!(Returning::parse_seats("7, 8"), Ok(seats(&[7, 8])));
        for wrong in ["", "7,", "0", "a", "7-8", "99999999999"] {
            assert!(Returning::parse_seats(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn payments_less_refunds_are_the_price_now_and_what_was_kept(
            prices in proptest::collection::vec(0_i64..1_000, 2..10),
            returns in proptest::collection::vec(1_u32..10, 1..10),
            refundable: bool,
            per_ticket in 0_i64..100,
        ) {
            let fees = Fees { per_ticket: Money(per_ticket), refundable, ..FEES };
            let first = paid(&prices, fees);
            let mut now = first.clone();
            for number in returns {
                match now.portion(&seats(&[number]), EpochMs(0)) {
                    Ok(Portion::Some(back)) => now = now.without(&back, Money::ZERO, EpochMs(0)),
                    Ok(Portion::Nothing | Portion::All) | Err(_) => {}
                }
                let seats: Money = now.seats.iter().map(|seat| seat.price).sum();
                prop_assert_eq!(seats + now.fees.total(), now.total_price);
                prop_assert_eq!(now.kept(), now.total_price + now.returned.kept);
                prop_assert_eq!(now.seats.len() + now.returned.seats.len(), prices.len());
                prop_assert!(now.refund(EpochMs(0)) <= now.total_price && now.returned.refunded >= Money::ZERO);
            }
        }
    }
}

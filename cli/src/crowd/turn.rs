//! What a person does during a turn, from the first look at the dates to the ticket.
//!
//! Decisions only: `rush` carries out each [`Act`] against a server, and `plan` against its model. Both report the
//! [`Outcome`], and [`Turn::next`] decides what the person does then.

use std::time::Duration;

use super::{Change, Person};

/// A person whose seats are taken chooses others, at most this many times.
const MOST_CHOICES: u32 = 12;
/// The shop loads the seats again at this interval while somebody looks at them (`REFRESH_SECONDS` in web/js/seats.js).
const REFRESH: Duration = Duration::from_secs(5);
/// A person whose seats were taken chooses others within this time, or within the usual time if that is shorter.
const CHOOSING_AGAIN: Duration = Duration::from_secs(1);
/// A bot sends the next request this soon after an answer.
pub const BOT_PAUSE: Duration = Duration::from_millis(100);

/// What is for sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goods {
    Seats,
    /// General admission.
    Tickets,
}

/// What a person does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Nothing, for this time.
    Pause(Duration),
    /// Looks for a date with free seats.
    ViewDates,
    /// Looks at the seat map.
    ViewSeats,
    /// Holds seats: some that the map shows as free, or the best.
    Hold {
        tickets: u32,
        on_map: bool,
    },
    /// Releases the hold.
    Release,
    /// Charges the wallet with the price of this many tickets.
    Charge {
        tickets: u32,
    },
    /// Pays the hold.
    Pay,
    /// Buys tickets of general admission.
    Reserve {
        tickets: u32,
    },
    /// Looks at the ticket.
    ViewTicket,
    /// Returns the tickets for a refund.
    Return,
    /// Ends the turn with the button.
    Leave,
    End(TurnEnd),
}

/// What came of an act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// The dates or the map show this many free seats, or the request was refused because only this many are left.
    Left(u32),
    /// A seat is taken.
    Taken,
    /// The session or the hold is over.
    TurnOver,
}

/// How a turn ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TurnEnd {
    Bought,
    Returned,
    /// Nothing was left.
    SoldOut,
    ChangedMind,
    /// The session or the hold ended first.
    TurnOver,
}

/// A turn. The person is not part of it: `plan` has a million of them, and computes them when they act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    goods: Goods,
    /// How long the person stays if nothing is left.
    lingering: Duration,
    stage: Stage,
    tickets: u32,
    /// What is left of the time to choose.
    to_choose: Duration,
    choices: u32,
    lingered: Duration,
    has_held_others: bool,
}

/// What the next outcome belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    ViewingDates,
    ViewingSeats,
    /// The pause in which the person chooses.
    Choosing,
    /// The pause in which nothing is left.
    Lingering,
    Holding,
    /// The pause in which the person regrets the choice.
    Regretting,
    Releasing,
    /// The pause before the payment.
    FindingWallet,
    Charging,
    Paying,
    Reserving,
    ViewingTicket,
    /// The pause before the return.
    Owning,
    Returning,
    Leaving(TurnEnd),
}

impl Turn {
    /// Begins a turn.
    #[must_use]
    pub fn begin(person: &Person, goods: Goods, lingering: Duration) -> (Self, Act) {
        let mut turn = Self {
            goods,
            lingering,
            stage: Stage::ViewingDates,
            tickets: person.tickets,
            to_choose: if person.is_bot {
                Duration::ZERO
            } else {
                person.choosing
            },
            choices: 0,
            lingered: Duration::ZERO,
            has_held_others: false,
        };
        let first = match goods {
            Goods::Seats => Act::ViewDates,
            Goods::Tickets => turn.choose(),
        };
        (turn, first)
    }

    /// What the person does after the last act had this outcome.
    pub fn next(&mut self, person: &Person, outcome: Outcome) -> Act {
        match (self.stage, outcome) {
            (Stage::Leaving(end), _) => Act::End(end),
            // The tickets cannot be returned any more.
            (Stage::Returning, Outcome::TurnOver) => Act::End(TurnEnd::Bought),
            (Stage::Returning, _) => Act::End(TurnEnd::Returned),
            (_, Outcome::TurnOver) => Act::End(TurnEnd::TurnOver),
            // The dates may be a second older than the seats.
            (Stage::ViewingDates | Stage::ViewingSeats, Outcome::Left(0)) => self.linger(person),
            (Stage::ViewingDates, outcome) => {
                self.note_left(outcome);
                if self.is_on_map(person) {
                    self.then(Stage::ViewingSeats, Act::ViewSeats)
                } else {
                    self.choose()
                }
            }
            (Stage::ViewingSeats, outcome) => {
                self.note_left(outcome);
                self.choose()
            }
            (Stage::Choosing, _) => self.click(person),
            (Stage::Holding, Outcome::Done) => self.has_held(person),
            (Stage::Holding, outcome) => {
                self.note_left(outcome);
                self.choose_others(person)
            }
            (Stage::Regretting, _) => self.then(Stage::Releasing, Act::Release),
            (Stage::Lingering | Stage::Releasing, _) => {
                self.then(Stage::ViewingDates, Act::ViewDates)
            }
            (Stage::FindingWallet, _) => self.charge(),
            (Stage::Charging, _) => match self.goods {
                Goods::Seats => self.then(Stage::Paying, Act::Pay),
                Goods::Tickets => {
                    let tickets = self.tickets;
                    self.then(Stage::Reserving, Act::Reserve { tickets })
                }
            },
            (Stage::Reserving, Outcome::Left(0)) => self.leave(TurnEnd::SoldOut),
            (Stage::Reserving, Outcome::Left(_) | Outcome::Taken) => {
                self.note_left(outcome);
                self.choices += 1;
                if self.choices > MOST_CHOICES {
                    return self.leave(TurnEnd::SoldOut);
                }
                self.charge()
            }
            (Stage::Reserving | Stage::Paying, _) => {
                self.then(Stage::ViewingTicket, Act::ViewTicket)
            }
            (Stage::ViewingTicket, _) if person.change == Some(Change::ReturnsTickets) => {
                self.then(Stage::Owning, Act::Pause(person.choosing))
            }
            (Stage::ViewingTicket, _) => Act::End(TurnEnd::Bought),
            (Stage::Owning, _) => self.then(Stage::Returning, Act::Return),
        }
    }

    fn then(&mut self, stage: Stage, act: Act) -> Act {
        self.stage = stage;
        act
    }

    /// Bots have no eyes.
    fn is_on_map(&self, person: &Person) -> bool {
        self.goods == Goods::Seats && person.chooses_seats && !person.is_bot
    }

    fn note_left(&mut self, outcome: Outcome) {
        if let Outcome::Left(left) = outcome {
            self.tickets = self.tickets.min(left).max(1);
        }
    }

    /// Looks at what there is until the time to choose is over. The map is loaded again meanwhile.
    fn choose(&mut self) -> Act {
        let pause = self.to_choose.min(REFRESH);
        self.to_choose -= pause;
        self.then(Stage::Choosing, Act::Pause(pause))
    }

    /// After a part of the time to choose.
    fn click(&mut self, person: &Person) -> Act {
        if !self.to_choose.is_zero() {
            return if self.is_on_map(person) {
                self.then(Stage::ViewingSeats, Act::ViewSeats)
            } else {
                self.choose()
            };
        }
        match (person.change, self.goods) {
            (Some(Change::LeavesTurn), _) => self.leave(TurnEnd::ChangedMind),
            (Some(Change::NeverPays), Goods::Tickets) => Act::End(TurnEnd::ChangedMind),
            (_, Goods::Tickets) => self.find_wallet(person),
            (_, Goods::Seats) => {
                let (tickets, on_map) = (self.tickets, self.is_on_map(person));
                self.then(Stage::Holding, Act::Hold { tickets, on_map })
            }
        }
    }

    fn choose_others(&mut self, person: &Person) -> Act {
        self.choices += 1;
        if self.choices > MOST_CHOICES {
            return self.leave(TurnEnd::SoldOut);
        }
        self.to_choose = if person.is_bot {
            BOT_PAUSE
        } else {
            person.choosing.min(CHOOSING_AGAIN).max(BOT_PAUSE)
        };
        self.then(Stage::ViewingDates, Act::ViewDates)
    }

    /// Waits for seats that others give back. Bots do not wait.
    fn linger(&mut self, person: &Person) -> Act {
        let pause = REFRESH.min(self.lingering.saturating_sub(self.lingered));
        if person.is_bot || pause.is_zero() {
            return self.leave(TurnEnd::SoldOut);
        }
        self.lingered += pause;
        self.then(Stage::Lingering, Act::Pause(pause))
    }

    fn has_held(&mut self, person: &Person) -> Act {
        match person.change {
            Some(Change::HoldsOthers) if !self.has_held_others => {
                self.has_held_others = true;
                self.then(Stage::Regretting, Act::Pause(person.choosing))
            }
            Some(Change::NeverPays) => Act::End(TurnEnd::ChangedMind),
            _ => self.find_wallet(person),
        }
    }

    fn find_wallet(&mut self, person: &Person) -> Act {
        let pause = if person.is_bot {
            Duration::ZERO
        } else {
            person.paying
        };
        self.then(Stage::FindingWallet, Act::Pause(pause))
    }

    fn charge(&mut self) -> Act {
        let tickets = self.tickets;
        self.then(Stage::Charging, Act::Charge { tickets })
    }

    fn leave(&mut self, end: TurnEnd) -> Act {
        self.then(Stage::Leaving(end), Act::Leave)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ArrivalCurve, Crowd, Habits};
    use super::*;
    use proptest::prelude::*;

    fn person() -> Person {
        let crowd = Crowd {
            people: 1,
            arrivals: ArrivalCurve::opening(Duration::from_mins(1)),
            habits: Habits::default(),
            seed: 1,
        };
        Person {
            is_bot: false,
            tickets: 3,
            chooses_seats: true,
            choosing: Duration::from_secs(12),
            paying: Duration::from_secs(30),
            change: None,
            ..crowd.person(0)
        }
    }

    /// The acts of a turn if each act has the outcome that `outcome` says, as long as it says one.
    fn acts(person: &Person, goods: Goods, mut outcome: impl FnMut(Act) -> Outcome) -> Vec<Act> {
        let (mut turn, mut act) = Turn::begin(person, goods, Duration::from_secs(12));
        let mut acts = vec![act];
        while !matches!(act, Act::End(_)) && acts.len() < 1_000 {
            act = turn.next(person, outcome(act));
            acts.push(act);
        }
        acts
    }

    fn all_is_free(act: Act) -> Outcome {
        match act {
            Act::ViewDates | Act::ViewSeats => Outcome::Left(100),
            _ => Outcome::Done,
        }
    }

    fn pause(seconds: u64) -> Act {
        Act::Pause(Duration::from_secs(seconds))
    }

    #[test]
    fn seats_are_seen_again_every_five_seconds_then_held_and_paid() {
        use Act::{Charge, End, Hold, Pay, ViewDates, ViewSeats, ViewTicket};
        let (tickets, on_map) = (3, true);
        assert_eq!(
            acts(&person(), Goods::Seats, all_is_free),
            [
                ViewDates,
                ViewSeats,
                pause(5),
                ViewSeats,
                pause(5),
                ViewSeats,
                pause(2),
                Hold { tickets, on_map },
                pause(30),
                Charge { tickets },
                Pay,
                ViewTicket,
                End(TurnEnd::Bought),
            ]
        );
    }

    #[test]
    fn a_person_for_whom_nothing_is_left_looks_again_for_a_while_and_leaves() {
        use Act::{End, Leave, ViewDates, ViewSeats};
        let sold_out = End(TurnEnd::SoldOut);
        assert_eq!(
            acts(&person(), Goods::Seats, |_| Outcome::Left(0)),
            [
                ViewDates,
                pause(5),
                ViewDates,
                pause(5),
                ViewDates,
                pause(2),
                ViewDates,
                Leave,
                sold_out
            ]
        );
        // Old dates do not make the person ask again at once.
        let old_dates = |act| match act {
            Act::ViewDates => Outcome::Left(1),
            _ => Outcome::Left(0),
        };
        let after_map = [
            ViewDates,
            ViewSeats,
            pause(5),
            ViewDates,
            ViewSeats,
            pause(5),
        ];
        assert_eq!(acts(&person(), Goods::Seats, old_dates)[..6], after_map);
        let bot = Person {
            is_bot: true,
            ..person()
        };
        let of_bot = acts(&bot, Goods::Seats, |_| Outcome::Left(0));
        assert_eq!(of_bot, [ViewDates, Leave, sold_out]);
    }

    #[test]
    fn people_who_change_their_mind_do_it_once() {
        for (change, goods, wanted) in [
            (
                Change::HoldsOthers,
                Goods::Seats,
                [2, 1, 1, 1, 0, TurnEnd::Bought as u32],
            ),
            (
                Change::NeverPays,
                Goods::Seats,
                [1, 0, 0, 0, 0, TurnEnd::ChangedMind as u32],
            ),
            (
                Change::LeavesTurn,
                Goods::Seats,
                [0, 0, 0, 0, 1, TurnEnd::ChangedMind as u32],
            ),
            (
                Change::ReturnsTickets,
                Goods::Seats,
                [1, 0, 1, 1, 0, TurnEnd::Returned as u32],
            ),
            (
                Change::ReturnsTickets,
                Goods::Tickets,
                [0, 0, 1, 0, 0, TurnEnd::Returned as u32],
            ),
            (
                Change::NeverPays,
                Goods::Tickets,
                [0, 0, 0, 0, 0, TurnEnd::ChangedMind as u32],
            ),
        ] {
            let person = Person {
                change: Some(change),
                ..person()
            };
            let acts = acts(&person, goods, all_is_free);
            let count = |is: fn(&Act) -> bool| {
                u32::try_from(acts.iter().filter(|act| is(act)).count()).unwrap()
            };
            let Some(Act::End(end)) = acts.last().copied() else {
                panic!("{acts:?}")
            };
            let counts = [
                count(|act| matches!(act, Act::Hold { .. })),
                count(|act| *act == Act::Release),
                count(|act| matches!(act, Act::Charge { .. })),
                count(|act| *act == Act::Pay),
                count(|act| *act == Act::Leave),
                end as u32,
            ];
            assert_eq!(counts, wanted, "{change:?} {goods:?}: {acts:?}");
        }
    }

    #[test]
    fn a_ticket_that_cannot_be_returned_is_kept() {
        let person = Person {
            change: Some(Change::ReturnsTickets),
            ..person()
        };
        let acts = acts(&person, Goods::Seats, |act| match act {
            Act::Return => Outcome::TurnOver,
            act => all_is_free(act),
        });
        assert_eq!(acts.last(), Some(&Act::End(TurnEnd::Bought)));
    }

    proptest! {
        #[test]
        fn every_turn_ends_whatever_the_outcomes_are(seed: u64, is_general: bool) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let goods = if is_general { Goods::Tickets } else { Goods::Seats };
            let acts = acts(&person(), goods, |_| match rng.u32(..4) {
                0 => Outcome::Done,
                1 => Outcome::Taken,
                left => Outcome::Left(left - 2),
            });
            prop_assert!(matches!(acts.last(), Some(Act::End(_))), "{acts:?}");
        }
    }
}

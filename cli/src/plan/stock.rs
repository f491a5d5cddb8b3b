//! What is for sale, by section. Seats are counted and not told apart.

use domain::clock::EpochMs;
use domain::event::{Admission, Programme};
use domain::shortage::{SECTIONS_A_LOOK, Search, SectionStock, Shortage};
use fastrand::Rng;

/// A section of a date, or all tickets of general admission.
#[derive(Clone, Debug)]
pub struct Part {
    /// Counted from 0.
    pub date: usize,
    pub seats: u32,
    /// Of all sections of the date. Lists show them together.
    pub seats_of_date: u32,
    pub sold: u32,
    /// In living holds.
    pub held: u32,
    /// How many seats have been held so far. The difference between two times is how many a buyer lost in between.
    pub taken: u64,
}

impl Part {
    #[must_use]
    pub fn free(&self) -> u32 {
        self.seats.saturating_sub(self.sold + self.held)
    }

    fn stock(&self) -> SectionStock {
        if self.free() > 0 {
            SectionStock::Free
        } else if self.held > 0 {
            SectionStock::Held
        } else {
            SectionStock::Sold
        }
    }
}

/// Living holds have this state until they are paid, released or lapse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldState {
    Held,
    Paid,
    Over,
}

/// A hold.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub part: usize,
    pub seats: u32,
    pub until: EpochMs,
    pub state: HoldState,
}

/// The stock during a simulation.
#[derive(Clone, Debug)]
pub struct Stock {
    pub parts: Vec<Part>,
    pub holds: Vec<Hold>,
    search: Search,
}

impl Stock {
    /// Everything of an event that has not begun.
    #[must_use]
    pub fn of(programme: &Programme, now: EpochMs) -> Self {
        let part = |date: usize, seats: u32, seats_of_date: u32| Part {
            date,
            seats,
            seats_of_date,
            sold: 0,
            held: 0,
            taken: 0,
        };
        let parts = match programme.event.terms.admission {
            Admission::General { total_tickets, .. } => vec![part(0, total_tickets, total_tickets)],
            Admission::Seated => programme
                .dates
                .values()
                .filter(|date| programme.is_ahead(date, now))
                .enumerate()
                .flat_map(|(at, date)| {
                    let of_date = date.total_seats();
                    let sections = date.sections.iter();
                    sections.map(move |section| part(at, section.seats, of_date))
                })
                .collect(),
        };
        Self {
            parts,
            holds: Vec::new(),
            search: Search::default(),
        }
    }

    #[must_use]
    pub fn seats(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.seats)).sum()
    }

    #[must_use]
    pub fn sold(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.sold)).sum()
    }

    #[must_use]
    pub fn held(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.held)).sum()
    }

    #[must_use]
    pub fn free(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.free())).sum()
    }

    /// A part with enough free seats, in proportion to its free seats; `None` if there is none.
    pub fn choose(&self, tickets: u32, random: &mut Rng) -> Option<usize> {
        let weight = |part: &Part| {
            if part.free() >= tickets {
                u64::from(part.free())
            } else {
                0
            }
        };
        let total: u64 = self.parts.iter().map(weight).sum();
        if total == 0 {
            return None;
        }
        let mut at = random.u64(..total);
        for (index, part) in self.parts.iter().enumerate() {
            match at.checked_sub(weight(part)) {
                Some(rest) => at = rest,
                None => return Some(index),
            }
        }
        None
    }

    /// Holds seats. The caller knows that enough are free. Returns the hold's number.
    pub fn hold(&mut self, part: usize, seats: u32, until: EpochMs) -> usize {
        self.parts[part].held += seats;
        self.parts[part].taken += u64::from(seats);
        self.holds.push(Hold {
            part,
            seats,
            until,
            state: HoldState::Held,
        });
        self.holds.len() - 1
    }

    /// Sells tickets of general admission at once.
    pub fn sell(&mut self, part: usize, tickets: u32) {
        self.parts[part].sold += tickets;
        self.parts[part].taken += u64::from(tickets);
    }

    /// Pays a hold. Returns `false` if it has lapsed.
    pub fn pay(&mut self, hold: usize, now: EpochMs) -> bool {
        let hold = &mut self.holds[hold];
        if hold.state != HoldState::Held || hold.until <= now {
            return false;
        }
        hold.state = HoldState::Paid;
        self.parts[hold.part].held -= hold.seats;
        self.parts[hold.part].sold += hold.seats;
        true
    }

    /// Ends a hold that was not paid.
    pub fn release(&mut self, hold: usize) {
        let hold = &mut self.holds[hold];
        if hold.state == HoldState::Held {
            hold.state = HoldState::Over;
            self.parts[hold.part].held -= hold.seats;
        }
    }

    /// Takes sold tickets back.
    pub fn take_back(&mut self, part: usize, tickets: u32) {
        self.parts[part].sold -= tickets.min(self.parts[part].sold);
    }

    /// Looks for a part with free seats, as promotions do. Returns the last one that was looked at.
    pub fn look(&mut self) -> (Option<Shortage>, usize) {
        let total = self.parts.len();
        if total == 0 {
            return (Some(Shortage::SoldOut), 0);
        }
        let mut looked_at = 0;
        for index in self.search.upcoming(total, SECTIONS_A_LOOK) {
            looked_at = index % total;
            let stock = self.parts[looked_at].stock();
            self.search.see(stock, total);
            if stock == SectionStock::Free {
                break;
            }
        }
        (self.search.shortage(), looked_at)
    }
}

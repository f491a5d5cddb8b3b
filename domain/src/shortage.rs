//! When nothing is left to buy.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::seats::SeatStatus;

/// A process looks for free seats at most this often.
pub const LOOK_EVERY_MS: i64 = 5_000;

/// The maximum number of sections of a look. An event with more takes several looks.
pub const SECTIONS_A_LOOK: usize = 40;

/// Why nothing can be bought at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Shortage {
    /// Everything that is on sale is sold. Only a cancellation, or the end of a block, brings tickets
    /// back.
    SoldOut,
    /// The last seats are held by users who have not paid yet.
    AllHeld,
}

/// What a section has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SectionStock {
    Free,
    Held,
    Sold,
}

impl SectionStock {
    /// Of the statuses of all its seats.
    pub fn of(statuses: impl IntoIterator<Item = SeatStatus>) -> Self {
        let mut stock = Self::Sold;
        for status in statuses {
            match status {
                SeatStatus::Available => return Self::Free,
                SeatStatus::Held => stock = Self::Held,
                // A block may last for days, so nobody should wait for it as for a hold.
                SeatStatus::Sold | SeatStatus::Blocked => {}
            }
        }
        stock
    }
}

/// A search for a section with a free seat. It visits all sections in turn, a limited number at a
/// time, and stays at a section as long as that has free seats. So an event with free seats costs
/// one read, and an event with any number of sections a limited number of reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Search {
    /// The section to look at next.
    next: usize,
    /// How many sections without a free seat the present round has seen.
    seen: usize,
    /// Whether this round has seen a held seat.
    held: bool,
    /// The result of the last complete round.
    shortage: Option<Shortage>,
}

impl Search {
    /// Whether nothing is left, as far as is known.
    #[must_use]
    pub fn shortage(self) -> Option<Shortage> {
        self.shortage
    }

    /// The indices of the sections to look at now, of `total`: at most `most`, and at most all.
    /// They may exceed `total`; take them modulo `total`.
    #[must_use]
    pub fn upcoming(self, total: usize, most: usize) -> Range<usize> {
        self.next..self.next + most.min(total)
    }

    /// Whether free seats are known, so that one section probably is enough.
    #[must_use]
    pub fn has_found(self) -> bool {
        self.seen == 0 && self.shortage.is_none()
    }

    /// Takes the next section into account, of `total`.
    pub fn see(&mut self, stock: SectionStock, total: usize) {
        if stock == SectionStock::Free {
            *self = Self {
                next: self.next,
                ..Self::default()
            };
            return;
        }
        self.next = (self.next + 1) % total.max(1);
        self.seen += 1;
        self.held |= stock == SectionStock::Held;
        if self.seen >= total {
            self.shortage = Some(if self.held {
                Shortage::AllHeld
            } else {
                Shortage::SoldOut
            });
            self.seen = 0;
            self.held = false;
        }
    }

    /// The result if there is only one stock, or nothing to look at.
    #[must_use]
    pub fn of_stock(is_left: bool) -> Self {
        Self {
            shortage: (!is_left).then_some(Shortage::SoldOut),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at `most` sections at a time until the result stays the same for a round. Returns it
    /// with the number of sections of the last look.
    fn search(house: &[SectionStock], most: usize) -> (Option<Shortage>, usize) {
        let mut search = Search::default();
        let mut looked = 0;
        for _ in 0..=house.len() {
            looked = look(&mut search, house, most);
        }
        (search.shortage(), looked)
    }

    fn look(search: &mut Search, house: &[SectionStock], most: usize) -> usize {
        let mut looked = 0;
        for index in search.upcoming(house.len(), most) {
            let stock = house[index % house.len()];
            search.see(stock, house.len());
            looked += 1;
            if stock == SectionStock::Free {
                break;
            }
        }
        looked
    }

    #[test]
    fn one_section_with_a_free_seat_is_found_and_then_costs_one_look() {
        use SectionStock::{Free, Held, Sold};
        assert_eq!(search(&[Sold, Held, Sold, Sold, Free], 2), (None, 1));
        assert_eq!(search(&[Free], 8), (None, 1));
    }

    #[test]
    fn without_a_free_seat_the_event_is_sold_out_or_all_held() {
        use SectionStock::{Held, Sold};
        assert_eq!(search(&[Sold, Sold, Sold], 2).0, Some(Shortage::SoldOut));
        assert_eq!(search(&[Sold, Held, Sold], 2).0, Some(Shortage::AllHeld));
        assert_eq!(search(&[Sold], 8).0, Some(Shortage::SoldOut));
    }

    #[test]
    fn a_large_event_is_not_called_sold_out_before_every_section_was_seen() {
        let house = [SectionStock::Sold; 400];
        let mut search = Search::default();
        for _ in 0..19 {
            assert_eq!(look(&mut search, &house, 20), 20);
            assert_eq!(search.shortage(), None);
        }
        look(&mut search, &house, 20);
        assert_eq!(search.shortage(), Some(Shortage::SoldOut));
    }

    #[test]
    fn a_seat_that_comes_back_ends_the_shortage() {
        let mut house = [SectionStock::Sold; 5];
        let mut search = Search::default();
        look(&mut search, &house, 5);
        assert_eq!(search.shortage(), Some(Shortage::SoldOut));
        house[3] = SectionStock::Free;
        look(&mut search, &house, 5);
        assert_eq!(search.shortage(), None);
        assert_eq!(look(&mut search, &house, 5), 1);
    }
}

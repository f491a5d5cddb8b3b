//! Best available: picks seats next to each other, near the stage and the middle, preferably
//! without leaving a single free seat between taken ones.

use std::cmp::Reverse;

use crate::event::Section;
use crate::ids::SeatNumber;
use crate::seating::Plan;
use crate::seats::SeatStatus;

/// Buyers who ask at the same moment must not all get the same block, so one of this many best
/// blocks is picked at random. The number doubles with each failure: the seat map may be a second
/// old, and the best blocks may be gone.
const CHOICES: usize = 6;
const MOST_CHOICES: usize = 400;

/// Decides which of the best blocks is picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockPicker {
    pub random: usize,
    /// The number of picks so far that turned out to be taken.
    pub failures: u32,
}

impl BlockPicker {
    fn choices(self) -> usize {
        MOST_CHOICES.min(CHOICES << self.failures.min(8))
    }
}

/// A block of seats in one section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    pub seats: Vec<SeatNumber>,
    /// The number of single free seats between taken ones that it would leave: nobody wants to sit
    /// alone.
    orphans: u32,
    /// The distance from the middle of the front row, in half seats.
    distance: u32,
}

/// One row further back counts as this many half seats to the side.
const ROW_DISTANCE: u32 = 4;

/// A row of adjacent seats.
struct Row {
    /// Counted from 0 at the stage.
    index: u32,
    first: usize,
    len: usize,
    /// `false` if the catalogue does not define rows. Then there is no middle, and low numbers
    /// count as better.
    has_middle: bool,
}

fn rows(section: &Section) -> Vec<Row> {
    let rows = Plan::of(section);
    (0..)
        .zip(rows.rows())
        .map(|(index, row)| Row {
            index,
            first: row.first as usize,
            len: row.length as usize,
            has_middle: section.rows.is_some(),
        })
        .collect()
}

fn distance(row: &Row, at: usize, count: usize) -> u32 {
    let sideways = if row.has_middle {
        (2 * at + count).abs_diff(row.len)
    } else {
        2 * at
    };
    row.index * ROW_DISTANCE + u32::try_from(sideways).unwrap_or(u32::MAX / 2)
}

/// All blocks of `count` adjacent seats, best first. `statuses` has the section's seats in order.
fn blocks(section: &Section, statuses: &[SeatStatus], count: usize) -> Vec<Block> {
    let is_free = |at: usize| statuses.get(at) == Some(&SeatStatus::Available);
    let mut blocks = Vec::new();
    for row in rows(section) {
        let mut at = 0;
        while at < row.len {
            let run = (at..row.len)
                .take_while(|seat| is_free(row.first + seat))
                .count();
            for start in (at..at + run).take((run + 1).saturating_sub(count)) {
                let (before, after) = (start - at, at + run - start - count);
                blocks.push(Block {
                    seats: numbers(section, row.first + start..row.first + start + count),
                    orphans: u32::from(before == 1) + u32::from(after == 1),
                    distance: distance(&row, start, count),
                });
            }
            at += run.max(1);
        }
    }
    blocks.sort_by_key(|block| (block.orphans, block.distance, block.seats[0]));
    blocks
}

/// Used if no block is left: the free seats of the section that are closest to each other.
fn scattered(section: &Section, statuses: &[SeatStatus], count: usize) -> Option<Block> {
    let free: Vec<SeatNumber> = section
        .seat_numbers()
        .zip(statuses)
        .filter(|(_, status)| **status == SeatStatus::Available)
        .map(|(seat, _)| seat)
        .collect();
    let closest = free
        .windows(count)
        .min_by_key(|seats| seats[count - 1].0 - seats[0].0)?;
    Some(Block {
        seats: closest.to_vec(),
        orphans: 0,
        distance: 0,
    })
}

fn numbers(section: &Section, range: std::ops::Range<usize>) -> Vec<SeatNumber> {
    range
        .filter_map(|at| u32::try_from(at).ok())
        .map(|at| SeatNumber(section.first_seat.0 + at))
        .collect()
}

/// Up to `most` of the best blocks that do not overlap, best first.
fn choices(section: &Section, statuses: &[SeatStatus], count: usize, most: usize) -> Vec<Block> {
    let mut chosen: Vec<Block> = Vec::new();
    for block in blocks(section, statuses, count) {
        // A block that leaves a single seat is used only if there is no other.
        let is_worse = chosen
            .first()
            .is_some_and(|best| block.orphans > best.orphans);
        if chosen.len() == most || is_worse {
            break;
        }
        let overlaps = |other: &Block| other.seats.iter().any(|seat| block.seats.contains(seat));
        if !chosen.iter().any(overlaps) {
            chosen.push(block);
        }
    }
    chosen
}

/// Picks `count` seats in one of the sections, which are in order of preference. Adjacent seats in
/// a later section are preferred to separate seats in an earlier one. Returns `None` if no section
/// has enough free seats.
#[must_use]
pub fn best_seats(
    sections: &[(&Section, &[SeatStatus])],
    count: usize,
    picker: BlockPicker,
) -> Option<Vec<SeatNumber>> {
    if count == 0 {
        return None;
    }
    for (section, statuses) in sections {
        let mut choices = choices(section, statuses, count, picker.choices());
        if !choices.is_empty() {
            return Some(choices.swap_remove(picker.random % choices.len()).seats);
        }
    }
    sections
        .iter()
        .filter_map(|(section, statuses)| scattered(section, statuses, count))
        .max_by_key(|block| Reverse(block.seats[count - 1].0 - block.seats[0].0))
        .map(|block| block.seats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use crate::seating::Rows;
    use proptest::prelude::*;

    const FIRST: BlockPicker = BlockPicker {
        random: 0,
        failures: 0,
    };

    fn pick(random: usize) -> BlockPicker {
        BlockPicker { random, ..FIRST }
    }

    fn section(seats: u32, rows: Option<u32>) -> Section {
        Section {
            rows: rows.map(Rows::Equal),
            ..Section::new("R", Money(1), SeatNumber(1), seats)
        }
    }

    /// `.` is free, anything else is taken.
    fn statuses(plan: &str) -> Vec<SeatStatus> {
        plan.chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| match c {
                '.' => SeatStatus::Available,
                _ => SeatStatus::Sold,
            })
            .collect()
    }

    fn best(plan: &str, rows: Option<u32>, count: usize) -> Option<Vec<u32>> {
        let statuses = statuses(plan);
        let section = section(u32::try_from(statuses.len()).unwrap(), rows);
        let seats = best_seats(&[(&section, &statuses)], count, FIRST)?;
        Some(seats.into_iter().map(|seat| seat.0).collect())
    }

    #[test]
    fn the_best_are_in_the_middle_of_the_front_row() {
        assert_eq!(best(".......... ..........", Some(2), 2), Some(vec![5, 6]));
        assert_eq!(best("......... .........", Some(2), 3), Some(vec![4, 5, 6]));
    }

    #[test]
    fn a_seat_in_the_middle_of_the_next_row_is_better_than_one_at_the_end_of_the_front_row() {
        assert_eq!(
            best("..xxxxxxx. ..........", Some(2), 2),
            Some(vec![15, 16])
        );
    }

    #[test]
    fn single_seats_are_left_only_if_unavoidable() {
        // The middle two would leave a single seat on either side.
        assert_eq!(best("xxx....xxx", Some(1), 2), Some(vec![4, 5]));
        // Every choice leaves a single seat.
        assert_eq!(best("xxx...xxxx", Some(1), 2), Some(vec![5, 6]));
    }

    #[test]
    fn without_rows_low_numbers_are_preferred() {
        assert_eq!(best("x.........", None, 2), Some(vec![2, 3]));
    }

    #[test]
    fn without_a_block_the_closest_seats_are_picked() {
        assert_eq!(
            best(".x....... x.x.x.x.x .x.x.x.xx", Some(3), 8).map(|seats| seats.len()),
            Some(8)
        );
        assert_eq!(best(".x.x..x.x", Some(1), 3), Some(vec![3, 5, 6]));
        assert_eq!(best(".xx", Some(1), 2), None);
    }

    #[test]
    fn a_block_in_a_later_section_is_preferred_to_separate_seats() {
        let (front, back) = (statuses(".x.x."), statuses("x..x."));
        let (first, mut second) = (section(5, Some(1)), section(5, Some(1)));
        second.first_seat = SeatNumber(6);
        let sections = [(&first, &front[..]), (&second, &back[..])];
        assert_eq!(
            best_seats(&sections, 2, FIRST),
            Some(vec![SeatNumber(7), SeatNumber(8)])
        );
        assert_eq!(
            best_seats(&sections, 1, FIRST).map(|seats| seats[0].0 <= 5),
            Some(true)
        );
    }

    #[test]
    fn concurrent_buyers_get_different_blocks() {
        let statuses = statuses(&".".repeat(40));
        let section = section(40, Some(2));
        let given: std::collections::BTreeSet<_> = (0..6)
            .map(|random| best_seats(&[(&section, &statuses)], 2, pick(random)).unwrap())
            .collect();
        assert_eq!(given.len(), 6);
        let all: Vec<_> = given.iter().flatten().collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), unique.len(), "no two overlap");
    }

    proptest! {
        #[test]
        fn the_picked_seats_are_free_and_have_the_requested_number(
            free in proptest::collection::vec(any::<bool>(), 1..120),
            rows in proptest::option::of(1..10_u32),
            count in 1..8_usize,
            random: usize,
        ) {
            let statuses: Vec<_> = free.iter()
                .map(|free| if *free { SeatStatus::Available } else { SeatStatus::Held })
                .collect();
            let seats = u32::try_from(free.len()).unwrap();
            let section = section(seats, rows.map(|rows| rows.min(seats)));
            let left = free.iter().filter(|free| **free).count();
            let given = best_seats(&[(&section, &statuses)], count, pick(random));
            prop_assert_eq!(given.is_some(), left >= count);
            if let Some(seats) = &given {
                prop_assert_eq!(seats.len(), count);
                prop_assert!(seats.is_sorted());
                prop_assert!(seats.iter().all(|seat| free[seat.0 as usize - 1]));
            }
        }

        #[test]
        fn adjacent_seats_are_picked_if_there_are_any(
            free in proptest::collection::vec(any::<bool>(), 1..60),
            count in 1..5_usize,
            random: usize,
        ) {
            let plan: Vec<_> = free.iter()
                .map(|free| if *free { SeatStatus::Available } else { SeatStatus::Sold })
                .collect();
            let section = section(u32::try_from(free.len()).unwrap(), Some(1));
            let together = free.windows(count).any(|window| window.iter().all(|free| *free));
            if together && free.len() >= count {
                let seats = best_seats(&[(&section, &plan)], count, pick(random)).unwrap();
                prop_assert_eq!(seats[count - 1].0 - seats[0].0 + 1, u32::try_from(count).unwrap());
            }
        }
    }
}

//! Best available: picks seats next to each other, near the stage and the middle of the row, without
//! leaving a single free seat where that can be avoided. An aisle separates neighbours.
//!
//! The rows are those of the map, also in sections whose rows the catalogue does not define.

use std::collections::BTreeSet;

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

/// One row further back counts as this many half seats to the side.
const ROW_DISTANCE: u32 = 4;
/// Seats that cannot be together are picked in this many neighbouring rows, if these have enough.
const NEIGHBOURING_ROWS: u32 = 3;

/// Free seats next to each other, between taken seats, aisles or the ends of the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    /// The row, counted from 0 at the stage.
    row: u32,
    /// The number of the section's seats before the row, and the seats of the row.
    first: u32,
    row_length: u32,
    /// The seats to the left in the row.
    column: u32,
    length: u32,
}

/// Adjacent seats of one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Block {
    /// The number of single free seats that it would leave in its run: nobody wants to sit alone.
    orphans: u32,
    /// The distance from the middle of the front row, in half seats.
    distance: u32,
    /// The number of the section's seats before the block.
    start: u32,
    length: u32,
}

impl Run {
    /// The `count` seats of the run after the first `skipped`.
    fn block(&self, skipped: u32, count: u32) -> Block {
        let column = self.column + skipped;
        let left = self.length - skipped - count;
        Block {
            orphans: u32::from(skipped == 1) + u32::from(left == 1),
            distance: self.row * ROW_DISTANCE + (2 * column + count).abs_diff(self.row_length),
            start: self.first + column,
            length: count,
        }
    }

    /// All blocks of this many seats.
    fn blocks(&self, count: u32) -> impl Iterator<Item = Block> + '_ {
        let starts = (self.length + 1).saturating_sub(count);
        (0..starts).map(move |skipped| self.block(skipped, count))
    }

    /// The distance between the middles of a block of this run and a block of another, in half
    /// seats.
    fn apart(&self, block: Block, other: &Self, of_other: Block) -> u32 {
        let sideways = |run: &Self, block: Block| {
            let column = block.start - run.first;
            i64::from(2 * column + block.length) - i64::from(run.row_length)
        };
        let aside = sideways(self, block).abs_diff(sideways(other, of_other));
        let rows = self.row.abs_diff(other.row);
        rows * ROW_DISTANCE + u32::try_from(aside).unwrap_or(u32::MAX / 2)
    }
}

impl Block {
    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.start + other.length && other.start < self.start + self.length
    }

    fn seats(self, section: &Section) -> impl Iterator<Item = SeatNumber> {
        let first = section.first_seat.0 + self.start;
        (first..first + self.length).map(SeatNumber)
    }
}

/// The free runs of a section, row by row. `statuses` has the section's seats in order.
fn runs(section: &Section, statuses: &[SeatStatus]) -> Vec<Run> {
    let plan = Plan::of(section);
    let mut runs: Vec<Run> = Vec::new();
    for (row, of_row) in (0..).zip(plan.drawn_rows().iter().copied()) {
        for block in plan.blocks(of_row) {
            let mut length = 0;
            for column in block.clone() {
                let at = (of_row.first + column) as usize;
                let is_free = statuses.get(at) == Some(&SeatStatus::Available);
                length = if is_free { length + 1 } else { 0 };
                match runs.last_mut() {
                    Some(run) if length > 1 => run.length = length,
                    _ if length == 1 => runs.push(Run {
                        row,
                        first: of_row.first,
                        row_length: of_row.length,
                        column,
                        length,
                    }),
                    _ => {}
                }
            }
        }
    }
    runs
}

/// Up to `most` of the best blocks that do not overlap, best first.
fn choices(runs: &[Run], count: u32, most: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = runs.iter().flat_map(|run| run.blocks(count)).collect();
    blocks.sort_unstable();
    let mut chosen: Vec<Block> = Vec::new();
    for block in blocks {
        // A block that leaves a single seat is used only if there is no other.
        let is_worse = chosen
            .first()
            .is_some_and(|best| block.orphans > best.orphans);
        if chosen.len() == most || is_worse {
            break;
        }
        if !chosen.iter().any(|other| block.overlaps(other)) {
            chosen.push(block);
        }
    }
    chosen
}

/// Seats that are not all together: the fewest parts in neighbouring rows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Split {
    /// The number of parts.
    count: usize,
    rows: u32,
    distance: u32,
    parts: Vec<Block>,
}

/// Used if no block is left. If few neighbouring rows have not enough seats, twice as many are
/// tried, and so on. `None` if the section has not enough.
fn split(runs: &[Run], count: u32) -> Option<Split> {
    let last = runs.last()?.row;
    let mut height = NEIGHBOURING_ROWS;
    loop {
        let found = (0..runs.len())
            .filter(|start| *start == 0 || runs[start - 1].row < runs[*start].row)
            .filter_map(|start| {
                let end = runs[start].row.saturating_add(height);
                let window = runs[start..].iter().take_while(|run| run.row < end);
                split_window(window.copied().collect(), count)
            })
            .min();
        if found.is_some() || height > last {
            return found;
        }
        height = height.saturating_mul(2);
    }
}

/// The fewest parts within some rows: the longest runs, and of the last one what is missing. The
/// first is the best, and the others are close to it.
fn split_window(mut runs: Vec<Run>, count: u32) -> Option<Split> {
    let mut missing = count;
    let mut parts: Vec<(Run, Block)> = Vec::new();
    while missing > 0 {
        let longest = runs.iter().map(|run| run.length).max()?;
        let length = longest.min(missing);
        let (index, block) = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.length >= length)
            .flat_map(|(index, run)| run.blocks(length).map(move |block| (index, block)))
            .min_by_key(|(index, block)| {
                let apart = parts
                    .first()
                    .map(|(first, part)| first.apart(*part, &runs[*index], *block));
                (block.orphans, apart, *block)
            })?;
        missing -= length;
        parts.push((runs.swap_remove(index), block));
    }
    let rows: BTreeSet<u32> = parts.iter().map(|(run, _)| run.row).collect();
    let mut parts: Vec<Block> = parts.into_iter().map(|(_, part)| part).collect();
    parts.sort_by_key(|part| part.start);
    Some(Split {
        count: parts.len(),
        rows: rows.last()? - rows.first()?,
        distance: parts.iter().map(|part| part.distance).sum(),
        parts,
    })
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
    let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
    let mut all_runs = Vec::with_capacity(sections.len());
    for (section, statuses) in sections {
        let runs = runs(section, statuses);
        let choices = choices(&runs, count, picker.choices());
        if !choices.is_empty() {
            let block = choices[picker.random % choices.len()];
            return Some(block.seats(section).collect());
        }
        all_runs.push((*section, runs));
    }
    let splits = all_runs
        .iter()
        .filter_map(|(section, runs)| Some((split(runs, count)?, *section)));
    let (split, section) = splits.min_by_key(|(split, _)| (split.count, split.rows))?;
    let parts = split.parts.into_iter();
    Some(parts.flat_map(|part| part.seats(section)).collect())
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
    fn without_rows_seats_are_picked_as_the_map_draws_them() {
        assert_eq!(best("x.........", None, 2), Some(vec![5, 6]));
        // Two drawn rows of 15: seats 15 and 16 are not next to each other.
        let taken = "xxxxxxxxxxxxxx. .xxxxxxxxxxxxx.";
        assert_eq!(best(&taken.replace(' ', ""), None, 2), Some(vec![16, 30]));
        let all = ".".repeat(50);
        assert_eq!(best(&all, None, 3), Some(vec![8, 9, 10]));
    }

    #[test]
    fn without_a_block_the_seats_are_in_the_fewest_parts_of_neighbouring_rows() {
        let plan = ".x....... x.x.x.x.x .x.x.x.xx";
        // Seat 15 is right behind the seven.
        assert_eq!(best(plan, Some(3), 8), Some(vec![3, 4, 5, 6, 7, 8, 9, 15]));
        assert_eq!(best(".x.x..x.x", Some(1), 3), Some(vec![3, 5, 6]));
        assert_eq!(best(".xx", Some(1), 2), None);
        // Three and the single seat beside them, not two and two further back.
        let plan = "...x.x xx..xx xx..xx xxxxxx xxxxxx ...xxx";
        assert_eq!(best(plan, Some(6), 4), Some(vec![1, 2, 3, 5]));
        let plan = "x.x.x. xx..xx xx..xx";
        assert_eq!(best(plan, Some(3), 4), Some(vec![9, 10, 15, 16]));
        // No three rows have enough.
        let plan = ".xxx xxxx xxxx xxxx xxx. xxxx .xxx";
        assert_eq!(best(plan, Some(7), 2), Some(vec![20, 25]));
    }

    #[test]
    fn an_aisle_separates_neighbours() {
        let mut section = section(10, Some(1));
        section.aisles = vec![5];
        let best = |plan: &str, count| {
            let seats = best_seats(&[(&section, &statuses(plan))], count, FIRST).unwrap();
            seats.into_iter().map(|seat| seat.0).collect::<Vec<_>>()
        };
        assert_eq!(best("..........", 2), [4, 5]);
        // 5 and 6 are free, but not together.
        assert_eq!(best("xxxx..xx..", 2), [9, 10]);
        // 5 would be left alone beside the aisle.
        assert_eq!(best("xx...xxx..", 2), [9, 10]);
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
        fn seats_are_together_and_leave_no_single_seat_wherever_that_is_possible(
            hall in halls(),
            count in 1..6_u32,
            random: usize,
        ) {
            let (section, statuses) = hall;
            let runs = runs_of(&section, &statuses);
            let orphans = |run: &[u32], start: usize| {
                let left = run.len() - start - count as usize;
                usize::from(start == 1) + usize::from(left == 1)
            };
            let blocks = runs.iter().flat_map(|run| {
                let windows = run.windows(count as usize).enumerate();
                windows.map(|(start, block)| (orphans(run, start), block.to_vec()))
            });
            let blocks: Vec<_> = blocks.collect();
            let given = best_seats(&[(&section, &statuses)], count as usize, pick(random));
            if let Some(fewest) = blocks.iter().map(|(orphans, _)| *orphans).min() {
                let given: Vec<u32> = given.unwrap().into_iter().map(|seat| seat.0).collect();
                prop_assert!(blocks.contains(&(fewest, given)));
            }
        }

        #[test]
        fn seats_that_cannot_be_together_are_in_the_fewest_parts_of_neighbouring_rows(
            hall in halls(),
            count in 2..9_usize,
        ) {
            let (section, statuses) = hall;
            let runs = runs_of(&section, &statuses);
            prop_assume!(runs.iter().all(|run| run.len() < count));
            let plan = Plan::of(&section);
            let row_of = |seat: u32| {
                let at = seat - section.first_seat.0;
                plan.drawn_rows().iter().rposition(|row| row.first <= at).unwrap()
            };
            // The fewest runs that have enough seats together, in three neighbouring rows.
            let rows = plan.drawn_rows().len();
            let fewest = (0..rows).filter_map(|first| {
                let near = runs.iter().filter(|run| (first..first + 3).contains(&row_of(run[0])));
                let mut lengths: Vec<usize> = near.map(Vec::len).collect();
                lengths.sort_unstable();
                let mut together = 0;
                let needed = lengths.iter().rev().position(|length| {
                    together += length;
                    together >= count
                });
                needed.map(|last| last + 1)
            }).min();
            if let Some(fewest) = fewest {
                let given = best_seats(&[(&section, &statuses)], count, FIRST).unwrap();
                let rows: BTreeSet<_> = given.iter().map(|seat| row_of(seat.0)).collect();
                prop_assert!(rows.last().unwrap() - rows.first().unwrap() < 3);
                let parts = runs.iter().filter(|run| given.iter().any(|seat| run.contains(&seat.0)));
                prop_assert_eq!(parts.count(), fewest);
            }
        }
    }

    /// Sections of many shapes, with and without rows and aisles, more or less sold.
    fn halls() -> impl Strategy<Value = (Section, Vec<SeatStatus>)> {
        let aisles = proptest::collection::btree_set(1..12_u32, 0..3);
        let rows = proptest::collection::vec(1..14_u32, 1..9);
        (rows, aisles, 1..10_u32, any::<bool>()).prop_flat_map(
            |(lengths, aisles, sold, has_rows)| {
                let seats: u32 = lengths.iter().sum();
                let section = Section {
                    rows: has_rows.then_some(Rows::Lengths(lengths)),
                    aisles: aisles.into_iter().filter(|_| has_rows).collect(),
                    ..Section::new("R", Money(1), SeatNumber(7), seats)
                };
                let statuses = (0..10_u32).prop_map(move |random| {
                    if random < sold {
                        SeatStatus::Sold
                    } else {
                        SeatStatus::Available
                    }
                });
                let statuses = proptest::collection::vec(statuses, seats as usize);
                (Just(section), statuses)
            },
        )
    }

    /// The free seats of a section that are next to each other, by a second way.
    fn runs_of(section: &Section, statuses: &[SeatStatus]) -> Vec<Vec<u32>> {
        let plan = Plan::of(section);
        let mut runs = Vec::new();
        for row in plan.drawn_rows().iter() {
            for block in plan.blocks(*row) {
                let seats: Vec<u32> = block.map(|column| row.first + column).collect();
                let parts = seats.split(|at| statuses[*at as usize] != SeatStatus::Available);
                let parts = parts.filter(|part| !part.is_empty());
                runs.extend(parts.map(|part| {
                    let number = |at: &u32| section.first_seat.0 + at;
                    part.iter().map(number).collect::<Vec<_>>()
                }));
            }
        }
        runs
    }
}

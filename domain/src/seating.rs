//! How the seats of a section are arranged and named: rows, aisles, row labels, and the numbers on
//! the chairs.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::event::Section;
use crate::ids::SeatNumber;

/// A section without rows is drawn in rows of at most this many seats.
const LONGEST_DRAWN_ROW: u32 = 20;

/// The rows of a section. The first row is nearest to the stage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rows {
    /// This many rows of equal length. If the seats cannot be divided evenly, the front rows have
    /// one seat more.
    Equal(u32),
    /// The number of seats of each row.
    Lengths(Vec<u32>),
}

impl Rows {
    /// The number of rows.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Self::Equal(count) => *count,
            Self::Lengths(lengths) => u32::try_from(lengths.len()).unwrap_or(u32::MAX),
        }
    }

    fn lengths(&self, seats: u32) -> Vec<u32> {
        match self {
            Self::Equal(count) => {
                let count = (*count).max(1);
                let (short, longer_rows) = (seats / count, seats % count);
                (0..count)
                    .map(|row| short + u32::from(row < longer_rows))
                    .collect()
            }
            Self::Lengths(lengths) => lengths.clone(),
        }
    }
}

/// Where the numbers of a row begin. Left and right are those of the audience, who face the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "NumberedFrom"))]
#[serde(
    rename_all = "camelCase",
    expecting = "left, right, oddLeft or oddRight"
)]
pub enum From {
    /// 1, 2, 3 … from the left.
    #[default]
    Left,
    /// 1, 2, 3 … from the right.
    Right,
    /// From the middle outwards: odd numbers to the left, even numbers to the right. A row of odd
    /// length has one odd number more.
    OddLeft,
    /// From the middle outwards: odd numbers to the right, even numbers to the left.
    OddRight,
}

/// How the chairs of each row are numbered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Numbering {
    /// Where the numbers of a row begin.
    #[serde(default)]
    pub from: From,
    /// The lowest number.
    pub start: u32,
    /// Numbers that no chair has, in ascending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<u32>,
}

impl Numbering {
    /// The number of the seat with `column` seats to its left in a row of `length` seats.
    #[must_use]
    pub fn number(&self, column: u32, length: u32) -> u32 {
        let (odd, even) = (self.start | 1, self.start + self.start % 2);
        let (left, right, middle) = match self.from {
            From::Left => return self.nth(self.start, 1, column),
            From::Right => return self.nth(self.start, 1, length - 1 - column),
            From::OddLeft => (odd, even, length.div_ceil(2)),
            From::OddRight => (even, odd, length / 2),
        };
        if column < middle {
            self.nth(left, 2, middle - 1 - column)
        } else {
            self.nth(right, 2, column - middle)
        }
    }

    /// The `n`th number, counted from 0, that is not skipped.
    fn nth(&self, first: u32, step: u32, n: u32) -> u32 {
        let mut number = first + step * n;
        for skipped in &self.skip {
            let is_counted = *skipped >= first && (skipped - first).is_multiple_of(step);
            if is_counted && *skipped <= number {
                number += step;
            }
        }
        number
    }
}

/// How the map draws a section. Lengths are in seats, angles in degrees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Drawing {
    /// How far the middle of the front row is to the right of the middle of the stage.
    #[serde(default)]
    pub x: i32,
    /// How far the middle of the front row is behind the front of the stage.
    #[serde(default)]
    pub y: i32,
    /// How far the section is turned clockwise around the middle of its front row. Without a turn,
    /// it faces the stage.
    #[serde(default)]
    pub rotate: i32,
    /// How far the front row bends around the stage: 0 is straight, 180 half a circle.
    #[serde(default)]
    pub curve: u32,
}

/// A row of a section, or all seats of a section without rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The number of the section's seats before the row.
    pub first: u32,
    /// The number of seats.
    pub length: u32,
}

/// Where a seat is, and what an usher calls it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The row, counted from 1 at the stage. `None` if the section has no rows.
    pub row: Option<u32>,
    /// The number of seats to the left in the row.
    pub column: u32,
    /// The label of the row. `None` if the section has no rows.
    pub row_label: Option<String>,
    /// The number on the chair. If the catalogue does not define the numbering, this is the
    /// [`SeatNumber`].
    pub seat_label: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = &self.row_label {
            write!(f, "row {row}, ")?;
        }
        write!(f, "seat {}", self.seat_label)
    }
}

/// The arrangement of a section's seats.
#[derive(Debug)]
pub struct Plan<'a> {
    section: &'a Section,
    rows: Vec<Row>,
    longest: u32,
}

impl<'a> Plan<'a> {
    /// The plan of a section.
    #[must_use]
    pub fn of(section: &'a Section) -> Self {
        let lengths = match &section.rows {
            None => vec![section.seats],
            Some(rows) => rows.lengths(section.seats),
        };
        let rows = lengths.iter().scan(0, |first, length| {
            let row = Row {
                first: *first,
                length: *length,
            };
            *first += length;
            Some(row)
        });
        Self {
            section,
            rows: rows.collect(),
            longest: lengths.iter().copied().max().unwrap_or(0),
        }
    }

    /// The rows, from the front. A section without rows counts as one row.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of the map. A section without rows is drawn in several rows.
    #[must_use]
    pub fn drawn_rows(&self) -> Cow<'_, [Row]> {
        if self.section.rows.is_some() {
            return Cow::Borrowed(&self.rows);
        }
        let seats = self.section.seats;
        let length = seats.div_ceil(seats.div_ceil(LONGEST_DRAWN_ROW).max(1));
        let rows = (0..seats).step_by(length.max(1) as usize).map(|first| Row {
            first,
            length: length.min(seats - first),
        });
        rows.collect()
    }

    /// The columns of a row between two aisles. People in different blocks are no neighbours.
    pub fn blocks(&self, row: Row) -> impl Iterator<Item = Range<u32>> {
        // Shorter rows are centred, so that an aisle is straight.
        let indent = self.longest.saturating_sub(row.length) / 2;
        let ends = self
            .section
            .aisles
            .iter()
            .map(move |after| after.saturating_sub(indent))
            .filter(move |end| (1..row.length).contains(end))
            .chain([row.length]);
        ends.scan(0, |start, end| {
            let block = *start..end;
            *start = end;
            Some(block)
        })
    }

    /// The place of a seat of this section.
    #[must_use]
    pub fn place(&self, seat: SeatNumber) -> Place {
        let at = seat.0.saturating_sub(self.section.first_seat.0);
        let index = self.rows.partition_point(|row| row.first <= at).max(1) - 1;
        let row = self.rows[index];
        let column = at - row.first;
        let label = |number: u32| {
            let labels = &self.section.row_labels;
            labels
                .get(index)
                .cloned()
                .unwrap_or_else(|| number.to_string())
        };
        let row_number = self
            .section
            .rows
            .as_ref()
            .and_then(|_| u32::try_from(index + 1).ok());
        let seat_label = match &self.section.numbering {
            None => seat.0,
            Some(numbering) => numbering.number(column, row.length),
        };
        Place {
            row: row_number,
            column,
            row_label: row_number.map(label),
            seat_label: seat_label.to_string(),
        }
    }

    /// Whether the seat is the same chair in `after`: in the same section and row, with the same
    /// number of seats before it, and with the same labels, which are printed on tickets. Adding
    /// rows to a section without rows moves no seat.
    pub(crate) fn keeps(&self, seat: SeatNumber, after: &Self) -> bool {
        let (was, is) = (self.section, after.section);
        if was.name != is.name || !is.has(seat) {
            return false;
        }
        let (before, after) = (self.place(seat), after.place(seat));
        let is_in_place = match before.row {
            None => was.first_seat == is.first_seat,
            Some(_) => {
                (before.row, before.column, &before.row_label)
                    == (after.row, after.column, &after.row_label)
            }
        };
        is_in_place && before.seat_label == after.seat_label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn section(seats: u32, rows: Option<Rows>) -> Section {
        Section {
            rows,
            ..Section::new("R", Money(1), SeatNumber(11), seats)
        }
    }

    fn numbers(from: From, start: u32, skip: &[u32], length: u32) -> Vec<u32> {
        let numbering = Numbering {
            from,
            start,
            skip: skip.to_vec(),
        };
        (0..length)
            .map(|column| numbering.number(column, length))
            .collect()
    }

    fn blocks(section: &Section) -> Vec<Vec<Range<u32>>> {
        let plan = Plan::of(section);
        let rows = plan.rows().iter();
        rows.map(|row| plan.blocks(*row).collect()).collect()
    }

    #[test]
    fn rows_are_filled_from_the_front_and_the_front_rows_may_be_longer() {
        let section = section(10, Some(Rows::Equal(3)));
        let plan = Plan::of(&section);
        let rows: Vec<_> = section
            .seat_numbers()
            .map(|seat| plan.place(seat).row.unwrap())
            .collect();
        assert_eq!(rows, [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert!(section.has(SeatNumber(20)) && !section.has(SeatNumber(21)));
    }

    #[test]
    fn without_labels_rows_are_numbered_and_seats_have_their_seat_numbers() {
        let section = section(6, Some(Rows::Lengths(vec![2, 4])));
        let place = Plan::of(&section).place(SeatNumber(14));
        assert_eq!(place.row_label.as_deref(), Some("2"));
        assert_eq!(place.seat_label, "14");
        assert_eq!((place.row, place.column), (Some(2), 1));
    }

    #[test]
    fn a_row_has_its_label_and_each_row_is_numbered_anew() {
        let section = Section {
            row_labels: vec!["A".to_owned(), "C".to_owned()],
            numbering: Some(Numbering {
                from: From::Right,
                start: 1,
                skip: vec![],
            }),
            ..section(6, Some(Rows::Lengths(vec![2, 4])))
        };
        let plan = Plan::of(&section);
        let name = |seat| {
            let place = plan.place(SeatNumber(seat));
            format!("{} {}", place.row_label.unwrap(), place.seat_label)
        };
        let names: Vec<_> = (11..=16).map(name).collect();
        assert_eq!(names, ["A 2", "A 1", "C 4", "C 3", "C 2", "C 1"]);
    }

    #[test]
    fn seats_without_rows_can_be_numbered_from_one_in_each_section() {
        let section = Section {
            numbering: Some(Numbering {
                from: From::Left,
                start: 1,
                skip: vec![],
            }),
            ..section(6, None)
        };
        let place = Plan::of(&section).place(SeatNumber(13));
        assert_eq!((place.row_label, place.seat_label.as_str()), (None, "3"));
    }

    #[test]
    fn seats_are_numbered_from_either_side_or_from_the_middle() {
        assert_eq!(numbers(From::Left, 1, &[], 4), [1, 2, 3, 4]);
        assert_eq!(numbers(From::Right, 101, &[], 3), [103, 102, 101]);
        assert_eq!(numbers(From::OddLeft, 1, &[], 5), [5, 3, 1, 2, 4]);
        assert_eq!(numbers(From::OddRight, 1, &[], 5), [4, 2, 1, 3, 5]);
        assert_eq!(numbers(From::OddLeft, 1, &[], 4), [3, 1, 2, 4]);
        assert_eq!(numbers(From::OddLeft, 100, &[], 4), [103, 101, 100, 102]);
    }

    #[test]
    fn skipped_numbers_are_on_no_chair() {
        assert_eq!(numbers(From::Left, 1, &[2, 4], 4), [1, 3, 5, 6]);
        assert_eq!(numbers(From::Left, 10, &[4, 13], 4), [10, 11, 12, 14]);
        assert_eq!(numbers(From::OddLeft, 1, &[3, 4], 4), [5, 1, 2, 6]);
    }

    #[test]
    fn aisles_divide_each_row_into_blocks_and_are_straight_where_rows_are_shorter() {
        let mut section = section(24, Some(Rows::Lengths(vec![6, 8, 10])));
        section.aisles = vec![3, 7];
        assert_eq!(
            blocks(&section),
            [
                vec![0..1, 1..5, 5..6],
                vec![0..2, 2..6, 6..8],
                vec![0..3, 3..7, 7..10]
            ]
        );
        section.aisles = vec![1];
        assert_eq!(blocks(&section)[0], vec![0..6]);
    }

    proptest! {
        #[test]
        fn each_seat_of_a_section_has_its_own_row_and_number(
            lengths in proptest::collection::vec(1..30_u32, 1..8),
            from in proptest::sample::select(vec![From::Left, From::Right, From::OddLeft, From::OddRight]),
            start in 1..200_u32,
            skip in proptest::collection::btree_set(1..240_u32, 0..8),
        ) {
            let numbering = Numbering { from, start, skip: skip.iter().copied().collect() };
            let section = Section {
                numbering: Some(numbering),
                ..section(lengths.iter().sum(), Some(Rows::Lengths(lengths.clone())))
            };
            let plan = Plan::of(&section);
            let mut names = BTreeSet::new();
            for seat in section.seat_numbers() {
                let place = plan.place(seat);
                let number: u32 = place.seat_label.parse().unwrap();
                prop_assert!(number >= start && !skip.contains(&number));
                prop_assert!(place.column < lengths[place.row.unwrap() as usize - 1]);
                prop_assert!(names.insert((place.row_label, place.seat_label)));
            }
            prop_assert_eq!(names.len(), section.seats as usize);
        }

        #[test]
        fn the_blocks_of_a_row_are_all_of_its_seats_in_order(
            lengths in proptest::collection::vec(1..30_u32, 1..8),
            aisles in proptest::collection::btree_set(1..40_u32, 0..5),
        ) {
            let mut section = section(lengths.iter().sum(), Some(Rows::Lengths(lengths.clone())));
            section.aisles = aisles.into_iter().collect();
            for (blocks, length) in blocks(&section).into_iter().zip(lengths) {
                prop_assert!(blocks.iter().all(|block| !block.is_empty()));
                let columns: Vec<_> = blocks.into_iter().flatten().collect();
                prop_assert_eq!(columns, (0..length).collect::<Vec<_>>());
            }
        }
    }
}

//! Seat numbers as an operator writes them: `101-120,125`.

use std::collections::BTreeSet;

use domain::ids::SeatNumber;

/// More seats than this are not written in one list. A section is smaller.
const MOST_SEATS: usize = 100_000;

/// Seats in ascending order, each once, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatList(Vec<SeatNumber>);

impl SeatList {
    /// Reads numbers and ranges, separated by commas.
    ///
    /// # Errors
    /// If a part is neither, or if there are too many seats.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut seats = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse().ok().filter(|number: &u32| *number > 0);
            let (Some(first), Some(last)) = (number(first), number(last)) else {
                return Err(format!(
                    "{part:?} is neither a seat nor a range of seats such as 101-120"
                ));
            };
            if last < first {
                return Err(format!("the range {part} ends before it begins"));
            }
            if seats.len() + (last - first) as usize >= MOST_SEATS {
                return Err(format!("at most {MOST_SEATS} seats at once"));
            }
            seats.extend((first..=last).map(SeatNumber));
        }
        Ok(Self(seats.into_iter().collect()))
    }

    #[must_use]
    pub fn seats(&self) -> &[SeatNumber] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::block::Ranges;

    #[test]
    fn a_list_of_numbers_and_ranges_is_read_and_shown_in_order() {
        let list = SeatList::parse("125, 101-103,102,104").unwrap();
        assert_eq!(list.seats().len(), 5);
        assert_eq!(Ranges(list.seats()).to_string(), "101-104,125");
        assert_eq!(
            Ranges(SeatList::parse("7").unwrap().seats()).to_string(),
            "7"
        );
    }

    #[test]
    fn a_list_that_is_not_one_is_refused_with_the_part_that_is_wrong() {
        for (text, said) in [
            ("", "neither"),
            ("1,,2", "neither"),
            ("A3", "\"A3\""),
            ("0", "neither"),
            ("9-3", "ends before"),
            ("1-100001", "at most 100000"),
            ("1-99999,200000-4000000000", "at most 100000"),
        ] {
            let error = SeatList::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}

//! Presales: phases before the general sale, in which joining the queue needs a code.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::event::Event;
use crate::ids::{Malformed, one_line};

/// The name of a presale, as buyers see it: 1 to 60 characters on one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseName(String);

impl PhaseName {
    const MOST: usize = 60;

    /// Parses a name. Spaces around it are removed.
    ///
    /// # Errors
    /// If it is empty, too long, or contains control characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        one_line(text, Self::MOST).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PhaseName {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<PhaseName> for String {
    fn from(name: PhaseName) -> Self {
        name.0
    }
}

impl std::fmt::Display for PhaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A phase before the general sale. It ends at the general opening at the latest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presale {
    pub name: PhaseName,
    pub opens_at: EpochMs,
    pub closes_at: EpochMs,
}

impl Presale {
    /// Whether the queue calls those who have joined with its codes.
    #[must_use]
    pub fn is_open(&self, now: EpochMs) -> bool {
        self.opens_at <= now && now < self.closes_at
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: EpochMs) -> bool {
        self.closes_at <= now
    }
}

/// Who can join a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Joining<'a> {
    /// Everybody.
    Free,
    /// Those with a code of one of these presales, of which there is at least one.
    WithCode(Vec<&'a Presale>),
}

impl Joining<'_> {
    #[must_use]
    pub fn needs_code(&self) -> bool {
        matches!(self, Self::WithCode(_))
    }
}

impl Event {
    /// The presales that are not over, in the order of their openings.
    #[must_use]
    pub fn presales_ahead(&self, now: EpochMs) -> Vec<&Presale> {
        let mut ahead: Vec<&Presale> = self
            .terms
            .presales
            .iter()
            .filter(|presale| !presale.is_over(now))
            .collect();
        ahead.sort_by_key(|presale| presale.opens_at);
        ahead
    }

    /// Who can join at `now`.
    ///
    /// During a presale, its codes are needed. Between presales, and before the first, those of the next one are: the queue
    /// calls in one order, so whoever joins before a presale opens is called in it. When the last presale is over, everybody
    /// can join, and waits for the general opening.
    #[must_use]
    pub fn joining(&self, now: EpochMs) -> Joining<'_> {
        let ahead = self.presales_ahead(now);
        let Some(first) = ahead.first() else {
            return Joining::Free;
        };
        // Those that are open, or else those that open next.
        let until = first.opens_at.max(now);
        Joining::WithCode(
            ahead
                .into_iter()
                .filter(|presale| presale.opens_at <= until)
                .collect(),
        )
    }

    fn openings(&self) -> impl Iterator<Item = EpochMs> {
        let presales = self.terms.presales.iter().map(|presale| presale.opens_at);
        presales.chain(self.terms.opens_at)
    }

    /// When the queue first calls: at the opening of the first presale, or of the sale. `None`: from the start.
    #[must_use]
    pub fn first_opening(&self) -> Option<EpochMs> {
        self.openings().min()
    }

    /// The opening that people wait for. `None` if the sale or a presale is open.
    #[must_use]
    pub fn next_opening(&self, now: EpochMs) -> Option<EpochMs> {
        if self.is_presale(now) {
            return None;
        }
        self.terms.opens_at.filter(|at| *at > now)?;
        self.openings().filter(|at| *at > now).min()
    }

    /// The last opening, of a presale or of the sale. `None` if there was none yet, or if the sale was open from the start.
    #[must_use]
    pub fn last_opening(&self, now: EpochMs) -> Option<EpochMs> {
        self.openings().filter(|at| *at <= now).max()
    }

    /// Whether a presale is open.
    #[must_use]
    pub fn is_presale(&self, now: EpochMs) -> bool {
        self.terms
            .presales
            .iter()
            .any(|presale| presale.is_open(now))
    }

    /// Since when the queue calls without an interruption: the end of the last pause, or the opening after a presale's end.
    #[must_use]
    pub fn calling_since(&self, now: EpochMs) -> Option<EpochMs> {
        let opening = match self.terms.presales.as_slice() {
            [] => None,
            [_, ..] => self.last_opening(now),
        };
        self.control.pause.ended_at.max(opening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SaleState, fixtures};
    use proptest::prelude::*;

    fn presale(name: &str, opens_at: i64, closes_at: i64) -> Presale {
        Presale {
            name: PhaseName::parse(name).unwrap(),
            opens_at: EpochMs(opens_at),
            closes_at: EpochMs(closes_at),
        }
    }

    fn event(opens_at: i64, presales: &[(i64, i64)]) -> Event {
        let mut event = fixtures::event();
        event.terms.opens_at = Some(EpochMs(opens_at));
        event.terms.presales = presales
            .iter()
            .enumerate()
            .map(|(index, (from, to))| presale(&format!("p{index}"), *from, *to))
            .collect();
        event
    }

    fn phases(event: &Event, now: i64) -> Option<Vec<String>> {
        match event.joining(EpochMs(now)) {
            Joining::Free => None,
            Joining::WithCode(phases) => {
                let names = phases.iter().map(|phase| phase.name.to_string());
                Some(names.collect())
            }
        }
    }

    #[test]
    fn a_code_of_the_presale_that_is_open_or_opens_next_is_needed_until_the_last_is_over() {
        let event = event(1_000, &[(100, 200), (300, 400), (350, 500)]);
        assert_eq!(phases(&event, 0).unwrap(), ["p0"]);
        assert_eq!(phases(&event, 199).unwrap(), ["p0"]);
        assert_eq!(phases(&event, 200).unwrap(), ["p1"]);
        assert_eq!(phases(&event, 349).unwrap(), ["p1"]);
        assert_eq!(phases(&event, 350).unwrap(), ["p1", "p2"]);
        assert_eq!(phases(&event, 400).unwrap(), ["p2"]);
        assert_eq!(phases(&event, 500), None);
        assert_eq!(phases(&event, 1_000), None);
    }

    #[test]
    fn the_sale_is_open_during_a_presale_and_not_between_presales() {
        let event = event(1_000, &[(100, 200), (300, 1_000)]);
        let state = |now| event.sale_state(EpochMs(now));
        for (now, expected) in [
            (99, SaleState::NotOpen),
            (100, SaleState::Open),
            (200, SaleState::NotOpen),
            (300, SaleState::Open),
            (999, SaleState::Open),
            (1_000, SaleState::Open),
        ] {
            assert_eq!(state(now), expected, "{now}");
        }
        let next = |now| event.next_opening(EpochMs(now)).map(|at| at.0);
        assert_eq!(
            [next(0), next(100), next(200), next(300), next(1_000)],
            [Some(100), None, Some(300), None, None]
        );
        assert_eq!(event.first_opening(), Some(EpochMs(100)));
    }

    #[test]
    fn an_event_without_presales_is_as_before() {
        let mut event = event(1_000, &[]);
        assert_eq!(event.first_opening(), event.terms.opens_at);
        assert_eq!(event.next_opening(EpochMs(1)), event.terms.opens_at);
        assert_eq!(event.calling_since(EpochMs(2_000)), None);
        event.terms.opens_at = None;
        assert_eq!(event.next_opening(EpochMs(1)), None);
        assert_eq!(event.sale_state(EpochMs(1)), SaleState::Open);
    }

    #[test]
    fn a_name_is_a_line_of_text() {
        assert_eq!(PhaseName::parse(" 팬클럽 ").unwrap().as_str(), "팬클럽");
        for text in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert!(PhaseName::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        /// Who joins without a code is never called in a presale: the sale is not open to them, whatever the phases.
        #[test]
        fn while_a_presale_is_open_joining_needs_its_code(
            spans in proptest::collection::vec((0..900_i64, 1..100_i64), 1..5),
            now in 0..2_000_i64,
        ) {
            let spans: Vec<_> = spans.into_iter().map(|(from, length)| (from, from + length)).collect();
            let event = event(1_000, &spans);
            let now = EpochMs(now);
            let joining = event.joining(now);
            if event.is_presale(now) {
                prop_assert_eq!(event.sale_state(now), SaleState::Open);
                let Joining::WithCode(phases) = &joining else { panic!("free") };
                prop_assert!(phases.iter().all(|phase| phase.is_open(now)));
            }
            if joining == Joining::Free {
                let later = event.terms.presales.iter().all(|presale| presale.is_over(now));
                prop_assert!(later);
            }
            prop_assert_eq!(event.next_opening(now).is_none(), event.sale_state(now) == SaleState::Open);
        }
    }
}

//! How many of the called users arrive.

use serde::{Deserialize, Serialize};

/// The turnout of called users whose case is decided: they arrived, or their grace is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Turnout {
    pub arrived: u64,
    pub missed: u64,
}

/// With fewer decided cases the turnout is not used.
pub(super) const FEWEST_DECIDED: u64 = 20;
/// Above this number, all counts are halved, so that old cases lose weight.
const MOST_DECIDED: u64 = 1_000;

impl Turnout {
    /// The sum of both, halved if it is too large.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let sum = Self {
            arrived: self.arrived + other.arrived,
            missed: self.missed + other.missed,
        };
        if sum.decided() <= MOST_DECIDED {
            return sum;
        }
        Self {
            arrived: sum.arrived / 2,
            missed: sum.missed / 2,
        }
    }

    /// The number of decided cases.
    #[must_use]
    pub fn decided(self) -> u64 {
        self.arrived + self.missed
    }

    /// The share of users who arrived, in percent. `None` if there are too few cases.
    #[must_use]
    pub fn percent(self) -> Option<u64> {
        (self.decided() >= FEWEST_DECIDED).then(|| self.arrived * 100 / self.decided())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_cases_lose_weight() {
        let long_ago = Turnout {
            arrived: 900,
            missed: 100,
        };
        let faded = long_ago.with(Turnout {
            arrived: 0,
            missed: 10,
        });
        assert_eq!(
            faded,
            Turnout {
                arrived: 450,
                missed: 55
            }
        );
        assert_eq!(faded.percent(), Some(89));
    }
}

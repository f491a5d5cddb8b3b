//! Codes, and those who have used them.

use super::{Finding, Invariant};
use crate::access_code::IssuedCode;

/// Checks a code against the users who were found to have used it. They were counted after `before`, the code's own count when
/// the audit began (0 if there was no code), and before `after`, the code at the end. `None` as `after`: there is no code.
#[must_use]
pub fn check_code(
    key: &str,
    before: u32,
    counted: u32,
    after: Option<&IssuedCode>,
) -> Option<Finding> {
    let found = |expected: String, found: String| {
        Some(Finding::new(Invariant::Queue, key, expected, found))
    };
    let Some(code) = after else {
        return found("a code that users have used".to_owned(), "none".to_owned());
    };
    if code.users > code.most_users {
        return found(
            format!("at most {} users", code.most_users),
            code.users.to_string(),
        );
    }
    if (before..=code.users).contains(&counted) {
        return None;
    }
    let expected = if before == code.users {
        format!("{before} users who have used the code")
    } else {
        format!("{before} to {} users who have used the code", code.users)
    };
    found(expected, counted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_code::tests::issued;

    #[test]
    fn a_codes_count_is_that_of_its_users_who_may_become_more_meanwhile() {
        let check = |before, counted, after| check_code("k", before, counted, Some(&issued(after)));
        assert_eq!(check(1, 1, 1), None);
        assert_eq!(check(0, 1, 2), None);
        assert!(check(1, 0, 1).is_some());
        assert!(check(0, 2, 1).is_some());
        assert!(check(3, 3, 3).is_some(), "more than may use it");
        assert!(check_code("k", 0, 1, None).is_some());
    }
}

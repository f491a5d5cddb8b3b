//! A model of how Lambda scales.

use super::costs::{Function, Operation};

/// A function may start this many environments at once, and this many more every ten seconds.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
const NEW_ENVIRONMENTS: f64 = 1_000.0;
const REFILL_SECONDS: f64 = 10.0;
/// An environment answers at most this many synchronous requests a second, however short they are.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const REQUESTS_PER_ENVIRONMENT: f64 = 10.0;

/// How many functions `ReadyEnvironments` of template.yaml keeps ready: those of [`is_kept_ready`], pages and list-events.
pub const KEPT_READY: u32 = 9;
/// Pages and list-events, which answer the CDN only, so that a plan does not simulate them.
const KEPT_READY_UNSIMULATED: f64 = 2.0;

/// What a request takes in the function apart from calls, in milliseconds. An assumption.
const OWN_MS: f64 = 8.0;
/// What a call to DynamoDB takes, in milliseconds. An assumption.
const CALL_MS: f64 = 6.0;

/// Whether `ReadyEnvironments` keeps environments of the function ready.
#[must_use]
pub fn is_kept_ready(function: Function) -> bool {
    match function {
        Function::GetEvent
        | Function::QueueStatus
        | Function::IssueToken
        | Function::TokenStatus
        | Function::ListDates
        | Function::ListSeats
        | Function::HoldSeat => true,
        Function::LeaveQueue
        | Function::ReserveTicket
        | Function::CancelReservation
        | Function::Charge
        | Function::Pay
        | Function::GetReservation => false,
    }
}

/// How long an operation takes in the function.
#[must_use]
pub fn milliseconds(operation: Operation) -> f64 {
    OWN_MS + CALL_MS * f64::from(operation.calls())
}

/// How long a chain of calls takes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn milliseconds_of_calls(calls: u64) -> f64 {
    OWN_MS + CALL_MS * calls as f64
}

#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    environments: f64,
    /// How many more may start now.
    may_start: f64,
    /// The environments that are ready without requests.
    ready: f64,
}

/// The functions during a simulation.
#[derive(Clone, Debug)]
pub struct Functions {
    pools: [Pool; Function::ALL.len()],
    /// The account's limit.
    concurrency: f64,
    /// The environments that are ready although nothing that is simulated uses them.
    unused: f64,
    pub most_used: f64,
    /// The same without the account's limit.
    pub most_wanted: f64,
    /// How many more environments of a function the requests needed than there were, of the functions that can be kept
    /// ready.
    pub most_missing: f64,
}

fn per_environment(operation: Operation) -> f64 {
    REQUESTS_PER_ENVIRONMENT.min(1_000.0 / milliseconds(operation))
}

impl Functions {
    /// `ready`: of each function that can be kept ready.
    #[must_use]
    pub fn new(concurrency: u32, ready: u32) -> Self {
        let pool = |function: Function| {
            let ready = if is_kept_ready(function) {
                f64::from(ready)
            } else {
                0.0
            };
            Pool {
                environments: ready,
                may_start: NEW_ENVIRONMENTS,
                ready,
            }
        };
        Self {
            pools: Function::ALL.map(pool),
            concurrency: concurrency.into(),
            unused: f64::from(ready) * KEPT_READY_UNSIMULATED,
            most_used: 0.0,
            most_wanted: 0.0,
            most_missing: 0.0,
        }
    }

    /// The environments of a function.
    #[must_use]
    pub fn environments(&self, function: Function) -> f64 {
        self.pools[function as usize].environments
    }

    /// Scales for the requests of this part of a second, and returns the share of each function's requests that is
    /// served.
    pub fn scale(
        &mut self,
        requests: &[(Operation, f64)],
        seconds: f64,
    ) -> [f64; Function::ALL.len()] {
        let mut needed = [0.0; Function::ALL.len()];
        for (operation, count) in requests {
            needed[operation.function() as usize] += count / seconds / per_environment(*operation);
        }
        let mut shares = [1.0; Function::ALL.len()];
        // An environment that is kept ready counts, used or not.
        let used = needed.iter().zip(&self.pools);
        let used = used.map(|(needed, pool)| needed.max(pool.ready));
        let total = used.sum::<f64>() + self.unused;
        self.most_wanted = self.most_wanted.max(total);
        self.most_used = self.most_used.max(total.min(self.concurrency));
        // The account's limit is shared in proportion.
        let of_account = if total > self.concurrency {
            self.concurrency / total
        } else {
            1.0
        };
        for (function, (pool, share)) in Function::ALL
            .into_iter()
            .zip(self.pools.iter_mut().zip(&mut shares))
        {
            let needed = needed[function as usize];
            pool.may_start = (pool.may_start + NEW_ENVIRONMENTS * seconds / REFILL_SECONDS)
                .min(NEW_ENVIRONMENTS);
            let wanted = needed * of_account;
            let starts = (wanted - pool.environments).clamp(0.0, pool.may_start);
            pool.environments += starts;
            pool.may_start -= starts;
            if is_kept_ready(function) {
                self.most_missing = self.most_missing.max(wanted - pool.environments);
            }
            if needed > 0.0 {
                *share = (pool.environments.min(wanted) / needed).min(1.0);
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOIN: usize = Function::IssueToken as usize;

    #[test]
    fn a_function_starts_a_thousand_environments_at_once_and_a_hundred_more_a_second() {
        let mut functions = Functions::new(10_000, 0);
        // 50,000 requests a second.
        let requests = [(Operation::Join, 5_000.0)];
        let shares = functions.scale(&requests, 0.1);
        assert!((shares[JOIN] - 0.2).abs() < 0.01, "{shares:?}");
        for _ in 0..100 {
            functions.scale(&requests, 0.1);
        }
        assert!((functions.environments(Function::IssueToken) - 2_000.0).abs() < 1.0);
        for _ in 0..300 {
            functions.scale(&requests, 0.1);
        }
        assert!((functions.scale(&requests, 0.1)[JOIN] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn environments_that_are_ready_answer_at_once_and_count_although_nobody_uses_them() {
        let requests = [(Operation::Join, 5_000.0)];
        let mut functions = Functions::new(100_000, 0);
        functions.scale(&requests, 0.1);
        assert!((functions.most_missing - 4_000.0).abs() < 1.0);
        let mut functions = Functions::new(100_000, 4_000);
        let shares = functions.scale(&requests, 0.1);
        assert!((shares[JOIN] - 1.0).abs() < 1e-6, "{shares:?}");
        // 5,000 of issue-token, and 4,000 of each of the eight others.
        assert!((functions.most_used - 37_000.0).abs() < 1.0);
        assert!(functions.most_missing < 1e-6);
    }

    #[test]
    fn all_functions_share_the_accounts_limit() {
        let mut functions = Functions::new(100, 0);
        let requests = [(Operation::Join, 100.0), (Operation::Charge, 100.0)];
        let shares = functions.scale(&requests, 0.1);
        assert!((shares[JOIN] - 0.5).abs() < 0.01, "{shares:?}");
        assert!((functions.most_used - 100.0).abs() < 1e-6);
    }
}

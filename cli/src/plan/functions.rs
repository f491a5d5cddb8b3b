//! A model of how Lambda scales.

use super::costs::{Function, Operation};

/// A function may start this many environments at once, and this many more every ten seconds.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
const NEW_ENVIRONMENTS: f64 = 1_000.0;
const REFILL_SECONDS: f64 = 10.0;
/// An environment answers at most this many synchronous requests a second, however short they are.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const REQUESTS_PER_ENVIRONMENT: f64 = 10.0;

/// What a request takes in the function apart from calls, in milliseconds. An assumption.
const OWN_MS: f64 = 8.0;
/// What a call to DynamoDB takes, in milliseconds. An assumption.
const CALL_MS: f64 = 6.0;

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
}

/// The functions during a simulation.
#[derive(Clone, Debug)]
pub struct Functions {
    pools: [Pool; Function::ALL.len()],
    /// The account's limit.
    concurrency: f64,
    pub most_used: f64,
}

fn per_environment(operation: Operation) -> f64 {
    REQUESTS_PER_ENVIRONMENT.min(1_000.0 / milliseconds(operation))
}

impl Functions {
    #[must_use]
    pub fn new(concurrency: u32) -> Self {
        let pool = Pool {
            environments: 0.0,
            may_start: NEW_ENVIRONMENTS,
        };
        Self {
            pools: [pool; Function::ALL.len()],
            concurrency: concurrency.into(),
            most_used: 0.0,
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
        let total: f64 = needed.iter().sum();
        self.most_used = self.most_used.max(total.min(self.concurrency));
        // The account's limit is shared in proportion.
        let of_account = if total > self.concurrency {
            self.concurrency / total
        } else {
            1.0
        };
        for ((pool, needed), share) in self.pools.iter_mut().zip(needed).zip(&mut shares) {
            pool.may_start = (pool.may_start + NEW_ENVIRONMENTS * seconds / REFILL_SECONDS)
                .min(NEW_ENVIRONMENTS);
            let wanted = needed * of_account;
            let starts = (wanted - pool.environments).clamp(0.0, pool.may_start);
            pool.environments += starts;
            pool.may_start -= starts;
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
        let mut functions = Functions::new(10_000);
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
    fn all_functions_share_the_accounts_limit() {
        let mut functions = Functions::new(100);
        let requests = [(Operation::Join, 100.0), (Operation::Charge, 100.0)];
        let shares = functions.scale(&requests, 0.1);
        assert!((shares[JOIN] - 0.5).abs() < 0.01, "{shares:?}");
        assert!((functions.most_used - 100.0).abs() < 1e-6);
    }
}

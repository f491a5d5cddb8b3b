//! The time of DynamoDB, for what a command stores. The clock of an operator's machine may be wrong, and the times of a pause
//! or of a signing key are compared with the clocks of the servers.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use domain::clock::{Clock, CorrectedClock, EpochMs};

/// A client that compares the clock with the `Date` of every response, and the clock.
#[must_use]
pub fn follow(client: &Client) -> (Client, Clock) {
    let clock = CorrectedClock::default();
    let config = client
        .config()
        .to_builder()
        .interceptor(CompareClock(clock.clone()))
        .build();
    (Client::from_conf(config), Clock::Corrected(clock))
}

#[derive(Debug)]
struct CompareClock(CorrectedClock);

impl Intercept for CompareClock {
    fn name(&self) -> &'static str {
        "CompareClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(service) = context.response().headers().get("date").and_then(read_date)
            && let Some(correction_ms) = self.0.compare(service)
        {
            tracing::warn!(
                correction_ms,
                "this machine's clock is wrong; using the time of DynamoDB"
            );
        }
        Ok(())
    }
}

fn read_date(text: &str) -> Option<EpochMs> {
    let since = httpdate::parse_http_date(text)
        .ok()?
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    i64::try_from(since.as_millis()).ok().map(EpochMs)
}

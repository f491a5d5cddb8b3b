//! Scheduled every minute if the deployer names an event for it: joins the event's queue through the public address and
//! leaves it again. This notices what no metric inside the system shows, such as a wrong DNS record or certificate, a web ACL
//! that blocks buyers, or a CDN that does not reach the API.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use shared::config::CheckTarget;
use shared::exchange::{Connector, Exchange, Reply};

/// The timeout of one of the three requests. Together they stay below the function's timeout.
const STEP_TIME: Duration = Duration::from_secs(8);
/// No response of these requests is larger.
const LARGEST_BODY: usize = 64 * 1024;

/// What a successful check has tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tried {
    /// It joined and left.
    Joined,
    /// Users must sign in, which the check cannot: the API refused to let it join, as it should.
    SignInRequired,
}

/// The part of the response to joining that leaving needs.
#[derive(Deserialize)]
struct Joined {
    token: String,
}

/// The part of a problem that is compared.
#[derive(Deserialize)]
struct Problem {
    code: String,
}

/// Runs the check. A failure is a metric, not an error of the function.
pub async fn handle(connector: &Connector, target: &CheckTarget) -> Value {
    let began = Instant::now();
    let result = check(connector, target).await;
    let check_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Err(reason) = &result {
        tracing::error!(reason, event_id = %target.event_id, "the check failed");
    }
    tracing::info!(
        check_failed = u64::from(result.is_err()),
        check_ms,
        joined = result == Ok(Tried::Joined),
        "check"
    );
    json!({
        "failed": result.is_err(),
        "joined": result == Ok(Tried::Joined),
        "reason": result.err(),
    })
}

async fn check(connector: &Connector, target: &CheckTarget) -> Result<Tried, String> {
    let event = format!("{}/events/{}", target.url, target.event_id);
    let send = async |step: &str, method, path: &str, headers: &[(&'static str, &str)], body| {
        let exchange = Exchange {
            method,
            url: &format!("{event}{path}"),
            headers,
            body,
        };
        tokio::time::timeout(STEP_TIME, exchange.send(connector, LARGEST_BODY))
            .await
            .map_err(|_| format!("{step}: no response within {} s", STEP_TIME.as_secs()))?
            .map_err(|error| format!("{step}: {error}"))
    };

    let queue = send("queue", "GET", "/queue", &[], "").await?;
    expect("queue", &queue, 200)?;

    let json = [("content-type", "application/json")];
    let reply = send("join", "POST", "/tokens", &json, "{}").await?;
    if reply.status == 401 && code(&reply).as_deref() == Some("token_missing") {
        return Ok(Tried::SignInRequired);
    }
    expect("join", &reply, 201)?;
    let joined: Joined =
        serde_json::from_slice(&reply.body).map_err(|_| "join: no token".to_owned())?;

    // If this fails, the place in line ends by itself.
    let bearer = format!("Bearer {}", joined.token);
    let authorization = [("authorization", bearer.as_str())];
    let reply = send("leave", "DELETE", "/tokens/me", &authorization, "").await?;
    expect("leave", &reply, 204)?;
    Ok(Tried::Joined)
}

fn expect(step: &str, reply: &Reply, status: u16) -> Result<(), String> {
    if reply.status == status {
        return Ok(());
    }
    let code = code(reply).map_or(String::new(), |code| format!(" {code}"));
    Err(format!("{step}: status {}{code}", reply.status))
}

/// The problem's code, if the response is one of the API's problems.
fn code(reply: &Reply) -> Option<String> {
    serde_json::from_slice(&reply.body)
        .ok()
        .map(|problem: Problem| problem.code)
}

//! What is checked before a rush begins: whether its operator allows it, and what the event is.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use domain::fees::Fees;
use domain::ids::EventId;
use domain::money::Money;
use domain::queue::Secret;
use domain::rehearsal::Challenge;
use fastrand::Rng;
use serde::Deserialize;
use serde_json::json;

use super::client::{Answer, Call, Client, Endpoint, Unanswered};
use super::sale::{Identity, Tickets};

/// Servers learn of a permit within two seconds.
const PERMIT_ATTEMPTS: u32 = 10;
const PERMIT_PAUSE: Duration = Duration::from_millis(500);

/// The event before the rush.
#[derive(Clone, Debug)]
pub struct EventFacts {
    pub name: String,
    pub tickets: Tickets,
    pub total: u32,
    pub available: u32,
    pub most_per_user: u32,
    /// How many numbers its queue has issued.
    pub issued: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventView {
    event_name: String,
    admission: String,
    state: String,
    total_tickets: u32,
    available_tickets: u32,
    max_seats_per_user: u32,
    price: Option<Money>,
    #[serde(default)]
    fees: Fees,
}

#[derive(Deserialize)]
struct QueueView {
    issued: u64,
}

#[derive(Deserialize)]
struct ProofView {
    answer: Option<String>,
}

/// The server does not prove that its operator allows a rush.
#[derive(Debug, thiserror::Error)]
#[error(
    "{target} does not prove that a rush on {event} is allowed: its operator allows it with `boxoffice rush {event} --allow 1h`"
)]
pub struct NotAllowed {
    target: String,
    event: EventId,
}

/// Sends a random challenge and checks the answer. A server that has just been given the permit may need two seconds to know.
pub async fn check_permit(
    client: &Client,
    target: &str,
    event: &EventId,
    secret: &Secret,
) -> Result<()> {
    for attempt in 1..=PERMIT_ATTEMPTS {
        let challenge =
            Challenge::random().map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
        let path = format!("/events/{event}/rehearsal/{challenge}");
        let answer = ask(client, &Call::new(Endpoint::RehearsalProof, path)).await?;
        if answer.problem().code == "event_not_found" {
            bail!("{target} has no event {event}");
        }
        let proof: Option<ProofView> = answer.read().ok();
        match proof.and_then(|proof| proof.answer) {
            Some(answer) if challenge.is_answered_by(&answer, secret, event) => return Ok(()),
            // Another secret, or none yet.
            _ if answer.is_success() && attempt < PERMIT_ATTEMPTS => {
                tokio::time::sleep(PERMIT_PAUSE).await;
            }
            _ => break,
        }
    }
    let (target, event) = (target.to_owned(), event.clone());
    Err(NotAllowed { target, event }.into())
}

/// Reads the event and its queue.
pub async fn event(client: &Client, event: &EventId) -> Result<EventFacts> {
    let call = Call::new(Endpoint::GetEvent, format!("/events/{event}"));
    let answer = ask(client, &call).await?;
    let unexpected = || anyhow!("GET {} was answered with {}", call.path, answer.status);
    let view: EventView = answer.read().map_err(|_| unexpected())?;
    if view.state == "CLOSED" {
        bail!("the sale of {event} is closed");
    }
    let tickets = match (view.admission.as_str(), view.price) {
        ("seated", _) => Tickets::Seated,
        ("general", Some(price)) => Tickets::General {
            price,
            fees: view.fees,
        },
        _ => return Err(unexpected()),
    };
    let path = format!("/events/{event}/queue");
    let answer = ask(client, &Call::new(Endpoint::QueueStatus, path)).await?;
    let queue: QueueView = answer
        .read()
        .map_err(|_| anyhow!("the queue was answered with {}", answer.status))?;
    Ok(EventFacts {
        name: view.event_name,
        tickets,
        total: view.total_tickets,
        available: view.available_tickets,
        most_per_user: view.max_seats_per_user,
        issued: queue.issued,
    })
}

/// Finds out whether people have to sign in, by a join that is refused in any case, and whether they can.
pub async fn identity(
    client: &Client,
    event: &EventId,
    id_tokens: Option<Vec<String>>,
    people: u32,
) -> Result<Identity> {
    let call = Call::new(Endpoint::IssueToken, format!("/events/{event}/tokens"));
    let answer = ask(client, &call.with_body(&json!({"userId": ""}))).await?;
    match (answer.problem().code.as_str(), id_tokens) {
        ("invalid_request", None) => Ok(Identity::Trusted),
        ("invalid_request", Some(_)) => {
            bail!("--id-tokens: this deployment trusts user ids and takes no ID tokens")
        }
        ("token_missing", None) => bail!(
            "people have to sign in with an OpenID Connect issuer here: give an ID token for each person with --id-tokens FILE"
        ),
        ("token_missing", Some(tokens)) => {
            let people = usize::try_from(people)?;
            if tokens.len() < people {
                bail!(
                    "--id-tokens: the file has {} tokens for {people} people",
                    tokens.len()
                );
            }
            Ok(Identity::IdTokens(tokens))
        }
        (code, _) => Err(anyhow!(
            "joining was answered with {} {code}",
            answer.status
        )),
    }
}

async fn ask(client: &Client, call: &Call) -> Result<Answer> {
    // Without faults there is nothing to draw.
    let answer = client.send(call, &mut Rng::with_seed(0)).await;
    answer
        .map_err(|Unanswered| anyhow!("no answer"))
        .with_context(|| format!("GET {} before the rush", call.path))
}

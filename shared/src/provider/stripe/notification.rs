//! Stripe's webhooks: their signature, and the orders that they are about.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::super::secret::Secret;
use super::super::{Notification, NotificationRefused};
use super::Metadata;
use domain::charge::OrderId;
use domain::clock::EpochMs;

/// The header with the signature.
const HEADER: &str = "stripe-signature";
/// How old a signature may be, as Stripe's libraries have it, and how far ahead of our clock:
/// <https://docs.stripe.com/webhooks#verify-manually>.
const TOLERANCE_MS: u64 = 300_000;
/// Stripe signs with each secret that is valid: two, while one replaces the other.
const MOST_SIGNATURES: usize = 10;
/// A notification has some kilobytes.
const LARGEST_BODY: usize = 256 * 1024;

/// The secrets that notifications are signed with.
#[derive(Clone, Debug)]
pub(super) struct WebhookSecrets(Vec<Secret>);

impl WebhookSecrets {
    pub(super) fn new(secrets: &[&str]) -> Self {
        Self(secrets.iter().map(|secret| Secret::new(secret)).collect())
    }

    /// Whether the notification is Stripe's, and new.
    pub(super) fn verify(&self, notification: Notification<'_>) -> Result<(), NotificationRefused> {
        if notification.body.len() > LARGEST_BODY {
            return Err(NotificationRefused::Malformed);
        }
        let header = notification
            .headers
            .get(HEADER)
            .and_then(|header| header.to_str().ok())
            .and_then(Signatures::parse)
            .ok_or(NotificationRefused::Signature)?;
        let is_signed = self
            .0
            .iter()
            .any(|secret| header.is_by(secret, notification.body));
        if is_signed && header.is_fresh(notification.received_at) {
            Ok(())
        } else {
            Err(NotificationRefused::Signature)
        }
    }
}

/// `t=1492774577,v1=5257a8…,v1=…`: a time in seconds, and signatures of it and the body.
struct Signatures<'a> {
    seconds: &'a str,
    v1: Vec<Vec<u8>>,
}

impl<'a> Signatures<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut seconds = None;
        let mut v1 = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", value) if seconds.is_none() => seconds = Some(value),
                ("t", _) => return None,
                ("v1", value) if v1.len() < MOST_SIGNATURES => v1.push(hex::decode(value).ok()?),
                // Other schemes say nothing.
                _ => {}
            }
        }
        seconds.map(|seconds| Self { seconds, v1 })
    }

    /// In constant time.
    fn is_by(&self, secret: &Secret, body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        mac.update(self.seconds.as_bytes());
        mac.update(b".");
        mac.update(body);
        self.v1
            .iter()
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
    }

    fn is_fresh(&self, now: EpochMs) -> bool {
        self.seconds
            .parse::<i64>()
            .ok()
            .and_then(|seconds| seconds.checked_mul(1000))
            .is_some_and(|signed| now.ms_since(EpochMs(signed)).unsigned_abs() <= TOLERANCE_MS)
    }
}

/// The orders that an event is about: none, if it is about anything else.
///
/// Events are described at <https://docs.stripe.com/api/events/types>.
pub(super) fn orders(body: &[u8]) -> Result<Vec<OrderId>, NotificationRefused> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "type")]
        kind: String,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        object: serde_json::Value,
    }
    #[derive(Deserialize)]
    struct Subject {
        metadata: Option<Metadata>,
    }
    let malformed = |_| NotificationRefused::Malformed;
    let event: Event = serde_json::from_slice(body).map_err(malformed)?;
    let is_ours = ["checkout.session.", "refund.", "charge.refund"]
        .iter()
        .any(|prefix| event.kind.starts_with(prefix));
    if !is_ours {
        return Ok(Vec::new());
    }
    // Sessions, refunds and charges all have the metadata that we gave them.
    let subject: Subject = serde_json::from_value(event.data.object).map_err(malformed)?;
    let order = subject.metadata.and_then(|metadata| metadata.order());
    Ok(order.into_iter().collect())
}

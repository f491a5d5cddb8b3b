//! Users who are identified by an OpenID Connect issuer.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::app::App;

use crate::issuer::{AUDIENCE, Behaviour, SigningKey, TestIssuer};
use crate::world::{Buyer, DATE, EVENT, PRICE, Reply, World, concert};

const TOKENS: &str = "/events/winter-live/tokens";
const ME: &str = "/events/winter-live/tokens/me";

async fn world_and_issuer() -> (World, TestIssuer) {
    let issuer = TestIssuer::start().await;
    let world = World::new().await.process_with_issuer(&issuer);
    (world, issuer)
}

fn wallet(issuer: &TestIssuer, subject: &str) -> String {
    format!("/users/{}/wallet", issuer.user_id(subject))
}

impl TestIssuer {
    /// A token for alice with these claims added or replaced. A null removes the claim.
    fn token_saying(&self, world: &World, claims: &Value) -> String {
        let mut said = self.claims("alice", world.clock.now());
        for (name, value) in claims.as_object().unwrap() {
            if value.is_null() {
                said.as_object_mut().unwrap().remove(name);
            } else {
                said[name] = value.clone();
            }
        }
        self.signs(&self.header(), &said)
    }

    /// Alice reads her balance.
    async fn alice_asks(&self, world: &World) -> Reply {
        let token = self.token("alice", world.clock.now());
        world.get(&wallet(self, "alice"), &token).await
    }
}

/// Joins the queue: for the first time (201) or again (200).
async fn join(world: &World, token: &str) -> Buyer {
    let joined = world.call("POST", TOKENS, token, None).await;
    assert!(matches!(joined.status, 200 | 201), "{joined:?}");
    Buyer {
        user_id: joined.text_of("userId").to_owned(),
        token: joined.text_of("token").to_owned(),
        joined,
    }
}

#[tokio::test]
async fn a_user_is_identified_by_the_issuers_token_and_keeps_the_place_in_line() {
    let (world, issuer) = world_and_issuer().await;
    let alice = issuer.token("alice", world.clock.now());
    let buyer = join(&world, &alice).await;
    assert_eq!(buyer.joined.status, 201);
    assert_eq!(buyer.user_id, issuer.user_id("alice"));
    world.clock.advance_seconds(60);
    let again = join(&world, &issuer.token("alice", world.clock.now())).await;
    assert_eq!(again.joined.status, 200);
    assert_eq!(again.user_id, buyer.user_id);
    let bob = join(&world, &issuer.token("bob", world.clock.now())).await;
    assert_ne!(bob.user_id, buyer.user_id);
}

#[tokio::test]
async fn a_user_id_in_the_request_must_be_the_callers_own() {
    let (world, issuer) = world_and_issuer().await;
    let alice = issuer.token("alice", world.clock.now());
    for own in [
        issuer.user_id("alice"),
        issuer.user_id("alice").to_uppercase(),
    ] {
        let reply = world.post(TOKENS, &alice, json!({ "userId": own })).await;
        assert_eq!(reply.text_of("userId"), issuer.user_id("alice"));
    }
    let body = json!({ "userId": issuer.user_id("bob") });
    let reply = world.post(TOKENS, &alice, body).await;
    reply.is_problem(403, "not_yours");
}

#[tokio::test]
async fn nobody_joins_without_the_issuers_token() {
    let (world, issuer) = world_and_issuer().await;
    let named = json!({ "userId": issuer.user_id("alice") });
    let reply = world.post(TOKENS, "", named.clone()).await;
    reply.is_problem(401, "token_missing");
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    let alice = join(&world, &issuer.token("alice", world.clock.now())).await;
    // A queue token identifies a user, but not for joining.
    for token in [alice.token.as_str(), "nonsense", "a.b.c"] {
        let reply = world.post(TOKENS, token, named.clone()).await;
        reply.is_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn the_issuers_token_is_accepted_by_every_user_endpoint() {
    let (world, issuer) = world_and_issuer().await;
    let token = issuer.token("alice", world.clock.now());
    let alice = join(&world, &token).await;
    let known = Buyer {
        token: token.clone(),
        ..alice.clone()
    };
    let charged = world.charge(&known, 2 * PRICE, "first").await;
    assert_eq!(charged.status, 201);
    let held = world.hold(&alice, 7).await;
    let id = held.text_of("reservationId").to_owned();
    let path = format!("/reservations/{id}");
    assert_eq!(world.get(&path, &token).await.text_of("status"), "HELD");
    assert_eq!(world.pay(&known, &id).await.status, 201);
    assert_eq!(world.balance(&known).await, PRICE);
    assert_eq!(
        world.delete(&path, &token).await.text_of("status"),
        "CANCELLED"
    );
    let list = format!("/users/{}/reservations", known.user_id);
    let list = world.get(&list, &token).await;
    assert_eq!(list.body["reservations"][0]["reservationId"], *id);
    let ledger = format!("{}/ledger", wallet(&issuer, "alice"));
    let ledger = world.get(&ledger, &token).await;
    assert_eq!(ledger.body["entries"].as_array().unwrap().len(), 3);
    // The queue token stays valid after the issuer's token has expired.
    world.clock.advance_seconds(2 * 3600);
    let reply = world.get(&wallet(&issuer, "alice"), &token).await;
    reply.is_problem(401, "token_invalid");
    assert_eq!(world.balance(&alice).await, 2 * PRICE);
}

#[tokio::test]
async fn the_issuers_token_does_not_replace_a_queue_token() {
    let (world, issuer) = world_and_issuer().await;
    let token = issuer.token("alice", world.clock.now());
    assert_eq!(
        join(&world, &token).await.joined.text_of("status"),
        "ACTIVE"
    );
    let body = json!({ "date": DATE, "seatNumber": 7 });
    for (method, path, body) in [
        ("GET", format!("/events/{EVENT}/dates"), None),
        ("GET", format!("/events/{EVENT}/dates/{DATE}/seats"), None),
        ("POST", format!("/events/{EVENT}/holds"), Some(body)),
        ("POST", format!("/events/{EVENT}/reservations"), None),
    ] {
        let reply = world.call(method, &path, &token, body).await;
        reply.is_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn another_users_data_cannot_be_read_or_changed() {
    let (world, issuer) = world_and_issuer().await;
    let alice = issuer.token("alice", world.clock.now());
    let bob = join(&world, &issuer.token("bob", world.clock.now())).await;
    let held = world.hold(&bob, 7).await;
    let user = format!("/users/{}", bob.user_id);
    for path in ["wallet", "wallet/ledger", "reservations"] {
        let reply = world.get(&format!("{user}/{path}"), &alice).await;
        reply.is_problem(403, "not_yours");
    }
    let thief = Buyer {
        token: alice.clone(),
        ..bob
    };
    let reply = world.charge(&thief, 1, "first").await;
    reply.is_problem(403, "not_yours");
    let id = held.text_of("reservationId");
    let reply = world.get(&format!("/reservations/{id}"), &alice).await;
    reply.is_problem(404, "reservation_not_found");
    let reply = world.pay(&thief, id).await;
    reply.is_problem(404, "reservation_not_found");
}

#[tokio::test]
async fn the_issuers_token_shows_the_callers_own_queue_entry() {
    let mut concert = concert();
    concert.event.terms.queue.max_active = 1;
    let issuer = TestIssuer::start().await;
    let world = World::with(concert).await.process_with_issuer(&issuer);
    let first = join(&world, &issuer.token("bob", world.clock.now())).await;
    let token = issuer.token("alice", world.clock.now());
    let alice = join(&world, &token).await;
    let shown = world.get(ME, &token).await;
    assert_eq!(shown.status, 200);
    let by_queue_token = world.status(&alice).await;
    for field in ["userId", "queueNumber", "lane", "status", "position"] {
        assert_eq!(shown.body[field], by_queue_token.body[field], "{field}");
    }
    assert_eq!(shown.text_of("status"), "WAITING");
    // The time at which the issuer's token expires.
    assert_eq!(shown.text_of("tokenExpiresAt"), "2026-11-20T11:00:00.000Z");
    assert_eq!(world.leave(&first).await.status, 204);
    world.clock.advance_seconds(5);
    assert_eq!(world.get(ME, &token).await.text_of("status"), "ACTIVE");
}

#[tokio::test]
async fn a_user_without_a_queue_entry_is_told_to_join_and_may_still_leave() {
    let (world, issuer) = world_and_issuer().await;
    let token = issuer.token("alice", world.clock.now());
    world.get(ME, &token).await.is_problem(410, "turn_over");
    assert_eq!(world.delete(ME, &token).await.status, 204);
    let alice = join(&world, &token).await;
    assert_eq!(world.delete(ME, &token).await.status, 204);
    world.get(ME, &token).await.is_problem(410, "turn_over");
    assert_eq!(world.status(&alice).await.text_of("status"), "EXPIRED");
    for path in ["/events/other/tokens/me", "/events/other/tokens"] {
        let method = if path.ends_with("me") { "GET" } else { "POST" };
        let reply = world.call(method, path, &token, None).await;
        reply.is_problem(404, "event_not_found");
    }
    assert_eq!(
        world.delete("/events/other/tokens/me", &token).await.status,
        204
    );
    for method in ["GET", "DELETE"] {
        let reply = world
            .call(method, "/events/No/tokens/me", &token, None)
            .await;
        reply.is_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_token_needs_our_issuer_our_audience_a_valid_time_and_a_subject() {
    let (world, issuer) = world_and_issuer().await;
    let now = world.clock.now().0 / 1000;
    let path = wallet(&issuer, "alice");
    for claims in [
        json!({}),
        json!({ "aud": ["another", AUDIENCE] }),
        json!({ "exp": now - 29 }),
        json!({ "exp": 253_402_300_799_i64 }),
        json!({ "exp": 1e300 }),
        json!({ "nbf": now + 30 }),
        json!({ "nbf": now - 1, "more": { "than": ["needed"] } }),
    ] {
        let token = issuer.token_saying(&world, &claims);
        assert_eq!(world.get(&path, &token).await.status, 200, "{claims}");
    }
    for claims in [
        json!({ "iss": format!("{}/", issuer.url) }),
        json!({ "iss": "https://id.example.com" }),
        json!({ "iss": null }),
        json!({ "aud": "another" }),
        json!({ "aud": ["another"] }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "exp": now - 30 }),
        json!({ "exp": now - 1_000_000 }),
        json!({ "exp": null }),
        json!({ "exp": "never" }),
        json!({ "nbf": now + 31 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a".repeat(256) }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    ] {
        let token = issuer.token_saying(&world, &claims);
        let reply = world.get(&path, &token).await;
        assert_eq!(reply.code(), "token_invalid", "{claims}");
    }
}

#[tokio::test]
async fn a_token_must_be_signed_by_the_key_it_names_with_that_keys_algorithm() {
    let (world, issuer) = world_and_issuer().await;
    let path = wallet(&issuer, "alice");
    let claims = issuer.claims("alice", world.clock.now());
    let genuine = issuer.signs(&issuer.header(), &claims);
    assert_eq!(world.get(&path, &genuine).await.status, 200);
    let stranger = SigningKey::es256();
    let rsa = SigningKey::rs256();
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let (message, signature) = genuine.rsplit_once('.').unwrap();
    let (_, payload) = message.split_once('.').unwrap();
    let with_header = |header: &Value, signature: &str| {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{payload}.{signature}")
    };
    let bob = issuer.token("bob", world.clock.now());
    let bobs = bob.split('.').nth(1).unwrap();
    for (what, token) in [
        (
            "another's signature",
            stranger.signs(&issuer.header(), &claims),
        ),
        (
            "an RSA signature by the name of an ES256 key",
            rsa.signs(&header("RS256", "first"), &claims),
        ),
        (
            "an ES256 signature said to be RS256",
            issuer.signs(&header("RS256", "first"), &claims),
        ),
        (
            "a name that is none of the issuer's",
            issuer.signs(&header("ES256", "other"), &claims),
        ),
        ("no name", issuer.signs(&json!({ "alg": "ES256" }), &claims)),
        (
            "not signed at all",
            with_header(&header("none", "first"), ""),
        ),
        (
            "an empty signature",
            with_header(&header("ES256", "first"), ""),
        ),
        (
            "another header",
            with_header(&json!({ "alg": "ES256", "kid": "first" }), signature),
        ),
        ("another payload", genuine.replace(payload, bobs)),
    ] {
        let reply = world.get(&path, &token).await;
        assert_eq!(reply.code(), "token_invalid", "{what}");
    }
    let of_bob = wallet(&issuer, "bob");
    let reply = world.get(&of_bob, &genuine.replace(payload, bobs)).await;
    reply.is_problem(401, "token_invalid");
}

/// A classic attack: the public key used as the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_not_accepted_as_an_hmac_secret() {
    use sha2::{Digest, Sha256};
    let hmac = |key: &[u8], message: &[u8]| {
        let mut block = [0_u8; 64];
        if key.len() > 64 {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let inner = Sha256::new()
            .chain_update(block.map(|byte| byte ^ 0x36))
            .chain_update(message)
            .finalize();
        Sha256::new()
            .chain_update(block.map(|byte| byte ^ 0x5c))
            .chain_update(inner)
            .finalize()
            .to_vec()
    };
    let rsa = SigningKey::rs256();
    let jwk = rsa.jwk("first");
    let issuer = TestIssuer::signing_by(rsa).await;
    let world = World::new().await.process_with_issuer(&issuer);
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "first" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = issuer.claims("alice", world.clock.now());
    let message = format!("{}.{}", part(&header), part(&claims));
    let modulus = jwk["n"].as_str().unwrap();
    for secret in [
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        modulus.as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        Vec::new(),
    ] {
        let signature = URL_SAFE_NO_PAD.encode(hmac(&secret, message.as_bytes()));
        let token = format!("{message}.{signature}");
        let reply = world.get(&wallet(&issuer, "alice"), &token).await;
        reply.is_problem(401, "token_invalid");
        let reply = world.call("POST", TOKENS, &token, None).await;
        reply.is_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn an_issuer_may_publish_rsa_and_ec_keys_and_others_that_are_ignored() {
    let (world, issuer) = world_and_issuer().await;
    let (rsa, curve) = (SigningKey::rs256(), SigningKey::es256());
    issuer.publishes(vec![
        json!({ "kty": "oct", "kid": "one", "k": "c2VjcmV0" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "AAAA" }),
        json!("nonsense"),
        rsa.jwk("one"),
        curve.jwk("one"),
    ]);
    let claims = issuer.claims("alice", world.clock.now());
    for (key, alg) in [(&rsa, "RS256"), (&curve, "ES256")] {
        let token = key.signs(&json!({ "alg": alg, "kid": "one" }), &claims);
        let reply = world.get(&wallet(&issuer, "alice"), &token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn a_new_issuer_key_is_accepted_and_a_withdrawn_one_for_at_most_an_hour() {
    let (world, issuer) = world_and_issuer().await;
    let claims = json!({ "exp": world.clock.now().0 / 1000 + 100_000 });
    let by_old = issuer.token_saying(&world, &claims);
    let path = wallet(&issuer, "alice");
    assert_eq!(world.get(&path, &by_old).await.status, 200);
    let idle = world.process_with_issuer(&issuer);
    assert_eq!(idle.get(&path, &by_old).await.status, 200);
    issuer.rotates("second");
    let by_new = issuer.token_saying(&world, &claims);
    // The process has just read the keys. It reads them again after ten seconds.
    let reply = world.get(&path, &by_new).await;
    reply.is_problem(401, "token_invalid");
    world.clock.advance_seconds(10);
    assert_eq!(world.get(&path, &by_new).await.status, 200);
    let reply = world.get(&path, &by_old).await;
    reply.is_problem(401, "token_invalid");
    // A process that has not read the new keys accepts the old key until its hour is over.
    world.clock.advance_seconds(3600 - 11);
    assert_eq!(idle.get(&path, &by_old).await.status, 200);
    world.clock.advance_seconds(1);
    idle.get(&path, &by_old)
        .await
        .is_problem(401, "token_invalid");
}

#[tokio::test]
async fn unknown_keys_do_not_cause_a_request_to_the_issuer_each_time() {
    let (world, issuer) = world_and_issuer().await;
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
    world.clock.advance_seconds(60);
    let claims = issuer.claims("alice", world.clock.now());
    let path = wallet(&issuer, "alice");
    for kid in 0..20 {
        let header = json!({ "alg": "ES256", "kid": format!("unknown-{kid}") });
        let forged = issuer.signs(&header, &claims);
        let reply = world.get(&path, &forged).await;
        reply.is_problem(401, "token_invalid");
    }
    assert_eq!(issuer.times_asked(), 2);
    // A token that is invalid whatever the keys does not cause a read.
    world.clock.advance_seconds(60);
    let expired = issuer.token_saying(&world, &json!({ "exp": 1 }));
    for token in [expired.as_str(), "a.b.c", "nonsense"] {
        world
            .get(&path, token)
            .await
            .is_problem(401, "token_invalid");
    }
    assert_eq!(issuer.times_asked(), 2);
}

#[tokio::test]
async fn concurrent_requests_read_the_issuers_keys_once() {
    let (world, issuer) = world_and_issuer().await;
    let asked = (0..20).map(|_| issuer.alice_asks(&world));
    for reply in futures::future::join_all(asked).await {
        assert_eq!(reply.status, 200);
    }
    assert_eq!(issuer.times_asked(), 1);
}

#[tokio::test]
async fn while_the_issuer_is_down_unverifiable_tokens_are_answered_busy_and_not_invalid() {
    let (world, issuer) = world_and_issuer().await;
    let alice = join(&world, &issuer.token("alice", world.clock.now())).await;
    issuer.behaves(Behaviour::Fails);
    // A process that starts now has no keys, and finds none in the table.
    forget_issuer_keys(&world, &issuer).await;
    let young = world.process_with_issuer(&issuer);
    young.app.preload_issuer_keys().await;
    let reply = issuer.alice_asks(&young).await;
    reply.is_problem(503, "busy");
    assert_eq!(reply.header("retry-after"), "1");
    let token = issuer.token("alice", young.clock.now());
    young
        .call("POST", TOKENS, &token, None)
        .await
        .is_problem(503, "busy");
    young.get(ME, &token).await.is_problem(503, "busy");
    // Requested once during init, and not again within the second.
    assert_eq!(issuer.times_asked(), 2);
    // A user with a queue token needs no issuer, and a malformed token is refused without the issuer.
    assert_eq!(young.status(&alice).await.status, 200);
    let reply = young.call("POST", TOKENS, "nonsense", None).await;
    reply.is_problem(401, "token_invalid");
    // A process with keys continues for a day, retries regularly, and cannot judge a new key.
    world.clock.advance_seconds(24 * 3600 - 1);
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
    let header = json!({ "alg": "ES256", "kid": "new" });
    let by_new = issuer.signs(&header, &issuer.claims("alice", world.clock.now()));
    let reply = world.get(&wallet(&issuer, "alice"), &by_new).await;
    reply.is_problem(503, "busy");
    world.clock.advance_seconds(1);
    issuer.alice_asks(&world).await.is_problem(503, "busy");
    // The issuer recovers.
    issuer.behaves(Behaviour::Answers);
    world.clock.advance_seconds(10);
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
    assert_eq!(issuer.alice_asks(&young).await.status, 200);
}

/// The only item in the table that is about the issuer.
fn issuer_item(issuer: &TestIssuer) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    [
        ("pk".to_owned(), text("ISSUER")),
        ("sk".to_owned(), text(&issuer.url)),
    ]
    .into()
}

async fn forget_issuer_keys(world: &World, issuer: &TestIssuer) {
    let delete = world.dynamodb.delete_item().table_name(&world.tables.keys);
    let delete = delete.set_key(Some(issuer_item(issuer)));
    delete.send().await.unwrap();
}

/// Processes that have not read any keys.
fn processes(world: &World, issuer: &TestIssuer, number: usize) -> Vec<World> {
    (0..number)
        .map(|_| world.process_with_issuer(issuer))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_read_the_issuer_once() {
    let (world, issuer) = world_and_issuer().await;
    let processes = processes(&world, &issuer, 40);
    let starts = processes
        .iter()
        .map(|process| process.app.preload_issuer_keys());
    futures::future::join_all(starts).await;
    assert_eq!(issuer.times_asked(), 1);
    // All have the keys, and need neither issuer nor table.
    issuer.behaves(Behaviour::Fails);
    forget_issuer_keys(&world, &issuer).await;
    for process in &processes {
        assert_eq!(issuer.alice_asks(process).await.status, 200);
    }
    assert_eq!(issuer.times_asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unknown_key_makes_one_of_all_processes_read_the_issuer() {
    let (world, issuer) = world_and_issuer().await;
    let processes = processes(&world, &issuer, 20);
    for process in &processes {
        assert_eq!(issuer.alice_asks(process).await.status, 200);
    }
    world.clock.advance_seconds(60);
    let header = json!({ "alg": "ES256", "kid": "unknown" });
    let forged = issuer.signs(&header, &issuer.claims("alice", world.clock.now()));
    let path = wallet(&issuer, "alice");
    let asked = processes.iter().map(|process| process.get(&path, &forged));
    for reply in futures::future::join_all(asked).await {
        reply.is_problem(401, "token_invalid");
    }
    assert_eq!(issuer.times_asked(), 2);
    // A key that the issuer really has changed is known to all by the next read.
    issuer.rotates("second");
    world.clock.advance_seconds(10);
    let token = issuer.token("alice", world.clock.now());
    let asked = processes.iter().map(|process| process.get(&path, &token));
    for reply in futures::future::join_all(asked).await {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(issuer.times_asked(), 3);
    // Keys of an hour are refreshed by one, too.
    world.clock.advance_seconds(3600);
    let token = issuer.token("alice", world.clock.now());
    let asked = processes.iter().map(|process| process.get(&path, &token));
    for reply in futures::future::join_all(asked).await {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(issuer.times_asked(), 4);
}

#[tokio::test]
async fn a_process_that_starts_while_the_issuer_is_down_uses_the_keys_of_the_others_for_a_day() {
    let (world, issuer) = world_and_issuer().await;
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
    issuer.behaves(Behaviour::Fails);
    for (seconds, status) in [(3600, 200), (23 * 3600 - 1, 200), (1, 503)] {
        world.clock.advance_seconds(seconds);
        let young = world.process_with_issuer(&issuer);
        assert_eq!(issuer.alice_asks(&young).await.status, status, "{seconds}");
    }
    // Whether a key is new cannot be known now.
    let young = world.process_with_issuer(&issuer);
    let header = json!({ "alg": "ES256", "kid": "new" });
    let by_new = issuer.signs(&header, &issuer.claims("alice", world.clock.now()));
    let reply = young.get(&wallet(&issuer, "alice"), &by_new).await;
    reply.is_problem(503, "busy");
}

#[tokio::test]
async fn a_process_that_stops_while_it_reads_the_issuer_delays_the_others_by_seconds() {
    let (world, issuer) = world_and_issuer().await;
    issuer.behaves(Behaviour::Hangs);
    let stopped = world.process_with_issuer(&issuer);
    let reading = tokio::spawn(async move { stopped.app.preload_issuer_keys().await });
    while issuer.times_asked() == 0 {
        tokio::task::yield_now().await;
    }
    reading.abort();
    issuer.behaves(Behaviour::Answers);
    let other = world.process_with_issuer(&issuer);
    let mut asks = std::pin::pin!(issuer.alice_asks(&other));
    let soon = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(soon, &mut asks).await.is_err());
    assert_eq!(issuer.times_asked(), 1);
    world.clock.advance_seconds(5);
    let reply = asks.await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(issuer.times_asked(), 2);
}

#[tokio::test]
async fn a_claim_by_a_clock_that_runs_ahead_does_not_stop_the_reading() {
    let (world, issuer) = world_and_issuer().await;
    let ahead = world.clock.now().plus_seconds(3600);
    let mut item = issuer_item(&issuer);
    let number = AttributeValue::N(ahead.0.to_string());
    item.insert("nextReadAt".to_owned(), number);
    item.insert("state".to_owned(), AttributeValue::S("READING".to_owned()));
    let put = world.dynamodb.put_item().table_name(&world.tables.keys);
    put.set_item(Some(item)).send().await.unwrap();
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
}

#[tokio::test]
async fn malformed_answers_of_an_issuer_are_rejected() {
    let (world, issuer) = world_and_issuer().await;
    let own = issuer.url.as_str();
    let keys = format!("{own}/keys");
    let describes = |issuer: &str, keys: &str| {
        Behaviour::Describes(json!({ "issuer": issuer, "jwks_uri": keys }))
    };
    for manner in [
        Behaviour::Fails,
        Behaviour::Redirects,
        Behaviour::Hangs,
        Behaviour::IsLong(300_000),
        describes("https://id.example.com", &keys),
        describes(&format!("{own}/"), &keys),
        describes(own, "http://id.example.com/keys"),
        describes(own, "file:///etc/passwd"),
        describes(own, "keys"),
        Behaviour::Describes(json!({ "issuer": own })),
        Behaviour::Describes(json!([])),
    ] {
        world.clock.advance_seconds(1);
        issuer.behaves(manner.clone());
        let reply = issuer.alice_asks(&world).await;
        assert_eq!((reply.status, reply.code()), (503, "busy"), "{manner:?}");
    }
    issuer.behaves(Behaviour::Answers);
    for unusable in [
        vec![],
        vec![json!({ "kty": "oct", "kid": "first", "k": "AA" })],
    ] {
        world.clock.advance_seconds(1);
        issuer.publishes(unusable);
        issuer.alice_asks(&world).await.is_problem(503, "busy");
    }
    issuer.rotates("first");
    issuer.behaves(Behaviour::IsLong(100_000));
    world.clock.advance_seconds(1);
    assert_eq!(issuer.alice_asks(&world).await.status, 200);
}

#[tokio::test]
async fn an_unreachable_issuer_is_answered_busy() {
    let issuer = TestIssuer::start().await;
    let world = World::new().await;
    let nobody = shared::oidc::Issuer::new("http://127.0.0.1:9", AUDIENCE).unwrap();
    let app = App::new(world.app.store().clone()).with_issuer(nobody);
    let world = World {
        app: std::sync::Arc::new(app),
        ..world
    };
    issuer.alice_asks(&world).await.is_problem(503, "busy");
}

#[tokio::test]
async fn without_an_issuer_the_user_id_in_the_request_is_trusted() {
    let issuer = TestIssuer::start().await;
    let world = World::new().await;
    issuer
        .alice_asks(&world)
        .await
        .is_problem(401, "token_invalid");
    let token = issuer.token("alice", world.clock.now());
    let named = json!({ "userId": issuer.user_id("bob") });
    let reply = world.post(TOKENS, &token, named).await;
    assert_eq!(reply.text_of("userId"), issuer.user_id("bob"));
    assert_eq!(issuer.times_asked(), 0);
}

#[tokio::test]
async fn the_first_applicable_refusal_of_joining_is_returned() {
    let mut closed = concert();
    closed.event.terms.closes_at = Some(domain::clock::EpochMs(0));
    let issuer = TestIssuer::start().await;
    let world = World::with(closed).await.process_with_issuer(&issuer);
    let alice = issuer.token("alice", world.clock.now());
    let text = [("content-type", "text/plain")];
    let json_type = [("content-type", "application/json")];
    let long = format!("{{\"userId\":\"{}\"}}", "a".repeat(20_000));
    let path = "/events/other/tokens";
    let reply = world.send("POST", path, &text, Some(&long)).await;
    reply.is_problem(415, "unsupported_media_type");
    let reply = world.send("POST", path, &json_type, Some(&long)).await;
    reply.is_problem(413, "body_too_large");
    let other = json!({ "userId": issuer.user_id("bob") });
    let bad = json!({ "userId": "bob" });
    for (path, token, body, status, code) in [
        (path, "", &bad, 401, "token_missing"),
        (path, "a.b.c", &bad, 401, "token_invalid"),
        (path, &alice, &bad, 400, "invalid_request"),
        (path, &alice, &other, 403, "not_yours"),
        (path, &alice, &json!({}), 404, "event_not_found"),
        (TOKENS, &alice, &other, 403, "not_yours"),
        (TOKENS, &alice, &json!({}), 409, "not_open"),
    ] {
        let reply = world.post(path, token, body.clone()).await;
        reply.is_problem(status, code);
    }
}

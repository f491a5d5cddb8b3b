//! Codes that several use at the same moment, and calls that fail.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use super::{CARDS, FANS, after_start, buyer, code, hash, id, joins, joins_as, presold, stored};
use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, World, author};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_users_at_once_a_code_admits_as_many_as_it_says() {
    let world = Arc::new(World::with(presold(50)).await);
    let three = code(&world, FANS, 3).await;
    world.clock.set(after_start(60));
    let joining = (0..12).map(|_| {
        let (process, code) = (world.another_process(), three.clone());
        tokio::spawn(async move { joins(&process, &code).await })
    });
    let mut admitted = 0;
    for reply in join_all(joining).await {
        let reply = reply.unwrap();
        match (reply.status, reply.code()) {
            (201, _) => admitted += 1,
            (409, "code_used_up") => {}
            _ => panic!("{reply:?}"),
        }
    }
    assert_eq!(admitted, 3);
    assert_eq!(stored(&world, &three).await.users, 3);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_joins_several_times_at_once_has_one_place_and_counts_once() {
    let world = Arc::new(World::with(presold(50)).await);
    let single = code(&world, FANS, 1).await;
    let user = uuid::Uuid::new_v4().to_string();
    let joining = (0..6).map(|_| {
        let (process, code, user) = (world.another_process(), single.clone(), user.clone());
        tokio::spawn(async move { joins_as(&process, &user, &code).await })
    });
    let mut numbers = Vec::new();
    for reply in join_all(joining).await {
        numbers.push(buyer(reply.unwrap()).joined.body["queueNumber"].clone());
    }
    assert!(
        numbers.iter().all(|number| *number == numbers[0]),
        "{numbers:?}"
    );
    assert_eq!(stored(&world, &single).await.users, 1);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_that_is_revoked_while_users_join_admits_each_of_them_or_refuses_and_then_nobody() {
    let world = Arc::new(World::with(presold(50)).await);
    let many = code(&world, FANS, 100).await;
    let joining = (0..8).map(|_| {
        let (process, code) = (world.another_process(), many.clone());
        tokio::spawn(async move { joins(&process, &code).await })
    });
    let revoking = {
        let (process, hash) = (world.another_process(), hash(&many));
        tokio::spawn(async move {
            let store = process.app.store();
            store.revoke_codes(&id(), &[hash], &author()).await
        })
    };
    let mut admitted = 0;
    for reply in join_all(joining).await {
        let reply = reply.unwrap();
        match (reply.status, reply.code()) {
            (201, _) => admitted += 1,
            (403, "code_invalid") | (503, "busy") => {}
            _ => panic!("{reply:?}"),
        }
    }
    assert_eq!(revoking.await.unwrap().unwrap(), 1);
    assert_eq!(stored(&world, &many).await.users, admitted);
    joins(&world, &many).await.is_problem(403, "code_invalid");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_join_with_a_code_that_fails_at_any_call_can_be_repeated_and_counts_once() {
    for fault in [Fault::CutOff, Fault::LoseAnswer] {
        for after in 0..6 {
            let world = World::with(presold(10)).await;
            let single = code(&world, FANS, 1).await;
            let user = uuid::Uuid::new_v4().to_string();
            let process = world.another_process();
            process.wire.inject(Rule {
                after,
                ..Rule::next("", "", fault)
            });
            joins_as(&process, &user, &single).await;
            let again = joins_as(&world, &user, &single).await;
            assert!(matches!(again.status, 200 | 201), "{after}: {again:?}");
            assert_eq!(stored(&world, &single).await.users, 1, "{after}");
            invariants::check(&world).await;
        }
    }
}

#[tokio::test]
async fn the_audit_finds_a_code_whose_count_is_not_that_of_its_users() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let world = World::with(presold(10)).await;
    let several = code(&world, FANS, 5).await;
    code(&world, CARDS, 5).await;
    joins(&world, &several).await;
    let path = format!("/events/{EVENT}/tokens");
    world.post(&path, "", json!({ "code": several })).await;
    invariants::check(&world).await;
    let hash = hash(&several).as_str().to_owned();
    let key = |name: &str| AttributeValue::S(name.to_owned());
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", key(&format!("CODES#{EVENT}#{}", &hash[..1])))
        .key("sk", key(&hash))
        .update_expression("SET #users = :wrong")
        .expression_attribute_names("#users", "users")
        .expression_attribute_values(":wrong", AttributeValue::N("3".to_owned()))
        .send()
        .await
        .unwrap();
    let report = shared::audit::run(world.app.store(), None, |_| {}).await;
    let findings = report.unwrap().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].found, "2");
    assert_eq!(findings[0].expected, "3 users who have used the code");
}

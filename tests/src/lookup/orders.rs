//! `boxoffice orders`.

use serde_json::Value;

use super::{DATE, EVENT, Shop};

/// The reservations of an answer, in its order.
fn ids(found: &Value) -> Vec<&str> {
    let orders = found["orders"].as_array().unwrap();
    orders
        .iter()
        .map(|order| order["reservationId"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_found_by_user_event_date_seat_and_status() {
    let shop = Shop::new().await;
    let one = shop.buys(DATE, &[1, 5]).await;
    let other = shop.buys("2099-12-25", &[1]).await;
    let gone = shop.buys(DATE, &[2]).await;
    shop.cancels(&gone).await;
    let (_, _, held) = shop.holds(DATE, &[2]).await;
    let held = held["reservationId"].as_str().unwrap();
    let general = shop.buys_tickets("open-air", 2, 1_000).await;

    for (criteria, expected) in [
        (
            &["--user", one.user.as_str()][..],
            vec![one.reservation.as_str()],
        ),
        // The newest first.
        (
            &["--event", EVENT],
            vec![
                held,
                &gone.reservation,
                &other.reservation,
                &one.reservation,
            ],
        ),
        (
            &["--event", EVENT, "--date", "2099-12-25"],
            vec![&other.reservation],
        ),
        // One with seats in two sections is found once.
        (
            &["--event", EVENT, "--status", "held,confirmed"],
            vec![held, &other.reservation, &one.reservation],
        ),
        (
            &["--event", EVENT, "--status", "cancelled"],
            vec![&gone.reservation],
        ),
        (
            &["--event", EVENT, "--date", DATE, "--seat", "5"],
            vec![&one.reservation],
        ),
        // Whose the seat is now, and whose it was.
        (
            &["--event", EVENT, "--date", DATE, "--seat", "2"],
            vec![held],
        ),
        (
            &[
                "--event",
                EVENT,
                "--date",
                DATE,
                "--seat",
                "2",
                "--status",
                "CANCELLED",
            ],
            vec![&gone.reservation],
        ),
        (&["--event", EVENT, "--date", DATE, "--seat", "9"], vec![]),
        (&["--event", "open-air"], vec![&general.reservation]),
        (
            &["--event", "open-air", "--status", "confirmed"],
            vec![&general.reservation],
        ),
        (&["--user", &one.user, "--event", "open-air"], vec![]),
    ] {
        let found = shop
            .prints_json(&[&["orders", "--json"], criteria].concat())
            .await;
        assert_eq!(ids(&found), expected, "{criteria:?}");
        assert_eq!(found["found"], expected.len(), "{criteria:?}");
    }

    let found = shop
        .prints_json(&["orders", "--user", &one.user, "--json"])
        .await;
    let order = &found["orders"][0];
    for (field, value) in [
        ("status", Value::from("CONFIRMED")),
        ("userId", one.user.as_str().into()),
        ("price", 2250.into()),
        ("fees", 50.into()),
        ("totalPrice", 2300.into()),
        ("chargeId", one.charge.as_str().into()),
        ("quantity", 2.into()),
    ] {
        assert_eq!(order[field], value, "{field}: {order}");
    }
    let table = shop.prints(&["orders", "--user", &one.user]).await;
    assert!(table.contains("23.00 EUR"), "{table}");
    assert!(
        table.contains("-1-2, row 1, 1 (seat 1), 좌석, 5 (seat 5)"),
        "{table}"
    );
    let nothing = ["orders", "--event", EVENT, "--date", DATE, "--seat", "9"];
    assert_eq!(shop.prints(&nothing).await, "no reservation found\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_shows_the_newest_within_its_limit_and_says_how_many_there_are() {
    let shop = Shop::new().await;
    shop.holds(DATE, &[1]).await;
    shop.holds(DATE, &[2]).await;
    let (_, _, newest) = shop.holds(DATE, &[3]).await;
    for criteria in [&[][..], &["--status", "held"]] {
        let search = [&["orders", "--event", EVENT, "--limit", "1"], criteria].concat();
        let found = shop.prints_json(&[&search[..], &["--json"]].concat()).await;
        assert_eq!(found["found"], 3);
        assert_eq!(ids(&found), [newest["reservationId"].as_str().unwrap()]);
        let table = shop.prints(&search).await;
        assert!(
            table.ends_with("the newest 1 of 3: see --limit\n"),
            "{table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_by_every_id_that_it_has() {
    let shop = Shop::new().await;
    let bought = shop.buys(DATE, &[1]).await;
    shop.buys(DATE, &[2]).await;
    let story = shop
        .prints_json(&["orders", &bought.reservation, "--json"])
        .await;
    let payment = story["reservation"]["payment"]["paymentId"]
        .as_str()
        .unwrap();
    let steps = story["story"].as_array().unwrap();
    let done = steps
        .iter()
        .find(|step| step["what"] == "CHARGE_DONE")
        .unwrap();
    let at_provider = done["providerPaymentId"].as_str().unwrap();
    let checkout = done["checkoutId"].as_str().unwrap();
    for id in [
        payment,
        &bought.charge,
        at_provider,
        checkout,
        &bought.charge.to_uppercase(),
    ] {
        for of_user in [&[][..], &["--user", &bought.user]] {
            let search = [&["orders", "--payment", id, "--json"], of_user].concat();
            let found = shop.prints_json(&search).await;
            assert_eq!(ids(&found), [bought.reservation.as_str()], "{id}");
            assert_eq!(found["userId"], bought.user.as_str());
        }
    }
    let found = shop
        .prints_json(&["orders", "--payment", at_provider, "--json"])
        .await;
    assert_eq!(found["charges"][0]["chargeId"], bought.charge.as_str());
    assert_eq!(found["ledgerEntries"][0]["kind"], "CHARGE");

    // Money that pays for no reservation is found too.
    let (user, token) = shop.joins(EVENT).await;
    let charge = shop
        .pays(&user, &token, serde_json::json!({"amount": 700}))
        .await;
    let found = shop
        .prints_json(&["orders", "--payment", &charge, "--json"])
        .await;
    assert_eq!(
        (&found["userId"], &found["found"]),
        (&user.into(), &0.into())
    );
    assert_eq!(found["ledgerEntries"][0]["amount"], 700);
    let plain = shop.prints(&["orders", "--payment", &charge]).await;
    assert!(
        plain.contains(&format!("charge {charge} of 7.00 EUR at demo")),
        "{plain}"
    );
    assert!(plain.ends_with("no reservation found\n"), "{plain}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_a_reservation_goes_from_the_queue_to_the_refund() {
    let shop = Shop::new().await;
    let bought = shop.buys(DATE, &[1, 2]).await;
    shop.cancels(&bought).await;
    // Its claims are gone, so the user is found by the whole table, or is given.
    let whole = ["orders", &bought.reservation, "--json"];
    let story = shop.prints_json(&whole).await;
    let of_user = shop
        .prints_json(&[&whole[..], &["--user", &bought.user]].concat())
        .await;
    assert_eq!(of_user, story);
    let steps = story["story"].as_array().unwrap();
    let what: Vec<&str> = steps
        .iter()
        .map(|step| match &step["kind"] {
            Value::String(kind) => kind.as_str(),
            _ => step["what"].as_str().unwrap(),
        })
        // The session may be opened ahead of the user.
        .filter(|what| *what != "CALLED")
        .collect();
    assert_eq!(
        what,
        [
            "JOINED",
            "HELD",
            "HOLD_EXTENDED",
            "CHARGE_BEGUN",
            "CHARGE_DONE",
            "CHARGE",
            "CONFIRMED",
            "PAYMENT",
            "CANCELLED",
            "REFUND"
        ]
    );
    let times: Vec<&str> = steps
        .iter()
        .map(|step| step["at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let cancelled = &steps[steps.len() - 2];
    assert_eq!(
        (&cancelled["refunded"], &cancelled["kept"]),
        (&2500.into(), &50.into())
    );
    assert_eq!(story["claims"][0]["claim"], "FREE");
    assert_eq!(story["session"], "ENDED");

    let plain = shop.prints(&["orders", &bought.reservation]).await;
    for part in [
        "status       CANCELLED",
        "total        25.50 EUR, of which fees 0.50 EUR",
        "cancelled: 25.00 EUR refunded",
        "seat 1 is free now",
    ] {
        assert!(plain.contains(part), "{part}: {plain}");
    }

    let other = shop.buys(DATE, &[1]).await;
    let story = shop
        .prints_json(&["orders", &other.reservation, "--json"])
        .await;
    assert_eq!(story["claims"][0]["claim"], "SOLD");
    // The first buyer's seat is another's now.
    let story = shop.prints_json(&whole).await;
    assert_eq!(story["claims"][0]["claim"], "OF_ANOTHER");
    assert_eq!(story["claims"][1]["claim"], "FREE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_what_does_not_exist_says_what_and_ends_with_1_and_a_wrong_one_names_its_option()
 {
    let shop = Shop::new().await;
    let bought = shop.buys(DATE, &[1]).await;
    let nobody = "9b2f6d0e-51c7-4c0a-8d3e-7a1f4be2c965";
    let unknown = "AaH41GOOfyqRxNB75hWKRAHI_zBtYXJ1LXRyaW8";
    for (arguments, said) in [
        (&["orders", "--event", "nowhere"][..], "event nowhere"),
        (
            &["orders", "--event", EVENT, "--date", "2099-12-26"],
            "date 2099-12-26 of the event my-concert",
        ),
        (
            &["orders", "--event", EVENT, "--date", DATE, "--seat", "11"],
            "seat 11 on 2099-12-24 of the event my-concert",
        ),
        (&["orders", unknown], &format!("reservation {unknown}")),
        (
            &["orders", &bought.reservation, "--user", nobody],
            &format!("reservation {} of the user {nobody}", bought.reservation),
        ),
        (&["orders", "--payment", "pi_1"], "payment pi_1"),
        (
            &["orders", "--payment", &bought.charge, "--user", nobody],
            &format!("payment {} of the user {nobody}", bought.charge),
        ),
    ] {
        let expected = (1, format!("boxoffice: there is no {said}\n"));
        assert_eq!(shop.refuses(arguments).await, expected, "{arguments:?}");
    }
    for (arguments, option) in [
        (&["orders"][..], "--payment <ID>"),
        (
            &["orders", "--event", EVENT, "--seat", "1"],
            "--date <DATE>",
        ),
        (
            &["orders", "--event", EVENT, "--date", DATE, "--seat", "0"],
            "--seat <SEAT>",
        ),
        (
            &["orders", "--event", EVENT, "--status", "sold"],
            "--status <STATUS>",
        ),
        (&["orders", "--event", EVENT, "--limit", "0"], "--limit <N>"),
        (&["orders", "--user", "me"], "--user <USER>"),
        (&["orders", "--payment", "a b"], "--payment <ID>"),
        (
            &["orders", unknown, "--status", "held"],
            "--status <STATUS>",
        ),
        (&["orders", "not-an-id"], "[RESERVATION]"),
    ] {
        let (code, said) = shop.refuses(arguments).await;
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(option), "{arguments:?}: {said}");
    }
}

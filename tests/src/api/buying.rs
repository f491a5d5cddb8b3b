//! The whole way from the queue to the ticket.

use serde_json::json;

use crate::world::{DATE, EVENT, PRICE, World};

#[tokio::test]
async fn a_buyer_joins_holds_charges_pays_and_owns_the_seat() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    assert_eq!(buyer.joined.status, 201);
    assert_eq!(buyer.joined.text_of("status"), "ACTIVE");
    assert_eq!(buyer.joined.body["position"], 0);

    let held = world.hold(&buyer, 7).await;
    assert_eq!(held.status, 201, "{held:?}");
    assert_eq!(held.text_of("status"), "HELD");
    let id = held.text_of("reservationId");
    assert_eq!(held.header("location"), format!("/reservations/{id}"));

    let charged = world.charge(&buyer, 80_000, "k1").await;
    assert_eq!(
        (charged.status, &charged.body["balance"]),
        (201, &json!(80_000))
    );

    let paid = world.pay(&buyer, id).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(paid.body["amount"], PRICE);
    assert_eq!(paid.body["balance"], 30_000);

    assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");
    let path = format!("/users/{}/reservations", buyer.user_id);
    let history = world.get(&path, &buyer.token).await;
    let mine = &history.body["reservations"][0];
    assert_eq!(mine["status"], "CONFIRMED");
    assert_eq!(mine["date"], DATE);
    assert_eq!(mine["seats"][0]["seatNumber"], 7);
}

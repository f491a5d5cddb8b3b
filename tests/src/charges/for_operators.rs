//! What an operator sees of money at a payment provider.

use boxoffice::demo_provider::DemoRefundState;
use boxoffice::export::{Export, Format};
use boxoffice::order_story::OrderStory;
use boxoffice::user_records::{self, UserRecords};
use domain::ids::{ReservationId, UserId};
use serde_json::Value;
use shared::store::OwnedThing;

use super::PayingShop;
use crate::printed::Printed;
use crate::world::{Buyer, PRICE};

impl PayingShop {
    /// A buyer with a ticket that the provider was paid for.
    async fn owner(&self, seat: u32) -> (Buyer, String) {
        let (buyer, id) = self.holder(seat).await;
        let begun = self.checkout(&buyer, &id).await;
        self.pays(&begun);
        assert_eq!(self.look(&buyer, &begun).await["purchase"], "PAID");
        (buyer, id)
    }

    /// Cancels a ticket, and has the refund go to its source.
    async fn gives_back(&self, buyer: &Buyer, id: &str) {
        let path = format!("/reservations/{id}?refundTo=source");
        let cancelled = self.world.delete(&path, &buyer.token).await;
        assert_eq!(cancelled.body["refundedToSource"], PRICE, "{cancelled:?}");
    }

    async fn story(&self, buyer: &Buyer, id: &str) -> Value {
        let store = self.world.app.store();
        let user = UserId::parse(&buyer.user_id).unwrap();
        let records = UserRecords::read(store, user).await.unwrap();
        let id = ReservationId::parse(id).unwrap();
        let reservation = records.reservation(&id).unwrap();
        let now = self.world.app.clock().now();
        let currency = crate::world::currency();
        let told = OrderStory::read(store, &records, reservation, &currency, now).await;
        serde_json::to_value(told.unwrap()).unwrap()
    }

    async fn exported_ledger(&self) -> Vec<Value> {
        let printed = Printed::default();
        let mut out = printed.output();
        let export = Export {
            store: self.world.app.store(),
            currency: crate::world::currency(),
            format: Format::Json,
            out: &mut out,
            shows_progress: false,
        };
        export.ledger(None).await.unwrap();
        serde_json::from_str(&printed.text()).unwrap()
    }
}

/// The last steps of a story: what happened, and the kinds of ledger entries.
fn last_steps(story: &Value, count: usize) -> Vec<&str> {
    let steps = story["story"].as_array().unwrap();
    steps[steps.len() - count..]
        .iter()
        .map(|step| step["kind"].as_str().or(step["what"].as_str()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_story_tells_how_the_money_went_back_and_the_refunds_id_leads_to_its_user() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.owner(7).await;
    shop.gives_back(&buyer, &id).await;
    let story = shop.story(&buyer, &id).await;
    // All of them in one millisecond.
    let steps = ["CANCELLED", "REFUND", "WITHDRAWAL_BEGUN", "WITHDRAWAL"];
    assert_eq!(last_steps(&story, 4), steps);
    assert_eq!(story["reservation"]["refundedToSource"], PRICE);
    shop.world.clock.advance_seconds(1);
    shop.settle().await.unwrap();
    let story = shop.story(&buyer, &id).await;
    assert_eq!(last_steps(&story, 1), ["WITHDRAWAL_ENDED"]);
    let ended = story["story"].as_array().unwrap().last().unwrap();
    assert_eq!(ended["withdrawalStatus"], "DONE");

    let table = shop.world.app.store();
    let user = UserId::parse(&buyer.user_id).unwrap();
    for field in [
        "providerRefundId",
        "providerPaymentId",
        "withdrawalId",
        "chargeId",
    ] {
        let named = ended[field].as_str().unwrap();
        let thing = OwnedThing::Payment(named.to_owned());
        assert_eq!(
            user_records::owner(table, &thing).await.unwrap(),
            Some(user),
            "{field}"
        );
        let records = UserRecords::read(table, user).await.unwrap();
        let found = records.reservations_paid_by(named);
        assert_eq!(found.len(), 1, "{field}");
        assert_eq!(records.withdrawals_named(named).count(), 1, "{field}");
        let entries: Vec<_> = records
            .entries_named(named)
            .map(|(_, entry)| entry)
            .collect();
        assert!(!entries.is_empty(), "{field}");
    }
}

#[tokio::test]
async fn an_exported_ledger_names_the_payment_and_the_refund_of_money_that_goes_back_or_cannot() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.owner(7).await;
    shop.gives_back(&buyer, &id).await;
    shop.settle().await.unwrap();
    let ledger = shop.exported_ledger().await;
    let kinds: Vec<_> = ledger.iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["CHARGE", "PAYMENT", "REFUND", "WITHDRAWAL"]);
    let (charge, withdrawal) = (&ledger[0], &ledger[3]);
    assert_eq!(withdrawal["amount"], -PRICE);
    assert_eq!(withdrawal["providerPaymentId"], charge["providerPaymentId"]);
    assert!(withdrawal["providerRefundId"].is_string(), "{withdrawal}");
    assert_eq!(ledger[1]["provider"], Value::Null);

    // The provider takes it back.
    let (buyer, id) = shop.owner(8).await;
    shop.gives_back(&buyer, &id).await;
    shop.demo().set_refunds(DemoRefundState::Failed);
    shop.settle().await.unwrap();
    let ledger = shop.exported_ledger().await;
    let of_buyer: Vec<_> = ledger
        .iter()
        .filter(|line| line["userId"] == buyer.user_id.as_str())
        .collect();
    let reversal = of_buyer.last().unwrap();
    assert_eq!(
        (&reversal["kind"], &reversal["amount"]),
        (&"REVERSAL".into(), &PRICE.into())
    );
    assert_eq!(
        reversal["withdrawalId"],
        of_buyer[of_buyer.len() - 2]["withdrawalId"]
    );
    assert_eq!(
        reversal["providerPaymentId"],
        of_buyer[0]["providerPaymentId"]
    );
    let story = shop.story(&buyer, &id).await;
    assert!(last_steps(&story, 2).contains(&"REVERSAL"), "{story}");
}

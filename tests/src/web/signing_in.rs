//! Signing in with an OpenID Connect issuer, in the shop.

use serde_json::{Value, json};

use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::{FIELD, HALL, LOTTERY_TOMORROW, NARROW, Site};
use crate::issuer::TestIssuer;

/// The steps of a user who signs in.
impl Browser {
    /// Answers the issuer's page.
    async fn is(&self, subject: &str) {
        self.shows("input[name=subject]").await;
        self.write("input[name=subject]", subject).await;
        self.click("#yes").await;
        self.is_signed_in().await;
    }

    async fn is_signed_in(&self) {
        self.until("document.getElementById('account')?.innerText === 'Sign out'")
            .await;
    }

    async fn is_signed_out(&self) {
        self.until("document.getElementById('account')?.innerText === 'Sign in'")
            .await;
    }

    async fn stored(&self, area: &str) -> Value {
        self.run(&format!("return JSON.stringify({area})")).await
    }

    /// Returns from the issuer with this query.
    async fn returns(&self, site: &Site, query: &str) {
        // Another document, not only another fragment.
        self.open("about:blank").await;
        self.open(&format!("{}/?{query}", site.home)).await;
        self.until("location.search === ''").await;
    }
}

fn code_of(address: &str) -> &str {
    let (_, code) = address.split_once("code=").unwrap();
    code.split('&').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_signs_in_when_joining_and_buys_a_ticket() {
    browse([PHONE], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        buyer.open(&site.view("e/hall")).await;
        buyer.is_signed_out().await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        // Joining went on by itself.
        buyer.click("[data-testid=date]").await;
        buyer.shows(".seat.available[data-seat]").await;
        assert_eq!(buyer.run("return location.search").await, "");
        buyer.chooses(&[3]).await;
        buyer.holds().await;
        buyer.pays().await;
        let user = buyer
            .run("return JSON.parse(localStorage['boxoffice.user'])")
            .await;
        assert_eq!(user, issuer.user_id("alice"));
        // The issuer's tokens are in this tab alone.
        let kept = buyer.stored("localStorage").await.to_string();
        let token = buyer
            .run("return JSON.parse(sessionStorage['boxoffice.tokens']).idToken")
            .await;
        assert!(!kept.contains(token.as_str().unwrap()), "{kept}");
        assert_eq!(issuer.exchanges("authorization_code"), (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_in_a_draw_and_the_tickets_follow_the_user_to_another_device() {
    browse([DESKTOP, PHONE], async |[first, second]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL, LOTTERY_TOMORROW]).await;
        first.open(&site.view("e/hall")).await;
        first.click("[data-testid=join]").await;
        first.is("alice").await;
        first.click("[data-testid=date]").await;
        first.chooses(&[7]).await;
        first.holds().await;
        first.pays().await;
        let ticket = first.text(".ticket-id").await;
        for buyer in [first, second] {
            buyer.open(&site.view("e/lottery")).await;
            buyer.click("[data-testid=join]").await;
            if std::ptr::eq(buyer, second) {
                buyer.is("alice").await;
            }
            buyer.says("Luck of the Draw").await;
            buyer.shows(".facts dd").await;
        }
        let number = "document.querySelector('.facts div:nth-child(3) dd').innerText";
        let numbers = [first.until(number).await, second.until(number).await];
        assert_eq!(numbers[0], numbers[1]);
        // There is one number, not two.
        let event = site
            .call("GET", "/events/lottery/queue", "", json!({}))
            .await;
        assert_eq!(event["issued"], 1, "{event}");
        second.click("[data-nav=tickets]").await;
        second.click(".reservation .card-link").await;
        second.shows(".ticket .qr").await;
        assert_eq!(second.text(".ticket-id").await, ticket);
        second.click("[data-nav=wallet]").await;
        second.says("Ticket payment").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_and_wallet_ask_a_new_device_to_sign_in() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        for (view, before, after) in [
            ("wallet", "Sign in to use your wallet", "Top up"),
            ("tickets", "Sign in to see your tickets", "No tickets yet"),
        ] {
            buyer.open(&site.view(view)).await;
            buyer.says(before).await;
            buyer.click("[data-testid=sign-in]").await;
            buyer.is("alice").await;
            buyer.says(after).await;
            let here = buyer.run("return location.pathname").await;
            assert_eq!(here, format!("/{view}"));
            buyer.click("#account").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.is_signed_out().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_whose_sign_in_ends_signs_in_again_and_keeps_turn_and_chosen_seats() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        issuer.gives_tokens_for(32);
        let site = Site::signing_in(&issuer, &[HALL]).await;
        buyer.open(&site.view("e/hall")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        buyer.click("[data-testid=date]").await;
        buyer.chooses(&[9, 10]).await;
        // The issuer gives no refresh token: the page asks in time.
        buyer.says("Your sign-in is about to expire").await;
        buyer.is_accessible("a sign-in that ends").await;
        issuer.gives_tokens_for(3600);
        let before = buyer.run("return location.href").await;
        buyer.click("#account-state [data-testid=sign-in]").await;
        buyer
            .until("!document.querySelector('#account-state p')")
            .await;
        buyer.is_signed_in().await;
        assert_eq!(buyer.run("return location.href").await, before);
        for seat in [9, 10] {
            buyer
                .shows(&format!(".seat[data-seat='{seat}'].selected"))
                .await;
        }
        buyer.holds().await;
        buyer.pays().await;
        buyer.says("seat 10").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_who_has_to_sign_in_again_keeps_the_number_of_tickets() {
    browse([PHONE], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        issuer.gives_tokens_for(32);
        let site = Site::signing_in(&issuer, &[FIELD]).await;
        buyer.open(&site.view("e/field")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        for _ in 0..2 {
            buyer.click(".stepper button:last-child").await;
        }
        buyer.says("Pay ₩60,000").await;
        // Another language draws the view again.
        buyer.click("#language").await;
        buyer.says("₩60,000 결제").await;
        buyer.click("#language").await;
        buyer.says("Your sign-in is about to expire").await;
        issuer.gives_tokens_for(3600);
        buyer.click("#account-state [data-testid=sign-in]").await;
        buyer
            .until("!document.querySelector('#account-state p')")
            .await;
        buyer.is_signed_in().await;
        assert_eq!(buyer.text("[data-testid=reserve]").await, "Pay ₩60,000");
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.shows(".ticket .qr").await;
        buyer.says("3 tickets").await;
        // The next purchase starts from one ticket.
        let kept = buyer.stored("sessionStorage").await.to_string();
        assert!(!kept.contains("quantity"), "{kept}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sign_in_is_renewed_silently_until_the_issuer_refuses() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        issuer.gives_tokens_for(23);
        issuer.gives_refresh_tokens(true);
        let site = Site::signing_in(&issuer, &[NARROW]).await;
        site.call("GET", "/events/narrow", "", json!({})).await;
        buyer.open(&site.view("e/narrow")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        let first = buyer.stored("sessionStorage['boxoffice.tokens']").await;
        let renewed =
            format!("JSON.stringify(sessionStorage['boxoffice.tokens']) !== {first} && {first}");
        buyer.until(&renewed).await;
        // Each refresh token is accepted once: the next renewal uses the next one.
        let second = buyer.stored("sessionStorage['boxoffice.tokens']").await;
        buyer
            .until(&format!(
                "JSON.stringify(sessionStorage['boxoffice.tokens']) !== {second} && {second}"
            ))
            .await;
        let (accepted, refused) = issuer.exchanges("refresh_token");
        assert!(accepted >= 2 && refused == 0, "{accepted} {refused}");
        assert_eq!(buyer.text("#account").await, "Sign out");
        let told = "return document.getElementById('account-state').innerText";
        assert_eq!(buyer.run(told).await, "");
        // Now it is over, and the user is told. Place and turn go on.
        buyer.expects(&[400]);
        issuer.gives_refresh_tokens(false);
        buyer.says("Sign in again").await;
        assert_eq!(issuer.exchanges("refresh_token").1, 1);
        buyer.shows("[data-testid=date]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_removes_the_user_from_the_browser_and_from_the_issuer() {
    browse([PHONE], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL, LOTTERY_TOMORROW]).await;
        buyer.open(&site.view("e/lottery")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        buyer.shows(".facts dd").await;
        buyer.click("#account").await;
        buyer.is_accessible("the question before signing out").await;
        buyer.click("dialog button[value=no]").await;
        buyer.is_signed_in().await;
        buyer.click("#account").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.is_signed_out().await;
        buyer.until("location.pathname === '/'").await;
        let kept = buyer
            .stored("[localStorage, sessionStorage]")
            .await
            .to_string();
        for personal in ["boxoffice.user", "boxoffice.token", "boxoffice.line"] {
            assert!(!kept.contains(personal), "{kept}");
        }
        // The issuer asks again, and somebody else can sign in.
        buyer.open(&site.view("e/hall")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("bob").await;
        buyer.shows("[data-testid=date]").await;
        let user = buyer
            .run("return JSON.parse(localStorage['boxoffice.user'])")
            .await;
        assert_eq!(user, issuer.user_id("bob"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_cancels_at_the_issuer_loses_nothing_and_can_try_again() {
    browse([PHONE], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        buyer.open(&site.view("e/hall")).await;
        buyer.click("[data-testid=join]").await;
        buyer.click("#no").await;
        buyer.says("Signing in didn't work").await;
        assert_eq!(buyer.run("return location.search").await, "");
        buyer.says("Evening at the Hall").await;
        buyer.is_accessible("a sign-in that failed").await;
        buyer.click("#account-state [data-testid=sign-in]").await;
        buyer.is("alice").await;
        buyer.says("Evening at the Hall").await;
        // The issuer is down.
        buyer.click("#account").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.is_signed_out().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_this_tab_did_not_ask_for_are_refused() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        // Somebody else's code, as in a link that would sign the user in as that person.
        buyer
            .returns(&site, "code=stolen&state=of-somebody-else#//evil.example")
            .await;
        buyer.says("Signing in didn't work").await;
        assert_eq!(issuer.exchanges("authorization_code"), (0, 0));
        let here = buyer.run("return location.origin").await;
        assert_eq!(here, site.home);
        // The same while a sign-in of this tab is under way.
        buyer.open(&site.view("e/hall")).await;
        buyer.click("[data-testid=join]").await;
        buyer.shows("input[name=subject]").await;
        buyer
            .returns(&site, "code=stolen&state=of-somebody-else")
            .await;
        assert_eq!(issuer.exchanges("authorization_code"), (0, 0));
        // An answer of another issuer, for the right state.
        let state = "return JSON.parse(sessionStorage['boxoffice.sign-in']).state";
        let state = buyer.run(state).await.as_str().unwrap().to_owned();
        let query = format!("code=stolen&state={state}&iss=https%3A%2F%2Fevil.example");
        buyer.returns(&site, &query).await;
        assert_eq!(issuer.exchanges("authorization_code"), (0, 0));
        buyer.is_signed_out().await;
        // A code that has been used, with the state that it was used with.
        buyer.open(&site.view("e/hall")).await;
        buyer.click("[data-testid=join]").await;
        buyer.is("alice").await;
        assert_eq!(issuer.exchanges("authorization_code"), (1, 0));
        let used = issuer.last_sent_back().unwrap();
        buyer.returns(&site, used.split_once('?').unwrap().1).await;
        buyer.is_signed_in().await;
        assert_eq!(issuer.exchanges("authorization_code"), (1, 0));
        // The issuer refuses it, too.
        let token = format!("{}/token", issuer.url);
        let body = format!("grant_type=authorization_code&code={}", code_of(&used));
        let again = reqwest::Client::new().post(token).body(body).send().await;
        assert_eq!(again.unwrap().status(), 400);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_that_is_not_for_this_sign_in_is_refused() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        let past = 1_000_000_000;
        for wrong in [
            json!({ "nonce": "of another sign-in" }),
            json!({ "nonce": null }),
            json!({ "aud": "another-client" }),
            json!({ "aud": ["boxoffice", "another-client"] }),
            json!({ "aud": ["boxoffice", "another-client"], "azp": "another-client" }),
            json!({ "sub": null }),
            json!({ "exp": past }),
        ] {
            issuer.says_instead(wrong.clone());
            buyer.open("about:blank").await;
            buyer.open(&site.view("e/hall")).await;
            buyer.is_signed_out().await;
            buyer.click("#account").await;
            buyer
                .until("document.querySelector('input[name=subject]') || document.querySelector('#account-state p')")
                .await;
            if buyer.run("return !!document.querySelector('input[name=subject]')").await == true {
                buyer.write("input[name=subject]", "alice").await;
                buyer.click("#yes").await;
            }
            buyer.says("Signing in didn't work").await;
            buyer.is_signed_out().await;
            let kept = buyer.stored("sessionStorage").await.to_string();
            assert!(!kept.contains("idToken"), "{wrong}: {kept}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_is_accessible_in_both_languages() {
    let korean = Eyes {
        language: "ko",
        ..PHONE
    };
    browse([PHONE, korean], async |eyes| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        for (buyer, words) in eyes.into_iter().zip([
            ["Sign in", "Sign in to see your tickets", "Sign out"],
            ["로그인", "로그인하고 내 티켓을 확인하세요", "로그아웃"],
        ]) {
            for view in ["e/hall", "wallet", "tickets"] {
                buyer.open(&site.view(view)).await;
                buyer
                    .until(&format!(
                        "document.getElementById('account')?.innerText === {:?}",
                        words[0]
                    ))
                    .await;
                buyer.is_accessible(view).await;
            }
            buyer.says(words[1]).await;
            buyer.tab_to("#account").await;
            buyer.press(thirtyfour::prelude::Key::Enter).await;
            buyer.shows("input[name=subject]").await;
            buyer.write("input[name=subject]", "alice").await;
            buyer.click("#yes").await;
            buyer
                .until(&format!(
                    "document.getElementById('account')?.innerText === {:?}",
                    words[2]
                ))
                .await;
            buyer.is_accessible("signed in").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_in_one_tab_signs_out_the_others() {
    browse([DESKTOP], async |[buyer]| {
        let issuer = TestIssuer::start().await;
        let site = Site::signing_in(&issuer, &[HALL]).await;
        buyer.open(&site.view("tickets")).await;
        buyer.click("[data-testid=sign-in]").await;
        buyer.is("alice").await;
        // What another tab does to the shared storage.
        buyer
            .run(
                "const key = 'boxoffice.user'; localStorage.removeItem(key);
            window.dispatchEvent(new StorageEvent('storage', {key, newValue: null}))",
            )
            .await;
        buyer.is_signed_out().await;
        let kept = buyer.stored("sessionStorage").await.to_string();
        assert!(!kept.contains("idToken"), "{kept}");
    })
    .await;
}

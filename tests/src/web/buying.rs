//! From the list of events to the ticket, and to the refund.

use serde_json::json;
use thirtyfour::prelude::Key;

use super::browser::{DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::site::{BRIEF, FIELD, HALL, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_buys_and_cancels_on_a_narrow_phone_and_gets_the_money_back() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL, FIELD]).await;
        buyer.open(&site.home).await;
        buyer.says("₩30,000").await;
        buyer.click("a[href='/e/hall']").await;
        buyer.says("No one is waiting").await;
        buyer.click("[data-testid=join]").await;
        buyer.click("[data-testid=date]").await;
        buyer.shows(".seat.available[data-seat]").await;
        buyer.chooses(&[3, 4]).await;
        buyer.says("₩100,000").await;
        buyer.holds().await;
        buyer.says("your seats go back on sale").await;
        site.has_left("hall", 78).await;
        buyer.pays().await;
        buyer.says("R, row 1, seat 3").await;
        let shown = buyer.text(".ticket-id").await;
        buyer.click("[data-nav=tickets]").await;
        buyer.says("2 seats").await;
        buyer.click(".reservation .card-link").await;
        buyer.shows(".ticket .qr").await;
        assert_eq!(buyer.text(".ticket-id").await, shown);
        // Only the ticket is printed.
        buyer
            .devtools("Emulation.setEmulatedMedia", json!({"media": "print"}))
            .await;
        let printed = "document.querySelector('.qr').getBoundingClientRect().width > 100
            && [...document.querySelectorAll('.top, .foot, .no-print')].every((it) => it.offsetHeight === 0)";
        buyer.until(printed).await;
        buyer
            .devtools("Emulation.setEmulatedMedia", json!({"media": ""}))
            .await;

        buyer.click("[data-testid=cancel]").await;
        buyer.says("This cannot be undone").await;
        buyer.click("dialog button[value=no]").await;
        buyer.shows(".ticket .qr").await;
        buyer.click("[data-testid=cancel]").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.says("₩100,000 was refunded to your wallet").await;
        buyer.click("[data-nav=wallet]").await;
        buyer.shows(".entries li:nth-child(3)").await;
        assert_eq!(buyer.text("[data-testid=balance]").await, "₩100,000");
        let kinds = "return [...document.querySelectorAll('.entries li')].map((it) => it.innerText.split('\\n')[0])";
        let kinds = buyer.run(kinds).await;
        assert_eq!(kinds, json!(["Refund", "Ticket payment", "Top-up"]));
        site.has_left("hall", 80).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_buyers_who_chose_the_same_seat_one_holds_it_and_the_other_is_told() {
    browse([DESKTOP, PHONE], async |[first, second]| {
        let site = Site::with(&[HALL]).await;
        for buyer in [first, second] {
            buyer.goes_to_the_seats(&site, "hall").await;
            buyer.chooses(&[5]).await;
        }
        second.expects(&[409]);
        first.holds().await;
        // The map shows it, or the refusal if the click comes first.
        if second
            .run("return !!document.querySelector('[data-testid=hold]')")
            .await
            == true
        {
            let hurry = "document.querySelector('[data-testid=hold]')?.click()";
            second.run(hurry).await;
        }
        second.says("Someone else was faster").await;
        second.shows(".seat.held[data-seat='5']").await;
        second.chooses(&[6]).await;
        second.holds().await;
        second.says("R, row 1, seat 6").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapsed_hold_is_reported_and_its_owner_can_come_back_and_buy() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[BRIEF]).await;
        buyer.goes_to_the_seats(&site, "brief").await;
        buyer.chooses(&[7]).await;
        buyer.holds().await;
        buyer.shows("[data-testid=lapsed]").await;
        buyer.says("nothing was taken from your wallet").await;
        site.has_left("brief", 20).await;
        buyer.click("[data-testid=lapsed] .button").await;
        // The turn has ended with the hold.
        buyer.click("[data-testid=join]").await;
        buyer.click("[data-testid=date]").await;
        // Seat 7 is for others first.
        buyer.chooses(&[8]).await;
        buyer.holds().await;
        buyer.pays().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_or_a_reload_holds_and_pays_once() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[1]).await;
        buyer.run("for (let i = 0; i < 3; i += 1) document.querySelector('[data-testid=hold]').click()").await;
        buyer.shows(".hold-clock").await;
        buyer.reload().await;
        buyer.shows("[data-testid=pay]:not(:disabled)").await;
        buyer.run("for (let i = 0; i < 3; i += 1) document.querySelector('[data-testid=pay]').click()").await;
        buyer.shows("dialog[open]").await;
        assert_eq!(buyer.run("return document.querySelectorAll('dialog').length").await, 1);
        buyer.run("for (let i = 0; i < 3; i += 1) document.querySelector('dialog button[value=yes]')?.click()").await;
        buyer.shows(".ticket .qr").await;
        buyer.reload().await;
        buyer.shows(".ticket .qr").await;
        buyer.click("[data-nav=wallet]").await;
        buyer.shows(".entries li").await;
        assert_eq!(buyer.text("[data-testid=balance]").await, "₩0");
        let entries = "return document.querySelectorAll('.entries li').length";
        assert_eq!(buyer.run(entries).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn general_admission_is_topped_up_and_bought_in_one_step() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[FIELD]).await;
        buyer.joins(&site, "field").await;
        buyer.click("[data-nav=wallet]").await;
        buyer.shows("#charge-amount").await;
        buyer.write("#charge-amount", "15,000").await;
        buyer.click("[data-testid=charge]").await;
        buyer
            .until("document.querySelector('[data-testid=balance]').textContent === '₩15,000'")
            .await;
        // The turn continues: the bar above every page leads back.
        buyer.click(".bar.turn").await;
        buyer.click("[aria-label='Add one ticket']").await;
        buyer.says("Pay ₩40,000").await;
        buyer.click("[data-testid=reserve]").await;
        buyer
            .says("We top up the missing ₩25,000, and pay ₩40,000 from your wallet.")
            .await;
        buyer.confirms().await;
        buyer.shows(".ticket .qr").await;
        buyer.says("2 tickets").await;
        site.has_left("field", 98).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_not_sold_for_another_price_than_the_page_shows() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[FIELD]).await;
        buyer.joins(&site, "field").await;
        buyer.says("Pay ₩20,000").await;
        site.apply(&FIELD.replace("price: 20000", "price: 30000"))
            .await;
        site.becomes("field", "/price", json!(30_000)).await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.says("a ticket now costs ₩30,000").await;
        buyer.says("Pay ₩30,000").await;
        buyer.click("[data-testid=reserve]").await;
        buyer.says("We top up the missing ₩30,000").await;
        buyer.confirms().await;
        buyer.shows(".ticket .qr").await;
        buyer.says("₩30,000").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_who_wants_more_than_is_left_is_told_how_many_there_are() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let tickets = FIELD.replace("totalTickets: 100", "totalTickets: 2");
        let seats = HALL
            .replace("maxSeatsPerUser: 2", "maxSeatsPerUser: 3")
            .replace("{name: R, seats: 20, price: 50000, rows: 2}", "{name: R, seats: 2, price: 50000}");
        let site = Site::with(&[&tickets, &seats]).await;
        for (buyer, text) in [
            (english, "Only 2 tickets are left for your choice."),
            (korean, "선택하신 조건으로는 2매만 남아 있습니다."),
        ] {
            buyer.expects(&[409]);
            buyer.joins(&site, "field").await;
            buyer.shows("[data-testid=reserve]").await;
            buyer.run("for (let i = 0; i < 2; i += 1) document.querySelectorAll('.stepper button')[1].click()").await;
            buyer.click("[data-testid=reserve]").await;
            buyer.confirms().await;
            buyer.says(text).await;
            buyer.goes_to_the_seats(&site, "hall").await;
            buyer.run("document.getElementById('best-count').value = '3'; document.getElementById('best-section').value = 'R'").await;
            buyer.click("[data-testid=best-available]").await;
            buyer.says(text).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_reached_by_keyboard() {
    let eyes = Eyes {
        still: true,
        ..DESKTOP
    };
    browse([eyes], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.open(&site.home).await;
        buyer.shows("a[href='/e/hall']").await;
        // The first tab stop skips the menu.
        buyer.press(Key::Tab).await;
        buyer.until("document.activeElement.id === 'skip'").await;
        buyer.press(Key::Enter).await;
        buyer.until("document.activeElement.matches('#main h1')").await;
        for (stop, next) in [
            ("a[href='/e/hall']", "[data-testid=join]"),
            ("[data-testid=join]", "[data-testid=date]"),
            ("[data-testid=date]", ".seat.available[data-seat]"),
        ] {
            buyer.tab_to(stop).await;
            let ring = "return getComputedStyle(document.activeElement).outlineStyle !== 'none'
                || getComputedStyle(document.activeElement.closest('.card, .date-row') ?? document.activeElement).outlineStyle !== 'none'";
            assert_eq!(buyer.run(ring).await, true, "{stop}: the focus is not seen");
            buyer.press(Key::Enter).await;
            buyer.shows(next).await;
        }
        buyer.tab_to(".seat").await;
        for key in [Key::Right, Key::Right, Key::Down, Key::Home, Key::Right] {
            buyer.press(key).await;
        }
        buyer.until("document.activeElement.dataset.seat === '12'").await;
        buyer.press(" ").await;
        buyer.shows(".seat.selected[data-seat='12']").await;
        buyer.until("document.getElementById('polite').textContent.includes('1 seat selected')").await;
        for (stop, next) in [
            ("[data-testid=hold]", ".hold-clock"),
            ("[data-testid=pay]", "dialog[open]"),
            ("dialog button[value=yes]", ".ticket .qr"),
        ] {
            buyer.tab_to(stop).await;
            buyer.press(Key::Enter).await;
            buyer.shows(next).await;
        }
        buyer.says("R, row 2, seat 12").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn korean_is_shown_by_browser_language_and_by_the_language_button() {
    browse([KOREAN, PHONE], async |[korean, english]| {
        let site = Site::with(&[HALL]).await;
        korean.joins(&site, "hall").await;
        korean.says("날짜 선택").await;
        assert_eq!(
            korean.run("return document.documentElement.lang").await,
            "ko"
        );
        korean.says("오후").await;
        english.open(&site.home).await;
        english.says("Be there.").await;
        english.click("#language").await;
        english.says("내 티켓").await;
        english.reload().await;
        english.says("내 티켓").await;
        english.click("#language").await;
        english.says("My tickets").await;
        // And back the other way.
        korean.click("#language").await;
        korean.says("Choose a date").await;
    })
    .await;
}

//! Buying a ticket without a pointer, as a screen reader tells it: Chromium's accessibility tree.

use serde_json::{Value, json};
use thirtyfour::prelude::Key;

use super::browser::{Browser, DESKTOP, browse};
use super::site::{FIELD, HALL, LOTTERY_TOMORROW, Site};

/// One slot, two dates, and rows with letters.
const EVENT: &str = "
  - eventId: walk
    name: A Walk by Night
    venue: The Yard, Seoul
    admission: seated
    maxSeatsPerUser: 2
    queue: {maxActive: 1, sessionSeconds: 600, graceSeconds: 6}
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
      - date: +10d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 20, price: 50000, rows: 2, rowLabels: [A, B], numbering: {from: left}}
";

/// What is said at each step.
struct Words {
    search: &'static str,
    found: &'static str,
    chosen_date: &'static str,
    date: &'static str,
    join: &'static str,
    room: &'static str,
    place: &'static str,
    turn: &'static str,
    to_shop: &'static str,
    seats: &'static str,
    seat: &'static str,
    next_seat: &'static str,
    selected: &'static str,
    hold: &'static str,
    held: &'static str,
    pay: &'static str,
    question: &'static str,
    paid: &'static str,
    pass: &'static str,
    code: &'static str,
}

const ENGLISH: Words = Words {
    search: "Search",
    found: "1 event",
    chosen_date: " chosen.",
    date: "7:00 PM",
    join: "Get tickets",
    room: "You're in line",
    place: "You are number 1 in line.",
    turn: "A Walk by Night: It's your turn!",
    to_shop: "Choose tickets now",
    seats: "Choose your seats",
    seat: "Section R, row A, seat 1, ₩50,000, available",
    next_seat: "Section R, row B, seat 2, ₩50,000, available",
    selected: "1 seat selected, ₩50,000",
    hold: "Hold for",
    held: "Your seats are held.",
    pay: "Pay ₩50,000",
    question: "Pay ₩50,000?",
    paid: "Payment complete. The seats are yours.",
    pass: "Section R, row B, seat 2",
    code: "QR code for Section R, row B, seat 2",
};

const KOREAN: Words = Words {
    search: "검색",
    found: "공연 1건",
    chosen_date: "선택한 날짜: ",
    date: "오후 7:00",
    join: "예매하기",
    room: "대기 중입니다",
    place: "현재 1번째입니다.",
    turn: "A Walk by Night: 입장할 차례입니다!",
    to_shop: "지금 티켓 선택하기",
    seats: "좌석 선택",
    seat: "R석 A열 1번, ₩50,000, 선택 가능",
    next_seat: "R석 B열 2번, ₩50,000, 선택 가능",
    selected: "1석 선택, ₩50,000",
    hold: "동안 좌석 선점하기",
    held: "좌석을 선점했습니다.",
    pay: "₩50,000 결제하기",
    question: "₩50,000 결제",
    paid: "결제가 완료되어 좌석이 확정되었습니다.",
    pass: "R석 B열 2번",
    code: "QR 코드: R석 B열 2번",
};

/// A node of the accessibility tree.
#[derive(Debug)]
struct Node {
    role: String,
    name: String,
    is_focusable: bool,
    is_focused: bool,
}

impl Node {
    fn of(node: &Value) -> Self {
        let has = |wanted: &str| {
            let properties = node["properties"].as_array().into_iter().flatten();
            let mut found = properties.filter(|it| it["name"] == wanted);
            found.any(|it| it["value"]["value"] == true)
        };
        let text = |field: &str| {
            let text = node[field]["value"].as_str().unwrap_or_default();
            text.trim().to_owned()
        };
        Self {
            role: text("role"),
            name: text("name"),
            is_focusable: has("focusable"),
            is_focused: has("focused"),
        }
    }
}

impl Browser {
    /// The nodes of the page that a screen reader knows, without the page itself.
    async fn told(&self) -> Vec<Node> {
        let tree = self
            .devtools("Accessibility.getFullAXTree", json!({}))
            .await;
        let nodes = tree["nodes"].as_array().unwrap();
        let told = nodes.iter().filter(|node| node["ignored"] == false);
        told.map(Node::of)
            .filter(|node| node.role != "RootWebArea")
            .collect()
    }

    /// Waits until the focus is on a node of this role with this in its name. Everything that can have the focus has a name.
    async fn is_on(&self, role: &str, name: &str) {
        let mut told = Vec::new();
        for _ in 0..200 {
            told = self.told().await;
            let focused = told.iter().find(|node| node.is_focused);
            if focused.is_some_and(|node| node.role == role && node.name.contains(name)) {
                let nameless: Vec<_> = told
                    .iter()
                    .filter(|node| node.is_focusable && node.name.is_empty())
                    .collect();
                assert!(nameless.is_empty(), "beside {name}: {nameless:#?}");
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let focused = told.iter().find(|node| node.is_focused);
        panic!("the focus is not on {role} {name}, but on {focused:?}");
    }

    /// The tree has a node of this role with this in its name.
    async fn tells(&self, role: &str, name: &str) {
        let told = self.told().await;
        let is_told = |node: &Node| node.role == role && node.name.contains(name);
        assert!(told.iter().any(is_told), "no {role} {name}: {told:#?}");
    }

    /// Keeps what the live regions say.
    async fn listens(&self) {
        self.run(
            "window.heard = [];
            new MutationObserver((changes) => {
                for (const { target } of changes) {
                    const region = (target.closest ? target : target.parentElement)?.closest('[aria-live], [role=status], [role=alert]');
                    if (region?.textContent) window.heard.push(region.textContent);
                }
            }).observe(document, { subtree: true, childList: true, characterData: true });",
        )
        .await;
    }

    /// Waits until a live region has said this since the last call.
    async fn hears(&self, text: &str) {
        self.until(&format!("window.heard.some((it) => it.includes({text:?}))"))
            .await;
        self.run("window.heard = []").await;
    }

    /// From the list of events to the code at the entrance. Nothing is clicked.
    async fn buys_by_keyboard(&self, site: &Site, words: &Words) {
        let first = site.stranger("walk").await;
        self.open(&site.home).await;
        self.listens().await;
        // The list.
        self.tab_to("input[name=q]").await;
        self.is_on("searchbox", words.search).await;
        self.press("walk").await;
        self.hears(words.found).await;
        self.tab_to(".card-link").await;
        self.is_on("link", "A Walk by Night").await;
        self.press(Key::Enter).await;
        // The event, and the second of its dates.
        self.is_on("heading", "A Walk by Night").await;
        self.tab_to(".date-row:last-child [data-testid=choose-date]")
            .await;
        self.is_on("button", words.date).await;
        self.press(Key::Enter).await;
        self.hears(words.chosen_date).await;
        self.shows(".date-row:last-child.chosen-date :focus").await;
        self.tab_to("[data-testid=join]").await;
        self.is_on("button", words.join).await;
        self.press(Key::Enter).await;
        // The waiting room, and the turn.
        self.is_on("heading", words.room).await;
        self.hears(words.place).await;
        site.leaves("walk", &first).await;
        self.hears(words.turn).await;
        self.is_on("link", words.to_shop).await;
        self.press(Key::Enter).await;
        // The map: from the first seat to the right and down.
        self.is_on("heading", words.seats).await;
        self.tab_to(".seat.available").await;
        self.is_on("gridcell", words.seat).await;
        self.press(Key::Right + Key::Down).await;
        self.is_on("gridcell", words.next_seat).await;
        self.press(Key::Enter).await;
        self.hears(words.selected).await;
        self.tab_to("[data-testid=hold]").await;
        self.is_on("button", words.hold).await;
        self.press(Key::Enter).await;
        // The payment.
        self.hears(words.held).await;
        self.is_on("heading", "A Walk by Night").await;
        self.tab_to("[data-testid=pay]").await;
        self.is_on("button", words.pay).await;
        self.press(Key::Enter).await;
        self.shows("dialog[open]").await;
        self.tells("dialog", words.question).await;
        self.tab_to("dialog button[value=yes]").await;
        self.is_on("button", words.pay).await;
        self.press(Key::Enter).await;
        // The ticket, and the code of its seat.
        self.hears(words.paid).await;
        self.is_on("heading", "A Walk by Night").await;
        self.tab_to("[data-testid=pass]").await;
        self.is_on("link", words.pass).await;
        self.press(Key::Enter).await;
        self.is_on("heading", words.pass).await;
        self.tells("image", words.code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_can_be_bought_by_keyboard_with_a_screen_reader() {
    browse([DESKTOP, DESKTOP.in_korean()], async |[english, korean]| {
        for (buyer, words) in [(english, ENGLISH), (korean, KOREAN)] {
            let site = Site::with(&[EVENT, HALL, FIELD, LOTTERY_TOMORROW]).await;
            buyer.buys_by_keyboard(&site, &words).await;
        }
    })
    .await;
}

//! Joining the line of a presale with a code.

use serde_json::Value;

use super::browser::{KOREAN, PHONE, browse};
use super::site::Site;
use crate::serve::run;

/// A presale that has begun, two days before the general sale.
const EARLY: &str = "
  - eventId: early
    name: Early Birds
    venue: The Nest, Seoul
    admission: seated
    opensAt: +2d
    presales: [{name: Fan Club, opensAt: +0s, closesAt: +1d}]
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";

async fn codes(site: &Site, count: usize) -> Vec<String> {
    let count = count.to_string();
    let wanted = ["codes", "make", "early", "--phase", "Fan Club"];
    let more = ["--count", &count, "--format", "json"];
    let at = ["--endpoint-url", site.server.dynamodb.as_str()];
    let made = run(&[&wanted[..], &more, &at].concat()).await;
    let made: Vec<Value> = serde_json::from_slice(&made.stdout).unwrap();
    let code = |made: &Value| made["code"].as_str().unwrap().to_owned();
    made.iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_opens_the_line_of_a_presale_and_a_wrong_one_is_told_at_its_field() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[EARLY]).await;
        let codes = codes(&site, 2).await;
        let words = [
            ("General sale:", "This code isn't valid for this event."),
            ("일반 예매:", "이 공연에서 사용할 수 없는 코드입니다."),
        ];
        for ((buyer, (general, invalid)), code) in
            [english, korean].into_iter().zip(words).zip(&codes)
        {
            buyer.expects(&[403]);
            buyer.open(&site.view("e/early")).await;
            buyer.says("Fan Club:").await;
            buyer.says(general).await;
            buyer.is_accessible("the page of a presale").await;
            buyer.write("#code", "NO-SUCH-CODE").await;
            buyer.click("[data-testid=join]").await;
            buyer.says(invalid).await;
            buyer.shows("#code[aria-invalid=true]").await;
            buyer.until("document.activeElement.id === 'code'").await;
            // As somebody types it who reads it from a letter.
            let typed = code.to_lowercase().replace('-', " ");
            buyer.write("#code", &typed).await;
            buyer.click("[data-testid=join]").await;
            buyer.shows("[data-testid=date]").await;
        }
    })
    .await;
}

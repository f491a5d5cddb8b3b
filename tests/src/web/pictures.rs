//! The pictures of the README. Retake them with `BOXOFFICE_PICTURES=docs/pictures cargo test -p tests --lib --
//! web::pictures`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::Site;

async fn keep(browser: &Browser, folder: &Path, name: &str) {
    browser
        .until("[...document.querySelectorAll('.ghost, .skeleton')].every((it) => it.getBoundingClientRect().top > innerHeight)")
        .await;
    let file = folder.join(format!("{name}.png"));
    browser.driver.screenshot(&file).await.unwrap();
    // Few colours suffice, at a quarter of the bytes.
    let small = tokio::process::Command::new("pngquant")
        .args(["--force", "--skip-if-larger", "--ext", ".png", "64"])
        .arg(&file)
        .status()
        .await
        .expect("pngquant (Debian: apt-get install pngquant)");
    assert!(small.success() || small.code() == Some(98), "{small}");
    let bytes = std::fs::metadata(&file).unwrap().len();
    assert!(bytes <= 150 * 1024, "{}: {bytes} bytes", file.display());
}

/// Two admitted buyers and some waiting ones, of the example's event with two slots.
async fn a_crowd(site: &Site, event: &str, n: usize) {
    for _ in 0..n {
        site.stranger(event).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_pictures_are_taken() {
    let Some(folder) = std::env::var_os("BOXOFFICE_PICTURES").map(PathBuf::from) else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let phone = Eyes {
        width: 390,
        height: 780,
        scale: 1,
        still: true,
        ..PHONE
    };
    let desk = Eyes {
        height: 1400,
        still: true,
        ..DESKTOP
    };
    browse([phone, desk], async |[buyer, operator]| {
        let site = Site::of_the_example().await;
        buyer.open(&site.home).await;
        buyer.shows(".card .from:not(:empty)").await;
        keep(buyer, &folder, "events").await;

        buyer.open(&site.view("e/han-seoa-winter-light")).await;
        buyer.shows("[data-testid=join]").await;
        keep(buyer, &folder, "event").await;

        a_crowd(&site, "neon-pigeons-comeback", 9).await;
        buyer.joins(&site, "neon-pigeons-comeback").await;
        buyer.shows("[data-testid=position]").await;
        keep(buyer, &folder, "waiting-room").await;
        let token = site.stranger("han-seoa-winter-light").await;
        let event = site.event("han-seoa-winter-light").await;
        let date = &event["dates"][0]["date"];
        for (i, count) in [2, 1, 2, 2, 1, 2].into_iter().enumerate() {
            let token = if i == 0 { token.clone() } else { site.stranger("han-seoa-winter-light").await };
            let section = ["R", "R", "S", "R", "S", "A"][i];
            let body = json!({"date": date, "bestAvailable": {"count": count, "section": section}});
            site.call("POST", "/events/han-seoa-winter-light/holds", &token, body).await;
        }
        buyer.driver.delete_all_cookies().await.unwrap();
        buyer.run("localStorage.clear()").await;
        buyer.see(Eyes { dark: true, ..phone }).await;
        buyer.goes_to_the_seats(&site, "han-seoa-winter-light").await;
        buyer.run("document.querySelector('.map-frame').scrollIntoView({block: 'start'}); scrollBy(0, -110)").await;
        buyer.click("[aria-label='Zoom in']").await;
        buyer.chooses(&[130, 131]).await;
        keep(buyer, &folder, "seat-map").await;
        buyer.see(phone).await;
        buyer.holds().await;
        buyer.pays().await;
        buyer.run("document.querySelector('.ticket').scrollIntoView({block: 'end'}); scrollBy(0, 16)").await;
        keep(buyer, &folder, "ticket").await;

        operator.open(&site.server.desk).await;
        operator.click("[data-event=han-seoa-winter-light] a").await;
        operator.until("document.getElementById('name')?.textContent.startsWith('Han Seoa')").await;
        operator.click("#dates button").await;
        operator.shows("#seats canvas").await;
        operator.run("scrollTo(0, 0)").await;
        keep(operator, &folder, "desk").await;
    })
    .await;
}

//! Drives a real Chromium. Each browser has its own profile.
//!
//! If Chromium, its driver or axe-core is not installed, these tests are skipped, with a message. With
//! `BOXOFFICE_BROWSER=required` (in CI) that is a failure.

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Once;
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::{Value, json};
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::prelude::{By, DesiredCapabilities, Key, WebDriver};
use thirtyfour::{CapabilitiesHelper, ChromiumLikeCapabilities, TypingData};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// As many as two cores can run.
const AT_ONCE: u32 = 2;
static FREE: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs as root, without a display, and sends nothing to outside.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The device and preferences of a browser.
#[derive(Clone, Copy)]
pub(super) struct Eyes {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Device pixels per CSS pixel.
    pub(super) scale: u32,
    pub(super) language: &'static str,
    pub(super) dark: bool,
    pub(super) still: bool,
}

impl Eyes {
    /// The same for a user whose browser is in Korean.
    pub(super) const fn in_korean(self) -> Self {
        Self {
            language: "ko-KR,ko",
            ..self
        }
    }
}

/// A phone of the narrowest kind.
pub(super) const PHONE: Eyes = Eyes {
    width: 320,
    height: 640,
    scale: 2,
    language: "en",
    dark: false,
    still: false,
};
pub(super) const DESKTOP: Eyes = Eyes {
    width: 1280,
    height: 900,
    scale: 1,
    ..PHONE
};
pub(super) const KOREAN: Eyes = PHONE.in_korean();

struct Tools {
    chromium: PathBuf,
    chromedriver: PathBuf,
    axe: PathBuf,
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The required tools, or the first that is missing.
fn tools() -> Result<Tools, String> {
    let program = |name: &str| on_path(name).ok_or(format!("no {name} on the PATH"));
    let axe = std::env::var_os("BOXOFFICE_AXE")
        .map(PathBuf::from)
        .filter(|file| file.is_file())
        .ok_or("BOXOFFICE_AXE names no axe.min.js (npm package axe-core)")?;
    Ok(Tools {
        chromium: program("chromium")?,
        chromedriver: program("chromedriver")?,
        axe,
    })
}

/// The tools, if the browser tests are to run.
fn wanted() -> Option<Tools> {
    static SAID: Once = Once::new();
    match tools() {
        Ok(tools) => Some(tools),
        Err(missing) => {
            let is_required = std::env::var("BOXOFFICE_BROWSER").is_ok_and(|it| it == "required");
            assert!(!is_required, "BOXOFFICE_BROWSER=required, but {missing}");
            // Bypasses the capture of output, so that skipped tests are visible although all passed.
            SAID.call_once(|| {
                let _ = writeln!(
                    std::io::stderr(),
                    "tests in a browser are left out: {missing}"
                );
            });
            None
        }
    }
}

/// Runs a test with one browser for each of `eyes`. Skipped if the tools are missing.
pub(super) async fn browse<const N: usize>(eyes: [Eyes; N], test: impl AsyncFnOnce([&Browser; N])) {
    let Some(tools) = wanted() else { return };
    // Takes all permits at once, so that two tests never wait for each other's second browser.
    let permits = FREE.acquire_many(u32::try_from(N).unwrap()).await.unwrap();
    let mut browsers = Vec::new();
    for eyes in eyes {
        browsers.push(Browser::start(&tools, eyes).await);
    }
    let windows: Vec<&Browser> = browsers.iter().collect();
    let outcome = AssertUnwindSafe(async {
        test(windows.try_into().ok().unwrap()).await;
        for browser in &browsers {
            browser.has_not_complained().await;
        }
    })
    .catch_unwind()
    .await;
    for (i, browser) in browsers.into_iter().enumerate() {
        if outcome.is_err() {
            browser.keep_a_picture(i).await;
        }
        browser.quit().await;
    }
    drop(permits);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `before` in a browser, closes it, and runs `after` in a new one with the same profile. Skipped if the tools are missing.
pub(super) async fn browse_again<T>(
    eyes: Eyes,
    before: impl AsyncFnOnce(&Browser) -> T,
    after: impl AsyncFnOnce(&Browser, T),
) {
    let Some(tools) = wanted() else { return };
    let permit = FREE.acquire().await.unwrap();
    let first = Browser::start(&tools, eyes).await;
    let outcome = AssertUnwindSafe(before(&first)).catch_unwind().await;
    let outcome = match outcome {
        Ok(kept) => {
            let second = first.reopened(&tools).await;
            let outcome = AssertUnwindSafe(after(&second, kept)).catch_unwind().await;
            if outcome.is_err() {
                second.keep_a_picture(1).await;
            }
            second.quit().await;
            outcome
        }
        Err(panic) => {
            first.keep_a_picture(0).await;
            first.quit().await;
            Err(panic)
        }
    };
    drop(permit);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Starts the driver on a free port. The driver ends if another process has just taken the port that it chose.
async fn start_driver(chromedriver: &Path) -> (Child, u16) {
    for _ in 0..5 {
        let mut process = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let announced = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    return port.trim_end_matches('.').parse().ok();
                }
            }
            None
        };
        let port = tokio::time::timeout(PATIENCE, announced).await;
        if let Some(port) = port.expect("chromedriver says something") {
            // The driver keeps writing, and would block if nobody read its output.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (process, port);
        }
    }
    panic!("chromedriver does not start");
}

pub(super) struct Browser {
    pub(super) driver: WebDriver,
    driver_process: Child,
    folder: tempfile::TempDir,
    axe: PathBuf,
    eyes: Eyes,
    /// The statuses of refusals that the test provokes: Chromium writes each to its console.
    expected: std::sync::Mutex<BTreeSet<u16>>,
}

impl Browser {
    async fn start(tools: &Tools, eyes: Eyes) -> Self {
        Self::start_in(tools, eyes, tempfile::tempdir().unwrap()).await
    }

    /// Closes the browser, and opens one with the same profile.
    async fn reopened(mut self, tools: &Tools) -> Self {
        let _ = tokio::time::timeout(PATIENCE, self.driver.clone().quit()).await;
        let _ = self.driver_process.kill().await;
        Self::start_in(tools, self.eyes, self.folder).await
    }

    async fn start_in(tools: &Tools, eyes: Eyes, folder: tempfile::TempDir) -> Self {
        let (process, port) = start_driver(&tools.chromedriver).await;
        let mut wishes = DesiredCapabilities::chrome();
        wishes.set_binary(tools.chromium.to_str().unwrap()).unwrap();
        for flag in FLAGS {
            wishes.add_arg(flag).unwrap();
        }
        let profile = folder.path().join("profile");
        for flag in [
            format!("--user-data-dir={}", profile.display()),
            format!("--window-size={},{}", eyes.width.max(500), eyes.height),
        ] {
            wishes.add_arg(&flag).unwrap();
        }
        let settings = json!({
            "intl.accept_languages": eyes.language,
            "download.default_directory": folder.path().join("downloads"),
            "download.prompt_for_download": false,
        });
        wishes.add_experimental_option("prefs", settings).unwrap();
        wishes
            .set("goog:loggingPrefs", json!({"browser": "ALL"}))
            .unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wishes)
            .await
            .unwrap();
        let browser = Self {
            driver,
            driver_process: process,
            folder,
            axe: tools.axe.clone(),
            eyes,
            expected: std::sync::Mutex::default(),
        };
        browser.see(eyes).await;
        browser
    }

    async fn quit(mut self) {
        // The driver ends its browser. Otherwise the browser would outlive it.
        let _ = tokio::time::timeout(PATIENCE, self.driver.clone().quit()).await;
        let _ = self.driver_process.kill().await;
    }

    async fn keep_a_picture(&self, i: usize) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser");
        std::fs::create_dir_all(&folder).unwrap();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("test").replace("::", "-");
        let file = folder.join(format!("{name}-{i}.png"));
        if self.driver.screenshot(&file).await.is_ok() {
            let _ = writeln!(std::io::stderr(), "seen at the end: {}", file.display());
        }
    }

    /// The folder of downloads.
    pub(super) fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// Sends a command of the Chrome `DevTools` Protocol.
    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver
            .cdp()
            .send_raw(command, parameters)
            .await
            .unwrap()
    }

    /// Sets size, colour scheme and motion. A new window starts with the browser's own.
    pub(super) async fn see(&self, eyes: Eyes) {
        let is_phone = eyes.width < 600;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": eyes.width, "height": eyes.height, "deviceScaleFactor": eyes.scale, "mobile": is_phone}),
        )
        .await;
        // The time zone of the concerts, so that the page shows the same times on every machine.
        self.devtools(
            "Emulation.setTimezoneOverride",
            json!({"timezoneId": "Asia/Seoul"}),
        )
        .await;
        let features = json!([
            {"name": "prefers-color-scheme", "value": if eyes.dark { "dark" } else { "light" }},
            {"name": "prefers-reduced-motion", "value": if eyes.still { "reduce" } else { "no-preference" }},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    pub(super) async fn set_dark(&self, dark: bool) {
        self.see(Eyes { dark, ..self.eyes }).await;
        // Pages learn of it before the next frame.
        let frame = "requestAnimationFrame(arguments[0])";
        let shown = self.driver.execute_async(frame, Vec::new()).await;
        shown.unwrap();
    }

    /// Switches the network off or on.
    pub(super) async fn set_offline(&self, offline: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", conditions)
            .await;
    }

    pub(super) async fn open(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    pub(super) async fn reload(&self) {
        self.driver.refresh().await.unwrap();
    }

    /// Runs a script, and returns its result.
    pub(super) async fn run(&self, script: &str) -> Value {
        let given = self.driver.execute(script, Vec::new()).await;
        given.expect(script).json().clone()
    }

    /// Waits until an expression is neither null nor false, and returns it.
    pub(super) async fn until(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        let began = Instant::now();
        loop {
            // While a page loads, the script may fail.
            if let Ok(found) = self.driver.execute(script.as_str(), Vec::new()).await {
                let found = found.json().clone();
                if !matches!(found, Value::Null | Value::Bool(false)) {
                    return found;
                }
            }
            if began.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                panic!("never: {expression}, but {page}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for an element.
    pub(super) async fn shows(&self, css: &str) {
        self.until(&format!("!!document.querySelector({css:?})"))
            .await;
    }

    /// Waits until the page shows a text.
    pub(super) async fn says(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({text:?})"))
            .await;
    }

    pub(super) async fn text(&self, css: &str) -> String {
        let found = self
            .until(&format!(
                "document.querySelector({css:?})?.innerText.trim()"
            ))
            .await;
        found.as_str().unwrap().to_owned()
    }

    /// Clicks an element once it is visible and enabled.
    pub(super) async fn click(&self, css: &str) {
        let began = Instant::now();
        loop {
            let clicked = async {
                let element = self.driver.find(By::Css(css)).await?;
                if !element.is_enabled().await? {
                    return Ok(false);
                }
                element.click().await.map(|()| true)
            };
            match clicked.await {
                Ok(true) => return,
                outcome => assert!(began.elapsed() < PATIENCE, "{css}: {outcome:?}"),
            }
            // Scrolls an element out from under a bar at the edge, as a user would. While a page loads there may be nothing
            // to scroll.
            let scroll = format!(
                "document.querySelector({css:?})?.scrollIntoView({{block: 'center', behavior: 'instant'}})"
            );
            let _ = self.driver.execute(scroll.as_str(), Vec::new()).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Clicks slowly: waits between press and release until the value of the expression grows.
    pub(super) async fn click_slowly(&self, css: &str, until_grows: &str) {
        let element = self.driver.query(By::Css(css)).first().await.unwrap();
        element.scroll_into_view().await.unwrap();
        let chain = self.driver.action_chain();
        let held = chain.click_and_hold_element(&element);
        held.perform().await.unwrap();
        let before = self.run(&format!("return {until_grows}")).await;
        self.until(&format!("{until_grows} > {before}")).await;
        let chain = self.driver.action_chain();
        chain.release().perform().await.unwrap();
    }

    pub(super) async fn write(&self, css: &str, text: &str) {
        let element = self.driver.query(By::Css(css)).first().await.unwrap();
        // Clearing the field would take the focus from it, and a page may then fill it in again.
        element.send_keys(Key::Control + "a").await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Sends keys to the focused element.
    pub(super) async fn press(&self, keys: impl Into<TypingData>) {
        let chain = self.driver.action_chain().send_keys(keys);
        chain.perform().await.unwrap();
    }

    /// Moves the focus to an element with the Tab key.
    pub(super) async fn tab_to(&self, css: &str) {
        self.shows(css).await;
        let here = format!("return document.activeElement.matches({css:?})");
        for _ in 0..80 {
            if self.run(&here).await == true {
                return;
            }
            self.press(Key::Tab).await;
        }
        panic!("{css} cannot be reached by the Tab key");
    }

    /// The test expects refusals of these statuses.
    pub(super) fn expects(&self, statuses: &[u16]) {
        self.expected.lock().unwrap().extend(statuses);
    }

    /// Asserts that the console shows no errors but the expected refusals. Status 0: no network.
    async fn has_not_complained(&self) {
        let entries = self.driver.browser_log().await.unwrap();
        let expected = self.expected.lock().unwrap().clone();
        let complaints: Vec<_> = entries
            .iter()
            .filter(|entry| format!("{:?}", entry.level).eq_ignore_ascii_case("severe"))
            .map(|entry| entry.message.clone())
            .filter(|message| {
                !expected.iter().any(|status| match status {
                    0 => message.contains("net::ERR_"),
                    status => message.contains(&format!("responded with a status of {status} ")),
                })
            })
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Asserts that axe-core finds nothing on the present page, and that it is no wider than the screen.
    pub(super) async fn is_accessible(&self, what: &str) {
        self.shows("main *").await;
        self.until("document.getAnimations().every((it) => it.playState !== 'running' || it.effect.getTiming().iterations === Infinity)").await;
        let wider = "return document.documentElement.scrollWidth - window.innerWidth";
        let wider = self.run(wider).await.as_i64().unwrap();
        assert!(wider <= 0, "{what}: {wider} px too wide");
        if self.run("return typeof window.axe").await != "object" {
            self.run(&std::fs::read_to_string(&self.axe).unwrap()).await;
        }
        let script = "const done = arguments[0];
            axe.run().then(({violations, passes}) => done({passes: passes.length, violations: violations.map((it) =>
                `${it.id} (${it.impact}): ${it.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`)}))";
        let found = self.driver.execute_async(script, Vec::new()).await.unwrap();
        let found = found.json();
        assert!(found["passes"].as_u64().unwrap() > 10, "{what}: {found}");
        let violations = found["violations"].as_array().unwrap();
        assert!(violations.is_empty(), "{what}: {violations:#?}");
    }
}

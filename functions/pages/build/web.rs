//! Makes the table of web pages from `web/`: each asset under a name that bears the hash of its content, so that it may be
//! kept for ever, and each file also compressed.
//!
//! A file's name changes with its content, its content with the names that it mentions. So whoever is mentioned is named
//! first; files that mention each other in a circle cannot be named, and end the build.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::docs;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// So many hexadecimal digits of the hash are in a name: enough that no two versions of a file ever meet.
const NAME_DIGITS: usize = 12;

/// What has a path of its own; everything else is an asset.
const PAGES: [(&str, &str); 4] = [
    ("index.html", "/"),
    ("docs.html", "/docs"),
    ("errors.html", "/docs/errors"),
    (OPENAPI, "/openapi.json"),
];

const OPENAPI: &str = "openapi.json";

/// Where the page of errors has its list.
const PROBLEMS: &str = "<!-- problems -->";

struct Sources {
    /// By the name that others call them by.
    texts: BTreeMap<String, String>,
    /// Those of other people, taken as they are.
    vendored: BTreeMap<String, String>,
    /// The hashed names found so far.
    named: BTreeMap<String, String>,
    /// What is being named, from the first to the last that was mentioned.
    under_way: Vec<String>,
    table: String,
}

/// Writes `web.rs`, the table, and the files it includes.
pub(crate) fn write_table() -> Result<(), Box<dyn Error>> {
    let package = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&package).join("../../web");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=build/web.rs");
    let mut texts = BTreeMap::new();
    read(&folder, &mut texts)?;
    let (document, problems) = docs::read_document(Path::new(&package))?;
    let errors = texts.get_mut("errors.html").ok_or("no page of errors")?;
    if !errors.contains(PROBLEMS) {
        return Err(format!("the page of errors has no {PROBLEMS}").into());
    }
    *errors = errors.replace(PROBLEMS, &problems);
    let vendored = BTreeMap::from_iter(docs::swagger_ui()?);
    let names: Vec<String> = texts.keys().cloned().collect();
    let mut sources = Sources {
        texts,
        vendored: vendored
            .into_iter()
            .chain([(OPENAPI.to_owned(), document)])
            .collect(),
        named: BTreeMap::new(),
        under_way: Vec::new(),
        table: String::from("&[\n"),
    };
    sources.name(OPENAPI)?;
    for name in &names {
        sources.name(name)?;
    }
    sources.table.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("web.rs"),
        sources.table,
    )?;
    Ok(())
}

/// The files of a folder and those in it, by their bare names: whatever folder it lies in, an asset is `/assets/<name>`.
fn read(folder: &Path, texts: &mut BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, texts)?;
            continue;
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a name that is no text")?
            .to_owned();
        if content_type(&name).is_none() {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        if texts.insert(name.clone(), text).is_some() {
            return Err(format!("two files of web/ are called {name}").into());
        }
    }
    Ok(())
}

/// None: a file for those who work on the pages, like a README.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => return None,
    })
}

/// The path of what is no asset.
fn path_of(name: &str) -> Option<&'static str> {
    let page = PAGES.iter().find(|(page, _)| *page == name)?;
    Some(page.1)
}

impl Sources {
    /// The hashed name of a file, which is written the first time that it is asked for.
    fn name(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        if let Some(named) = self.named.get(name) {
            return Ok(named.clone());
        }
        if self.under_way.iter().any(|above| above == name) {
            let circle = self.under_way.join(" mentions ");
            return Err(format!("{circle} mentions {name}: a circle of web files").into());
        }
        let text = if let Some(text) = self.vendored.get(name) {
            text.clone()
        } else {
            self.text(name)?
        };
        let hash = hex::encode(Sha256::digest(&text));
        let hash = &hash[..NAME_DIGITS];
        let named = match name.rsplit_once('.') {
            Some((stem, extension)) if path_of(name).is_none() => {
                format!("{stem}.{hash}.{extension}")
            }
            _ => name.to_owned(),
        };
        self.write(&named, name, hash, &text)?;
        self.named.insert(name.to_owned(), named.clone());
        Ok(named)
    }

    /// A text of ours, with the names that it mentions.
    fn text(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        let text = self
            .texts
            .get(name)
            .ok_or_else(|| {
                let by = self.under_way.last().map_or("nobody", String::as_str);
                format!("{by} mentions {name}, which web/ does not have")
            })?
            .clone();
        self.under_way.push(name.to_owned());
        let text = self.with_hashed_names(&text)?;
        self.under_way.pop();
        Ok(text)
    }

    /// The text with each quoted `"/assets/<name>"` and `"./<name>"` under its hashed name.
    fn with_hashed_names(&mut self, text: &str) -> Result<String, Box<dyn Error>> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            let next = ["\"/assets/", "\"./"]
                .iter()
                .filter_map(|start| Some((rest.find(start)?, start.len())))
                .min();
            let Some((at, length)) = next else {
                result.push_str(rest);
                return Ok(result);
            };
            let (before, after) = rest.split_at(at + length);
            let (name, after) = after.split_once('"').ok_or("a quote that does not end")?;
            result.push_str(before);
            result.push_str(&self.name(name)?);
            result.push('"');
            rest = after;
        }
    }

    fn write(
        &mut self,
        named: &str,
        name: &str,
        hash: &str,
        text: &str,
    ) -> Result<(), Box<dyn Error>> {
        let folder = Path::new(&env::var("OUT_DIR")?).join("web");
        fs::create_dir_all(&folder)?;
        let plain = folder.join(name);
        fs::write(&plain, text)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes())?;
        let gzipped = folder.join(format!("{name}.gz"));
        fs::write(&gzipped, gzip.finish()?)?;
        let mut brotli = Vec::new();
        brotli::BrotliCompress(
            &mut text.as_bytes(),
            &mut brotli,
            &brotli::enc::BrotliEncoderParams::default(),
        )?;
        let brotlied = folder.join(format!("{name}.br"));
        fs::write(&brotlied, brotli)?;
        let path = path_of(name).map_or_else(|| format!("/assets/{named}"), str::to_owned);
        let content_type = content_type(name).unwrap_or_default();
        let [plain, gzipped, brotlied] =
            [plain, gzipped, brotlied].map(|path| path.display().to_string());
        writeln!(
            self.table,
            "    File {{ path: {path:?}, hash: {hash:?}, content_type: {content_type:?}, plain: include_bytes!({plain:?}), \
             gzip: include_bytes!({gzipped:?}), brotli: include_bytes!({brotlied:?}) }},"
        )?;
        Ok(())
    }
}

//! Generates the table of web files from `web/`: the shop as one page, the documentation's pages, and their assets. Each asset
//! gets a name with the hash of its content, so that it can be cached forever. Each file is also stored compressed.
//!
//! A file's hashed name depends on its content, and its content contains the hashed names of the files that it references. So
//! referenced files are hashed first, and a circle of references fails the build.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::{docs, shop};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Hexadecimal digits of the hash in a name: 48 bits, so two versions of a file never share a name in practice.
const NAME_DIGITS: usize = 12;

/// Files with a path of their own. All others are assets.
const PAGES: [(&str, &str); 5] = [
    (SHOP, "/"),
    (WORKER, "/sw.js"),
    ("docs.html", "/docs"),
    ("errors.html", "/docs/errors"),
    (OPENAPI, "/openapi.json"),
];

const SHOP: &str = "index.html";
const OPENAPI: &str = "openapi.json";
const WORKER: &str = "sw.js";
/// The placeholder in the service worker for the hash of the shop's page, so that browsers get a new worker with each new page.
const VERSION: &str = "{version}";
/// Both the shop and the documentation show it.
const ICON: &str = "icon.svg";

/// The placeholder for the list of problems on the page of errors.
const PROBLEMS: &str = "<!-- problems -->";

struct Sources {
    /// The files of `web/docs/` and the icon by their names.
    texts: BTreeMap<String, String>,
    /// Files that are served unchanged, without looking for references: the shop, Swagger UI and the OpenAPI
    /// document.
    verbatim: BTreeMap<String, String>,
    /// Hashed names by names, of the files done so far.
    hashed_names: BTreeMap<String, String>,
    /// The chain of references from the first file to the one being hashed.
    reference_chain: Vec<String>,
    table: String,
}

/// Writes the table `web.rs` and the files that it includes.
pub(crate) fn write_table() -> Result<(), Box<dyn Error>> {
    let package = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&package).join("../../web");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=build/shop.rs");
    println!("cargo::rerun-if-changed=build/web.rs");
    let mut shop_files = read(&folder)?;
    let shop = shop::join(&shop_files, &read(&folder.join("js"))?)?;
    for (name, source) in [("SCRIPT", shop.script_source), ("STYLE", shop.style_source)] {
        println!("cargo::rustc-env=BOXOFFICE_SHOP_{name}={source}");
    }
    let mut texts = read(&folder.join("docs"))?;
    texts.extend(shop_files.remove_entry(ICON));
    let (document, problems) = docs::read_document(Path::new(&package))?;
    let errors = texts
        .get_mut("errors.html")
        .ok_or("web/ has no errors.html")?;
    if !errors.contains(PROBLEMS) {
        return Err(format!("errors.html has no placeholder {PROBLEMS}").into());
    }
    *errors = errors.replace(PROBLEMS, &problems);
    let worker = shop_files.remove(WORKER).ok_or("web/ has no sw.js")?;
    if !worker.contains(VERSION) {
        return Err(format!("sw.js has no placeholder {VERSION}").into());
    }
    let worker = worker.replace(VERSION, &hash(&shop.page));
    let swagger_ui = docs::swagger_ui()?;
    let names: Vec<String> = texts.keys().cloned().collect();
    let mut sources = Sources {
        texts,
        verbatim: swagger_ui
            .into_iter()
            .chain([
                (OPENAPI.to_owned(), document),
                (SHOP.to_owned(), shop.page),
                (WORKER.to_owned(), worker),
            ])
            .collect(),
        hashed_names: BTreeMap::new(),
        reference_chain: Vec::new(),
        table: String::from("&[\n"),
    };
    sources.hashed_name(SHOP)?;
    sources.hashed_name(OPENAPI)?;
    sources.hashed_name(WORKER)?;
    for name in &names {
        sources.hashed_name(name)?;
    }
    sources.table.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("web.rs"),
        sources.table,
    )?;
    Ok(())
}

/// Reads the files of a folder by their names.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("a file name is not UTF-8")?;
        if content_type(name).is_some() {
            texts.insert(name.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

/// The content type by file extension. None: the file is not served, e.g. a README.
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

/// The hash of a content, as it appears in names.
fn hash(text: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(text));
    digits.truncate(NAME_DIGITS);
    digits
}

/// The path of a page. None: the file is an asset.
fn path_of(name: &str) -> Option<&'static str> {
    let page = PAGES.iter().find(|(page, _)| *page == name)?;
    Some(page.1)
}

impl Sources {
    /// The hashed name of a file. Writes the file when called for the first time.
    fn hashed_name(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        if let Some(hashed) = self.hashed_names.get(name) {
            return Ok(hashed.clone());
        }
        if self.reference_chain.iter().any(|above| above == name) {
            let chain = self.reference_chain.join(" references ");
            return Err(format!("{chain} references {name}: circular references in web/").into());
        }
        let text = if let Some(text) = self.verbatim.get(name) {
            text.clone()
        } else {
            self.text(name)?
        };
        let hash = hash(&text);
        let hashed = match name.rsplit_once('.') {
            Some((stem, extension)) if path_of(name).is_none() => {
                format!("{stem}.{hash}.{extension}")
            }
            _ => name.to_owned(),
        };
        self.write(&hashed, name, &hash, &text)?;
        self.hashed_names.insert(name.to_owned(), hashed.clone());
        Ok(hashed)
    }

    /// The text of a file of `web/`, with its references replaced by hashed names.
    fn text(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        let text = self
            .texts
            .get(name)
            .ok_or_else(|| {
                let by = self
                    .reference_chain
                    .last()
                    .map_or("the build", String::as_str);
                format!("{by} references {name}, which does not exist in web/")
            })?
            .clone();
        self.reference_chain.push(name.to_owned());
        let text = self.with_hashed_names(&text)?;
        self.reference_chain.pop();
        Ok(text)
    }

    /// Replaces the name in each quoted `"/assets/<name>"` by its hashed name.
    fn with_hashed_names(&mut self, text: &str) -> Result<String, Box<dyn Error>> {
        const START: &str = "\"/assets/";
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(START) {
            let (before, after) = rest.split_at(at + START.len());
            let (name, after) = after.split_once('"').ok_or("unterminated quote")?;
            result.push_str(before);
            result.push_str(&self.hashed_name(name)?);
            result.push('"');
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn write(
        &mut self,
        hashed_name: &str,
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
        let path = path_of(name).map_or_else(|| format!("/assets/{hashed_name}"), str::to_owned);
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

//! The shop as one page: `index.html` with its style sheet, its icon, and its modules joined into two scripts. So every visit
//! needs one request, and no part of the shop can be of another version than the rest.
//!
//! Modules become functions that run in the order of their imports. They can import names or a whole module, each in one
//! line, and export functions, classes and constants. The build refuses anything else, names that are not exported, and
//! circles. Comments and indentation stay behind: they are a sixth of the compressed page.
//!
//! The first script runs while the rest of the page is still on its way. It has `app.js` and what that imports. The second has
//! the module that `app.js` imports dynamically, and so is there once the page is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

const STYLE: &str = "<link rel=\"stylesheet\" href=\"/assets/style.css\">";
const SCRIPT: &str = "<script type=\"module\" src=\"/assets/app.js\"></script>";
/// The module that begins, and the one that it imports dynamically.
const FIRST: &str = "app.js";
const LATER: &str = "views.js";
/// This import becomes a promise that is kept when the whole page has been read, and so the second script has run.
const DYNAMIC: &str = "import(\"./views.js\")";
const PROMISE: &str = "new Promise((done) => document.addEventListener(\"DOMContentLoaded\", () => done(module_views)))";
const ICON: &str = "/assets/icon.svg";
/// What surrounds the part of the head that depends on the view.
const HEAD: [&str; 2] = ["<!-- head -->", "<!-- /head -->"];

/// The page, with what its content security policy must allow: the hashes of its scripts and its style sheet.
pub(crate) struct Shop {
    pub(crate) page: String,
    pub(crate) script_source: String,
    pub(crate) style_source: String,
}

/// Joins the files of `web/` and the modules of `web/js/`.
pub(crate) fn join(
    files: &BTreeMap<String, String>,
    texts: &BTreeMap<String, String>,
) -> Result<Shop, Box<dyn Error>> {
    let file = |name: &str| {
        let text = files.get(name);
        text.ok_or_else(|| format!("web/ has no {name}"))
    };
    let mut modules = Modules {
        texts,
        exports: BTreeMap::new(),
        chain: Vec::new(),
        script: String::new(),
    };
    modules.add(FIRST)?;
    let first = std::mem::take(&mut modules.script);
    modules.add(LATER)?;
    let scripts = [first, modules.script].map(|script| format!("\"use strict\";\n{script}"));
    let unused = texts
        .keys()
        .find(|name| !modules.exports.contains_key(*name));
    if let Some(unused) = unused {
        return Err(format!("no module imports {unused}").into());
    }
    let style = file("style.css")?;
    let ends = scripts
        .iter()
        .flat_map(|script| ["</script", "<!--"].map(|end| (script, end)));
    for (text, end) in ends.chain([(style, "</style")]) {
        if text.contains(end) {
            return Err(format!("{end} would end the element in index.html").into());
        }
    }
    let elements = scripts
        .each_ref()
        .map(|script| format!("<script>{script}</script>"));
    let icon = utf8_percent_encode(file("icon.svg")?, NON_ALPHANUMERIC);
    let mut page = file("index.html")?.clone();
    for (reference, content) in [
        (STYLE, format!("<style>{style}</style>")),
        (SCRIPT, elements.concat()),
        (ICON, format!("data:image/svg+xml,{icon}")),
    ] {
        if page.matches(reference).count() != 1 {
            return Err(format!("index.html must have {reference} once").into());
        }
        page = page.replace(reference, &content);
    }
    for mark in HEAD {
        if page.matches(mark).count() != 1 {
            return Err(format!("index.html must have {mark} once").into());
        }
    }
    Ok(Shop {
        page,
        script_source: scripts.each_ref().map(|script| source(script)).join(" "),
        style_source: source(style),
    })
}

/// The source expression of an inline element in a content security policy.
fn source(text: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(text));
    format!("'sha256-{hash}'")
}

struct Modules<'a> {
    texts: &'a BTreeMap<String, String>,
    /// What each module exports, of those done so far.
    exports: BTreeMap<String, BTreeSet<String>>,
    /// The imports from the first module to the one being added.
    chain: Vec<String>,
    script: String,
}

impl Modules<'_> {
    /// Adds a module after those that it imports.
    fn add(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        if self.exports.contains_key(name) {
            return Ok(());
        }
        if self.chain.iter().any(|above| above == name) {
            let chain = self.chain.join(" imports ");
            return Err(format!("{chain} imports {name}: circular imports").into());
        }
        let text = self.texts.get(name);
        let text = text.ok_or_else(|| {
            format!(
                "{:?} imports {name}, which does not exist",
                self.chain.last()
            )
        })?;
        self.chain.push(name.to_owned());
        let mut body = String::new();
        let mut exports = BTreeSet::new();
        for line in code(text).map_err(|error| format!("{name}: {error}"))? {
            if line.starts_with("import") {
                let constant = self
                    .constant_of(line)?
                    .ok_or_else(|| format!("{name}: cannot read {line:?}"))?;
                writeln!(body, "{constant}")?;
            } else if let Some(rest) = line.strip_prefix("export ") {
                let export =
                    name_of(rest).ok_or_else(|| format!("{name}: cannot read {line:?}"))?;
                exports.insert(export.to_owned());
                writeln!(body, "{rest}")?;
            } else {
                writeln!(body, "{}", line.replace(DYNAMIC, PROMISE))?;
            }
        }
        let names: Vec<&str> = exports.iter().map(String::as_str).collect();
        writeln!(
            self.script,
            "const {} = (() => {{\n{body}return {{ {} }};\n}})();",
            identifier(name),
            names.join(", ")
        )?;
        self.chain.pop();
        self.exports.insert(name.to_owned(), exports);
        Ok(())
    }

    /// The constant that replaces `import { a, b } from "./name.js";` or `import * as all from "./name.js";`.
    fn constant_of(&mut self, line: &str) -> Result<Option<String>, Box<dyn Error>> {
        let parts = line
            .strip_prefix("import ")
            .and_then(|rest| rest.strip_suffix("\";")?.split_once(" from \"./"));
        let Some((what, module)) = parts else {
            return Ok(None);
        };
        self.add(module)?;
        let identifier = identifier(module);
        if let Some(all) = what.strip_prefix("* as ") {
            return Ok(Some(format!("const {all} = {identifier};")));
        }
        let names = what
            .strip_prefix("{ ")
            .and_then(|rest| rest.strip_suffix(" }"));
        let Some(names) = names else {
            return Ok(None);
        };
        for name in names.split(", ") {
            if !self.exports[module].contains(name) {
                return Err(format!("{module} does not export {name}, as in {line:?}").into());
            }
        }
        Ok(Some(format!("const {what} = {identifier};")))
    }
}

/// The lines of a module without indentation, and without those that are comments. A text of several lines would lose its
/// indentation, so the build refuses it.
fn code(text: &str) -> Result<Vec<&str>, String> {
    let mut lines = Vec::new();
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        is_comment = is_comment || line.starts_with("/*");
        if is_comment {
            is_comment = !line.ends_with("*/");
        } else if line.matches('`').count() % 2 == 1 {
            return Err(format!("a text of several lines: {line:?}"));
        } else if !line.is_empty() && !line.starts_with("//") {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The name that a declaration exports. None: the module could change it later, or it has none.
fn name_of(declaration: &str) -> Option<&str> {
    let rest = declaration.strip_prefix("async ").unwrap_or(declaration);
    let rest = ["function ", "class ", "const "]
        .into_iter()
        .find_map(|kind| rest.strip_prefix(kind))?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let name = rest.split(|c| !is_part(c)).next()?;
    (!name.is_empty()).then_some(name)
}

/// The constant that has a module's exports.
fn identifier(module: &str) -> String {
    let stem = module.strip_suffix(".js").unwrap_or(module);
    format!("module_{}", stem.replace(['-', '.'], "_"))
}

//! The API documentation: `infra/openapi.yaml` as JSON, the page of errors, and Swagger UI from the crate that ships it.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// The files used of Swagger UI.
const SWAGGER_UI: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// One entry of the document's list of problems.
#[derive(Deserialize)]
struct Problem {
    code: String,
    status: u16,
    title: String,
    fields: Vec<String>,
    when: String,
    advice: String,
}

/// Reads the OpenAPI document. Returns it as JSON, and its problems as HTML sections for the page of errors.
pub(crate) fn read_document(folder: &Path) -> Result<(String, String), Box<dyn Error>> {
    let path = folder.join("../../infra/openapi.yaml");
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rerun-if-changed=build/docs.rs");
    let document: Value = serde_saphyr::from_str(&fs::read_to_string(path)?)?;
    let problems = Vec::<Problem>::deserialize(&document["x-problems"])?;
    let mut sections = String::new();
    for problem in &problems {
        problem.write(&mut sections)?;
    }
    Ok((document.to_string(), sections))
}

impl Problem {
    fn write(&self, page: &mut String) -> std::fmt::Result {
        let [code, title, when, advice] =
            [&self.code, &self.title, &self.when, &self.advice].map(|text| escaped(text));
        let status = self.status;
        writeln!(
            page,
            "<section id=\"{code}\">\n<h2><a href=\"#{code}\"><code>{code}</code></a> {status}: {title}</h2>\n\
             <p>{when}</p>\n<p><strong>What to do:</strong> {advice}</p>"
        )?;
        if !self.fields.is_empty() {
            let fields = self
                .fields
                .iter()
                .map(|field| match field.strip_suffix('?') {
                    Some(field) => format!("<code>{}</code> (if known)", escaped(field)),
                    None => format!("<code>{}</code>", escaped(field)),
                });
            let fields: Vec<_> = fields.collect();
            writeln!(page, "<p>Additional fields: {}.</p>", fields.join(", "))?;
        }
        writeln!(page, "</section>")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The files of Swagger UI: names and contents.
pub(crate) fn swagger_ui() -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    SWAGGER_UI
        .into_iter()
        .map(|name| {
            let end = format!("/dist/{name}");
            let path = archive
                .file_names()
                .filter_map(Result::ok)
                .find(|path| path.ends_with(&end))
                .ok_or_else(|| format!("Swagger UI has no file {name}"))?
                .into_owned();
            let mut text = String::new();
            archive.by_name(&path)?.read_to_string(&mut text)?;
            // The source map is another file, which is not served.
            let text = match text.rfind("sourceMappingURL=") {
                Some(at) => text[..at]
                    .trim_end_matches(['/', '*', '#', ' ', '\n'])
                    .to_owned(),
                None => text,
            };
            Ok((name.to_owned(), text))
        })
        .collect()
}

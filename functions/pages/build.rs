//! Generates the table of routes from template.yaml, the only list of routes, and the table of web files from `web/`.

#[path = "build/docs.rs"]
mod docs;
#[path = "build/shop.rs"]
mod shop;
#[path = "build/web.rs"]
mod web;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Metadata {
    build_properties: BuildProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BuildProperties {
    binary: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Properties {
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    r#type: String,
    #[serde(default)]
    properties: Route,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Route {
    path: String,
    method: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let template = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../template.yaml");
    println!("cargo::rerun-if-changed={}", template.display());
    println!("cargo::rerun-if-changed=build.rs");
    let template: Template = serde_saphyr::from_str(&fs::read_to_string(template)?)?;
    let mut table = String::from("&[\n");
    for resource in template.resources.values() {
        if resource.r#type != "AWS::Serverless::Function" {
            continue;
        }
        for event in resource.properties.events.values() {
            let Route { path, method } = &event.properties;
            if event.r#type != "HttpApi" || path == "$default" {
                continue;
            }
            let function = &resource.metadata.build_properties.binary;
            writeln!(
                table,
                "    Route {{ function: {function:?}, method: {method:?}, path: {path:?} }},"
            )?;
        }
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("routes.rs"), table)?;
    web::write_table()
}

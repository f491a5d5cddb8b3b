//! Links between the documents, and from the sources to the documents, lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Not ours, or not sources.
const SKIPPED: [&str; 2] = ["target", "node_modules"];
/// The files that may mention documents.
const SOURCES: [&str; 11] = [
    "rs", "js", "html", "css", "yaml", "yml", "toml", "sh", "py", "json", "md",
];

/// All text files, by their paths from the root.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // Hidden folders hold tools and data; CI's scripts mention no documents.
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                files(&path, found);
            }
        } else if path
            .extension()
            .is_some_and(|end| SOURCES.iter().any(|source| end == *source))
        {
            found.push(path);
        }
    }
}

/// Markdown without its code blocks.
fn prose(markdown: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    markdown.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The anchors that GitHub gives to a document's headings.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    prose(markdown)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let anchor: String = text.chars().filter(kept).collect();
            let anchor = anchor.replace(' ', "-");
            let seen = times.entry(anchor.clone()).or_default();
            *seen += 1;
            match *seen {
                1 => anchor,
                time => format!("{anchor}-{}", time - 1),
            }
        })
        .collect()
}

/// The targets of links and pictures.
fn links(markdown: &str) -> Vec<&str> {
    prose(markdown)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
        .collect()
}

/// `docs/….md`, with or without an anchor, and `docs/adr/1234`.
fn mentions(source: &str) -> Vec<String> {
    source
        .match_indices("docs/")
        .map(|(at, _)| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/-_.#".contains(c);
            let rest = &source[at..];
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            rest[..end].trim_end_matches(['.', '/', '#']).to_owned()
        })
        .filter(|mention| mention.contains(".md") || mention.starts_with("docs/adr/"))
        .collect()
}

/// Without `..` and `.`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// What is wrong with a link to that file and anchor; none where it leads somewhere.
fn complaint(from: &Path, target: &str, base: &Path) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        from.to_owned()
    } else {
        normal(&base.join(path))
    };
    if !file.exists() && !is_decision(&file) {
        return Some(format!("{}: {target} does not exist", from.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let markdown = std::fs::read_to_string(&file).unwrap();
    (!anchors(&markdown).contains(anchor))
        .then(|| format!("{}: {target} has no such heading", from.display()))
}

/// A decision that is called by its number alone.
fn is_decision(path: &Path) -> bool {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return false;
    };
    let number = format!("{}-", name.to_string_lossy());
    std::fs::read_dir(folder).is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|f| f.file_name().to_string_lossy().starts_with(&number)))
    })
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = Path::new(ROOT).canonicalize().unwrap();
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut complaints = Vec::new();
    let (mut seen_links, mut seen_mentions) = (0, 0);
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let is_markdown = path.extension().is_some_and(|end| end == "md");
        if is_markdown {
            let links = links(&text);
            seen_links += links.len();
            let base = path.parent().unwrap();
            complaints.extend(links.iter().filter_map(|link| complaint(path, link, base)));
        } else if !path.ends_with("tests/src/documents.rs") {
            let mentions = mentions(&text);
            seen_mentions += mentions.len();
            let wrong = mentions
                .iter()
                .filter_map(|mention| complaint(path, mention, &root));
            complaints.extend(wrong);
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(
        seen_links > 100 && seen_mentions > 20,
        "{seen_links}, {seen_mentions}"
    );
}

#[test]
fn a_link_to_nothing_is_noticed() {
    let root = Path::new(ROOT);
    let from = root.join("README.md");
    for wrong in ["docs/NOWHERE.md", "docs/API.md#nowhere", "docs/adr/9999"] {
        assert!(complaint(&from, wrong, root).is_some(), "{wrong}");
    }
    for right in [
        "docs/API.md#errors",
        "docs/adr/0001",
        "docs/pictures/events.png",
        "#run",
    ] {
        assert_eq!(complaint(&from, right, root), None);
    }
}

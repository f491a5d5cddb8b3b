//! A report as one HTML file: it loads nothing, runs no script, and can be sent to somebody or printed.
//!
//! `maud` escapes every text that is put into the page.

mod chart;

use std::path::Path;

use anyhow::{Context, Result};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use chart::{Line, LineChart};

/// A page of headings, each with blocks under it.
#[derive(Clone, Debug, Default)]
pub struct ReportPage {
    pub title: String,
    /// A sentence or two under the title.
    pub lead: String,
    pub sections: Vec<PageSection>,
}

#[derive(Clone, Debug, Default)]
pub struct PageSection {
    pub heading: String,
    pub blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
pub enum Block {
    Text(String),
    /// A sentence that says whether something holds.
    Verdict {
        is_good: bool,
        text: String,
    },
    /// Names and values.
    Facts(Vec<(String, String)>),
    Table(Table),
    Chart(LineChart),
}

/// A table. The cells of the first column are texts, and those of the others are numbers.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The page loads nothing from anywhere, should a browser be talked into it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const STYLE: &str = include_str!("report_page/report.css");

impl ReportPage {
    /// Writes the page to the file of a command's `--html`.
    pub fn write(&self, file: &Path) -> Result<()> {
        std::fs::write(file, self.to_html())
            .with_context(|| format!("--html: cannot write {}", file.display()))
    }

    #[must_use]
    pub fn to_html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (visible(&self.title)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (visible(&self.title)) }
                        p.lead { (visible(&self.lead)) }
                        @for section in &self.sections {
                            section {
                                h2 { (visible(&section.heading)) }
                                @for block in &section.blocks { (block.to_markup()) }
                            }
                        }
                    }
                }
            }
        };
        page.into_string()
    }
}

impl Block {
    fn to_markup(&self) -> Markup {
        match self {
            Self::Text(text) => html! { p { (visible(text)) } },
            Self::Verdict { is_good, text } => html! {
                p class=(if *is_good { "verdict good" } else { "verdict bad" }) {
                    strong { (if *is_good { "Good. " } else { "Broken. " }) }
                    (visible(text))
                }
            },
            Self::Facts(facts) => html! {
                dl {
                    @for (name, value) in facts {
                        div { dt { (visible(name)) } dd { (visible(value)) } }
                    }
                }
            },
            Self::Table(table) => table.to_markup(),
            Self::Chart(chart) => chart.to_markup(),
        }
    }
}

impl Table {
    fn to_markup(&self) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label=(visible(&self.caption)) {
                table {
                    caption { (visible(&self.caption)) }
                    thead { tr { @for cell in &self.head { th scope="col" { (visible(cell)) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (column, cell) in row.iter().enumerate() {
                                    @if column == 0 { th scope="row" { (visible(cell)) } }
                                    @else { td { (visible(cell)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Hidden characters as their escapes: they could reorder the text around them.
fn visible(text: &str) -> String {
    crate::output::escaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "</style><script>alert('x')</script>\"&\u{202e}<img src=//evil.example/x>";

    fn page() -> String {
        let text = HOSTILE.to_owned();
        let page = ReportPage {
            title: text.clone(),
            lead: text.clone(),
            sections: vec![PageSection {
                heading: text.clone(),
                blocks: vec![
                    Block::Text(text.clone()),
                    Block::Verdict {
                        is_good: false,
                        text: text.clone(),
                    },
                    Block::Facts(vec![(text.clone(), text.clone())]),
                    Block::Table(Table {
                        caption: text.clone(),
                        head: vec![text.clone()],
                        rows: vec![vec![text.clone(), text.clone()]],
                    }),
                    Block::Chart(LineChart {
                        title: text.clone(),
                        x_label: text.clone(),
                        y_label: text.clone(),
                        lines: vec![Line {
                            name: text.clone(),
                            points: vec![(0.0, 1.0), (60.0, 500.0)],
                        }],
                    }),
                ],
            }],
        };
        page.to_html()
    }

    #[test]
    fn names_cannot_bring_markup_into_a_page() {
        let page = page();
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
        assert!(!page.contains('\u{202e}') && page.contains("\\u{202e}"));
        assert_eq!(page.matches("<style>").count(), 1);
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = page();
        for reference in [" src=\"", " href=\"", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

//! Lines of an export, as CSV or JSON.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use anyhow::Result;
use clap::ValueEnum;
use csv::{Terminator, WriterBuilder};
use serde::Serialize;

use crate::output::{Output, escaped_json};

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For spreadsheets: RFC 4180, UTF-8 with a byte order mark, amounts in the major unit
    Csv,
    /// An array of objects, one a line, amounts in the minor unit
    Json,
}

/// A line of an export. As JSON it is an object with the same names.
pub(crate) trait Line: Serialize {
    const COLUMNS: &'static [&'static str];

    /// The cells of a line of a CSV file. Texts of others have gone through
    /// [`csv_text`](crate::output::csv_text).
    fn cells(&self) -> Vec<String>;
}

/// Writes lines page by page, so that memory stays bounded however many there are.
pub(crate) struct LineWriter<'a, L> {
    out: &'a mut Output,
    format: Format,
    written: u64,
    lines: PhantomData<L>,
}

impl<'a, L: Line> LineWriter<'a, L> {
    /// Writes what comes before the first line.
    pub(crate) fn begin(out: &'a mut Output, format: Format) -> Result<Self> {
        match format {
            Format::Csv => {
                let head = csv([L::COLUMNS.iter().copied()])?;
                out.file(&format!("\u{feff}{head}"));
            }
            Format::Json => out.file("["),
        }
        Ok(Self {
            out,
            format,
            written: 0,
            lines: PhantomData,
        })
    }

    /// Writes some lines. Breaks if nobody takes them any more.
    pub(crate) fn page(&mut self, lines: &[L]) -> Result<ControlFlow<()>> {
        let text = match self.format {
            Format::Csv => csv(lines.iter().map(Line::cells))?,
            Format::Json => {
                let mut text = String::new();
                for (line, number) in lines.iter().zip(self.written..) {
                    text.push_str(if number == 0 { "\n" } else { ",\n" });
                    text.push_str(&escaped_json(&serde_json::to_string(line)?));
                }
                text
            }
        };
        self.written += lines.len() as u64;
        if !text.is_empty() {
            self.out.file(&text);
        }
        Ok(if self.out.is_open() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }

    /// Writes what comes after the last line. Returns how many lines there are.
    pub(crate) fn end(self) -> u64 {
        match self.format {
            Format::Csv => {}
            Format::Json => self.out.file("\n]\n"),
        }
        self.written
    }
}

/// Lines of cells by RFC 4180.
fn csv<R, C>(rows: impl IntoIterator<Item = R>) -> Result<String>
where
    R: IntoIterator<Item = C>,
    C: AsRef<[u8]>,
{
    let mut csv = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        csv.write_record(row)?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

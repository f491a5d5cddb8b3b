//! What the command prints. This is the only module that writes to standard output and standard error.
//!
//! - A failed write never stops a command half-way. The command goes on, and ends with exit code 1. Only an export stops,
//!   because nothing else is left to do. A reader that closes the pipe, such as `head`, has what it wants: that is not a
//!   failure.
//! - Text may come from a catalogue, a table, a stranger's file or a server. Characters that could steer the terminal or
//!   reorder the line are escaped.

use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use serde::Serialize;

/// The lines that a command prints as its result.
pub struct Output(Destination);

enum Destination {
    Writer {
        writer: Box<dyn Write + Send>,
        state: WriterState,
    },
    Log,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WriterState {
    Good,
    /// The reader closed the pipe.
    Closed,
    Failed,
}

impl Output {
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(Box::new(io::stdout()))
    }

    #[must_use]
    pub fn to(writer: Box<dyn Write + Send>) -> Self {
        Self(Destination::Writer {
            writer,
            state: WriterState::Good,
        })
    }

    /// Lines become messages of the log: for `serve`, which has no result.
    #[must_use]
    pub fn log() -> Self {
        Self(Destination::Log)
    }

    /// Prints a line, escaped.
    pub fn line(&mut self, line: impl Display) {
        let line = escaped(&line.to_string());
        match &self.0 {
            Destination::Writer { .. } => self.write(&format!("{line}\n")),
            Destination::Log => tracing::info!("{line}"),
        }
    }

    /// Prints a value as JSON. Escapes within its strings are JSON's own.
    pub fn json<T: Serialize>(&mut self, value: &T) -> Result<()> {
        let json = escaped_json(&serde_json::to_string_pretty(value)?);
        self.write(&format!("{json}\n"));
        Ok(())
    }

    /// Prints the text of a file as it is. The caller has escaped what is in it.
    pub fn file(&mut self, text: &str) {
        self.write(text);
    }

    fn write(&mut self, text: &str) {
        let Destination::Writer { writer, state } = &mut self.0 else {
            return;
        };
        if *state != WriterState::Good {
            return;
        }
        let written = writer
            .write_all(text.as_bytes())
            .and_then(|()| writer.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => *state = WriterState::Closed,
            Err(error) => {
                *state = WriterState::Failed;
                error_line(format_args!("boxoffice: cannot write the output: {error}"));
            }
        }
    }

    /// Whether somebody still takes what is printed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.0 {
            Destination::Writer { state, .. } => *state == WriterState::Good,
            Destination::Log => true,
        }
    }

    /// Whether a write failed, so that lines are missing.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(
            self.0,
            Destination::Writer {
                state: WriterState::Failed,
                ..
            }
        )
    }
}

/// Prints a line to standard error, escaped. There is no one to tell if that fails.
pub fn error_line(line: impl Display) {
    let line = escaped(&line.to_string());
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Whether a character is invisible and changes how the text around it is shown: control characters, line separators, and
/// the characters that change the writing direction. Joiners are not among them, because Hindi and Persian need them.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Replaces hidden characters by their escapes in Rust: `\n`, `\u{202e}`.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The text of a cell in a CSV file, such that a spreadsheet does not take it for a formula.
#[must_use]
pub fn csv_text(text: &str) -> String {
    let text = escaped(text);
    // The last four are the wide forms in East Asian fonts.
    let begins_formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    if text.starts_with(begins_formula) {
        format!("'{text}")
    } else {
        text
    }
}

/// Replaces hidden characters by their escapes in JSON: `\u202e`. Line breaks stay: they are between the values, because
/// within a string JSON has escaped them already. No hidden character is outside the Basic Multilingual Plane.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Standard error for the log. It escapes hidden characters, except for ESC, because the log's colours use it and the log
/// itself escapes it in what it is given.
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let line_text = String::from_utf8_lossy(line);
        let mut escaped = String::with_capacity(line.len());
        for c in line_text.chars() {
            if is_hidden(c) && !matches!(c, '\n' | '\u{1b}') {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        // There is no one to tell if that fails.
        let _ = io::stderr().write_all(escaped.as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "a\u{1b}]0;x\u{7}b\u{202e}c\u{9b}d\r\ne\u{2028}f";

    #[test]
    fn text_cannot_steer_the_terminal() {
        let kept = Kept::default();
        let mut out = Output::to(Box::new(kept.clone()));
        out.line(HOSTILE);
        out.line("ที่นั่ง, सामने, 좌석, R&S, क्‍ष, 👩‍👩‍👧");
        assert_eq!(
            kept.text(),
            "a\\u{1b}]0;x\\u{7}b\\u{202e}c\\u{9b}d\\r\\ne\\u{2028}f\nที่นั่ง, सामने, 좌석, R&S, क्‍ष, 👩‍👩‍👧\n"
        );
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let kept = Kept::default();
        let mut out = Output::to(Box::new(kept.clone()));
        out.json(&[HOSTILE, "좌석"]).unwrap();
        let text = kept.text();
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{text:?}");
        let read: [String; 2] = serde_json::from_str(&text).unwrap();
        assert_eq!(read, [HOSTILE, "좌석"]);
    }

    #[test]
    fn no_text_in_a_csv_file_is_a_formula() {
        for (text, cell) in [
            ("-1-2", "'-1-2"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\t=1", "\\t=1"),
            ("\r=1", "\\r=1"),
            ("R&S", "R&S"),
            ("1. Rang", "1. Rang"),
            ("좌석-1", "좌석-1"),
        ] {
            assert_eq!(csv_text(text), cell);
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        for (kind, has_failed) in [
            (ErrorKind::BrokenPipe, false),
            (ErrorKind::StorageFull, true),
        ] {
            let mut out = Output::to(Box::new(Failing(kind)));
            out.line("one");
            out.line("two");
            assert_eq!(out.has_failed(), has_failed, "{kind:?}");
        }
    }
}

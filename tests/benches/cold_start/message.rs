//! HTTP/1.1 as far as the two sides of a measurement speak it.
//!
//! Blocking and without a library: what the figures hold of the measuring side is little, and the same for all.

use std::io::{BufRead, Read};

/// A request or a response.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// All before the body, as it came.
    pub head: Vec<u8>,
    /// Without the marks of its chunks.
    pub body: Vec<u8>,
    first: String,
    headers: Vec<(String, String)>,
}

impl Message {
    /// The next one; none at the connection's end.
    pub(crate) fn read(stream: &mut impl BufRead) -> Option<Self> {
        let mut head = Vec::new();
        let first = line(stream, &mut head)?;
        let mut headers = Vec::new();
        loop {
            let header = line(stream, &mut head)?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self {
            head,
            body: Vec::new(),
            first,
            headers,
        };
        message.body = if message.header("transfer-encoding").is_some() {
            chunks(stream)?
        } else {
            let length = message.header("content-length").unwrap_or("0");
            bytes(stream, length.parse().ok()?)?
        };
        Some(message)
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(of, _)| of == name)?;
        Some(value)
    }

    /// A request's path.
    pub(crate) fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }
}

fn chunks(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream, &mut Vec::new())?;
        let chunk = bytes(stream, usize::from_str_radix(&size, 16).ok()?)?;
        line(stream, &mut Vec::new())?;
        if chunk.is_empty() {
            return Some(body);
        }
        body.extend(chunk);
    }
}

/// A line without its end; it is added to what was read so far.
fn line(stream: &mut impl BufRead, read: &mut Vec<u8>) -> Option<String> {
    let begins = read.len();
    let length = stream.read_until(b'\n', read).ok()?;
    let line = std::str::from_utf8(&read[begins..]).ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}

fn bytes(stream: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
